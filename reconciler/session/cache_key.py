"""The key that entries of the parse cache are authenticated with: random, and never in the repository.

A cache can come with a checkout, a pull request, a restored archive or another user's files. None of these has the key.
A job of GitHub Actions has a key of its own, in the runner's directory that is emptied before and after each job.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.record.lock import find_lock_directory
from reconciler.session.private_directory import make_ours, open_unchangeable, read_private, write_private

_NAME = "cache.key"
_BYTES = 32
_CI = ("GITHUB_ACTIONS", "GITLAB_CI", "CI")
_JOB = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB")


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """The directory of the key, and the CI job that alone it is for, or ""."""

    folder: Path
    job: str = ""


def find_key_place(state: Path, environment: Mapping[str, str] = os.environ) -> KeyPlace | None:
    """Return where the key is for the desired state `state`; None if no place is private to this user or job.

    Jobs of other CI systems have none: what a job leaves on the machine is there for the next one.
    """
    job = ""
    if any(environment.get(name) for name in _CI):
        values = [environment.get(name, "") for name in _JOB]
        temporary = environment.get("RUNNER_TEMP", "")
        if not environment.get("GITHUB_ACTIONS") or not all(values) or not temporary.startswith("/"):
            return None
        folder, job = Path(temporary) / "reconciler", "\n".join(values)
    else:
        try:
            folder = find_lock_directory(environment).parent
        except ReconcilerError:
            return None
    try:
        inside = folder.resolve().is_relative_to(_find_checkout(state.resolve()))
    except (OSError, RuntimeError):  # a link that points to itself
        return None
    return None if inside else KeyPlace(folder, job)


def _find_checkout(state: Path) -> Path:
    """Return the repository's directory; outside of git, the desired state: it may be in the home directory."""
    return next((folder for folder in (state, *state.parents) if (folder / ".git").exists()), state)


def read_key(place: KeyPlace) -> bytes:
    """Return the key, made if there is none yet. Raises `OSError` if it cannot be kept to ourselves."""
    make_ours(place.folder)
    with open_unchangeable(place.folder) as folder:
        try:
            secret = _read(folder)
        except FileNotFoundError:
            with suppress(FileExistsError):  # another process just made it
                write_private(folder, _NAME, [secrets.token_bytes(_BYTES)], replace=False)
            secret = _read(folder)
        except OSError:  # another user could read it, or it is cut off: nothing that it authenticates counts
            write_private(folder, _NAME, [secrets.token_bytes(_BYTES)])
            secret = _read(folder)
    return hmac.digest(secret, place.job.encode(), "sha256")


def _read(folder: int) -> bytes:
    secret = read_private(folder, _NAME, _BYTES)
    if len(secret) != _BYTES:
        raise OSError
    return secret
