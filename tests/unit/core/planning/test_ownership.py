import time
from typing import Any

import pytest
from support.builders import change, live, resource, values_of

from reconciler.core.model import LiveUser, Origin, Resource
from reconciler.core.paths import ENTERPRISE, get
from reconciler.core.plan import Action, AttributeChange
from reconciler.core.planning.ownership import apply_to_resource, check_ownership


def account(**changed: Any) -> LiveUser:
    """Ada's account, with its resource."""
    found = live("ada")
    return LiveUser(
        **{name: getattr(found, name) for name in found.__slots__ if name != "resource"},
        resource=resource("ada", **changed),
    )


def is_in_engineering(found: Resource) -> bool:
    return get(get(found, ENTERPRISE), "department") == "Engineering"


MOVED = change("ada", after=values_of("ada", department="Sales"), origin=Origin("users/people.yaml", 1, 3))


def test_a_change_that_ends_the_management_of_an_account_is_an_error() -> None:
    found = check_ownership(MOVED, account(), is_in_engineering)
    assert found is not None
    assert (found.summary, found.address, found.origin) == (
        "this change would put the account outside the ownership filter",
        'user["ada@example.com"]',
        MOVED.origin,
    )


@pytest.mark.parametrize(
    "found",
    [
        check_ownership(change("ada", after=values_of("ada", family="King")), account(), is_in_engineering),
        check_ownership(MOVED, live("ada"), is_in_engineering),
        check_ownership(change("ada", after=values_of("ada", external_id=None)), account(), lambda _resource: False),
        check_ownership(MOVED, live("ada", external_id=None), lambda _resource: False),
    ],
    ids=["still managed", "the default filter", "a relink", "not managed"],
)
def test_other_changes_are_no_error(found: object) -> None:
    assert found is None


def test_a_deletion_is_not_judged() -> None:
    assert check_ownership(change("ada", Action.UPDATE), account(), is_in_engineering) is None


ORIGINAL: dict[str, Any] = {
    "UserName": "ada",
    "name": {"GivenName": "Ada"},
    "emails": [{"type": "work", "value": "a@x"}, {"type": "home", "value": "b@x", "display": "B"}, "odd"],
    "ims": [{"value": "a", "primary": "True"}, {"value": "b"}],
    "roles": "odd",
    ENTERPRISE: {"department": "Sales"},
}


@pytest.mark.parametrize(
    ("path", "value", "changed"),
    [
        ("userName", "bo", {"UserName": "bo"}),
        ("userName", None, {"UserName": ...}),
        ("title", "CEO", {"title": "CEO"}),
        ("name.givenName", "Bo", {"name": {"GivenName": "Bo"}}),
        ("name.givenName", None, {"name": {}}),
        ("name.familyName", "King", {"name": {"GivenName": "Ada", "familyName": "King"}}),
        (f"{ENTERPRISE}:department", None, {ENTERPRISE: {}}),
        (f"{ENTERPRISE}:division", "X", {ENTERPRISE: {"department": "Sales", "division": "X"}}),
        ("urn:x:y:User:attribute", "X", {"urn:x:y:User": {"attribute": "X"}}),
        ("roles.value", "X", {"roles": {"value": "X"}}),
        (
            'emails[type eq "work"].value',
            "c@x",
            {"emails": [ORIGINAL["emails"][1], "odd", {"type": "work", "value": "c@x"}]},
        ),
        ('emails[type eq "work"].value', None, {"emails": ORIGINAL["emails"][1:]}),
        (
            'emails[type eq "home"].display',
            None,
            {"emails": [ORIGINAL["emails"][0], "odd", {"type": "home", "value": "b@x"}]},
        ),
        ("ims[primary eq true].value", "n", {"ims": [{"value": "b"}, {"value": "n", "primary": "True"}]}),
        ("ims[primary eq false].value", "n", {"ims": [{"value": "a", "primary": "True"}, {"value": "n"}]}),
        (
            'phoneNumbers[type eq "work" and primary eq true].value',
            "1",
            {"phoneNumbers": [{"type": "work", "primary": True, "value": "1"}]},
        ),
        ('phoneNumbers[type eq "work"].value', "1", {"phoneNumbers": [{"type": "work", "value": "1"}]}),
    ],
)
def test_a_change_is_made_to_a_copy_of_a_resource(path: str, value: str | None, changed: dict[str, Any]) -> None:
    expected = {name: found for name, found in {**ORIGINAL, **changed}.items() if found is not ...}
    before = repr(ORIGINAL)
    assert apply_to_resource(ORIGINAL, (AttributeChange(path, "before", value),)) == expected
    assert repr(ORIGINAL) == before


def test_a_resource_may_be_nested_deeply() -> None:
    nested: Any = []
    for _ in range(900):
        nested = [nested]
    emails = [{"type": nested}, {"type": "work", "value": "a@x"}]
    row = AttributeChange('emails[type eq "work"].value', "a@x", "c@x")
    found = apply_to_resource({"id": "1", "photos": nested, "emails": emails}, (row,))
    assert found["emails"][1:] == [{"type": "work", "value": "c@x"}]


def test_an_attribute_may_have_many_values() -> None:
    emails = [{"type": "other", "value": f"{number}@x"} for number in range(10_000)]
    row = AttributeChange('emails[type eq "work"].value', None, "c@x")
    began = time.process_time()
    found = apply_to_resource({"id": "1", "emails": emails}, (row,))
    assert time.process_time() - began < 1
    assert found["emails"] == [*emails, {"type": "work", "value": "c@x"}]
