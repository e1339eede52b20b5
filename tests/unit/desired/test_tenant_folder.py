"""What a tenant keeps in its own folder."""

from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet

from reconciler.desired.tenant_folder import find_plans, find_private_folder, is_tenant

PLANS = Path("plans")


def test_a_tenant_has_its_own(tmp_path: Path) -> None:
    state = write_fleet(tmp_path) / "tenants/acme"
    assert is_tenant(state)
    assert find_private_folder(state) == state / ".reconciler"
    assert find_plans(state, PLANS, PLANS) == state / "plans"
    assert find_plans(state, Path("other"), PLANS) == Path("other")


def test_also_if_fleet_yaml_has_an_error(tmp_path: Path) -> None:
    state = write_fleet(tmp_path, fleet="tenants: [\n") / "tenants/acme"
    assert find_private_folder(state) == state / ".reconciler"


def test_a_plain_desired_state_shares_its_parent(tmp_path: Path) -> None:
    state = write_files(tmp_path, {"desired-state/settings.yaml": "a: b\n"}) / "desired-state"
    assert not is_tenant(state)
    assert find_private_folder(state) == tmp_path / ".reconciler"
    assert find_plans(state, PLANS, PLANS) == PLANS


def test_a_working_directory_that_is_gone_has_no_tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert not is_tenant(Path("desired-state"))
