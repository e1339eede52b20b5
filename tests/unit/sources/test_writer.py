"""Only what an import changes is edited; every other byte of the files stays."""

from __future__ import annotations

import inspect

from reconciler.sources import writer


def test_the_writer_drafts_before_it_writes() -> None:
    assert [*inspect.signature(writer.draft_files).parameters] == ["files", "plan"]
    assert [*inspect.signature(writer.write_files).parameters] == ["files", "changed"]
