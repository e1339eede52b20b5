"""The room that newcomers' walks and tests of packages start in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import clean_room

SEES = """import os, socket, sys
def may(write):
    try:
        write()
    except OSError:
        return False
    return True
print(os.getuid(), sorted(name for name in os.environ if name not in sys.argv), os.listdir("."))
print([may(lambda: open(name, "w").close()) for name in ("/usr/x", "/tmp/x", os.path.expanduser("~/x"), "x")])
print(may(lambda: socket.create_connection(("192.0.2.1", 9), 0.1)), may(lambda: socket.create_server(("127.0.0.1", 0))))
"""


@pytest.mark.skipif(not clean_room.is_sealed(), reason="only root makes mounts, and only Linux has these")
def test_a_command_in_the_room_sees_and_writes_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN", "secret")
    monkeypatch.setenv("PIP_TIMEOUT", "3")
    script = tmp_path / "sees.py"
    script.write_text(SEES)
    clean_room.give(tmp_path / "room", script)
    network = [name.partition("=")[0] for name in clean_room._list_variables(tmp_path)[3:]]
    assert "PIP_TIMEOUT" in network
    ran = clean_room.run(tmp_path / "room", "python3", "sees.py", *network, offline=True)
    assert (ran.stdout, ran.stderr) == (
        "10001 ['HOME', 'LANG', 'PATH'] ['sees.py']\n[False, True, True, True]\nFalse True\n",
        "",
    )
    assert sorted(path.name for path in (tmp_path / "room").glob("*/x")) == ["x", "x", "x"], "kept for the next command"


def test_without_root_the_room_has_an_empty_home_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_room, "is_sealed", lambda: False)
    monkeypatch.setenv("RECONCILER_TOKEN", "secret")
    ran = clean_room.run(tmp_path, "sh", "-c", 'pwd; echo "$HOME" "${RECONCILER_TOKEN-none}"; ls "$HOME"')
    assert (ran.stdout, ran.stderr) == (f"{tmp_path}/work\n{tmp_path}/home none\n", "")
