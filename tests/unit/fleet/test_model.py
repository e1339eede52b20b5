import pytest

from reconciler.fleet.model import is_tenant_name


@pytest.mark.parametrize("name", ["acme", "a", "7-eleven", "x" * 40])
def test_a_tenant_name_is_safe_as_an_argument_a_path_and_a_ref(name: str) -> None:
    assert is_tenant_name(name)


@pytest.mark.parametrize("name", ["", "-acme", "Acme", "a/b", "..", "a.b", "a b", "acme\n", "ä", "x" * 41])
def test_other_names_are_refused(name: str) -> None:
    assert not is_tenant_name(name)
