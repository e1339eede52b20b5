from pathlib import Path

import pytest
from support.builders import DEPARTMENT, NOW, resource
from support.desired_directory import Tree
from support.desired_state import ADA, BOB, SETTINGS, USUAL, Load, broken, good, messages

from reconciler.core.policy import Limit, Policy, UnattendedLimits
from reconciler.desired.loader import BrokenState, CheckedState, DesiredState, check, load, load_policy
from reconciler.desired.missing_state import describe_missing_state

# --- a valid directory ----------------------------------------------------------------------------


def test_a_directory_without_scope_and_mappings_means_every_user_by_the_default_mapping(loaded: Load) -> None:
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
    assert state.policy == Policy(domains=("example.com",))
    assert (state.in_scope, state.diagnostics) == (2, ())
    assert state.owned(resource())
    assert not state.owned(resource(externalId=None))


def test_the_policy_needs_settings_yaml_alone(tree: Tree) -> None:
    found = load_policy(
        tree(settings=f"{SETTINGS}guards: {{removals: {{count: 3}}}}\n", scope="sync: maybe\n").root, NOW.date()
    )
    assert isinstance(found, Policy)
    assert found.removals == Limit(3, 10)
    broken = load_policy(tree(settings="target: x\n").root, NOW.date())
    assert isinstance(broken, BrokenState)
    assert broken.diagnostics


# --- errors that break the state --------------------------------------------------------------------


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
                " The other is at users/a.yaml:1:3. Correct one of them, or merge the entries."
            ),
        ),
        (
            {"users__b": BOB.replace("id-bob", "ID-ada")},
            (
                'users/b.yaml:1:50: objectId "ID-ada" is used twice.'
                " The other is at users/a.yaml:1:3. Correct one of them, or merge the entries."
            ),
        ),
        ({"users__b": "- {surname: x}\n"}, 'users/b.yaml:1:3: "userPrincipalName" is missing. Add it.'),
        (
            {"scope": "sync: assigned\nassigned: {users: [adda@example.com]}\n"},
            'scope.yaml:2:20: there is no user "adda@example.com". users/a.yaml:1:23 has ada@example.com: ',
        ),
        (
            {"scope": "sync: all\nexcluded: {users: [zzz]}\n"},
            'scope.yaml:2:20: there is no user "zzz". Add the user to a file in users/, or correct the name.',
        ),
        (
            {"scope": "sync: assigned\nassigned: {groups: [aple]}\n", "groups__a": "- {name: Apple}\n"},
            'scope.yaml:2:21: there is no group "aple". Did you mean apple?',
        ),
        (
            {"groups__a": "- {name: a, members: {users: [nobody]}}\n"},
            'groups/a.yaml:1:31: there is no user "nobody". Add the user to a file in users/, or correct the name.',
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
def test_an_error_in_the_directory_breaks_it(loaded: Load, files: dict[str, str], message: str) -> None:
    assert [line for line in broken(loaded(**files)) if line.startswith(message)], messages(loaded(**files))


def test_all_errors_are_reported_even_when_settings_are_missing(loaded: Load) -> None:
    found = broken(loaded(settings="{}\n", scope="sync: x\n", groups__a="- {}\n", users__b="- {}\n"))
    assert [line.split(": ")[0] for line in found] == [
        "settings.yaml:1:1",
        "groups/a.yaml:1:3",
        "scope.yaml:1:7",
        "users/b.yaml:1:3",
    ]


def test_a_directory_that_is_not_there_is_broken(tmp_path: Path) -> None:
    missing = describe_missing_state(tmp_path / "nowhere")
    assert broken(load(tmp_path / "nowhere", NOW)) == [f"None: {missing.summary}. {missing.detail}"]


# --- the digest ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ("", None),
        ("unattended:\n", None),
        ("unattended: {}\n", UnattendedLimits()),
        ("unattended: {updates: 50, creates: 40, removals: 3}\n", UnattendedLimits(50, 40, 3)),
    ],
)
def test_nothing_is_unattended_unless_it_is_written(
    written: str, limits: UnattendedLimits | None, loaded: Load
) -> None:
    assert good(loaded(settings=SETTINGS + written)).policy.unattended == limits


