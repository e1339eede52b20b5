"""The change of an import, as one job of a workflow hands it to another: whole files of the desired state, by name.

The job that writes it holds a token of the directory, the one that reads it may write to the repository. It is no patch
for `git apply`: it holds names and text, so no link, no mode and no path outside of the desired state can be in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from reconciler.core.text import quote, shorten, to_ascii_json
from reconciler.desired.directory import Directory
from reconciler.desired.layout import is_read, is_utf8
from reconciler.desired.yaml_text import MAX_BYTES
from reconciler.errors import SourceError
from reconciler.git.commits import Commits

FORMAT_VERSION = "1.0"
MAX_PATCH = 256 * 1024 * 1024
_MAX_FILES = 20_000
_LONGEST_NAME = 500
_LONGEST_PART = 200
"""Bytes; file systems have 255, and a file is written under a longer name first."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_KEYS = {"format_version", "base", "files"}
_WAY_OUT = "Nothing was changed. Run the workflow `import` again."


@dataclass(frozen=True, slots=True)
class ImportPatch:
    """`files`: new contents by name in the desired state, None: the file is deleted. `base`: the commit before."""

    base: str
    files: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The same for the same files, whatever the base: by it an import is recognised."""
        content = json.dumps(self.files, sort_keys=True)
        return f"sha256:{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()}"

    @property
    def contents(self) -> dict[str, bytes | None]:
        """The files as bytes."""
        return {name: None if text is None else text.encode() for name, text in self.files.items()}


def make_patch(state: Path) -> ImportPatch:
    """Return what differs between the files of the desired state and the commit that is checked out.

    Raises `SourceError` if a file is not text, `RepositoryError` if git cannot tell.
    """
    here = dict(Directory(state).read_contents())
    with Commits(state) as repository:
        base = repository.resolve("HEAD")
        blobs = {name: blob for name, blob in repository.list_files(base).items() if is_read(name)}
        there = {name: repository.read_blob(blob) for name, blob in blobs.items()}
    changed = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    return ImportPatch(base, {name: _decode(name, here.get(name)) for name in changed})


def _decode(name: str, content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise SourceError(f"{quote(name)} is not UTF-8 text", _WAY_OUT) from exc


def write_patch(patch: ImportPatch) -> str:
    """Return the patch as JSON."""
    return to_ascii_json({"format_version": FORMAT_VERSION, "base": patch.base, "files": dict(patch.files)}, indent=1)


def read_patch(content: bytes) -> ImportPatch:
    """Read a patch. Raises `SourceError` if it is anything but files of the desired state, and text."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise _refuse("it is not JSON") from exc
    if not isinstance(document, dict) or document.keys() != _KEYS:
        raise _refuse(f"it is not an object with the keys {', '.join(sorted(_KEYS))}")
    base, files = document["base"], document["files"]
    if document["format_version"] != FORMAT_VERSION:
        raise _refuse("it was written by another version")
    if not isinstance(base, str) or not _COMMIT.fullmatch(base):
        raise _refuse("its base is not a commit")
    if not isinstance(files, dict) or len(files) > _MAX_FILES:
        raise _refuse("its files are not a mapping, or too many")
    for name, text in files.items():
        _check_file(name, text)
    return ImportPatch(base, files)


def check_patch(patch: ImportPatch, state: Path) -> None:
    """Check the patch against the files that it was made for.

    Raises `SourceError` if it deletes a file that is not there, changes nothing in one, or needs one as a directory.
    """
    for name, text in patch.files.items():
        path, shown = state / name, quote(shorten(name, 80))
        there = path.read_bytes() if path.is_file() else None
        if text is None and there is None:
            raise _refuse(f"it deletes {shown}, which is not there")
        if text is not None and there == text.encode():
            raise _refuse(f"it does not change {shown}")
        parents = [parent.as_posix() for parent in PurePosixPath(name).parents]
        if path.is_dir() or any((state / each).is_file() or each in patch.files for each in parents):
            raise _refuse(f"{shown} is a file and a directory")


def _check_file(name: str, text: Any) -> None:
    shown = quote(shorten(name, 80))
    if not _is_safe(name):
        raise _refuse(f"{shown} is no file of the desired state")
    if text is None:
        return
    if not isinstance(text, str):
        raise _refuse(f"the content of {shown} is not text")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as exc:
        raise _refuse(f"the content of {shown} is not UTF-8 text") from exc
    if size > MAX_BYTES:
        raise _refuse(f"{shown} is larger than {MAX_BYTES // 1024 // 1024} MiB")


def _is_safe(name: str) -> bool:
    """Whether a name is that of a file that is read, in git's form: no link up, no empty part, nothing invisible."""
    parts = name.split("/")
    return (
        is_read(name)
        and all(part and not part.startswith(".") for part in parts)
        and is_utf8(name)
        and name.isprintable()
        and "\\" not in name
        and len(name) <= _LONGEST_NAME
        and all(len(part.encode()) <= _LONGEST_PART for part in parts)
    )


def _refuse(why: str) -> SourceError:
    return SourceError(f"the patch of the import is refused: {why}", _WAY_OUT)
