"""Names and places in fleet.yaml."""

import pytest

from reconciler.desired.fleet_schema import split_place


@pytest.mark.parametrize(("text", "expected"), [("tenants/*", ("tenants", "*")), ("tenants/acme", ("tenants", "acme"))])
def test_places(text: str, expected: tuple[str, str]) -> None:
    assert split_place(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "tenants",
        "/tenants/*",
        "a/b/c",
        "../*",
        "./*",
        "tenants/..",
        "tenants/A",
        "defaults/*",
        "plans/x",
        "a/b*",
    ],
)
def test_other_places(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        split_place(text)
