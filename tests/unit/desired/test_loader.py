import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.builders import DEPARTMENT, NOW, attribute, resource

from reconciler.core.model import Flow, ScopeReason, Severity
from reconciler.core.policy import Approval, Limit, Policy, Removal
from reconciler.core.profile import Mutability
from reconciler.desired.loader import BrokenState, DesiredState, load

TARGET = (
    "target:\n  profile: {}\n  base_url: https://federation.apple.com/feeds/business/scim/\n  domains: [example.com]\n"
)
SETTINGS = TARGET.format("apple-business-manager")
ADA = "- {userPrincipalName: ada@example.com, objectId: id-ada, givenName: Ada, surname: Lovelace, department: R&D}\n"
BOB = "- {userPrincipalName: bob@example.com, objectId: id-bob, givenName: Bob, surname: Hope}\n"
Load = Callable[..., DesiredState | BrokenState]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads a desired state of the given files: `users__a="…"` is users/a.yaml."""

    def read(**files: str) -> DesiredState | BrokenState:
        for name, text in {"settings": SETTINGS, "users__a": ADA, **files}.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return load(tmp_path, NOW)

    return read


def good(state: DesiredState | BrokenState) -> DesiredState:
    assert isinstance(state, DesiredState), state.diagnostics
    return state


def told(state: DesiredState | BrokenState) -> list[str]:
    return [f"{item.origin}: {item.summary}. {item.detail}" for item in state.diagnostics]


def broken(state: DesiredState | BrokenState) -> list[str]:
    assert isinstance(state, BrokenState)
    return told(state)


# --- what a directory says ------------------------------------------------------------------------


def test_a_directory_without_scope_and_mappings_means_everybody_by_the_default_mapping(loaded: Load) -> None:
    state = good(loaded(users__a=ADA + BOB))
    assert [(user.key, user.verdict.in_scope) for user in state.users] == [
        ("ada@example.com", True),
        ("bob@example.com", True),
    ]
    assert state.users[0].attributes == {
        "externalId": "id-ada",
        "userName": "ada@example.com",
        "active": True,
        "name.givenName": "Ada",
        "name.familyName": "Lovelace",
        DEPARTMENT: "R&D",
    }
    assert (state.target.profile, state.target.base_url) == (
        "apple-business-manager",
        "https://federation.apple.com/feeds/business/scim",
    )
    assert state.policy == Policy()
    assert (state.in_scope, state.diagnostics) == (2, ())
    assert state.owned(resource())
    assert not state.owned(resource(externalId=None))


def test_settings_become_the_policy(loaded: Load) -> None:
    plan = "sha256:" + "a" * 64
    state = good(
        loaded(
            settings=f"""{SETTINGS}
ownership: userType eq "Employee"
lifecycle: {{actions: [create], out_of_scope: keep, removed: delete, delete_after_days: 30}}
guards:
  removals: {{count: 3, percent: 4, floor: 2}}
  updates: {{percent: 50}}
  creates: {{count: 7}}
  protected: [Admin@example.com]
approvals:
  - {{plan: "{plan}", removals: 42, until: 2026-12-01, reason: Berlin office closes}}
