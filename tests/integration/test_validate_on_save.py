"""What docs/editors.md tells editors to do with the output of `validate`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.workspace import run

PAGE = (Path(__file__).parents[2] / "docs/editors.md").read_text("utf-8")
SETTINGS = "target:\n  profile: scim\n  base_url: https://scim.example.com/v2\n"
BLOCKS = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]


def test_the_problem_matcher_of_the_task_finds_every_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "settings.yaml": f"{SETTINGS}gards: {{}}\n",
        "users/people.yaml": "- userPrincipalName: ada@example.com\n  accountEnabled: maybe\n",
    }
    for name, text in files.items():
        path = tmp_path / "desired-state" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    (task,) = next(block["tasks"] for block in BLOCKS if "tasks" in block)
    program, *arguments = task["command"].split()
    assert program == ".venv/bin/reconciler"
    first, blank, place = (re.compile(each["regexp"]) for each in task["problemMatcher"]["pattern"])
    lines = run(["reconciler", *arguments]).err.splitlines()
    found = {
        where.groups(): message.group(2)
        for message, gap, where in zip(
            map(first.match, lines), map(blank.match, lines[1:]), map(place.match, lines[2:]), strict=False
        )
        if message and gap and where
    }
    assert found == {
        ("settings.yaml", "4", "1"): 'unknown key "gards"',
        ("users/people.yaml", "2", "19"): "accountEnabled: expected true or false",
    }
