"""A room like a new container: an empty home and environment, another user, a file system that is read-only elsewhere.

    python3 tests/support/clean_room.py [--offline] ROOM COMMAND [ARGUMENT…]

ROOM is a folder, made if it is missing, and kept: later commands find what earlier ones left. The command runs in
ROOM/work with HOME=ROOM/home, and finds `python3`, `git` and what else is in /usr/bin. For root on Linux the room is
mounted as /mnt, its tmp as /tmp, all else read-only, and the command runs as user 10001 without privileges; with
`--offline` it has no network but 127.0.0.1. Anyone else gets the home and the environment only: `is_sealed()` tells.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

USER = 10001
_NETWORK = re.compile(r"PIP_\w+|UV_\w+|SSL_CERT_\w+|\w+_CA_BUNDLE|(?i:\w+_proxy)")
"""Variables by which a machine says how it reaches an index."""
_SYSTEM_PYTHON = "/usr/bin/python3"
_HAS_ALL = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
_SEAL = f"""
set -e
mount --bind "$1" /mnt
mount --bind "$1/tmp" /tmp
mount -o remount,bind,ro /
shift
if [ "$1" = offline ]; then {_SYSTEM_PYTHON} -c '
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))'  # SIOCSIFFLAGS, IFF_UP
fi
shift
cd /mnt/work
exec setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs "$@"
"""


@functools.cache
def is_sealed() -> bool:
    """Return whether this user may make mounts, and the system's Python serves another user."""
    if sys.platform != "linux" or os.geteuid() or not _succeeds(_SYSTEM_PYTHON, "-c", _HAS_ALL):
        return False
    return _succeeds("unshare", "--mount", "--net", "sh", "-c", "mount -o remount,bind,ro / && setpriv --version")


def make_command(room: Path, command: Sequence[str], *, offline: bool = False) -> list[str]:
    """Make the room if it is missing, and return the command line that runs `command` in it."""
    sealed = is_sealed()
    for name in ("", "home", "work", "tmp", "bin"):
        (room / name).mkdir(parents=True, exist_ok=True)
        if sealed:
            os.chown(room / name, USER, USER)
    python = room / "bin" / "python3"
    if not python.is_symlink():
        python.symlink_to(_SYSTEM_PYTHON if sealed else Path(sys.base_prefix, "bin", "python3"))
    inside = ["env", "-i", *_list_variables(Path("/mnt") if sealed else room), *command]
    if not sealed:
        return ["env", "-C", str(room / "work"), *inside]
    seal = ["sh", "-c", _SEAL, "sh", str(room), "offline" if offline else "online"]
    return ["unshare", "--mount", *(["--net"] if offline else []), *seal, *inside]


def run(room: Path, *command: str, offline: bool = False, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a command in the room, to its end."""
    line = make_command(room, command, offline=offline)
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=seconds)


def give(room: Path, *files: Path) -> None:
    """Copy files into the room's work folder."""
    (room / "work").mkdir(parents=True, exist_ok=True)
    for file in files:
        copy = room / "work" / file.name
        copy.write_bytes(file.read_bytes())
        copy.chmod(0o755 if os.access(file, os.X_OK) else 0o644)


def _list_variables(room: Path) -> list[str]:
    kept = [f"{name}={value}" for name, value in sorted(os.environ.items()) if _NETWORK.fullmatch(name)]
    return [f"PATH={room}/bin:/usr/bin:/bin", f"HOME={room}/home", "LANG=C.UTF-8", *kept]


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def main() -> int:
    """Run the command line's command in its room."""
    arguments = sys.argv[1:]
    offline = arguments[:1] == ["--offline"]
    room, *command = arguments[offline:]
    return subprocess.run(make_command(Path(room).absolute(), command, offline=offline), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
