"""The directory of the record on disk: list its files, and merge another copy into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.errors import PlanFileError
from reconciler.record.files import read_file
from reconciler.record.layout import RECEIPT, is_refusal
from reconciler.record.merge import RECORD_FILES, merge_file


def read_record_files(plans: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of the record in `plans`, without links and plans that have no receipt.

    Raises `PlanFileError` if one cannot be read.
    """
    for path in sorted(plans.glob("refusal*.json")):
        if is_refusal(path.name) and _is_file(path):
            yield path.name, read_file(path)
    for receipt in sorted(plans.rglob(RECEIPT)):
        for name in RECORD_FILES:
            path = receipt.with_name(name)
            if receipt.parent != plans and _is_file(path):
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
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(merge_file(name, path.read_bytes(), content) if path.exists() else content)
        except OSError as exc:
            raise PlanFileError(f"cannot write {path}: {exc.strerror}", "Check TMPDIR and the space there.") from exc
