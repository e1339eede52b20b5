from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.provisioning import ON, Provisioning
from reconciler.desired.provisioning import read_provisioning
from reconciler.desired.schema import Settings

TARGET = {"profile": "scim", "base_url": "https://scim.example.com"}


def settings(**provisioning: Any) -> Settings:
    return Settings.model_validate({"target": TARGET, "provisioning": provisioning})


def test_provisioning_is_on_unless_it_is_switched_off() -> None:
    assert read_provisioning(Settings.model_validate({"target": TARGET})) == ON
    assert read_provisioning(settings(enabled="true", reason="was off for a move")) == ON
    assert read_provisioning(settings(enabled="false")) == Provisioning(enabled=False)
    assert read_provisioning(settings(enabled="False", reason="a move")) == Provisioning(enabled=False, reason="a move")


@pytest.mark.parametrize("values", [{"reason": "a move"}, {"enabled": "off"}, {"enabled": "no"}, {"enable": "false"}])
def test_what_might_mean_off_is_never_on(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**values)