@pytest.mark.parametrize("written", ["-1", "many", "1.5", "true"])
def test_a_limit_of_unattended_applies_is_a_number(written: str, loaded: Load) -> None:
    assert isinstance(loaded(settings=f"{SETTINGS}unattended: {{updates: {written}}}\n"), BrokenState)


def digest(state: DesiredState | BrokenState) -> str:
    return good(state).digest


def test_the_digest_covers_everything_that_can_change_a_plan(loaded: Load) -> None:
    first = digest(loaded())
    assert digest(loaded()) == first
    approval = f'approvals:\n  - {{plan: "sha256:{"0" * 64}", until: 2026-12-01, reason: x}}\n'
    assert digest(loaded(settings=f"# a comment\n{SETTINGS}{approval}")) == first
    assert digest(loaded(settings=f"{SETTINGS}  tenant:\n")) == first, "it names none"
    assert digest(loaded(settings=f"{SETTINGS}  active_when_absent:\n")) == first, "the same"
    dates = "  auth: token\n  token_issued: 2026-05-01\n  token_expires: 2027-05-01\n"
    assert digest(loaded(settings=f"{SETTINGS}{dates}provisioning: {{enabled: false}}\n")) == first, "no other plan"
    assert digest(loaded(settings=f"{SETTINGS}unattended: {{updates: 9}}\n")) == first, "it decides who looks at a plan"
    seen = {
        first,
        digest(loaded(settings=f"{SETTINGS}lifecycle: {{removed: keep}}\n")),
        digest(loaded(users__a=ADA + BOB)),
        digest(loaded(scope="sync: all\n")),
        digest(loaded(mappings=USUAL)),
        digest(loaded(groups__a="- {name: x}\n")),
        digest(loaded(settings=f"{SETTINGS}  tenant: acme\n")),
    }
    assert len(seen) == 7


@pytest.mark.parametrize(("written", "tenant"), [("acme", "acme"), ("0012", "0012"), ("no", "no"), ("~", None)])
def test_the_target_has_the_tenant_as_it_is_written(written: str, tenant: str | None, loaded: Load) -> None:
    assert good(loaded(settings=f"{SETTINGS}  tenant: {written}\n")).target.tenant == tenant


def test_an_address_that_a_plan_would_refuse_is_an_error_at_its_line(loaded: Load) -> None:
    url = "https://me:secret@scim.example.com/scim?aadOptscim062020"
    state = loaded(settings=f"target:\n  profile: scim\n  base_url: {url}\n")
    (message,) = broken(state)
    shown = "https://scim.example.com/scim"
    assert message.startswith(f"settings.yaml:3:13: target.base_url {shown} may have no user, query or fragment. ")
    assert message.endswith("this flag is meant for Microsoft Entra alone, here it is not needed.")
    assert "secret" not in str(state.diagnostics)


# --- checking without keeping the users -----------------------------------------------------------


@pytest.mark.parametrize(
    ("users", "kind"),
    [
        (ADA + BOB, CheckedState),
        (ADA + BOB.replace("givenName: Bob, ", ""), CheckedState),
        (ADA + ADA, BrokenState),
        (f"{ADA}- [\n", BrokenState),
    ],
)
@pytest.mark.parametrize("settings", [SETTINGS, f"{SETTINGS}unknown: 1\n"])
def test_a_check_finds_what_a_load_finds(users: str, kind: type, settings: str, loaded: Load, tmp_path: Path) -> None:
    state = loaded(users__a=users, settings=settings)
    seen: list[str] = []
    checked = check(tmp_path, NOW, lambda name, item: seen.append(f"{name} {item['userPrincipalName']}"))
    assert checked.diagnostics == state.diagnostics
    assert isinstance(checked, kind if settings == SETTINGS else BrokenState)
    assert isinstance(state, BrokenState) == isinstance(checked, BrokenState)
    assert seen[0] == "users/a.yaml ada@example.com"