"""
        )
    )
    assert state.policy == Policy(
        permitted=frozenset({"create"}),
        out_of_scope=Removal.KEEP,
        removed=Removal.DELETE,
        delete_after_days=30,
        removals=Limit(3, 4, 2),
        updates=Limit(None, 50),
        creates=Limit(7),
        protected=frozenset({"admin@example.com"}),
        approvals=(Approval(plan, 42, date(2026, 12, 1)),),
    )
    assert state.owned({"userType": "employee"})


def test_scope_is_assignment_through_groups_less_exclusions_and_the_clock(loaded: Load) -> None:
    people = "".join(
        f"- {{userPrincipalName: {name}@example.com, objectId: id-{name}, givenName: A, surname: B{more}}}\n"
        for name, more in {
            "ada": "",
            "bob": "",
            "carol": "",
            "dan": "",
            "eve": ", lifecycle: {expires: 2026-03-01}",
            "fay": ", accountEnabled: false",
        }.items()
    )
    state = good(
        loaded(
            users__a=people,
            scope="sync: assigned\nassigned: {users: [ID-bob, fay@example.com], groups: [Apple]}\n"
            "excluded: {groups: [contractors]}\n",
            groups__a="- {name: apple, members: {groups: [inner]}}\n"
            "- {name: contractors, members: {users: [id-dan]}}\n",
            groups__b="- name: Inner\n  members: {users: [ADA@example.com, dan@example.com, eve@example.com]}\n",
        )
    )
    assert {user.key.split("@")[0]: user.verdict.reason for user in state.users} == {
        "ada": ScopeReason.IN_SCOPE,
        "bob": ScopeReason.IN_SCOPE,
        "carol": ScopeReason.NOT_ASSIGNED,
        "dan": ScopeReason.EXCLUDED,
        "eve": ScopeReason.EXPIRED,
        "fay": ScopeReason.DISABLED,
    }
    assert state.in_scope == 2


def test_mappings_replace_those_of_the_profile_and_active_is_always_there(loaded: Load) -> None:
    state = good(
        loaded(
            mappings="""\
- {target: externalId, source: objectId, match: 1}
- {target: USERNAME, source: userPrincipalName, match: 2}
- {target: name.givenName, template: "{{ givenName | upper }}"}
- {target: name.familyName, source: surname}
- {target: timezone, constant: Europe/Berlin, apply: create}
- {target: "enterprise:department", source: department, when_null: clear}
- {target: locale, source: preferredLanguage, default: en_US}
"""
        )
    )
    assert [(row.target, row.match, row.flow.value, row.clear, row.default) for row in state.mappings] == [
        ("externalId", 1, "always", False, None),
        ("userName", 2, "always", False, None),
        ("name.givenName", None, "always", False, None),
        ("name.familyName", None, "always", False, None),
        ("timezone", None, "create", False, None),
        (DEPARTMENT, None, "always", True, None),
        ("locale", None, "always", False, "en_US"),
        ("active", None, "always", False, True),
    ]
    assert state.users[0].attributes["name.givenName"] == "ADA"
    assert state.users[0].create_only == {"timezone": "Europe/Berlin", "locale": "en_US"}
    # nobody of the sample has a language
    assert told(state) == [
        'mappings.yaml:7:12: no user has an attribute "preferredLanguage". No user gets a value from it.'
    ]


# --- mistakes: one user's ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", ["source: accountEnabled", """expression: 'IIF([accountEnabled]="True","True","False")'"""]
)
def test_somebody_of_whom_nothing_is_said_is_enabled_to_mappings_as_well(loaded: Load, rule: str) -> None:
    rows = "- {target: userName, source: userPrincipalName, match: 1}\n- {target: active, RULE}\n"
    tagged = BOB.replace("surname", "tags: [a], surname")
    state = good(loaded(users__a=ADA + tagged, mappings=rows.replace("RULE", rule)))
    assert [user.attributes["active"] for user in state.users] == [True, True]


@pytest.mark.parametrize(
    "rule",
    [
        "source: accountEnabled",
        "expression: '[accountEnabled]'",
        "expression: 'Not([IsSoftDeleted])'",
        """expression: 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'""",
    ],
)
def test_a_truth_is_a_word_where_the_target_takes_text(loaded: Load, rule: str) -> None:
    rows = (
        "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
        "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
    )
    state = good(loaded(mappings=f'{rows}- {{target: "enterprise:department", {rule}}}\n'))
    assert told(state) == []
    assert state.users[0].attributes[DEPARTMENT] == "True"


