from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.matrix import MatrixOptions, run_matrix
from reconciler.errors import UsageError


def test_there_are_no_more_shards_than_tenants(tmp_path: Path) -> None:
    for name in ("acme", "globex"):
        (tmp_path / "tenants" / name).mkdir(parents=True)
    terminal = RecordingTerminal()
    assert run_matrix(MatrixOptions(tmp_path), terminal) == 0
    assert json.loads(terminal.out) == {"include": [{"shard": "1/2", "users": 0}, {"shard": "2/2", "users": 0}]}


def test_more_shards_than_github_starts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--shards 257 is more than 256"):
        run_matrix(MatrixOptions(tmp_path, shards=257), RecordingTerminal())
