"""What is wrong with the folders of the layers: a misspelt name must not look like a layer without that file.

Without defaults/scope.yaml every user is in scope, so a file that is not read is an error, as it is in a tenant.
Names are relative to the root of the fleet.
"""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Collection, Generator, Iterator
from pathlib import Path

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import quote, shorten
from reconciler.desired import layout
from reconciler.desired.folders import contains_yaml
from reconciler.desired.layout import DEFAULTS, GROUPS

_SIMILAR = 0.8


def find_layer_strays(root: Path, folder: str) -> Iterator[Diagnostic]:
    """Yield an error for each file and folder of the layer `folder` that is not read. A missing folder has none."""
    entries = yield from _scan(root, folder)
    for entry in entries:
        if not layout.is_utf8(entry.name):
            yield _build(folder, "a file name that is not UTF-8", f"Rename {quote(entry.name)}.")
            continue
        stray = _check_entry(entry)
        if stray is not None:
            yield _build(f"{folder}/{entry.name}", stray.summary, stray.detail)


def find_strays_of_tenant(root: Path, folders: Collection[str], parents: Collection[str]) -> Iterator[Diagnostic]:
    """Yield what is wrong with the layers of one tenant: each of `folders`, and what may be meant to be one of them."""
    for folder in folders:
        yield from find_layer_strays(root, folder)
        if folder != DEFAULTS and not os.path.lexists(root / folder):
            detail = "Create it with the files that its tenants share, or correct the name in tenant.yaml."
            yield _build(folder, f"there is no group {folder.rpartition('/')[2]}", detail)
    yield from find_misnamed_layers(root, parents)


def find_group_strays(root: Path) -> Iterator[Diagnostic]:
    """Yield an error for each file and folder of groups/ that cannot be a group, and for those in each group."""
    entries = yield from _scan(root, GROUPS)
    for entry in entries:
        place = f"{GROUPS}/{entry.name}"
        if not layout.is_utf8(entry.name):
            yield _build(GROUPS, "a file name that is not UTF-8", f"Rename {quote(entry.name)}.")
        elif entry.name == ".git" and (stray := layout.check_file(entry.name)) is not None:
            yield _build(place, stray.summary, stray.detail)
        elif entry.is_symlink() or (is_tenant_name(entry.name) and entry.is_dir()):
            yield from find_layer_strays(root, place)
        elif entry.is_dir() and contains_yaml(Path(entry.path)):
            detail = "Rename it to lower-case letters, digits and hyphens, at most 40, as tenant.yaml names it."
            yield _build(place, f"the folder {quote(shorten(entry.name, 60))} cannot be a group", detail)
        elif not entry.is_dir() and (entry.name in layout.TOP_FILES or layout.check_layer_file(entry.name)):
            yield _build(place, "this file is not read", "Move it into the folder of a group: groups/NAME/.")


def find_misnamed_layers(root: Path, parents: Collection[str]) -> Iterator[Diagnostic]:
    """Yield an error for each folder next to fleet.yaml whose name is nearly that of the layers.

    `parents`: the folders of the tenants.
    """
    entries = yield from _scan(root, ".")
    for entry in entries:
        if entry.name in (DEFAULTS, GROUPS, *parents) or not layout.is_utf8(entry.name):
            continue
        folded = unicodedata.normalize("NFKC", entry.name).casefold().strip()
        meant = difflib.get_close_matches(folded, (DEFAULTS, GROUPS), 1, _SIMILAR)
        if meant and (entry.is_symlink() or (entry.is_dir() and contains_yaml(Path(entry.path)))):
            detail = f"Did you mean {meant[0]}/? Files of layers are in {DEFAULTS}/ and {GROUPS}/NAME/."
            yield _build(entry.name, "this directory is not read", detail)


def _scan(root: Path, folder: str) -> Generator[Diagnostic, None, list[os.DirEntry[str]]]:
    """Yield what is wrong with the folder itself, and return its entries."""
    path = root / folder
    for part in (path, path.parent) if folder != "." else ():
        if part != root and part.is_symlink():
            name = part.relative_to(root).as_posix()
            yield _build(name, "a link to a directory", "Put the folder itself here: links are not followed.")
            return []
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as exc:
        detail = advise(exc, "Check that it is a folder, and its permissions.")
        yield _build(folder, f"cannot be read: {describe_os_error(exc)}", detail)
        return []


def _check_entry(entry: os.DirEntry[str]) -> layout.Stray | None:
    if entry.name == ".git":
        return layout.check_file(entry.name)
    if entry.is_dir(follow_symlinks=False) and entry.name not in layout.TOP_FILES:
        return layout.check_layer_folder(entry.name) if contains_yaml(Path(entry.path)) else None
    return layout.check_layer_file(entry.name)


def _build(name: str, summary: str, detail: str) -> Diagnostic:
    return error(summary, detail, Origin(name, 1, 1))
