from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import PlanFileError
from reconciler.fleet.drift_record import DriftCheck, read_drift, write_drift

CHECK = DriftCheck(datetime(2026, 11, 30, 12, tzinfo=UTC), 3)


def test_it_survives_the_file(tmp_path: Path) -> None:
    assert read_drift(tmp_path) == {}
    write_drift(tmp_path, {"beta": CHECK, "acme": CHECK})
    assert read_drift(tmp_path) == {"acme": CHECK, "beta": CHECK}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 2, "tenants": {}}', '{"format_version": 1}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    write_drift(tmp_path, {})
    (tmp_path / "fleet/drift.json").write_text(text)
    with pytest.raises(PlanFileError):
        read_drift(tmp_path)


def test_an_entry_that_is_none_says_nothing(tmp_path: Path) -> None:
    write_drift(tmp_path, {"acme": CHECK})
    path = tmp_path / "fleet/drift.json"
    document = json.loads(path.read_text())
    good = document["tenants"]["acme"]
    for bad in ("x", {}, {**good, "at": "x"}, {**good, "differences": -1}):
        document["tenants"] = {"acme": good, "beta": bad, "../x": good}
        path.write_text(json.dumps(document))
        assert read_drift(tmp_path) == {"acme": CHECK}
