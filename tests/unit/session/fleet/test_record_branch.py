from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import FleetError
from reconciler.session.fleet.record_branch import read_record_branch


def write(root: Path, text: str) -> Path:
    (root / "defaults").mkdir(exist_ok=True)
    (root / "defaults/settings.yaml").write_text(text)
    return root


def test_the_defaults_name_it(tmp_path: Path) -> None:
    assert read_record_branch(tmp_path) is None
    assert read_record_branch(write(tmp_path, "ownership: externalId pr\n")) is None
    assert read_record_branch(write(tmp_path, "record: {values: digest}\n")) is None
    assert read_record_branch(write(tmp_path, "final: [record.branch]\nrecord: {branch: kept}\n")) == "kept"


@pytest.mark.parametrize("text", ["record: {branch: ../x}\n", "record: {brunch: x}\n", "record: [\n", ""])
def test_a_file_that_cannot_be_read_is_not_one_without_a_branch(tmp_path: Path, text: str) -> None:
    if not text:
        (tmp_path / "defaults").mkdir()
        (tmp_path / "defaults/settings.yaml").symlink_to("/etc/hostname")
    with pytest.raises(FleetError, match=r"defaults/settings\.yaml"):
        read_record_branch(write(tmp_path, text) if text else tmp_path)
