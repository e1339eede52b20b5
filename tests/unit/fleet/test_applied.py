from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import PlanFileError
from reconciler.fleet.applied import AppliedFleet, name_applied, read_applied, write_applied

COMMIT = "0123456789" * 4


def test_it_survives_the_file(tmp_path: Path) -> None:
    assert read_applied(tmp_path) is None
    write_applied(tmp_path, COMMIT, {"beta", "acme"})
    assert read_applied(tmp_path) == AppliedFleet(COMMIT, ("acme", "beta"))
    write_applied(tmp_path, COMMIT, {"beta", "acme"}, {"acme", "done"}, ["done", "beta"])
    assert read_applied(tmp_path) == AppliedFleet(COMMIT, ("acme", "beta"), ("acme",), ("beta",))
    write_applied(tmp_path, COMMIT, {"beta"}, due={"gamma", "beta"})
    assert read_applied(tmp_path) == AppliedFleet(COMMIT, ("beta",), due=("beta", "gamma"))


def test_a_file_of_before_there_were_tenants_that_are_due_is_read(tmp_path: Path) -> None:
    write_applied(tmp_path, COMMIT, ["acme"])
    document = json.loads(name_applied(tmp_path).read_text())
    assert document.pop("due") == []
    name_applied(tmp_path).write_text(json.dumps(document))
    assert read_applied(tmp_path) == AppliedFleet(COMMIT, ("acme",))


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"commit": "main"},
        {"commit": None},
        {"commit": COMMIT + "\n"},
        {"open": "acme"},
        {"open": ["../acme"]},
        {"open": [1]},
        {"new": ["not-open"]},
        {"unproven": ["not-open"]},
        {"unproven": None},
        {"due": ["../acme"]},
        {"due": None},
        {"more": 1},
    ],
)
def test_another_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write_applied(tmp_path, COMMIT, [])
    path = name_applied(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(PlanFileError, match="another version, or has an invalid field"):
        read_applied(tmp_path)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000])
def test_what_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    write_applied(tmp_path, COMMIT, [])
    name_applied(tmp_path).write_text(text)
    with pytest.raises(PlanFileError, match="is not JSON"):
        read_applied(tmp_path)
