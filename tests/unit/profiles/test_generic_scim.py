from reconciler.core.paths import ENTERPRISE
from reconciler.core.profile import Mutability
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
