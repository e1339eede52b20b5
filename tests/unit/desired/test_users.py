import pytest
from support.desired_state import ADA, BOB, USUAL, Load, good, messages


@pytest.mark.parametrize(
    "rule", ["source: accountEnabled", """expression: 'IIF([accountEnabled]="True","True","False")'"""]
)
def test_a_user_is_enabled_by_default_to_mappings_as_well(loaded: Load, rule: str) -> None:
    rows = "- {target: userName, source: userPrincipalName, match: 1}\n- {target: active, RULE}\n"
    tagged = BOB.replace("surname", "tags: [a], surname")
    state = good(loaded(users__a=ADA + tagged, mappings=rows.replace("RULE", rule)))
    assert [user.attributes["active"] for user in state.users] == [True, True]


def test_an_error_of_one_user_concerns_this_user_only(loaded: Load) -> None:
    state = good(loaded(users__a=ADA + BOB.replace("bob@example.com", "bob@elsewhere.org")))
    assert [(user.key, user.failed) for user in state.users] == [
        ("ada@example.com", False),
        ("bob@elsewhere.org", True),
    ]
    (mistake,) = state.diagnostics
    assert mistake.summary == 'userName "bob@elsewhere.org" is outside the verified domains'
    assert mistake.source_line == BOB.replace("bob@example.com", "bob@elsewhere.org").rstrip()
    assert str(mistake.origin) == "users/a.yaml:2:23"


def test_a_misspelt_attribute_is_a_warning(loaded: Load) -> None:
    rows = USUAL + '- {target: "enterprise:department", source: departmnt}\n'
    assert messages(good(loaded(mappings=rows))) == [
        'mappings.yaml:5:12: no user has an attribute "departmnt". Did you mean department?'
    ]
