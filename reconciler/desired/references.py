"""Check references to users and groups: a misspelt one would drop users from the scope, or exclude no one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.characters import find_deceptive_character
from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.scope import CompiledScope

Reference = tuple[str, Origin | None]
"""The name of a user or a group, and the origin of the reference."""

_MAX_SINGLE = 3
"""Beyond this many unknown names in one file, they are one error."""
_MAX_HINTED = 5_000
"""Beyond this many names none is suggested: a hundred take a millisecond."""
_MAX_KEYS = 100
"""Lines of an entry that are searched for its userPrincipalName."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is referenced, the part of the desired state that defines it, and what to do about an unknown name."""

    noun: str
    part: str
    advice: str
    suggest: Callable[[str, Collection[str]], str | None]
    entries: Mapping[str, Origin] = field(default_factory=dict)
    """Where the entries are that define the known names."""


def check_references(directory: Directory, scope: CompiledScope, names: Mapping[str, Origin]) -> None:
    """Report references of scope.yaml and groups to unknown groups, and to users not among `names`.

    `names`: the case-folded names of users with the origins of their entries.
    """
    check_group_references(directory, scope)
    kind = _Kind("user", "users", "Add the user to a file in users/, or correct the name.", _suggest_user, names)
    _check(directory, scope.users, names, kind)


def check_group_references(directory: Directory, scope: CompiledScope) -> None:
    """Report references of scope.yaml and groups to unknown groups."""
    kind = _Kind("group", "groups", "Add it to groups/, or correct the name.", _suggest_group)
    _check(directory, scope.group_references, scope.groups, kind)


def _check(directory: Directory, references: Sequence[Reference], known: Collection[str], kind: _Kind) -> None:
    """Report references to unknown names, unless files that may define them were not read."""
    if kind.part in directory.unread:
        return  # reported; to remove a reference would be the wrong advice
    rejected = directory.list_rejected_names()
    unknown = [
        (name, origin)
        for name, origin in references
        if fold_case(name) not in known and fold_case(name) not in rejected
    ]
    if unknown and kind.part in directory.unseen:
        what = pluralize(len(unknown), f"{kind.noun} that is referenced", f"{kind.noun}s that are referenced")
        summary = f"{what}, and in no file that was read: {format_names([name for name, _ in unknown])}"
        detail = f"Files of {kind.part}/ are not in the work tree, see the warning: restore or remove these first."
        directory.report(error(summary, detail, unknown[0][1]))
        return
    by_file: dict[str, list[Reference]] = {}
    for reference in unknown:
        by_file.setdefault(reference[1].file if reference[1] else "", []).append(reference)
    for references_of_file in by_file.values():
        if len(references_of_file) > _MAX_SINGLE:
            directory.report(_diagnose_many(references_of_file, kind))
            continue
        for name, origin in references_of_file:
            directory.report(_diagnose(directory, name, origin, known, kind))


def _diagnose_many(unknown: Sequence[Reference], kind: _Kind) -> Diagnostic:
    """Return one error for many unknown names in one file: their own file is often missing or misnamed."""
    summary = f"{len(unknown):,} {kind.noun}s of this file do not exist: {format_names([name for name, _ in unknown])}"
    return error(summary, f"Is a file missing in {kind.part}/? {kind.advice}", unknown[0][1])


def _diagnose(
    directory: Directory, name: str, origin: Origin | None, known: Collection[str], kind: _Kind
) -> Diagnostic:
    """Return the error about an unknown name. Of two names that differ by a mistake, either can be the wrong one."""
    summary = f"there is no {kind.noun} {quote(name)}"
    if " - " in name and origin is not None:
        detail = "Items of one list begin in the same column: this one is read as a part of the one before."
        return error("a list item is indented more than the one before", detail, _locate_item(directory, origin))
    if any(map(str.isspace, name)) and name.split(maxsplit=1)[0] in known:
        return error(summary, "If these are several names, write each on its own line with a dash before it.", origin)
    near = kind.suggest(fold_case(name), known)
    if near is None or near not in kind.entries:
        return error(summary, f"Did you mean {near}?" if near else kind.advice, origin)
    there = _locate_name(directory, kind.entries[near], near)
    odd = find_deceptive_character(near)
    if odd is not None:
        at = there if there == kind.entries[near] else replace(there, column=there.column + odd.position)
        detail = f"{origin} names {shorten(name, 80)}. Type the name again without this character."
        return error(f"userPrincipalName contains the character {odd.text}", detail, at)
    return error(summary, f"{there} has {shorten(near, 80)}: correct the one that is wrong.", origin)


def _locate_item(directory: Directory, item: Origin) -> Origin:
    """Return the place of the dash that is a part of the list item at `item`; the item's if it is not found."""
    lines = _read_lines(directory, item)
    for number, line in enumerate(lines[item.line : item.line + _MAX_KEYS], item.line + 1):
        if line.lstrip().startswith("- "):
            return Origin(item.file, number, len(line) - len(line.lstrip()) + 1)
    return item


def _read_lines(directory: Directory, place: Origin) -> list[str]:
    try:
        return (directory.root / place.file).read_text("utf-8").split("\n")
    except (OSError, ValueError):
        return []


def _locate_name(directory: Directory, entry: Origin, name: str) -> Origin:
    """Return the place of the userPrincipalName `name` in the entry at `entry`; the entry's if it is not found."""
    lines = _read_lines(directory, entry)
    for number, line in enumerate(lines[entry.line - 1 : entry.line - 1 + _MAX_KEYS], entry.line):
        column = line.casefold().find(name) if "userPrincipalName" in line else -1
        if column >= 0:
            return Origin(entry.file, number, column + 1)
    return entry


def _suggest_group(name: str, known: Collection[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, 1)), None)


def _suggest_user(name: str, known: Collection[str]) -> str | None:
    """Return the name that `name` probably misspells, by the part before the @ or the one after.

    Not by both: a shared domain makes all names look alike.
    """
    local, at, domain = name.partition("@")
    if len(known) > _MAX_HINTED:
        return None
    if not at:
        return None
    parts = [(other, *other.partition("@")[::2]) for other in known]
    locals_ = {other_local: other for other, other_local, other_domain in parts if other_domain == domain}
    near = difflib.get_close_matches(local, locals_, 1, cutoff=0.8)
    if near:
        return locals_[near[0]]
    domains = {other_domain: other for other, other_local, other_domain in parts if other_local == local}
    near = difflib.get_close_matches(domain, domains, 1, cutoff=0.8)
    return domains[near[0]] if near else None
