"""Files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.sources.csv_file import read as module
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.read import read_csv


def test_a_file_is_read_with_the_places_of_people(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text("userPrincipalName\nada@example.com\n", "utf-8")
    snapshot = read_csv(file, CsvOptions())
    assert (snapshot.source, [person.place for person in snapshot.people]) == (str(file), [f"{file}:2"])


@pytest.mark.parametrize(
    ("name", "text"),
    [("missing.csv", "cannot be read: No such file"), (".", "is a directory"), ("a\0b", "cannot be read: its name")],
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_csv(tmp_path / name, CsvOptions())
    assert text in caught.value.summary
    assert caught.value.detail


def test_no_more_than_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "endless.csv"
    file.write_bytes(b"x" * 100)
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    monkeypatch.setattr("reconciler.sources.csv_file.decode.MAX_BYTES", 10)
    assert len(module._read_bytes(file)) == 11
    with pytest.raises(SourceError, match="is larger than"):
        read_csv(file, CsvOptions())
