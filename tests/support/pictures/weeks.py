"""The report of some weeks at the sample company, each week applied on the sandbox."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.git_repository import GitRepository
from support.ordinary_weeks import CHANGE_SETS, Company
from support.pictures.pull_request import NOW, SAMPLE, isolate
from support.workspace import run

_WEEKS = 8
"""No later week changes a user that the first apply creates: the sandbox gives it an id by chance."""
_LAST = datetime(2026, 11, 30, 8, tzinfo=UTC)


def make_report(root: Path) -> str:
    """Return the overview of the report, made in the empty directory `root`: the last week is not applied yet."""
    shutil.copytree(SAMPLE, root / "desired-state")
    repository, company = GitRepository(root), Company(root / "desired-state")
    with isolate(root):
        repository.commit("The sample company")
        _apply(root, _WEEKS)
        for weeks_ago, (about, edits) in zip(range(_WEEKS - 1, -1, -1), CHANGE_SETS, strict=False):
            for edit in edits:
                edit(company)
            repository.commit(about)
            if weeks_ago:
                _apply(root, weeks_ago)
        answer = run(["reconciler", "report", "--sandbox", "-o", "report", *NOW])
        assert answer.code == 0, answer.err
        return (root / "report" / "index.html").read_text("utf-8")


def _apply(root: Path, weeks_ago: int) -> None:
    """Apply, as if it were so many weeks ago: receipts have the time of the clock."""
    when = (_LAST - timedelta(weeks=weeks_ago)).isoformat()
    known = set(root.rglob("receipt.jsonl"))
    answer = run(["reconciler", "apply", "--sandbox", "--auto-approve", "-q", "--now", when])
    assert answer.code == 0, answer.err
    for receipt in set(root.rglob("receipt.jsonl")) - known:
        lines = [{**json.loads(line), "time": when} for line in receipt.read_text("utf-8").splitlines()]
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
