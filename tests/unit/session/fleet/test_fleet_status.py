from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from support.fleets import with_domains, write_files
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.fleet.applied import write_applied
from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.drift_record import DriftCheck, write_drift
from reconciler.render.fleet_status import TenantStatus
from reconciler.session.fleet import fleet_status as module
from reconciler.session.fleet.fleet_status import read_fleet_status
from reconciler.session.workspace import current_time

SETTINGS = 'target: {{profile: apple-business-manager, base_url: "https://scim.example.com/v2"{more}}}\n'


def test_the_record_of_each_tenant_is_read(target: TargetWorkspace, tmp_path: Path) -> None:
    target.desire(person("ada"))
    target.apply()
    root = tmp_path / "fleet"
    files = {f"tenants/{name}/users/a.yaml": "[]\n" for name in ("acme", "beta", "gamma")}
    write_files(root, {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    target.workspace.plans.rename(root / "tenants/acme/plans")
    (root / "tenants/gamma/plans/2026-01-01-000000000000").mkdir(parents=True)
    os.mkfifo(root / "tenants/gamma/plans/2026-01-01-000000000000/receipt.jsonl")
    now = current_time()
    check = DriftCheck(now, 2)
    write_applied(root, "0" * 40, ["beta"], due=["beta", "acme"])
    write_drift(root, {"beta": check})
    acme, beta, gamma = read_fleet_status(read_fleet(root), now)
    assert acme.last_apply is not None
    assert acme == TenantStatus("acme", acme.last_apply, successful=True, is_due=True)
    assert beta == TenantStatus("beta", is_open=True, is_due=True, drift=check)
    assert gamma.problem.endswith("is not a regular file")


def test_the_dates_of_credentials_are_read_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = current_time()
    end = (now + timedelta(days=9)).date()
    dated = SETTINGS.format(more=f", token_expires: {end}")
    files = {
        "fleet.yaml": "tenants: tenants/*\n",
        "defaults/settings.yaml": SETTINGS.format(more=""),
        "groups/schools/settings.yaml": f"target: {{token_expires: {end}}}\n",
        "tenants/acme/settings.yaml": dated,
        "tenants/beta/tenant.yaml": "group: schools\ndomains: [beta.example]\n",
        "tenants/gamma/users/a.yaml": "[]\n",
    }
    fleet = read_fleet(write_files(tmp_path, with_domains(files)))
    found = {each.name: each.credential for each in read_fleet_status(fleet, now)}
    days = {name: each.days_left if each is not None else None for name, each in found.items()}
    assert days == {"acme": 9, "beta": 9, "gamma": None}
    read: list[str] = []
    monkeypatch.setattr(module, "read_credentials", lambda folder: read.append(folder.name) or ())
    list(read_fleet_status(fleet, now))
    assert read == ["acme", "beta"]
    write_files(tmp_path, {"defaults/settings.yaml": dated})
    list(read_fleet_status(fleet, now))
    assert read == ["acme", "beta", "acme", "beta", "gamma"]


def test_a_tenant_is_held_where_a_layer_or_its_own_settings_switch_provisioning_off(tmp_path: Path) -> None:
    off = "provisioning: {enabled: false}\n"
    files = {
        "fleet.yaml": "tenants: tenants/*\n",
        "defaults/settings.yaml": SETTINGS.format(more=""),
        "groups/schools/settings.yaml": off,
        "tenants/acme/settings.yaml": off,
        "tenants/beta/tenant.yaml": "group: schools\ndomains: [beta.example]\n",
        "tenants/gamma/settings.yaml": "provisioning: {enabled: true}\n",
        "tenants/delta/settings.yaml": "provisioning: [\n",
    }
    fleet = read_fleet(write_files(tmp_path, with_domains(files)))
    assert [each.name for each in read_fleet_status(fleet, current_time()) if each.is_held] == ["acme", "beta"]
