"""Read the token of a tenant from a directory with a file for each (RECONCILER_TOKEN_DIR).

Such are the volumes of Kubernetes' secrets, in which each file is a link to a version of the secret next to it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import escape_control, shorten
from reconciler.errors import TargetError
from reconciler.scim.bearer_token import LONGEST_TOKEN

DIRECTORY_VARIABLE = "RECONCILER_TOKEN_DIR"
_OTHERS = stat.S_IRWXO | stat.S_IWGRP
_ATTEMPTS = 3
"""A volume of Kubernetes replaces the version that a link leads to while it is read."""


def read_token_file(tenant: str, environment: Mapping[str, str], suffix: str = "") -> str:
    """Return the content of the file of a tenant, whose name was checked, without one line break at its end.

    `suffix`: of the file's name, for what is not the token itself. Raises `TargetError`, which never shows the content.
    """
    name = tenant + suffix
    folder = environment.get(DIRECTORY_VARIABLE, "").strip()
    # A relative path would be another directory elsewhere, and in a checkout one that each pull request can change.
    if not folder.startswith("/"):
        raise TargetError(f"{DIRECTORY_VARIABLE} is not an absolute path", "Write it from the / on.")
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            content = _read(folder, name)
            return content.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
        except FileNotFoundError as exc:
            if not attempts_left:
                raise _unusable(name, folder, describe_os_error(exc), "Add it, with the token alone.") from None
        except OSError as exc:
            advice = advise(exc, "Check the directory, and that this user may read the file.")
            raise _unusable(name, folder, describe_os_error(exc), advice) from None
        except ValueError:
            raise TargetError(f"{DIRECTORY_VARIABLE} has a null character", "Set it to a directory.") from None
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _read(folder: str, name: str) -> bytes:
    inside = Path(os.path.realpath(folder, strict=True))
    path = Path(os.path.realpath(inside / name, strict=True))
    if not path.is_relative_to(inside):
        raise _unusable(name, folder, "it is a link out of the directory", "Put the file itself there.")
    # All links are followed: one that is there now was just put there. Not blocking: a named pipe would hang.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if found.st_mode & _OTHERS:
            raise _unusable(
                name,
                folder,
                f"others can read it or replace its content (mode {stat.S_IMODE(found.st_mode):04o})",
                "Run chmod 600 for it. In Kubernetes, set defaultMode: 0440 and fsGroup. If another user may have\n"
                "read it, replace the token.",
            )
        content = os.read(handle, LONGEST_TOKEN + len(b"\r\n") + 1)
    finally:
        os.close(handle)
    if len(content) > LONGEST_TOKEN + len(b"\r\n"):
        raise _unusable(name, folder, f"it has more than {LONGEST_TOKEN // 1024} KiB", "Let it be the token alone.")
    return content


def _unusable(name: str, folder: str, why: str, advice: str) -> TargetError:
    """Return the error. Only its detail has the tenant's name: so many tenants of a fleet have the same summary."""
    where = escape_control(shorten(folder, 200))
    _, dot, suffix = name.partition(".")
    what = f"this tenant's file{f' {dot}{suffix}' if dot else ''}"
    return TargetError(
        f"{what} in {DIRECTORY_VARIABLE} ({where}) cannot be read: {why}", f"The file is {name}. {advice}"
    )
