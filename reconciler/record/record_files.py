"""The directory of the record on disk: list its files, and merge another copy into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import PlanFileError
from reconciler.record.files import make_private_directory, read_file
from reconciler.record.layout import RECEIPT, is_notified, is_refusal
from reconciler.record.merge import RECORD_FILES, is_record_file, merge_file


def list_receipts(plans: Path) -> list[Path]:
    """Return the receipts below `plans`, as `list_receipt_files`."""
    return [Path(file) for file in list_receipt_files(plans)]


def list_receipt_files(plans: Path) -> list[str]:
    """Return the receipts below `plans`, sorted; none if there is no such directory. Links are not followed.

    As text: there are very many, and making a `Path` takes a third of the time of finding the file.

    Raises `PlanFileError` if a directory cannot be listed: an unreadable record is not an empty one.
    """
    found: list[str] = []
    folders = [os.fspath(plans)]
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == RECEIPT:
                        # A directory of that name is one that cannot be read as a receipt.
                        found.append(folder)
                    if _is_directory(entry):
                        folders.append(entry.path)
        except OSError as exc:
            _raise_unless_absent(plans, exc)
    return sorted((f"{folder}{os.sep}{RECEIPT}" for folder in found), key=_by_parts)


def _by_parts(file: str) -> str:
    """Return what sorts a file as its path: by one part after another."""
    return file.replace(os.sep, "\0")


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _raise_unless_absent(plans: Path, exc: OSError) -> None:
    if exc.filename == str(plans) and isinstance(exc, FileNotFoundError):
        return
    detail = "Check that it is a directory, and its permissions: without the record no apply is safe."
    raise PlanFileError(f"cannot list {exc.filename}: {describe_os_error(exc)}", advise(exc, detail)) from exc


def read_record_files(plans: Path, is_wanted: Callable[[str], bool] = is_record_file) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of the record in `plans`, without links and plans that have no receipt.

    Only those whose names are wanted.

    Raises `PlanFileError` if one cannot be read.
    """
    for path in sorted((*plans.glob("notified*.json"), *plans.glob("refusal*.json"))):
        if (is_notified(path.name) or is_refusal(path.name)) and _is_file(path):
            yield path.name, read_file(path)
    for receipt in list_receipts(plans):
        for name in RECORD_FILES:
            path = receipt.with_name(name)
            if not is_wanted(path.relative_to(plans).as_posix()):
                continue
            # Anything else in place of a receipt is an error, not an apply less.
            wanted = _is_file(path) or (path == receipt and not path.is_symlink())
            if receipt.parent != plans and wanted:
                yield path.relative_to(plans).as_posix(), read_file(path)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def merge_into(files: Iterable[tuple[str, bytes]], into: Path) -> None:
    """Merge files of the record into the directory `into`. Raises `PlanFileError` if one cannot be written.

    A later file of the same name is a later copy.
    """
    for name, content in files:
        path = into / name
        try:
            make_private_directory(path.parent)
            path.write_bytes(merge_file(name, path.read_bytes(), content) if path.exists() else content)
        except OSError as exc:
            raise PlanFileError(
                f"cannot write {path}: {describe_os_error(exc)}", advise(exc, "Check TMPDIR and the space there.")
            ) from exc
