import pytest

from reconciler.core.planning.full_names import fold_full_name, get_full_name


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"name.givenName": "Ada", "name.familyName": "King", "displayName": "Countess"}, "Ada King"),
        ({"name.givenName": "Ada", "displayName": "Ada King", "name.formatted": "King, Ada"}, "Ada King"),
        ({"name.givenName": "Ada", "name.formatted": "King, Ada"}, "King, Ada"),
        ({"name.givenName": "Ada"}, "Ada"),
        ({"name.familyName": "King"}, "King"),
        ({"userName": "ada"}, ""),
    ],
)
def test_the_full_name_is_that_of_the_attributes_there_are(attributes: dict[str, str], name: str) -> None:
    assert get_full_name(attributes) == name
    assert fold_full_name(attributes) == name.lower()
