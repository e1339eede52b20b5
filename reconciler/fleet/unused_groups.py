"""Groups that no tenant is in: their files are checked as far as they can be without a tenant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.tenant_names import is_tenant_name
from reconciler.desired import schema
from reconciler.desired.diagnostic_list import DiagnosticList, add_source_lines
from reconciler.desired.file_content import find_foreign_content
from reconciler.desired.final_keys import take_final
from reconciler.desired.fleet_files import read_bounded
from reconciler.desired.layout import GROUPS, TOP_FILES
from reconciler.desired.validation import validate, validate_part
from reconciler.desired.yaml_reader import Report, read_items, read_mapping
from reconciler.desired.yaml_text import MAX_BYTES
from reconciler.fleet.model import Fleet


def find_errors_of_unused(fleet: Fleet) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the files of the groups that no tenant is in, with source lines."""
    found = DiagnosticList()
    for folder in _list_unused(fleet):
        for name in TOP_FILES:
            if os.path.lexists(fleet.root / folder / name):
                _check(fleet.root, f"{folder}/{name}", found.report)
    return add_source_lines(found.collect(), fleet.root)


def _list_unused(fleet: Fleet) -> Iterator[str]:
    used = {tenant.group for tenant in fleet.tenants}
    top = fleet.root / GROUPS
    if top.is_dir() and not top.is_symlink():
        for path in sorted(top.iterdir()):
            if is_tenant_name(path.name) and path.name not in used and path.is_dir() and not path.is_symlink():
                yield f"{GROUPS}/{path.name}"


def _check(root: Path, name: str, report: Report) -> None:
    content = read_bounded(root / name, name, MAX_BYTES, report)
    if content is None:
        return
    foreign = find_foreign_content(content)
    if foreign is not None:
        report(error(foreign.summary, foreign.detail, Origin(name, foreign.line, 1)))
    elif name.endswith("/mappings.yaml"):
        for row in read_items(content, name, report, lambda: "Write its rows, or remove the file."):
            validate(row, schema.MappingEntry, report)
    else:
        _check_mapping(content, name, report)


def _check_mapping(content: bytes, name: str, report: Report) -> None:
    node = read_mapping(content, name, report, lambda: "Write `{}` if it has no keys, or remove the file.")
    if node is None:
        return
    if name.endswith("/settings.yaml"):
        rest, _ = take_final(node, report)
        validate_part(rest, schema.Settings, report)
    else:
        validate_part(node, schema.ScopeEntry, report)
