from __future__ import annotations

import pytest
from support.fake_cluster import FakeCluster
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import init_queue


def test_the_tables_are_made_or_were_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, terminal = FakeCluster(), RecordingTerminal()
    cluster.install(monkeypatch, init_queue)
    assert init_queue.run_init_queue(terminal) == 0
    cluster.is_new = False
    assert init_queue.run_init_queue(terminal) == 0
    assert terminal.out == "The queue is ready.\nThe queue was ready already.\n"
