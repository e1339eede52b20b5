from __future__ import annotations

import json

import pytest

from reconciler.commands.schema import render_schema
from reconciler.errors import UsageError


@pytest.mark.parametrize(
    "kind",
    [
        *("settings", "scope", "mappings", "users", "groups", "fleet", "tenant"),
        *("plan", "receipt", "notification", "status"),
    ],
)
def test_every_kind_of_file_has_a_schema(kind: str) -> None:
    text = render_schema(kind)
    assert text.endswith("}\n")
    assert {"properties", "items", "$ref", "anyOf", "oneOf"} & json.loads(text).keys()


def test_another_kind_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="there is no schema people") as caught:
        render_schema("people")
    assert "plan, receipt" in caught.value.detail
