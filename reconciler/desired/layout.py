"""Which files a desired state may hold: those that are read, and those of other tools. Pure.

Everything else that could be taken for one of them is an error. A file that is not read looks like an empty one:
without scope.yaml every user is in scope, and the users of an unread file look removed.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

TOP_FILES = ("settings.yaml", "scope.yaml", "mappings.yaml")
FOLDERS = ("users", "groups")
FLEET_FILE = "fleet.yaml"
TENANT_FILE = "tenant.yaml"
DEFAULTS, GROUPS = "defaults", "groups"
"""The folders of the layers, next to fleet.yaml."""
PLANS = "plans"
NOT_RESOLVED = frozenset({PLANS, ".reconciler"})
"""Folders of a tenant or a layer that are not part of the desired state: record and sandbox."""
TENANT_PARTS = frozenset({TENANT_FILE, *TOP_FILES, *FOLDERS})
"""What makes a folder a tenant, each of them alone."""
SUFFIXES = (".yaml", ".yml")
_PROSE = (".md", ".rst")
EDITOR_COMMENT = "# yaml-language-server:"
"""The beginning of the comment by which an editor finds the JSON Schema of a file."""

_HIDDEN = frozenset(
    {".DS_Store", ".editorconfig", ".gitattributes", ".gitignore", ".gitkeep", ".keep", ".yamlfmt", ".yamllint"}
)
"""Hidden files in any folder that hold no data."""
_HIDDEN_AT_TOP = frozenset(
    {
        *(".git", ".github", ".gitlab", ".gitea", ".forgejo", ".azuredevops", ".azure-pipelines", ".buildkite"),
        *(".circleci", ".devcontainer", ".idea", ".vscode", ".venv", ".tox", ".reconciler"),
        *(".gitlab-ci.yml", ".travis.yml", ".mergify.yml", ".readthedocs.yaml", ".readthedocs.yml"),
        *(".pre-commit-config.yaml", ".pre-commit-hooks.yaml", ".prettierrc.yaml", ".prettierrc.yml"),
        *(".markdownlint.yaml", ".markdownlint.yml", ".yamllint.yaml", ".yamllint.yml"),
    }
)
"""Files and folders of other tools, for a desired state that is the root of its repository."""
_OF_TENANTS = frozenset({TENANT_FILE, PLANS})
"""What a tenant of a fleet has in addition at its top level."""
_LEFTOVER = re.compile(
    r"""
      .* \. (?: bak | orig | rej | old | save | sav | tmp | temp | sw[a-p] | mine | theirs | r\d+ )
    | .* ~ \d*                                        # Emacs and others: scope.yaml~
    | \.\# .* | \# .* \#                              # Emacs: .#scope.yaml, #scope.yaml#
    | .* [._] (?-i: BASE | LOCAL | REMOTE | BACKUP ) [._] \d+ (?: \. .* )?  # git mergetool: scope_BASE_123.yaml
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_PLACES = f"The top level holds {', '.join(TOP_FILES)}; users belong in users/, groups in groups/."
_IN_LAYERS = f"A layer holds {', '.join(TOP_FILES)}; users and their groups belong to a tenant."


@dataclass(frozen=True, slots=True)
class Stray:
    """Why a file or a folder must not be in the desired state, and what to do about it."""

    summary: str
    detail: str


_LEFTOVER_FILE = Stray(
    "a leftover of a merge or an editor",
    "It is not read. If it is the right version, give the file its name back; otherwise delete it.",
)


def is_yaml(name: str) -> bool:
    """Whether a file has the suffix of YAML."""
    return name.casefold().endswith(SUFFIXES)


