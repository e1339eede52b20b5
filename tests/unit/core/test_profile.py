import pytest
from support.builders import attribute

from reconciler.core.profile import Comparison, Mutability


@pytest.mark.parametrize(
    ("mutability", "mappable"),
    [
        (Mutability.READ_WRITE, True),
        (Mutability.IMMUTABLE, True),
        (Mutability.READ_ONLY, False),
        (Mutability.WRITE_ONLY, False),
    ],
)
def test_a_mapping_can_set_what_can_be_written_and_read_again(mutability: Mutability, mappable: bool) -> None:
    assert attribute(mutability=mutability).mappable is mappable


def test_every_mutability_of_rfc_7643_is_known() -> None:
    assert {each.value for each in Mutability} == {"readWrite", "readOnly", "immutable", "writeOnly"}


def test_the_defaults_of_an_attribute_are_those_of_a_plain_string() -> None:
    found = attribute("title")
    assert (found.comparison, found.required, found.max_length) == (Comparison.EXACT, False, 1024)
    assert (found.multi_valued, found.mutability) == (False, Mutability.READ_WRITE)
