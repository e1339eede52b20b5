import pytest

from reconciler.entra.translation import TranslatedFilterGroup, TranslatedFilters

ACTIVE = TranslatedFilterGroup("A", ())
INACTIVE = TranslatedFilterGroup("B", (), active=False)


@pytest.mark.parametrize(
    ("filters", "incomplete"),
    [
        (TranslatedFilters(), False),
        (TranslatedFilters((ACTIVE,)), False),
        (TranslatedFilters((ACTIVE, INACTIVE)), True),
        (TranslatedFilters((ACTIVE,), closed=True), True),
    ],
)
def test_filters_are_incomplete_without_a_group_or_if_closed(filters: TranslatedFilters, incomplete: bool) -> None:
    assert filters.incomplete is incomplete
