"""Render diagnostics as SARIF 2.1.0, for code scanning and editors. Pure.

Locations are relative to the root of the repository, as GitHub's code scanning needs them. Columns count characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any
from urllib.parse import quote as quote_uri

from reconciler import __version__
from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_control, shorten
from reconciler.desired.layout import FOLDERS, TOP_FILES
from reconciler.record.plan_file import json_text

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE = "%SRCROOT%"
_LONGEST = 1_000
_RULES = {
    "settings": "settings.yaml has a problem.",
    "scope": "scope.yaml has a problem.",
    "mappings": "mappings.yaml has a problem.",
    "users": "A file of users has a problem.",
    "groups": "A file of groups has a problem.",
    "layout": "The directory of the desired state has a problem.",
}
"""One rule for each part of the desired state: `ruleId` and its description."""
_HELP = "Run `reconciler validate` for the line and how to fix it. Every key is described in docs/desired-state.md."


def render_sarif(diagnostics: Sequence[Diagnostic], folder: str) -> str:
    """Render one run. `folder`: the directory of the desired state, relative to the root of the repository."""
    driver = {
        "name": "Reconciler",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {
                "id": rule,
                "name": f"{rule.capitalize()}Problem",
                "shortDescription": {"text": text},
                "fullDescription": {"text": text},
                "help": {"text": _HELP},
                "defaultConfiguration": {"level": "error"},
            }
            for rule, text in _RULES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_BASE: {"description": {"text": "The root of the repository."}}},
        "results": [_result(item, folder) for item in diagnostics],
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _result(item: Diagnostic, folder: str) -> dict[str, Any]:
    rule = _find_rule(item)
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": "error" if item.severity is Severity.ERROR else "warning",
        "message": {"text": _message(item)},
        "locations": [{"physicalLocation": _location(item, folder)}],
    }


def _find_rule(item: Diagnostic) -> str:
    file = PurePosixPath(item.origin.file if item.origin is not None else "")
    # A file of a layer is of the kind of its name.
    first = file.name if ".." in file.parts else next(iter(file.parts), "")
    known = first in FOLDERS or first in TOP_FILES
    return first.removesuffix(".yaml") if known else "layout"


def _message(item: Diagnostic) -> str:
    """Return the text of the message. A link of SARIF (`[text](target)`) in a value is none afterwards."""
    lines = [item.summary, *item.detail.split("\n")]
    text = "\n".join(escape_control(shorten(line, _LONGEST)) for line in lines if line)
    return text.replace("](", "] (")


def _location(item: Diagnostic, folder: str) -> dict[str, Any]:
    """Return the place. Code scanning requires one: a diagnostic without one is at the first line of settings.yaml."""
    origin = item.origin
    path = PurePosixPath(folder) / (origin.file if origin is not None and origin.file else TOP_FILES[0])
    region = {"startLine": max(origin.line, 1), "startColumn": max(origin.column, 1)} if origin else {"startLine": 1}
    name = normpath(path) if ".." in path.parts else str(path)
    uri = quote_uri(name, errors="backslashreplace")
    return {"artifactLocation": {"uri": uri, "uriBaseId": _BASE}, "region": region}
