"""Texts are kept by number."""

from __future__ import annotations

import pytest
from support.small_blocks import MemoryBlock

from reconciler.core.planning import short_texts
from reconciler.core.planning.blocks import OpenBlock
from reconciler.core.planning.short_texts import ShortTexts


@pytest.mark.parametrize("open_block", [None, MemoryBlock])
def test_texts_are_what_they_were(open_block: OpenBlock | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_texts, "_LONGEST", 31)
    texts = ShortTexts(open_block)
    known = {3: "2026-01-01T00:00:00Z", 0: "", 1: "long " * 20, 2: "Zo\u00eb \udc80"}
    for number, text in known.items():
        texts.put(number, text)
    assert {number: texts.get(number) for number in known} == known
    texts.put(1, "short")
    assert texts.get(1) == "short"
