from __future__ import annotations

import pytest
from support.builders import mapping

from reconciler.core.model import Value
from reconciler.sources.live.export_report import Losses, LossKind
from reconciler.sources.live.inverse import LostValue


@pytest.mark.parametrize(
    ("live", "mapped", "clear", "error", "kind"),
    [
        ("Sales", None, False, "", LossKind.KEPT),
        ("Sales", None, True, "", LossKind.CLEARED),
        ("Sales", "R&D", False, "", LossKind.REPLACED),
        (None, "R&D", False, "", LossKind.ADDED),
        ("Sales", None, False, "no number", LossKind.REFUSED),
    ],
)
def test_how_a_value_is_lost(live: Value | None, mapped: Value | None, clear: bool, error: str, kind: LossKind) -> None:
    losses = Losses()
    losses.add("ada@example.com", [LostValue(mapping("enterprise:department", clear=clear), live, mapped, error)])
    assert [loss.kind for loss in losses.by_attribute] == [kind]


def test_losses_are_counted_by_attribute_and_keep_a_few_examples() -> None:
    losses = Losses()
    for number in range(9):
        lost = [LostValue(mapping(target), "a", None) for target in ("timezone", "locale")]
        losses.add(f"user-{number}", lost, active=number > 1)
    found = losses.by_attribute
    assert [(loss.row.target, loss.count, loss.inactive) for loss in found] == [("locale", 9, 2), ("timezone", 9, 2)]
    assert [example.key for example in found[0].examples] == ["user-0", "user-1", "user-2"]