def is_utf8(name: str) -> bool:
    """Whether a file name is UTF-8; Python replaces other bytes with surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_read(name: str) -> bool:
    """Whether the file `name`, relative to the root, is part of the desired state."""
    folder, *below = name.split("/")
    if not below:
        return name in TOP_FILES
    return folder in FOLDERS and is_yaml(name) and not any(map(_is_skipped, below))


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or _LEFTOVER.fullmatch(name) is not None


def check_top_file(name: str, *, is_tenant: bool = False) -> Stray | None:
    """Return what is wrong with a file at the top level, if anything. `is_tenant`: of a tenant of a fleet."""
    expected = {*TOP_FILES, *FOLDERS, *(_OF_TENANTS if is_tenant else ())}
    if name in expected or name in _HIDDEN or name in _HIDDEN_AT_TOP:
        return None
    if _LEFTOVER.fullmatch(name):
        return _LEFTOVER_FILE
    if resembles_yaml(name) and name.startswith("."):
        return _hidden_file(name)
    if resembles_yaml(name) or name.casefold().endswith(".json") or (_find_similar(name) and not _is_prose(name)):
        is_twin = is_tenant and name.casefold().partition(".")[0] == TENANT_FILE.partition(".")[0]
        hint = f"Did you mean {TENANT_FILE}? " if is_twin else _hint(name)
        return Stray("this file is not read", f"{hint}{_PLACES}")
    if name.isascii() or _is_prose(name):
        return None
    return Stray("this file is not read", f"Its name has look-alike letters. {_PLACES}")


def check_top_folder(name: str, *, is_tenant: bool = False) -> Stray | None:
    """Return what is wrong with a folder with YAML files at the top level, if anything."""
    if name in FOLDERS or name in _HIDDEN_AT_TOP or (is_tenant and name in _OF_TENANTS):
        return None
    summary = "this hidden directory is not read" if name.startswith(".") else "this directory is not read"
    return Stray(summary, f"{_hint(name)}{_PLACES}")


def check_layer_file(name: str) -> Stray | None:
    """Return what is wrong with a file of a layer of a fleet, if anything."""
    stray = check_top_file(name)
    if stray is None or _PLACES not in stray.detail:
        return stray
    close = difflib.get_close_matches(name.casefold(), TOP_FILES, 1)
    return Stray(stray.summary, f"Did you mean {close[0]}? {_IN_LAYERS}" if close else _IN_LAYERS)


def check_layer_folder(name: str) -> Stray:
    """Return what is wrong with a folder with YAML files in a layer of a fleet."""
    return Stray(f"this {'hidden ' if name.startswith('.') else ''}directory is not read", _IN_LAYERS)


def check_file(name: str) -> Stray | None:
    """Return what is wrong with a file below users/ or groups/, if anything."""
    if name in _HIDDEN:
        return None
    if name == ".git":
        detail = "The commits of this repository do not hold its files. Put the files themselves here."
        return Stray("a git repository inside of the desired state", detail)
    if _LEFTOVER.fullmatch(name):
        return _LEFTOVER_FILE
    if name.startswith("."):
        return _hidden_file(name)
    if is_yaml(name) or (_is_prose(name) and not resembles_yaml(name)):
        return None
    return Stray(
        "this file is not read", "Only .yaml and .yml files are read: users in other files would look removed."
    )


def check_folder(name: str) -> Stray | None:
    """Return what is wrong with a folder with YAML files below users/ or groups/, if anything."""
    if not name.startswith("."):
        return None
    detail = "Its users or groups would look removed. Rename it, or move it out of the desired state."
    return Stray("this hidden directory is not read", detail)


def resembles_yaml(name: str) -> bool:
    """Whether a name has the suffix of YAML anywhere in it: `scope.yaml~`, `scope.yaml (copy)`, `scope․yaml`."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return any(suffix in folded for suffix in SUFFIXES)


def suggest_name(name: str) -> str | None:
    """Return the file or folder at the top level that a name may be a misspelling of."""
    stem = name.casefold().lstrip(".").partition(".")[0]
    folders = difflib.get_close_matches(stem, FOLDERS, 1)
    if folders:
        return f"{folders[0]}/"
    return next(iter(difflib.get_close_matches(name.casefold(), TOP_FILES, 1)), None)


def list_layers(group: str | None) -> tuple[str, ...]:
    """Return the folders of the layers of a tenant, the lowest first, relative to the root of its fleet."""
    return (DEFAULTS,) if group is None else (DEFAULTS, f"{GROUPS}/{group}")


def list_parts(name: str) -> tuple[str, ...]:
    """Return the top-level files and folders whose content may be in the file `name`, relative to the root.

    The one it is part of; for a stray at the top level, the one that it resembles, else users and groups; for "", all.
    """
    top = name.partition("/")[0]
    if not top:
        return (*TOP_FILES, *FOLDERS)
    if top in TOP_FILES or top in FOLDERS:
        return (top,)
    stem = top.casefold().lstrip(".").partition(".")[0]
    files = [f"{stem}.yaml" for stem in _find_similar(top)]
    return (*files, *difflib.get_close_matches(stem, FOLDERS, 1)) or FOLDERS


def _find_similar(name: str) -> list[str]:
    """Return the files at the top level that have the stem of `name`: `scope`, `scope.txt`, `Scopes.toml`."""
    stem = name.casefold().lstrip(".").partition(".")[0].strip()
    return difflib.get_close_matches(stem, [each.partition(".")[0] for each in TOP_FILES], 1, 0.85)


def _hint(name: str) -> str:
    suggested = suggest_name(name)
    return f"Did you mean {suggested}? " if suggested else ""


def _hidden_file(name: str) -> Stray:
    shown = name.lstrip(".")
    detail = "Users or settings in it would look removed. "
    detail += "Rename it without the dot" if is_yaml(shown) else "Delete it"
    return Stray("this hidden file is not read", f"{detail}, or move it out of the desired state.")


def _is_prose(name: str) -> bool:
    return PurePosixPath(name).suffix.casefold() in _PROSE
