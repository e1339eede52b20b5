"""Check tenants of a fleet one after another: what is wrong with each, by names relative to the root of the fleet."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from posixpath import join, normpath
from typing import Any

from reconciler.core.model import Diagnostic
from reconciler.desired.directory import Directory
from reconciler.desired.layers import is_layer
from reconciler.desired.loader import BrokenState, Preparation, prepare_directory
from reconciler.fleet.model import Tenant


@dataclass(frozen=True, slots=True)
class TenantFindings:
    """What is wrong with a tenant, each diagnostic once. `is_broken`: it cannot be planned."""

    tenant: str
    diagnostics: tuple[Diagnostic, ...]
    is_broken: bool


def check_tenants(
    root: Path, tenants: Sequence[Tenant], now: datetime, *, share: bool = True
) -> Iterator[TenantFindings]:
    """Check each tenant as `validate` does; yield those of which there is something to say.

    `share`: layers are read once for all of them. What is found is the same. Which files there should be is not asked
    of git here: once for the fleet is enough (`validation`).
    """
    shared: dict[Hashable, tuple[Any, Any]] | None = {} if share else None
    for tenant in tenants:
        directory = Directory(root / tenant.folder, shared=shared)
        found = prepare_directory(directory, now, None, checked_out=False)
        content = found.check_users(checked_out=False) if isinstance(found, Preparation) else found
        is_broken = isinstance(content, BrokenState)
        if content.diagnostics or is_broken:
            names = _compile_names(directory.digests)
            placed = dict.fromkeys(_place(item, tenant.folder, names) for item in content.diagnostics)
            yield TenantFindings(tenant.name, tuple(placed), is_broken)


def _compile_names(names: Collection[str]) -> re.Pattern[str]:
    """Return the pattern of the names of files in a text: with a line, or below a folder.

    Not those in a command, which is about the folder that it names.
    """
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)"
    return re.compile(rf"(`[^`]*`)|(?<![\w./-])(?:({known})(?=:[0-9])|((?:users|groups)/[^`]*)(?<=\.yaml)(?![\w/-]))")


def _place(item: Diagnostic, folder: str, names: re.Pattern[str]) -> Diagnostic:
    """Return a diagnostic with all names relative to the root of the fleet.

    The same error of a layer is the same diagnostic then, whichever tenant it was found in.
    """

    def place(found: re.Match[str]) -> str:
        return found[0] if found[1] else normpath(join(folder, found[0]))

    summary, detail = (names.sub(place, text) if ".yaml" in text else text for text in (item.summary, item.detail))
    if item.origin is None:
        return replace(item, summary=summary, detail=detail)
    file = normpath(join(folder, item.origin.file))
    address = None if is_layer(item.origin.file) else item.address
    return replace(item, summary=summary, detail=detail, origin=replace(item.origin, file=file), address=address)
