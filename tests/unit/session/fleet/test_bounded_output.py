from __future__ import annotations

import os
from pathlib import Path

from reconciler.session.fleet.bounded_output import BoundedOutput, open_output


def written(file: Path, *texts: str, limit: int = 100) -> str:
    handle = open_output(file)
    output = BoundedOutput(handle, limit)
    assert output.writable()
    assert output.fileno() == handle
    assert [output.write(text) for text in texts] == [len(text) for text in texts]
    os.close(handle)
    return file.read_text()


def test_text_is_written_at_once_and_as_utf_8(tmp_path: Path) -> None:
    assert written(tmp_path / "a" / "b", "Åda\n", "\udc80") == "Åda\n\\udc80"


def test_what_is_over_the_limit_is_left_out_once(tmp_path: Path) -> None:
    assert written(tmp_path / "a", "12345678", "90123", "4", limit=10) == (
        "1234567890\nThe rest of the output is left out.\n"
    )


def test_exactly_the_limit_fits(tmp_path: Path) -> None:
    assert written(tmp_path / "a", "1234567890", limit=10) == "1234567890"


def test_the_file_is_new_and_private(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    assert written(tmp_path / "a", "new") == "new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("kept")
    (tmp_path / "a").symlink_to(tmp_path / "other")
    assert written(tmp_path / "a", "new") == "new"
    assert (tmp_path / "other").read_text() == "kept"


def test_output_that_cannot_be_written_is_lost(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    handle = open_output(tmp_path / "a")
    assert os.fstat(handle).st_rdev == Path(os.devnull).stat().st_rdev
    os.close(handle)
    assert BoundedOutput(os.open(os.devnull, os.O_RDONLY)).write("text") == 4
