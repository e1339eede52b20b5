"""The first line of a file of the desired state, by which editors find its JSON Schema: a relative path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from reconciler.desired.layout import EDITOR_COMMENT

_SCHEMAS = "schemas"
_ABOVE = 2
"""How many folders above a desired state may have the schemas: its repository, and the fleet of a tenant."""
_OF_FLEETS = {"settings": "tenant-settings", "scope": "layer-scope"}
"""The schemas of files that layers complete, where a fleet has no other."""
_BOM = b"\xef\xbb\xbf"
_RELATIVE = re.compile(rb"^" + re.escape(EDITOR_COMMENT).encode() + rb"[ ]*\$schema=\.[^\n]*\n", re.MULTILINE)


def find_schema(root: Path, folder: str) -> Path | None:
    """Return the absolute path of the schema of a file at the top of the desired state `root`, or of those of a folder.

    None if it is neither in the desired state, nor in its repository or the fleet of a tenant.
    """
    kind = folder.removesuffix(".yaml")
    here = Path(os.path.abspath(root))  # noqa: PTH100 - `..` of a path through a link is what an editor makes of it
    for place in (here, *here.parents[:_ABOVE]):
        for name in (kind, _OF_FLEETS.get(kind, kind)):
            if (path := place / _SCHEMAS / f"{name}.json").is_file():
                return path
        if (place / ".git").exists():
            return None
    return None


def build_editor_line(root: Path, name: str) -> str:
    """Return the first line of the file `name` of a desired state, with its line break; "" if there is no schema."""
    schema = find_schema(root, name.partition("/")[0])
    if schema is None:
        return ""
    folder = os.path.abspath((root / name).parent)  # noqa: PTH100 - as in `find_schema`
    return f"{EDITOR_COMMENT} $schema={Path(os.path.relpath(schema, folder)).as_posix()}\n"


def replace_editor_line(content: bytes, line: str) -> bytes:
    """Return the content of a file that is copied elsewhere, with the line that it needs there; a URL stays."""
    text = content.removeprefix(_BOM)
    if EDITOR_COMMENT.encode() in text and not _RELATIVE.search(text):
        return content
    return line.encode() + _RELATIVE.sub(b"", text, count=1)
