from reconciler.core.profile import Confidence, Mutability
from reconciler.profiles import PROFILES
from reconciler.profiles.unmappable import UNMAPPABLE


def test_no_mapping_can_set_them() -> None:
    assert not any(row.mappable for row in UNMAPPABLE)
    assert [row.path for row in UNMAPPABLE if row.mutability is Mutability.WRITE_ONLY] == ["password"]


def test_they_are_documented_by_the_rfc_and_part_of_every_profile() -> None:
    assert all(row.source.startswith("RFC 7643 §") for row in UNMAPPABLE)
    assert {row.confidence for row in UNMAPPABLE} == {Confidence.DOCUMENTED}
    assert all(set(UNMAPPABLE) <= set(profile.attributes) for profile in PROFILES.values())
