from __future__ import annotations

from pathlib import Path

import pytest
from support.workspace import run as reconciler


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("sha256:1", "5"), "--plan-id"),
        (("", "5"), "--plan-id"),
        (("sha256:" + "1" * 64, "x"), "--run"),
        (("sha256:" + "1" * 64, ""), "--run"),
    ],
)
def test_a_run_that_a_person_names_has_an_id_and_a_number(given: tuple[str, str], message: str, tmp_path: Path) -> None:
    plan_id, run = given
    command = ["reconciler", "github", "fleet-reviewed", "-o", str(tmp_path / "x"), "--plan-id", plan_id, "--run", run]
    done = reconciler(command)
    assert done.code == 64
    assert message in done.err