def test_a_mistake_of_one_user_is_hers_alone(loaded: Load) -> None:
    state = good(loaded(users__a=ADA + BOB.replace("bob@example.com", "bob@elsewhere.org")))
    assert [(user.key, user.failed) for user in state.users] == [
        ("ada@example.com", False),
        ("bob@elsewhere.org", True),
    ]
    (mistake,) = state.diagnostics
    assert mistake.summary == 'userName "bob@elsewhere.org" is outside the verified domains'
    assert mistake.source_line == BOB.replace("bob@example.com", "bob@elsewhere.org").rstrip()
    assert str(mistake.origin) == "users/a.yaml:2:23"


def test_a_template_that_fails_for_a_user_is_a_mistake_of_the_user(loaded: Load) -> None:
    rows = (
        "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
        "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
        '- {target: "enterprise:department", template: "{% if department is defined %}'
        '{{ department | truncate(1) }}{% endif %}"}\n'
    )
    state = good(loaded(mappings=rows, users__a=ADA.replace("R&D", "Research and more") + BOB))
    assert [(user.key, user.failed) for user in state.users] == [("ada@example.com", True), ("bob@example.com", False)]
    assert state.diagnostics[0].summary.startswith('enterprise:department cannot be mapped: "expected length')


# --- mistakes that break the state: people would look removed ----------------------------------------


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"settings": "{}\n"}, 'settings.yaml:1:1: "target" is missing. Add it.'),
        (
            {"settings": f"{SETTINGS}ownership: externalId is there\n"},
            (
                "settings.yaml:5:23: ownership is not a SCIM filter: expected an operator, found 'is'; operators are"
                " eq, ne, co, sw, ew, gt, ge, lt, le, pr. At character 12. An example: externalId pr"
            ),
        ),
        (
            {"users__b": ADA.replace("id-ada", "other").replace("ada@", "ADA@")},
            (
                'users/b.yaml:1:23: userPrincipalName "ADA@example.com" is used twice.'
                " The other user is at users/a.yaml:1:3: keep one."
            ),
        ),
        (
            {"users__b": BOB.replace("id-bob", "ID-ada")},
            'users/b.yaml:1:50: objectId "ID-ada" is used twice. The other user is at users/a.yaml:1:3: keep one.',
        ),
        ({"users__b": "- {surname: x}\n"}, 'users/b.yaml:1:3: "userPrincipalName" is missing. Add it.'),
        (
            {"scope": "sync: assigned\nassigned: {users: [adda@example.com]}\n"},
            'scope.yaml:2:20: there is no user "adda@example.com". Did you mean ada@example.com?',
        ),
        (
            {"scope": "sync: all\nexcluded: {users: [zzz]}\n"},
            'scope.yaml:2:20: there is no user "zzz". Add the user, or remove the reference.',
        ),
        (
            {"scope": "sync: assigned\nassigned: {groups: [aple]}\n", "groups__a": "- {name: Apple}\n"},
            'scope.yaml:2:21: there is no group "aple". Did you mean apple?',
        ),
        (
            {"groups__a": "- {name: a, members: {users: [nobody]}}\n"},
            'groups/a.yaml:1:31: there is no user "nobody". Add the user, or remove the reference.',
        ),
        (
            {"groups__a": "- {name: a}\n- {name: A}\n"},
            'groups/a.yaml:2:10: group "A" is defined twice. The other is at groups/a.yaml:1:10.',
        ),
        (
            {"groups__a": "- {name: a, members: {groups: [b]}}\n- {name: b, members: {groups: [a]}}\n"},
            "groups/a.yaml:1:10: group cycle: a -> b -> a. Remove one of these memberships.",
        ),
        ({"scop": "sync: all\n"}, "scop.yaml:1:1: this file is not read. Did you mean scope.yaml? "),
    ],
)
def test_a_mistake_in_the_directory_breaks_it(loaded: Load, files: dict[str, str], message: str) -> None:
    assert [line for line in broken(loaded(**files)) if line.startswith(message)], told(loaded(**files))


