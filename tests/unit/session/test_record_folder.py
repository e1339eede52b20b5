from __future__ import annotations

from pathlib import Path

import pytest
from support.fleets import write_fleet

from reconciler.session.record_folder import find_record_folder


def test_a_tenant_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_fleet(tmp_path, defaults__settings="target: {profile: scim, base_url: https://scim.example.com}\n")
    assert find_record_folder(root / "tenants/acme") == "tenants/acme/plans"
    monkeypatch.chdir(root / "tenants/acme")
    assert find_record_folder(Path()) == "tenants/acme/plans"


def test_any_other_desired_state_has_the_folder_at_the_top(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    (tmp_path / "others/acme").mkdir(parents=True)
    assert find_record_folder(tmp_path / "others/acme") == "plans"
    assert find_record_folder(tmp_path / "missing") == "plans"
