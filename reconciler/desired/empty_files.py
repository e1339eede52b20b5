"""What to do about an empty file: it looks like removed users, or like settings that are not set."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from reconciler.desired.layers import UP, TenantPlace, is_layer, list_tracked_names
from reconciler.desired.layout import TOP_FILES
from reconciler.errors import RepositoryError
from reconciler.git.index import has_digest, list_blobs

Blobs = Mapping[str, str]
"""The ids of files, by name, as git's index has them."""


def list_tracked(root: Path, place: TenantPlace | None = None) -> Blobs | None:
    """Return the files of the desired state that git's index has; None if git cannot tell. Empty outside of git."""
    try:
        return list_blobs(root, list_tracked_names(root, place))
    except RepositoryError:
        return None


_LEAST = {
    "settings.yaml": "write at least `target:` with its keys `profile` and `base_url`",
    "scope.yaml": (
        "write at least `sync: assigned` (only users that are assigned here are in scope)"
        " or `sync: all` (all users are)"
    ),
    "mappings.yaml": "write its rows, such as `- {target: externalId, source: objectId, match: 1}`",
    "groups": "write `[]` for a file without groups",
    "users": "write `[]` for a file without users: those that it had are then removed",
}
"""What a file must have at least, and what that means, by its name or its folder."""


_OF_LAYERS = ("settings.yaml", "scope.yaml")
"""Files that may be empty where layers of a fleet complete them."""


def describe_way_out(root: Path, name: str, content: bytes, tracked: Blobs | None, *, is_tenant: bool = False) -> str:
    """Return what to do about the empty file `name`, with commands that work.

    To remove scope.yaml would put all users in scope, and to remove mappings.yaml would apply the profile's rows:
    neither is advised. To remove a file of users or groups is a way out only if git has no more of it.
    """
    # A file of a layer is one for all tenants: the commands are about the fleet.
    place, path = (Path(os.path.normpath(root / UP)), name.removeprefix(UP)) if is_layer(name) else (root, name)
    git, file = f"git -C {shlex.quote(str(place))}", shlex.quote(path)
    least = (
        _LEAST.get(name.rpartition("/")[2] if is_layer(name) else name)
        or _LEAST["groups" if name.startswith("groups/") else "users"]
    )
    if is_layer(name) and not name.endswith("/mappings.yaml"):
        least = "write `{}` for a layer without keys"
    elif is_tenant and name in _OF_LAYERS:
        least = "write `{}`: then the layers of the fleet give all of it"
    if tracked is None:
        return f"If git has its content, `{git} checkout -- {file}` restores it. Otherwise {least}."
    first = least[0].upper() + least[1:]
    if name not in tracked:
        return f"If its content was lost, restore it from a copy. Otherwise {least}."
    if not has_digest(content, tracked[name]):
        return f"If its content was lost, `{git} checkout -- {file}` restores it. Otherwise {least}."
    before = f"git's index has no more of it; `{git} log -p -- {file}` shows what it had in earlier commits."
    remove = "" if name in TOP_FILES or is_layer(name) else f" Or remove the file: `{git} rm -f -- {file}`."
    return f"{first}.{remove} {before}"
