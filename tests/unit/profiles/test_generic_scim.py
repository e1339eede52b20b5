import pytest
from support.builders import change, desired, mapping, mappings, reader, resource

from reconciler.apply.verification import unapplied_attributes
from reconciler.core import paths
from reconciler.core.paths import ENTERPRISE
from reconciler.core.plan import Action
from reconciler.core.planning.diff import diff_user
from reconciler.core.profile import Comparison, Mutability
from reconciler.core.values import to_comparable
from reconciler.profiles.generic_scim import GENERIC_SCIM


def test_it_has_the_user_of_the_rfc_and_its_extension() -> None:
    mappable = {row.path for row in GENERIC_SCIM.attributes if row.mappable}
    assert {"displayName", "name.honorificPrefix", "emails.value", "addresses.locality"} <= mappable
    assert {path for path in mappable if path.startswith(ENTERPRISE)} == {
        f"{ENTERPRISE}:{name}"
        for name in "employeeNumber costCenter organization division department manager.value".split()
    }


def test_elements_of_multi_valued_attributes_are_marked() -> None:
    marked = {row.path.partition(".")[0] for row in GENERIC_SCIM.attributes if row.multi_valued}
    assert marked == {"emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles"}


def test_the_display_name_of_a_manager_is_read_only() -> None:
    (row,) = [row for row in GENERIC_SCIM.attributes if row.path == f"{ENTERPRISE}:manager.displayName"]
    assert row.mutability is Mutability.READ_ONLY


def test_what_people_read_is_compared_exactly_and_what_machines_read_is_not() -> None:
    found = {row.path: row.comparison for row in GENERIC_SCIM.attributes if row.mappable}
    folded = {path: rule for path, rule in found.items() if rule is not Comparison.EXACT}
    assert folded == {
        "userName": Comparison.CASE_PRESERVING,
        "externalId": Comparison.CASE_INSENSITIVE,
        "active": Comparison.BOOLEAN,
        "locale": Comparison.LOCALE,
        "preferredLanguage": Comparison.LOCALE,
        "timezone": Comparison.CASE_INSENSITIVE,
        "emails.value": Comparison.CASE_INSENSITIVE,
        "phoneNumbers.value": Comparison.PHONE,
    }


@pytest.mark.parametrize(
    ("target", "wanted", "shown"),
    [
        ('emails[type eq "work"].value', "Ada.Lovelace@Example.com", "ada.lovelace@example.com"),
        ('phoneNumbers[type eq "work"].value', "tel:+49-30-1234", "+49 (30) 1234"),
        ("preferredLanguage", "en_US", "en-us"),
        ("timezone", "Europe/Berlin", "europe/berlin"),
        ("title", "Z\u00fcrich", " Zu\u0308rich "),
    ],
)
def test_a_form_that_a_service_stores_is_the_same_when_matching_comparing_and_verifying(
    target: str, wanted: str, shown: str
) -> None:
    row = mapping(target, "x", profile=GENERIC_SCIM, match=3)
    rows = mappings(row, profile=GENERIC_SCIM)
    path = row.target
    holder = paths.parse(path)
    element = [{"type": "work", "value": shown}] if holder.filter else shown
    live = reader(rows, profile=GENERIC_SCIM).read(resource(**{holder.attribute: element}))
    user = desired(**{path: wanted})
    assert live.match[2] == to_comparable(row.attribute, wanted)
    assert diff_user(user, live, rows) == {}
    create = change(action=Action.CREATE, after=user.attributes)
    assert unapplied_attributes(create, live, rows) == ()
