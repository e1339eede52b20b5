"""The program is run by tests/integration/test_fleet_runs.py; here: that it can be, and costs a child little."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.session.fleet.processes import run_tenants
from reconciler.session.fleet.task import TenantTask


def test_a_desired_state_that_is_missing_is_the_error_of_its_tenant(tmp_path: Path) -> None:
    task = TenantTask(
        tenant="acme",
        verb="plan",
        state=str(tmp_path / "acme"),
        out=str(tmp_path / "out" / "acme"),
        commit="c" * 40,
        run="7/1",
    )
    (result,) = run_tenants([task], 1, environment=os.environ)
    assert (result.exit_code, result.plan_id, result.counts) == (1, None, {})
    assert result.error == f"there is no directory {tmp_path / 'acme'}"
