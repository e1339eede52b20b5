from __future__ import annotations

from dataclasses import fields

from reconciler.scim.list_check import NO_CORRECTIONS, Corrections


def test_no_corrections_correct_nothing() -> None:
    assert not any(getattr(NO_CORRECTIONS, each.name) for each in fields(Corrections))
