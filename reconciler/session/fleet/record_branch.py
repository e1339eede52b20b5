"""The record branch of a fleet: one for all tenants, named once, in the defaults."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.model import Diagnostic, Severity
from reconciler.desired.fleet_files import read_bounded
from reconciler.desired.layout import DEFAULTS
from reconciler.desired.schema import RecordSettings
from reconciler.desired.validation import validate
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import read_document
from reconciler.errors import FleetError

_FILE = f"{DEFAULTS}/settings.yaml"
_MAX_BYTES = 16 * 1024 * 1024


def read_record_branch(root: Path) -> str | None:
    """Return `record.branch` of defaults/settings.yaml; None if it names none, or there is no such file.

    Raises `FleetError` if the file cannot be read: an unseen history would lift the guards that rest on it.
    """
    path = root / _FILE
    if not path.is_symlink() and not path.exists():
        return None
    problems: list[Diagnostic] = []
    content = read_bounded(path, _FILE, _MAX_BYTES, problems.append)
    node = read_document(content, _FILE, problems.append) if content is not None else None
    record = node.get("record") if isinstance(node, YamlMapping) else None
    found = validate(record, RecordSettings, problems.append) if isinstance(record, YamlMapping) else None
    wrong = next((each for each in problems if each.severity is Severity.ERROR), None)
    if wrong is not None:
        place = f" ({wrong.origin})" if wrong.origin is not None else ""
        raise FleetError(f"{_FILE}: {wrong.summary}{place}", "`reconciler fleet validate` lists all errors.")
    return found.value.branch if found is not None else None
