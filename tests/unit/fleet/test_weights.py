from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.fleet import weights
from reconciler.fleet.model import Tenant
from reconciler.fleet.weights import weigh_tenants

ACME = Tenant("acme", "tenants/acme")


def weigh(root: Path) -> int:
    return weigh_tenants(root, (ACME,))["acme"]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1024])
def test_entries_of_lists_are_counted_whatever_the_pieces(
    tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_PIECE", piece)
    users = tmp_path / "tenants/acme/users"
    (users / "a").mkdir(parents=True)
    (users / "1.yaml").write_text("- a: 1\n  b: - 2\n- a: 3\n  c:\n  - x\n")
    (users / "a/2.yml").write_text("# -\n- a: 1\n-\n")
    (users / "README.md").write_text("- no\n")
    assert weigh(tmp_path) == 3


def test_what_cannot_be_read_weighs_nothing(tmp_path: Path) -> None:
    assert weigh(tmp_path) == 0
    users = tmp_path / "tenants/acme/users"
    users.mkdir(parents=True)
    os.mkfifo(users / "pipe.yaml")
    (users / "link.yaml").symlink_to("/dev/zero")
    assert weigh(tmp_path) == 0
