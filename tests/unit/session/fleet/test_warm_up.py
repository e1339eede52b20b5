from __future__ import annotations

import sys

import pytest

from reconciler.session.fleet import warm_up as module
from reconciler.session.fleet.warm_up import warm_up, warm_up_sandbox


def test_the_made_up_company_can_be_planned() -> None:
    assert warm_up()


def test_files_that_are_not_valid_any_more_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._FILES, "scope.yaml", "sync: nobody\n")
    assert not warm_up()


def test_the_sandbox_is_imported() -> None:
    warm_up_sandbox()
    assert "reconciler.sandbox.server" in sys.modules


def test_without_the_extra_the_sandbox_is_left_to_the_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reconciler.sandbox.server", None)
    warm_up_sandbox()