USUAL = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
"""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{target: 1x, source: a}", "mappings.yaml:5:12: '1x' is not an attribute path"),
        (
            "{target: nickName, source: a}",
            (
                'mappings.yaml:5:12: Apple Business Manager has no attribute "nickName". It is not accepted, and'
                " sending"
                " it can break the connection. "
            ),
        ),
        (
            '{target: "enterprise:departmet", source: a}',
            (
                'mappings.yaml:5:12: Apple Business Manager has no attribute "enterprise:departmet". It is not'
                " accepted,"
                " and sending it can break the connection. Did you mean enterprise:department?"
            ),
        ),
        (
            "{target: USERNAME, source: mail}",
            "mappings.yaml:5:12: userName is mapped twice. line 2 maps it too: keep one.",
        ),
        (
            '{target: locale, template: "{{ a.b }}"}',
            "mappings.yaml:5:30: the template cannot be used: attribute access",
        ),
        (
            "{target: locale, expression: 'Tirm([x])'}",
            "mappings.yaml:5:33: the expression cannot be used: there is no function",
        ),
        (
            '{target: active, expression: "Not([IsSoftDeleted])", default: maybe}',
            'mappings.yaml:5:65: the default cannot be used: active holds "maybe", neither true nor false',
        ),
        (
            "{target: active, constant: maybe}",
            'mappings.yaml:5:30: the constant cannot be used: active holds "maybe", neither true nor false',
        ),
        (
            r'{target: locale, constant: "x\u202ey"}',
            "mappings.yaml:5:30: the constant cannot be used: locale contains the character U+202E",
        ),
        (
            f"{{target: locale, constant: {'x' * 257}}}",
            "mappings.yaml:5:30: the constant cannot be used: locale has 257 characters, the target takes 256",
        ),
        (
            r'{target: locale, source: a, default: "x\u202ey"}',
            "mappings.yaml:5:40: the default cannot be used: locale contains the character U+202E",
        ),
        (
            f"{{target: locale, source: a, default: {'x' * 257}}}",
            "mappings.yaml:5:40: the default cannot be used: locale has 257 characters, the target takes 256",
        ),
        (
            "{target: locale, source: a, default: b, when_null: clear}",
            "mappings.yaml:5:54: default and when_null: clear contradict each other",
        ),
    ],
)
def test_a_mapping_that_cannot_be_used_breaks_the_directory(loaded: Load, row: str, message: str) -> None:
    found = broken(loaded(mappings=f"{USUAL}- {row}\n"))
    assert [line for line in found if line.startswith(message)], found


@pytest.mark.parametrize(
    ("row", "place", "twin"),
    [
        ("{target: locale, source: a, match: 1}", "mappings.yaml:5:38: match: 1", "externalId in line 1"),
        ("{target: locale, expression: 'Tirm([x])', match: 2}", "mappings.yaml:5:52: match: 2", "userName in line 2"),
    ],
)
def test_two_rows_with_one_precedence_are_an_error(loaded: Load, row: str, place: str, twin: str) -> None:
    message = f"{place} is used twice. The row of {twin} uses it too, and only one row can be tried first: 3 is free."
    assert message in broken(loaded(mappings=f"{USUAL}- {row}\n"))


def test_a_row_written_twice_is_told_once(loaded: Load) -> None:
    found = broken(loaded(mappings=f"{USUAL}- {{target: userName, source: mail, match: 2}}\n"))
    assert [line.split(". ")[0] for line in found] == ["mappings.yaml:5:12: userName is mapped twice"]


@pytest.mark.parametrize(
    ("style", "place", "detail"),
    [
        (">-", "mappings.yaml:9:5", "At character 31 of the expression."),
        ("|", "mappings.yaml:9:5", "At character 31 of the expression."),
        (
            "",
            "mappings.yaml:7:5",
            "At character 31 of the expression, where ^ is: Append(Trim([city]), ToUpper( ^Tirm([x])))",
        ),
    ],
)
def test_a_mistake_in_an_expression_of_several_lines_is_told_at_its_line(
    loaded: Load, style: str, place: str, detail: str
) -> None:
    row = f"- target: locale\n  expression: {style}\n    Append(Trim([city]),\n    ToUpper(\n    Tirm([x])))\n"
    found = broken(loaded(mappings=f"{USUAL}{row}"))
    assert (
        found[0] == f"{place}: the expression cannot be used: there is no function Tirm. Did you mean Trim?. {detail}"
    )


GIVEN_NAME = "- {target: name.givenName, source: givenName}"


def mistakes(state: DesiredState | BrokenState) -> list[str]:
    """The errors alone, by what they say first."""
    assert isinstance(state, BrokenState)
    return [f"{item.origin}: {item.summary}" for item in state.diagnostics if item.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{target: name.givenName, expression: 'Tirm([x])'}", "the expression cannot be used: there is no function"),
        ("{target: name.givenNam, source: givenName}", "Apple Business Manager has no attribute"),
        (r'{target: name.givenName, source: none, default: "x\u202ey"}', "the default cannot be used: "),
        (r'{target: name.givenName, constant: "x\u202ey"}', "the constant cannot be used: "),
        ("{target: name.givenName, source: givenName, sauce: x}", 'unknown key "sauce"'),
        ("{target: name.givenName, source: givenName", "not YAML"),
    ],
)
def test_a_row_that_is_wrong_is_told_once_and_not_missed_by_every_user(loaded: Load, row: str, message: str) -> None:
    found = mistakes(loaded(mappings=USUAL.replace(GIVEN_NAME, f"- {row}"), users__a=ADA + BOB))
    assert len(found) == 1, found
    assert message in found[0]


def test_a_wrong_row_hides_no_row_that_is_missing(loaded: Load) -> None:
    rows = USUAL.replace(GIVEN_NAME, "- {target: locale, expression: 'Tirm([x])'}")
    found = [line.split(". ")[0] for line in broken(loaded(mappings=rows))]
    assert found[1:] == ["users/a.yaml:1:3: name.givenName is required by Apple Business Manager and has no value"]


@pytest.mark.parametrize(
    "row", ["{target: userNam, source: userPrincipalName, match: 2}", "{target: userName, constant: a, source: b}"]
)
def test_a_row_for_user_name_that_is_wrong_is_not_missing(loaded: Load, row: str) -> None:
    rows = USUAL.replace("{target: userName, source: userPrincipalName, match: 2}", row).replace(", match: 1", "")
    assert len(mistakes(loaded(mappings=rows))) == 1


def test_an_element_must_be_chosen(loaded: Load) -> None:
    found = broken(
        loaded(settings=TARGET.format("scim"), mappings=f"{USUAL}- {{target: emails.value, source: mail}}\n")
    )
    assert found[0] == (
        'mappings.yaml:5:12: emails.value has several elements. Choose one, such as emails[type eq "work"].value.'
    )


def test_an_attribute_that_a_service_does_not_have_is_told_with_one_that_it_has(loaded: Load) -> None:
    found = broken(loaded(settings=TARGET.format("scim"), mappings=f"{USUAL}- {{target: tittle, source: a}}\n"))
    said = 'mappings.yaml:5:12: SCIM service has no attribute "tittle". Did you mean title? It accepts userName, '
    assert found[0].startswith(said), found


def test_what_a_mapping_cannot_do_without_is_told(loaded: Load) -> None:
    assert {
        line for line in broken(loaded(mappings="- {target: externalId, source: objectId}\n")) if "no map" in line
    } == {
        (
            "mappings.yaml:1:1: no mapping has a matching precedence. Live users could not be matched: add"
            " `match: 1` to the row of externalId or userName."
        ),
        "mappings.yaml:1:1: no mapping has the target userName. SCIM requires it: add a row for it.",
    }


def test_all_mistakes_are_told_even_when_settings_are_missing(loaded: Load) -> None:
    found = broken(loaded(settings="{}\n", scope="sync: x\n", groups__a="- {}\n", users__b="- {}\n"))
    assert [line.split(": ")[0] for line in found] == [
        "settings.yaml:1:1",
        "groups/a.yaml:1:3",
        "scope.yaml:1:7",
        "users/b.yaml:1:3",
    ]


def test_a_directory_that_is_not_there_is_broken(tmp_path: Path) -> None:
    assert broken(load(tmp_path / "nowhere", NOW)) == [
        f"None: there is no directory {tmp_path / 'nowhere'}. Pass the directory with --state DIR, or create it."
    ]


# --- warnings -------------------------------------------------------------------------------------


def test_a_misspelt_attribute_is_a_warning(loaded: Load) -> None:
    rows = USUAL + '- {target: "enterprise:department", source: departmnt}\n'
    assert told(good(loaded(mappings=rows))) == [
        'mappings.yaml:5:12: no user has an attribute "departmnt". Did you mean department?'
    ]


# --- the digest ------------------------------------------------------------------------------------


def digest(state: DesiredState | BrokenState) -> str:
    return good(state).digest


def test_the_digest_stands_for_everything_that_can_change_a_plan(loaded: Load) -> None:
    first = digest(loaded())
    assert digest(loaded()) == first
    approval = f'approvals:\n  - {{plan: "sha256:{"0" * 64}", until: 2026-12-01, reason: x}}\n'
    assert digest(loaded(settings=f"# a comment\n{SETTINGS}{approval}")) == first
    seen = {
        first,
        digest(loaded(settings=f"{SETTINGS}lifecycle: {{removed: keep}}\n")),
        digest(loaded(users__a=ADA + BOB)),
        digest(loaded(scope="sync: all\n")),
        digest(loaded(mappings=USUAL)),
        digest(loaded(groups__a="- {name: x}\n")),
    }
    assert len(seen) == 6


# --- flows, and values made once ------------------------------------------------------------------

SCIM_SETTINGS = TARGET.format("scim")


def with_row(loaded: Load, row: str, **files: str) -> DesiredState | BrokenState:
    return loaded(**{"settings": SCIM_SETTINGS, "mappings": f"{USUAL}- {row}\n", **files})


@pytest.mark.parametrize("flow", list(Flow))
def test_apply_says_when_a_value_flows(loaded: Load, flow: Flow) -> None:
    state = good(with_row(loaded, f"{{target: title, source: surname, apply: {flow.value}}}"))
    assert next(row.flow for row in state.mappings if row.target == "title") is flow
    assert told(state) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "{target: title, source: surname, apply: if_empty, when_null: clear}",
            (
                "mappings.yaml:5:64: apply: if_empty and when_null: clear contradict each other. With apply:"
                " if_empty, a"
                " value is never cleared: remove one of them."
            ),
        ),
        (
            "{target: title, source: surname, apply: create, when_null: clear}",
            (
                "mappings.yaml:5:62: apply: create and when_null: clear contradict each other. With apply: create, a"
                " value is never cleared: remove one of them."
            ),
        ),
        (
            "{target: title, expression: Guid(), when_null: clear}",
            (
                "mappings.yaml:5:50: apply: create and when_null: clear contradict each other. With apply: create, a"
                " value is never cleared: remove one of them."
            ),
        ),
        (
            "{target: id, source: objectId}",
            "mappings.yaml:5:12: id is read-only (RFC 7643 §3.1). The service sets it: remove the row.",
        ),
        (
            "{target: meta.lastModified, source: objectId}",
            "mappings.yaml:5:12: meta.lastModified is read-only (RFC 7643 §3.1). The service sets it: remove the row.",
        ),
        (
            """{target: 'GROUPS[type eq "direct"].value', source: objectId}""",
            "mappings.yaml:5:12: groups.value is read-only (RFC 7643 §4.1.2). The service sets it: remove the row.",
        ),
        (
            "{target: password, source: surname}",
            (
                "mappings.yaml:5:12: password is write-only (RFC 7643 §4.1.1) and not supported. The service never"
                " returns it, so its value cannot be verified: remove the row."
            ),
        ),
        (
            "{target: nickName, expression: Guid(), match: 3}",
            (
                "mappings.yaml:5:49: nickName is generated once, so it cannot identify a user. It would be generated"
                " again for a user that already has one: remove `match`."
            ),
        ),
        (
            "{target: nickName, expression: 'SelectUniqueValue([surname], [givenName])', match: 3}",
            (
                "mappings.yaml:5:86: nickName is generated once, so it cannot identify a user. It would be generated"
                " again for a user that already has one: remove `match`."
            ),
        ),
        (
            "{target: nickName, expression: 'SelectUniqueValue([surname], [givenName])', default: x}",
            (
                "mappings.yaml:5:88: a default is not unique. Every user without a free value would share it: write it"
                " as the last rule, or remove it."
            ),
        ),
        (
            "{target: nickName, expression: 'Trim(SelectUniqueValue([surname], [givenName]))'}",
            (
                "mappings.yaml:5:40: the expression cannot be used: SelectUniqueValue cannot be nested in another"
                " function. At character 6 of the expression."
            ),
        ),
    ],
)
def test_a_row_that_contradicts_itself_or_its_target_breaks_the_directory(loaded: Load, row: str, message: str) -> None:
    assert broken(with_row(loaded, row)) == [message]


@pytest.mark.parametrize("profile", ["apple-business-manager", "apple-school-manager"])
def test_what_apple_sets_itself_is_refused_by_name(loaded: Load, profile: str) -> None:
    found = broken(with_row(loaded, "{target: meta.created, source: a}", settings=TARGET.format(profile)))
    assert found == [
        "mappings.yaml:5:12: meta.created is read-only (RFC 7643 §3.1). The service sets it: remove the row."
    ]


def drawn(state: DesiredState | BrokenState, who: int = 0, target: str = "nickName") -> str:
    found = good(state).users[who]
    assert target not in found.attributes
    return str(found.create_only[target])


def test_a_value_made_once_flows_on_create_only_and_is_the_same_in_every_plan(loaded: Load) -> None:
    row = "{target: nickName, expression: Guid()}"
    first = drawn(with_row(loaded, row, users__a=ADA + BOB))
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first)
    changed = ADA.replace("ada@example.com", "countess@example.com").replace("id-ada", "ID-Ada").replace("R&D", "X")
    assert drawn(with_row(loaded, row, users__a=changed)) == first, "the same person, renamed"
    assert drawn(with_row(loaded, "{target: nickName, expression: ' Guid( ) '}")) == first
    state = good(with_row(loaded, row))
    assert [item.flow for item in state.mappings if item.target == "nickName"] == [Flow.CREATE]
    assert told(state) == []


def test_a_value_made_once_depends_on_person_attribute_and_mapping(loaded: Load) -> None:
    both = with_row(loaded, "{target: nickName, expression: Guid()}", users__a=ADA + BOB)
    seen = {
        drawn(both),
        drawn(both, 1),
        drawn(with_row(loaded, "{target: title, expression: Guid()}"), target="title"),
        drawn(with_row(loaded, "{target: nickName, expression: 'Trim(Guid())'}")),
        drawn(with_row(loaded, "{target: nickName, expression: Guid()}", users__a=ADA.replace("id-ada", "other"))),
    }
    assert len(seen) == 5


def test_without_an_object_id_the_user_principal_name_says_who_it_is(loaded: Load) -> None:
    row, ada = "{target: nickName, expression: Guid()}", ADA.replace("objectId: id-ada, ", "")
    first = drawn(with_row(loaded, row, users__a=ada))
    assert drawn(with_row(loaded, row, users__a=ada.replace("ada@example", "ADA@Example"))) == first
    assert drawn(with_row(loaded, row, users__a=ada.replace("ada@", "ida@"))) != first


def test_a_random_string_keeps_its_conditions(loaded: Load) -> None:
    rule = """{target: nickName, expression: 'RandomString(10, 2, 2, 2, 1, "?,")'}"""
    found = drawn(with_row(loaded, rule))
    assert (len(found), sum(map(str.isdigit, found)) >= 2, sum(map(str.isupper, found)) >= 2) == (10, True, True)
    assert found == drawn(with_row(loaded, rule))


@pytest.mark.parametrize(
    "expression", ["IgnoreFlowIfNullOrEmpty([jobTitle])", "IIF(IsPresent([jobTitle]), [jobTitle], IgnoreAttributeFlow)"]
)
def test_an_ignored_attribute_is_no_value_so_a_default_counts_on_create(loaded: Load, expression: str) -> None:
    row = f"{{target: title, expression: '{expression}', default: none}}"
    people = ADA + BOB.replace("}", ", jobTitle: Engineer}")
    ada, bob = good(with_row(loaded, row, users__a=people)).users
    assert ("title" in ada.attributes, ada.create_only["title"]) == (False, "none")
    assert (bob.attributes["title"], "title" in bob.create_only) == ("Engineer", False)
    ada, bob = good(with_row(loaded, row.replace(", default: none", ""), users__a=people)).users
    assert "title" not in {*ada.attributes, *ada.create_only}


@pytest.mark.parametrize("written", ["always", "if_empty"])
def test_a_value_made_once_that_is_written_to_flow_otherwise_is_a_warning(loaded: Load, written: str) -> None:
    state = good(with_row(loaded, f"{{target: nickName, expression: Guid(), apply: {written}}}"))
    assert told(state) == [
        (
            f"mappings.yaml:5:49: nickName flows on create only, not {written}. A value that is generated once is never"
            " compared. Write apply: create."
        )
    ]
    assert state.users[0].create_only.keys() == {"nickName"}


@pytest.mark.parametrize("flow", ["create", "if_empty"])
def test_an_active_that_does_not_always_flow_is_a_warning(loaded: Load, flow: str) -> None:
    row = f"{{target: active, expression: 'Not([IsSoftDeleted])', apply: {flow}}}"
    (said,) = told(good(with_row(loaded, row)))
    assert said == (
        f"mappings.yaml:5:63: active flows with apply: {flow}: users that return to scope are not reactivated. "
        "Leave `apply` out, unless that is what you want."
    )


def test_candidates_come_in_the_order_of_the_rules_each_once(loaded: Load) -> None:
    rule = (
        'SelectUniqueValue([nick], ToLower([givenName]), "ada", Join(".", [givenName], [surname]),'
        " RandomString(4, 4, 0, 0, 0), RandomString(4, 4, 0, 0, 0))"
    )
    state = good(with_row(loaded, f"{{target: nickName, expression: '{rule}'}}"))
    ((target, candidates),) = state.users[0].candidates
    assert (target, candidates[:2]) == ("nickName", ("ada", "Ada.Lovelace"))
    assert len(set(candidates[2:])) == 2, "two rules draw two values"
    assert (
        state.users[0].candidates
        == good(with_row(loaded, f"{{target: nickName, expression: '{rule}'}}")).users[0].candidates
    )
    assert [(item.flow, item.unique) for item in state.mappings if item.target == "nickName"] == [(Flow.CREATE, True)]


def test_a_candidate_that_cannot_be_computed_is_a_mistake_of_the_user(loaded: Load) -> None:
    state = good(with_row(loaded, "{target: nickName, expression: 'SelectUniqueValue([surname], Error(\"no\"))'}"))
    assert [(user.failed, user.candidates) for user in state.users] == [(True, ())]
    assert state.diagnostics[0].summary == 'nickName cannot be mapped: "no"'


def test_an_immutable_attribute_of_a_profile_can_be_mapped() -> None:
    row = replace(attribute("employeeClass"), mutability=Mutability.IMMUTABLE)
    assert row.mappable
    assert not replace(row, mutability=Mutability.READ_ONLY).mappable
