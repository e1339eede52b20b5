from collections.abc import Callable

import pytest
from support.desired_state import TARGET, USUAL, Load, messages

from reconciler.core.model import Severity
from reconciler.desired import address_checks
from reconciler.desired.loader import BrokenState, DesiredState

MAPPINGS = USUAL + "- {target: 'emails[type eq \"work\"].value', source: mail}\n"
SCIM = TARGET.format("scim")
NAMES = "givenName: A, surname: B"
State = DesiredState | BrokenState


@pytest.fixture
def read(loaded: Load) -> Callable[[str], State]:
    """Load these users, with user names and addresses mapped."""
    return lambda text: loaded(settings=SCIM, mappings=MAPPINGS, users__a=text)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (f"- {{userPrincipalName: a\u200bb@example.com, {NAMES}}}\n", "1:24", "userName contains the character U+200B"),
        (
            f'- {{userPrincipalName: "a\\u200bb@example.com", {NAMES}}}\n',
            "1:25",
            "userName contains the character U+200B",
        ),
        (
            f'- {{userPrincipalName: "a\\xADb@example.com", {NAMES}}}\n',
            "1:23",
            "userName contains the character U+00AD",
        ),
        (
            f'- {{userPrincipalName: "a\\xadb@example.com", {NAMES}}}\n',
            "1:25",
            "userName contains the character U+00AD",
        ),
        (
            "- userPrincipalName: a@example.com\n  mail: a@ex\u0430mple.com\n  givenName: A\n  surname: B\n",
            "2:13",
            'emails[type eq "work"].value contains the character U+0430 CYRILLIC SMALL LETTER A, among Latin letters',
        ),
        ("- {userPrincipalName: a@b.c, givenName: A, surname: x\u202ey}\n", "1:54", "name.familyName contains the"),
    ],
)
def test_an_error_about_a_character_is_at_the_character(
    read: Callable[[str], State], text: str, place: str, said: str
) -> None:
    found = [line for line in messages(read(text)) if "contains" in line]
    assert len(found) == 1
    assert found[0].startswith(f"users/a.yaml:{place}: {said}")


def test_not_every_one_of_many_characters_is_located(
    read: Callable[[str], State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_checks, "MAX_DIAGNOSTICS", 2)
    rows = "".join(f"- {{userPrincipalName: a\u200b{number}@example.com, {NAMES}}}\n" for number in range(4))
    found = [line for line in messages(read(rows)) if "contains" in line]
    assert [line.split(": ")[0] for line in found] == [
        "users/a.yaml:1:24",
        "users/a.yaml:2:24",
        "users/a.yaml:3:23",
        "users/a.yaml:4:23",
    ]


def warnings(state: State) -> list[str]:
    assert isinstance(state, DesiredState)
    found = [item for item in state.diagnostics if item.severity is Severity.WARNING]
    return [f"{item.origin}: {item.summary}" for item in found if "no user has" not in item.summary]


@pytest.mark.parametrize(
    "name",
    [".ada@example.com", "ada.@example.com", "a..b@example.com", "ada@.example.com", "ada@example..com", "ada@x.y."],
)
def test_a_dot_at_an_odd_place_is_a_warning(read: Callable[[str], State], name: str) -> None:
    said = "has a leading, trailing or doubled dot"
    if name.endswith("@example.com"):  # another domain is an error
        assert warnings(read(f"- {{userPrincipalName: {name}, {NAMES}}}\n")) == [
            f'users/a.yaml:1:23: userName "{name}" {said}'
        ]
    assert warnings(read(f"- {{userPrincipalName: a@example.com, mail: {name}, {NAMES}}}\n")) == [
        f'users/a.yaml:1:44: emails[type eq "work"].value "{name}" {said}'
    ]


@pytest.mark.parametrize("mark", ["#EXT#", "#ext#"])
def test_the_name_of_a_guest_is_a_warning(read: Callable[[str], State], mark: str) -> None:
    state = read(f"- {{userPrincipalName: 'ada_example.com{mark}@example.com', {NAMES}}}\n")
    assert len(warnings(state)) == 1
    assert warnings(state)[0].endswith("has #EXT#, as the userPrincipalName of a guest")


def test_many_unusual_names_are_one_warning_of_each_kind(read: Callable[[str], State]) -> None:
    rows = "".join(
        f"- {{userPrincipalName: 'u{number}.#EXT#@example.com', {NAMES}}}\n"
        f"- {{userPrincipalName: 'v{number}..x@example.com', {NAMES}}}\n"
        for number in range(1_000)
    )
    state = read(rows)
    assert sorted(warnings(state)) == [
        "users/a.yaml:1:23: 1,000 user names and addresses have #EXT#, as the userPrincipalName of a guest",
        "users/a.yaml:2:23: 1,000 user names and addresses have a leading, trailing or doubled dot",
    ]


def test_ordinary_names_and_users_out_of_scope_give_no_warning(read: Callable[[str], State]) -> None:
    state = read(
        f"- {{userPrincipalName: o'brien+x.y@mail.example.com, mail: a.b@example.com, {NAMES}}}\n"
        f"- {{userPrincipalName: .gone@example.com, accountEnabled: false, {NAMES}}}\n"
    )
    assert warnings(state) == []
