"""How far the applies of a fleet have come: `fleet/applied.json` of its record, the base of the next apply.

`commit` is the newest one whose results were gathered; `open` are the tenants whose apply was not complete since, so
that a run that failed or died loses none. Absence decides nothing: without the file, all tenants are applied.
What guards count of an open tenant is kept with it: a change that was stopped must not pass because it is recorded.
`due` are the tenants in which a drift run found changes that wait for an apply: a date passes without a commit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import to_ascii_json
from reconciler.errors import PlanFileError
from reconciler.fleet.model import MAX_TENANTS
from reconciler.record.files import read_file, write_text

APPLIED = "applied"
"""The word for this base: `--base applied`. A branch of this name is called refs/heads/applied."""
FOLDER, FILE = "fleet", "applied.json"
FORMAT_VERSION = 1
_MAX_BYTES = 4 * 1024 * 1024
_LISTS = ("open", "new", "unproven")
_DUE = "due"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REPAIR = "Restore it from the record, or remove it: then all tenants are applied."


@dataclass(frozen=True, slots=True)
class AppliedFleet:
    """The commit that was applied, and the tenants that are open.

    Of these, `new`: never applied completely. `unproven`: changed by something shared that no canary has proven.
    `due`: tenants with changes that waited for an apply when drift was looked for, open or not.
    """

    commit: str
    open: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    due: tuple[str, ...] = ()


def name_applied(root: Path) -> Path:
    """Return where the file of a fleet is."""
    return root / FOLDER / FILE


def read_applied(root: Path) -> AppliedFleet | None:
    """Read the file; None if there is none. Raises `PlanFileError` if it is none of ours."""
    path = name_applied(root)
    if not os.path.lexists(path):
        return None
    try:
        found = json.loads(read_file(path, _MAX_BYTES))
    except (ValueError, RecursionError) as exc:
        raise PlanFileError(f"{FOLDER}/{FILE} is not JSON", _REPAIR) from exc
    if not _is_valid(found):
        raise PlanFileError(f"{FOLDER}/{FILE} is of another version, or has an invalid field", _REPAIR)
    lists = {key: tuple(found.get(key, ())) for key in (*_LISTS, _DUE)}
    return AppliedFleet(found["commit"], **lists)


def _is_valid(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() - {_DUE} == {"format_version", "commit", *_LISTS}
        and found["format_version"] == FORMAT_VERSION
        and isinstance(found["commit"], str)
        and _COMMIT.fullmatch(found["commit"]) is not None
        and all(_are_names(found[key]) for key in _LISTS)
        and _are_names(found.get(_DUE, []))
        and {*found["new"], *found["unproven"]} <= set(found["open"])
    )


def _are_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_TENANTS
        and all(isinstance(name, str) and is_tenant_name(name) for name in value)
    )


def write_applied(
    root: Path,
    commit: str,
    left_open: Collection[str],
    new: Collection[str] = (),
    unproven: Collection[str] = (),
    *,
    due: Collection[str] = (),
) -> None:
    """Write the file; of `new` and `unproven` the tenants that are open. Raises `PlanFileError`."""
    lists = {"open": left_open, "new": set(new) & set(left_open), "unproven": set(unproven) & set(left_open)}
    names = {**{key: sorted(lists[key]) for key in _LISTS}, _DUE: sorted(due)}
    content = {"format_version": FORMAT_VERSION, "commit": commit, **names}
    write_text(name_applied(root), to_ascii_json(content, indent=1) + "\n")
