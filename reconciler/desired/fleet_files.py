"""Read fleet.yaml and tenant.yaml, each error with its origin."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reconciler.core.model import Origin, error
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.desired.file_content import find_foreign_content
from reconciler.desired.fleet_schema import FleetEntry, TenantEntry
from reconciler.desired.layout import FLEET_FILE, TENANT_FILE
from reconciler.desired.validation import LocatedModel, Model, validate
from reconciler.desired.yaml_reader import Report, read_mapping

MAX_FLEET_BYTES = 4 * 1024 * 1024
MAX_TENANT_BYTES = 64 * 1024

_WORD = r"[A-Za-z][A-Za-z0-9_./-]*"
_LIST = rf"\[{_WORD}(?:, {_WORD})*\]"
_PLAIN = re.compile(
    rf"(?:(?:group|wave): {_WORD}\n|domains: {_LIST}\n|domains:\n(?:  - {_WORD}\n)+"
    rf"|labels:\n(?:  {_WORD}: {_WORD}\n)+|#[ -~]*\n)*"
)
"""A tenant.yaml that needs no YAML parser: keys at their usual places, values of letters that are text as they are."""
_NOT_TEXT = frozenset({"null"})
"""Words of which the parser warns."""


def read_bounded(path: Path, name: str, limit: int, report: Report) -> bytes | None:
    """Return the bytes of a regular file of at most `limit` bytes; None, with an error, if it cannot be read.

    A link is not followed: it could point anywhere on the machine.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                report(error("not a regular file", "Only regular files are read.", Origin(name, 1, 1)))
                return None
            content = os.read(handle, limit + 1)
        finally:
            os.close(handle)
    except OSError as exc:
        if path.is_symlink():
            report(error("a link", "Put the file itself here: links are not followed.", Origin(name, 1, 1)))
        else:
            detail = advise(exc, "Check that it exists and is readable.")
            report(error(f"cannot be read: {describe_os_error(exc)}", detail, Origin(name, 1, 1)))
        return None
    if len(content) > limit or len(content) < status.st_size:
        report(error(f"larger than {limit // 1024:,} KiB", "Make the file smaller.", Origin(name, 1, 1)))
        return None
    return content


def parse_fleet(content: bytes, report: Report, name: str = FLEET_FILE) -> LocatedModel[FleetEntry] | None:
    """Parse fleet.yaml; None if it is invalid, with each error reported at its origin."""
    return _parse(content, name, FleetEntry, "write at least `tenants: tenants/*`", report)


def parse_tenant(content: bytes, report: Report, name: str = TENANT_FILE) -> LocatedModel[TenantEntry] | None:
    """Parse tenant.yaml; None if it is invalid, with each error reported at its origin."""
    return _parse(content, name, TenantEntry, "write at least `domains: [example.com]`", report)


def parse_plain_tenant(content: bytes) -> TenantEntry | None:
    """Parse a tenant.yaml of the plainest form, as `parse_tenant` does; None if that has to."""
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not text or _PLAIN.fullmatch(text) is None:
        return None
    found = _read_plain(text)
    try:
        return TenantEntry.model_validate(found) if found else None
    except ValidationError:
        return None


def _read_plain(text: str) -> dict[str, Any] | None:
    """Return the values of the lines that `_PLAIN` accepts; None if a key is there twice, or a word is special."""
    found: dict[str, Any] = {}
    inner: Any = None
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("  - "):
            inner.append(line[4:])
            continue
        key, _, value = line.strip().partition(":")
        holder = inner if line.startswith(" ") else found
        if key in holder:
            return None
        if holder is inner:
            inner[key] = value[1:]
        elif value:
            found[key] = value[2:-1].split(", ") if value.startswith(" [") else value[1:]
        else:
            inner = found[key] = {} if key == "labels" else []
    return None if _NOT_TEXT.intersection(re.findall(_WORD, text)) else found


def _parse(content: bytes, name: str, model: type[Model], least: str, report: Report) -> LocatedModel[Model] | None:
    foreign = find_foreign_content(content)
    if foreign is not None:
        report(error(foreign.summary, foreign.detail, Origin(name, foreign.line, 1)))
        return None
    node = read_mapping(content, name, report, lambda: f"Restore it if its content was lost. Otherwise {least}.")
    return validate(node, model, report) if node is not None else None


def names_tenant(entry: FleetEntry, parent: str, name: str) -> bool:
    """Whether `tenants` of fleet.yaml names the folder PARENT/NAME."""
    return not entry.places.isdisjoint({(parent, "*"), (parent, name)})
