"""Check that no receipt is missing or damaged. A lost receipt does not mean that nothing was applied.

An apply that is killed before the first line of its receipt has sent nothing. It leaves a directory without a receipt,
an empty receipt, or the beginning of one line, and none of these may block the next apply. They are evidence of a loss
only if the receipt had lines before: its page was made from them, git has it, or it was pushed to the record branch.

So it is with lines at the end: a receipt of an apply that was killed has no last line and no page. One has lost lines
if its page was made of more, or git has more.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.core.text import quote
from reconciler.errors import PlanFileError, RepositoryError
from reconciler.git.cut_files import find_shortened_files
from reconciler.git.index import list_blobs
from reconciler.record.kept_parts import RecordStore, make_prefix
from reconciler.record.layout import PAGE, PLAN, RECEIPT, is_record
from reconciler.record.outlines import Outlines, ReceiptOutline, parse_lines, read_outlines
from reconciler.record.page_head import PageHead, read_page_head


def check_receipts(plans: Path, store: RecordStore | None = None) -> Outlines:
    """Check the receipts below the directory `plans`; return their outlines. `store`: as for `read_outlines`.

    Raises `PlanFileError` for one that is damaged or lost, `RepositoryError` if git cannot tell whether it is.
    """
    outlines = read_outlines(plans, store)
    without_lines = [*(outline.path for outline in outlines if outline.is_empty), *_find_missing(plans, outlines)]
    if without_lines:
        _check_loss(plans, without_lines)
    ours = os.fspath(plans)
    _check_tails(plans, [outline for outline in outlines if not outline.is_empty and outline.directory != ours])
    return outlines


def _check_tails(plans: Path, outlines: Iterable[ReceiptOutline]) -> None:
    """Raise `PlanFileError` if one of these receipts had more lines before, or lines of another one."""
    unvouched, prefix = [], make_prefix(plans)
    for outline in outlines:
        if outline.is_mixed:
            raise _build_tail_error(plans, outline.path, "the receipt has lines of several plans")
        page = read_page_head(outline.name_beside(PAGE))
        if page is not None and (lost := _describe_loss(outline, page)):
            raise _build_tail_error(plans, outline.path, f"{lost} {PAGE} in the same directory lists", page=True)
        if page is None or not page.vouches:
            unvouched.append(outline.file.removeprefix(prefix))
    # If git cannot tell, there is no proof of a loss.
    with suppress(RepositoryError):
        for name in find_shortened_files(plans, (".",), unvouched):
            raise _build_tail_error(plans, plans / name, "the receipt has fewer lines than git has")


def _describe_loss(outline: ReceiptOutline, page: PageHead) -> str:
    """Return what of the page the receipt does not have; empty if it has all."""
    if page.lines is not None and outline.lines < page.lines:
        return f"the receipt has {outline.lines:,} of the {page.lines:,} lines that"
    ended = sum(run.ended is not None for run in outline.runs)
    quarantined = sum(run.how == "quarantined" for run in outline.runs)
    if len(outline.runs) < page.applies or ended < page.ended:
        return "the receipt lacks the end of an apply that"
    return "the receipt lacks the quarantine that" if quarantined < page.quarantined else ""


def _build_tail_error(plans: Path, path: Path, what: str, *, page: bool = False) -> PlanFileError:
    how = ""
    with suppress(RepositoryError):
        name = path.relative_to(plans).as_posix()
        if name in list_blobs(plans, (name,)):
            how = f" (`{shlex.join(['git', '-C', str(plans), 'checkout', 'HEAD', '--', name])}`)"
    remove = f", then delete the page: {shlex.join(['rm', str(path.with_name(PAGE))])}" if page else ""
    otherwise = f"\nIf there is no copy, check at the target what became of its users{remove}" if page else ""
    return PlanFileError(
        f"{path}: {what}",
        f"Without the record no apply is safe. Restore the file from git{how} or from the record branch.{otherwise}",
    )


def _check_loss(plans: Path, without_lines: Iterable[Path]) -> None:
    """Raise `PlanFileError` if one of these receipts had lines before."""
    for path in without_lines:
        if path.parent != plans and path.with_name(PAGE).exists():
            raise _build_error(path, f"{PAGE} in the same directory lists its applies")
    tracked = list_blobs(plans, (".",))
    for path in without_lines:
        name = path.relative_to(plans).as_posix()
        if name in tracked:
            command = shlex.join(["git", "-C", str(plans), "checkout", "HEAD", "--", name])
            raise _build_error(path, "git has it", f" (`{command}`)")


def _find_missing(plans: Path, outlines: Iterable[ReceiptOutline]) -> list[Path]:
    """Return the paths of missing receipts: of directories that have the plan of an apply, but no receipt."""
    known = {outline.directory for outline in outlines}
    try:
        with os.scandir(plans) as entries:
            rest = sorted(entry.path for entry in entries if entry.path not in known and is_record(entry.name))
    except FileNotFoundError:
        return []
    return [Path(each, RECEIPT) for each in rest if _lacks_receipt(Path(each))]


def _lacks_receipt(directory: Path) -> bool:
    return (directory / PLAN).exists() and not (directory / RECEIPT).exists()


def _build_error(path: Path, why: str, how: str = "") -> PlanFileError:
    what = f"{path}:1: the receipt has no complete line" if path.exists() else f"the receipt {path} is missing"
    return PlanFileError(
        f"{what}, although {why}",
        f"Without the record no apply is safe. Restore the file from git{how} or from the record branch.\n"
        f"If you know that nothing was applied: {shlex.join(['rm', '-r', str(path.parent)])}",
    )


def check_branch_files(files: Iterable[tuple[str, bytes]], branch: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the record branch again. Raises `PlanFileError` for a receipt that is damaged.

    Receipts without a complete line are not pushed.
    """
    for name, content in files:
        if name.endswith(f"/{RECEIPT}"):
            where = f"{name} on the record branch {quote(branch)}"
            if not sum(1 for _ in parse_lines(content, where)):
                detail = (
                    "Without the record no apply is safe. Restore the file with a commit on the branch. If you know\n"
                    "that nothing was applied, delete its directory there."
                )
                raise PlanFileError(f"{where}:1: the receipt has no complete line", detail)
        yield name, content
