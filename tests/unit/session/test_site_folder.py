from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import PlanFileError, UsageError
from reconciler.session.site_folder import MARK, check_site_folder, write_site

FILES = (("index.html", ("a", "é")),)


def test_a_new_site_is_private_and_has_its_mark(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "site"
    assert write_site(folder, FILES) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", MARK]
    assert (folder / "index.html").read_text("utf-8") == "aé"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder)} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert [path.name for path in folder.parent.iterdir()] == ["site"]


def test_an_earlier_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    write_site(folder, (("old.html", ("x",)),))
    write_site(folder, FILES)
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", MARK]


def test_other_content_a_link_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others/index.html").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "others")
    for name, why in (("others", "has other files"), ("file", "not a directory"), ("link", "a symbolic link")):
        with pytest.raises(UsageError, match=why):
            write_site(tmp_path / name, FILES)
    assert (tmp_path / "others/index.html").read_text() == "mine"


def test_what_came_while_pages_were_written_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "site"

    def arrive() -> Iterator[str]:
        yield "x"
        folder.mkdir()
        (folder / "index.html").write_text("mine")

    with pytest.raises(UsageError, match="has other files"):
        write_site(folder, (("index.html", arrive()),))
    assert (folder / "index.html").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_the_earlier_report_is_put_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    write_site(folder, FILES)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PlanFileError, match=r"cannot write .*site"):
        write_site(folder, (("index.html", ("later",)),))
    assert (folder / "index.html").read_text("utf-8") == "aé"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("mark", ["", "[]", "{", '{"format": "other"}'])
def test_another_mark_is_no_report(mark: str, tmp_path: Path) -> None:
    (tmp_path / MARK).write_text(mark)
    with pytest.raises(UsageError):
        check_site_folder(tmp_path)


def test_a_linked_mark_is_no_report(tmp_path: Path) -> None:
    write_site(tmp_path / "site", FILES)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MARK).symlink_to(tmp_path / "site" / MARK)
    with pytest.raises(UsageError):
        check_site_folder(tmp_path / "other")


def test_a_failure_leaves_the_earlier_report(tmp_path: Path) -> None:
    def fail() -> Iterator[str]:
        yield "x"
        raise ZeroDivisionError

    write_site(tmp_path / "site", FILES)
    with pytest.raises(ZeroDivisionError):
        write_site(tmp_path / "site", (("index.html", fail()),))
    assert (tmp_path / "site/index.html").read_text("utf-8") == "aé"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_full_disk_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reconciler.session.site_folder.os.open", refuse)
    with pytest.raises(PlanFileError, match=r"cannot write .*site"):
        write_site(tmp_path / "site", FILES)
