from __future__ import annotations

import re

import pytest

from reconciler.core.tenant_names import TENANT_PATTERN, is_tenant_name


@pytest.mark.parametrize("name", ["acme", "a", "0", "acme-2", "a" * 40, "a--b-"])
def test_names_of_tenants(name: str) -> None:
    assert re.fullmatch(TENANT_PATTERN, name)


@pytest.mark.parametrize(
    "name", ["", "-acme", "--all", "..", ".", "a/b", "a.b", "Acme", "a b", "ac\u00e9", "a" * 41, "a_b"]
)
def test_what_could_be_an_option_or_a_path_is_no_name_of_a_tenant(name: str) -> None:
    assert not re.fullmatch(TENANT_PATTERN, name)


@pytest.mark.parametrize("name", ["acme", "a", "7-eleven", "x" * 40])
def test_a_tenant_name_is_safe_as_an_argument_a_path_and_a_ref(name: str) -> None:
    assert is_tenant_name(name)


@pytest.mark.parametrize("name", ["", "-acme", "Acme", "a/b", "..", "a.b", "a b", "acme\n", "ä", "x" * 41])
def test_other_names_are_refused(name: str) -> None:
    assert not is_tenant_name(name)
