from dataclasses import replace

import pytest
from support.builders import DEPARTMENT, attribute
from support.desired_state import (
    ADA,
    BOB,
    GIVEN_NAME,
    TARGET,
    USUAL,
    Load,
    broken,
    error_messages,
    good,
    messages,
    with_row,
)

from reconciler.core.model import Flow, Severity
from reconciler.core.profile import Mutability
from reconciler.desired.loader import DesiredState


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
    # no user of the sample has a language
    assert messages(state) == [
        'mappings.yaml:7:12: no user has an attribute "preferredLanguage". No user gets a value from it.'
    ]


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


def test_a_row_written_twice_is_reported_once(loaded: Load) -> None:
    found = broken(loaded(mappings=f"{USUAL}- {{target: userName, source: mail, match: 2}}\n"))
    assert [line.split(". ")[0] for line in found] == ["mappings.yaml:5:12: userName is mapped twice"]


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
def test_a_row_that_is_wrong_is_reported_once_and_not_missed_by_every_user(
    loaded: Load, row: str, message: str
) -> None:
    found = error_messages(loaded(mappings=USUAL.replace(GIVEN_NAME, f"- {row}"), users__a=ADA + BOB))
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
    assert len(error_messages(loaded(mappings=rows))) == 1


def test_an_element_must_be_chosen(loaded: Load) -> None:
    found = broken(
        loaded(settings=TARGET.format("scim"), mappings=f"{USUAL}- {{target: emails.value, source: mail}}\n")
    )
    assert found[0] == (
        'mappings.yaml:5:12: emails.value has several elements. Choose one, such as emails[type eq "work"].value.'
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            ("roles[primary eq true].value", 'roles[primary eq "True"].value'),
            "mappings.yaml:6:12: roles[primary eq true].value is mapped twice",
        ),
        (
            ("roles[primary eq true].value", "Roles[Primary eq true].Value"),
            "mappings.yaml:6:12: roles[primary eq true].value is mapped twice",
        ),
        (
            ('emails[type eq "work"].value', 'emails[type eq "Work"].value'),
            'mappings.yaml:6:12: emails[type eq "Work"].value is mapped twice',
        ),
        (
            ('emails[type eq "Work"].value', 'emails[type eq "work" and primary eq true].value'),
            'mappings.yaml:6:12: emails[type eq "work" and primary eq true].value and emails[type eq "Work"].value',
        ),
        (
            ("urn:example:ext:2.0:User:badge", "urn:example:EXT:2.0:User:Badge"),
            "mappings.yaml:6:12: urn:example:EXT:2.0:User:Badge is mapped twice",
        ),
        (
            ('emails[type eq "work"].value', 'emails[type eq "work" and primary eq true].value'),
            'mappings.yaml:6:12: emails[type eq "work" and primary eq true].value and emails[type eq "work"].value',
        ),
        (
            ('emails[primary eq true and type eq "work"].value', "emails[primary eq true].value"),
            'mappings.yaml:5:12: emails[type eq "work" and primary eq true].value and emails[primary eq true].value',
        ),
    ],
)
def test_two_rows_for_one_element_are_an_error(loaded: Load, rows: tuple[str, str], said: str) -> None:
    written = "".join(f"- {{target: '{target}', source: a}}\n" for target in rows)
    found = broken(loaded(settings=TARGET.format("scim"), mappings=f"{USUAL}{written}"))
    assert len([line for line in found if "no user has" not in line]) == 1
    assert found[0].startswith(said), found


def test_rows_for_two_elements_are_none(loaded: Load) -> None:
    targets = (
        'emails[type eq "work"].value',
        'emails[type eq "work"].display',
        'emails[type eq "home"].value',
        "emails[primary eq true].value",
        "roles[primary eq true].value",
    )
    written = "".join(f"- {{target: '{target}', source: a}}\n" for target in targets)
    found = loaded(settings=TARGET.format("scim"), mappings=f"{USUAL}{written}")
    assert isinstance(found, DesiredState)
    assert not [item for item in found.diagnostics if item.severity is Severity.ERROR]


def test_an_attribute_that_a_service_does_not_have_is_reported_with_one_that_it_has(loaded: Load) -> None:
    found = broken(loaded(settings=TARGET.format("scim"), mappings=f"{USUAL}- {{target: tittle, source: a}}\n"))
    said = 'mappings.yaml:5:12: SCIM service has no attribute "tittle". Did you mean title? It accepts userName, '
    assert found[0].startswith(said), found


def test_what_a_mapping_cannot_do_without_is_reported(loaded: Load) -> None:
    assert {
        line for line in broken(loaded(mappings="- {target: externalId, source: objectId}\n")) if "no map" in line
    } == {
        (
            "mappings.yaml:1:1: no mapping has a matching precedence. Live users could not be matched: add"
            " `match: 1` to the row of externalId or userName."
        ),
        "mappings.yaml:1:1: no mapping has the target userName. SCIM requires it: add a row for it.",
    }


@pytest.mark.parametrize("flow", list(Flow))
def test_apply_says_when_a_value_flows(loaded: Load, flow: Flow) -> None:
    state = good(with_row(loaded, f"{{target: title, source: surname, apply: {flow.value}}}"))
    assert next(row.flow for row in state.mappings if row.target == "title") is flow
    assert messages(state) == []


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


@pytest.mark.parametrize("written", ["always", "if_empty"])
def test_a_value_made_once_that_is_written_to_flow_otherwise_is_a_warning(loaded: Load, written: str) -> None:
    state = good(with_row(loaded, f"{{target: nickName, expression: Guid(), apply: {written}}}"))
    assert messages(state) == [
        (
            f"mappings.yaml:5:49: nickName flows on create only, not {written}. A value that is generated once is never"
            " compared. Write apply: create."
        )
    ]
    assert state.users[0].create_only.keys() == {"nickName"}


@pytest.mark.parametrize("flow", ["create", "if_empty"])
def test_an_active_that_does_not_always_flow_is_a_warning(loaded: Load, flow: str) -> None:
    row = f"{{target: active, expression: 'Not([IsSoftDeleted])', apply: {flow}}}"
    (said,) = messages(good(with_row(loaded, row)))
    assert said == (
        f"mappings.yaml:5:63: active flows with apply: {flow}: users that return to scope are not reactivated. "
        "Leave `apply` out, unless that is what you want."
    )


def test_an_immutable_attribute_of_a_profile_can_be_mapped() -> None:
    row = replace(attribute("employeeClass"), mutability=Mutability.IMMUTABLE)
    assert row.mappable
    assert not replace(row, mutability=Mutability.READ_ONLY).mappable
