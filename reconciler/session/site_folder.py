"""Write the report site: a new folder takes the place of an empty one or of an earlier report, and of nothing else."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import PlanFileError, UsageError
from reconciler.record.files import make_private_directory, read_beginning

MARK = "reconciler-report.json"
"""The file by which a folder is known to be a report."""
FORMAT_VERSION = "1.0"
_FORMAT = "reconciler-report"
_LARGEST_MARK = 4096


def check_site_folder(folder: Path) -> None:
    """Raise `UsageError` unless `folder` can be written: it is missing, empty, or an earlier report."""
    try:
        mode = folder.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise _write_error(folder, exc) from exc
    if not stat.S_ISDIR(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "not a directory"
        raise UsageError(f"-o {folder} is {what}", "Name a directory for the report alone.")
    try:
        is_ours = not any(folder.iterdir()) or _is_report(folder)
    except OSError as exc:
        raise _write_error(folder, exc) from exc
    if not is_ours:
        raise UsageError(
            f"-o {folder} has other files, and is not an earlier report",
            "Name a new directory, or an empty one: all of its content would be replaced.",
        )


def _is_report(folder: Path) -> bool:
    content = read_beginning(folder / MARK, _LARGEST_MARK, follow_links=False)
    with suppress(ValueError):
        found = json.loads(content or b"null")
        return isinstance(found, dict) and found.get("format") == _FORMAT
    return False


def write_site(folder: Path, files: Iterable[tuple[str, Iterable[str]]]) -> int:
    """Write files, each by its name and the pieces of its text, as the new content of `folder`; return their number.

    They are readable by their owner only. Until all are written `folder` is as it was. Raises `PlanFileError`.
    """
    check_site_folder(folder)
    try:
        make_private_directory(folder.absolute().parent)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.absolute().parent) as scratch:
            made = Path(scratch, "new")
            made.mkdir(mode=0o700)
            mark = json.dumps({"format": _FORMAT, "format_version": FORMAT_VERSION}) + "\n"
            count = 0
            for name, pieces in ((MARK, (mark,)), *files):
                _write(made / name, pieces)
                count += 1
            _put_in_place(made, folder, Path(scratch, "old"))
            return count
    except OSError as exc:
        raise _write_error(folder, exc) from exc


def _write(file: Path, pieces: Iterable[str]) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as opened:
        opened.writelines(pieces)


def _put_in_place(made: Path, folder: Path, aside: Path) -> None:
    """Rename the new folder to its place; what was there is looked at again, and goes with the scratch directory."""
    check_site_folder(folder)
    if folder.is_dir():
        folder.rename(aside)
    try:
        made.rename(folder)
    except OSError:
        if aside.is_dir():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _write_error(folder: Path, exc: OSError) -> PlanFileError:
    return PlanFileError(
        f"cannot write {folder}: {describe_os_error(exc)}", advise(exc, "Choose another path for the report.")
    )
