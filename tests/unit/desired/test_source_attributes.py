from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from reconciler.profiles import PROFILES


def test_every_attribute_is_described() -> None:
    assert all(text and not text.endswith(".") for text in {**ENTRA_ATTRIBUTES, **COMPUTED_ATTRIBUTES}.values())
    assert not ENTRA_ATTRIBUTES.keys() & COMPUTED_ATTRIBUTES.keys()


def test_what_the_default_mappings_read_is_offered() -> None:
    read = {row.source for profile in PROFILES.values() for row in profile.mappings if row.source is not None}
    assert read <= ENTRA_ATTRIBUTES.keys()
