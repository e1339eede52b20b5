import pytest

from reconciler.core.model import Diagnostic
from reconciler.desired.look_alike_keys import UserKeys, suggest_attribute
from reconciler.desired.yaml_reader import read_items

READ = frozenset({"department", "surname", "givenName", "userPrincipalName", "objectId", "badgeNumber"})
USUAL = "userPrincipalName: a, surname: b"


def check(keys: UserKeys, *entries: str) -> tuple[bool, list[Diagnostic]]:
    found: list[Diagnostic] = []
    content = "".join(f"- {{{entry}}}\n" for entry in entries)
    valid = [keys.check(item, found.append) for item in read_items(content.encode(), "users/a.yaml", found.append)]
    return all(valid), found


def name(key: str, entry: str = USUAL) -> tuple[str, str] | None:
    """Return the severity of a key and what it looks like; None if it is a custom one."""
    valid, found = check(UserKeys(READ, {"department"}), f"{entry}, {key}: x")
    if not found:
        return None
    (only,) = found
    assert valid == (only.severity.value == "warning")
    assert only.detail
    assert str(only.origin) == f"users/a.yaml:1:{6 + len(entry)}"
    return only.severity.value, only.summary.partition(" looks like ")[2]


@pytest.mark.parametrize(
    ("keys", "meant"),
    {
        "enabled active disabled isActive AccountEnabled account_enabled inactive acountEnabled": "accountEnabled",
        "expires expiry expirationDate EXPIRES": "lifecycle.expires",
        "starts": "lifecycle.starts",
        "protected": "lifecycle.protected",
        "lifecyle life_cycle Lifecycle": "lifecycle",
        "id externalId object_id ObjectID": "objectId",
        "upn UPN username userName user_name login userPrincipleName": "userPrincipalName",
        "email e-mail Email emailAddress": "mail",
        "firstName first_name forename GivenName given_name": "givenName",
        "lastName familyName family_name": "surname",
        "departement dept Department departmnt": "department",
    }.items(),
)
def test_a_key_that_looks_like_one_that_decides_or_is_read_is_an_error(keys: str, meant: str) -> None:
    for key in keys.split():
        assert name(key) == ("error", meant), key


@pytest.mark.parametrize(
    ("keys", "meant"),
    {
        "jobtitle job_title jobTitel title": "jobTitle",
        "costCentre costcenter": "costCenter",
        "employeeID employeeNumber": "employeeId",
        "startDate": "lifecycle.starts",
        "endDate terminationDate": "lifecycle.expires",
        "status": "accountEnabled",
        "name fullName displayname": "displayName",
        "mobilePhone": "mobile",
        "groups memberOf": "the members of a group",
        "badgeNumbr": "badgeNumber",
    }.items(),
)
def test_a_key_that_nothing_reads_and_that_resembles_another_is_a_warning(keys: str, meant: str) -> None:
    for key in keys.split():
        assert name(key) == ("warning", meant), key


@pytest.mark.parametrize(
    "key",
    (
        "badgeNumber mail jobTitle manager departmentId surname2 extensionAttribute16 team shoeSize"
        " extension_0f3c_shift middleName departmentHead accountEnabledSince"
    ).split(),
)
def test_custom_keys_and_those_that_are_known_are_accepted(key: str) -> None:
    assert name(key) is None


def test_a_key_that_something_reads_is_none_that_is_misspelt() -> None:
    keys = "email id active expires firstName departement Surname".split()
    assert check(UserKeys(READ | frozenset(keys)), ", ".join([USUAL, *(f"{key}: x" for key in keys)])) == (True, [])


def test_what_is_read_is_unknown_while_mappings_are_invalid() -> None:
    valid, found = check(UserKeys(), f"{USUAL}, email: x, departement: y, lifecyle: z")
    assert not valid
    assert [item.summary for item in found] == ['key "lifecyle" looks like lifecycle']


def test_a_misspelling_next_to_its_attribute_decides_nothing() -> None:
    assert name("departmnt", f"{USUAL}, department: R") == ("warning", "department")


def test_an_address_is_the_user_name_of_users_without_one() -> None:
    assert name("email", "surname: b") == ("error", "userPrincipalName")


def test_to_disable_a_user_the_value_is_negated() -> None:
    _, (found,) = check(UserKeys(READ), f"{USUAL}, disabled: true")
    assert found.detail == "Did you mean accountEnabled? `accountEnabled: false` disables the user."


def test_users_with_the_same_keys_have_the_same_findings() -> None:
    keys = UserKeys(READ)
    _, found = check(keys, *[f"{USUAL}, upn: x"] * 3)
    assert [item.origin and item.origin.line for item in found] == [1, 2, 3]
    assert len({(item.summary, item.detail) for item in found}) == 1
    assert keys.suggested == {"userPrincipalName"}


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [
        ("firstname", {"givenName", "surname"}, "givenName"),
        ("departement", {"department"}, "department"),
        ("surName", {"surname"}, "surname"),
        ("firstname", {"surname"}, None),
        ("x", {"surname"}, None),
    ],
)
def test_an_attribute_is_suggested_only_where_it_is_meant(written: str, known: set[str], meant: str | None) -> None:
    assert suggest_attribute(written, known) == meant
