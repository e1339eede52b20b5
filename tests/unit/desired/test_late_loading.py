"""Whole workers, in processes of their own, which may fork."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.builders import NOW
from support.desired_state import ADA, BOB, SETTINGS
from support.git_repository import GitRepository
from support.memory_cache import MemoryCache

from reconciler.desired import late_loading
from reconciler.desired.late_loading import load_rows
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.desired.user_table import UserTable
from reconciler.desired.users import DesiredUserReader

_COMPARE = """
import json, os, sys
from pathlib import Path
from support.builders import NOW
from reconciler.desired import late_loading, loader
from reconciler.desired.content import BrokenStateError
from reconciler.desired.worker import WorkerContent
late_loading.is_large = lambda folder: True
root = Path(sys.argv[1])
one = loader.load(root, NOW, NOW.date())
other = late_loading.load_later(root, NOW, NOW.date())
late = isinstance(other, loader.DesiredState) and isinstance(other.content, WorkerContent)
try:
    if isinstance(other, loader.DesiredState):
        other.content.wait()
        same = [one.users, one.diagnostics, one.digest, one.files, one.unseen, one.in_scope] == [
            tuple(other.users), other.diagnostics, other.digest, other.files, other.unseen, other.in_scope]
        same = same and one.settings == other.settings and one.policy == other.policy
        other.content.close()
    else:
        same = one.diagnostics == other.diagnostics
except BrokenStateError as exc:
    same = isinstance(one, loader.BrokenState) and one.diagnostics == exc.diagnostics
try:
    left = os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    left = None
print(json.dumps([late, same, left]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
@pytest.mark.parametrize(
    ("files", "late"),
    [
        ({"a": ADA + BOB, "b": ADA.replace("ada", "eve")}, True),
        ({"a": ADA + BOB.replace("givenName: Bob, ", "")}, True),
        ({"a": ADA + BOB.replace("bob@example.com", "bob@elsewhere.org"), "b": "- {userPrincipalName: x\n"}, True),
        ({"a": ADA, "b": ADA}, True),
        ({"a": ADA + BOB.replace("givenName", "firstName"), "b": ""}, True),
        ({"a": ADA, "settings": f"{SETTINGS}unknown: 1\n"}, False),
    ],
    ids=["good", "user errors", "not YAML", "names twice", "wrong keys", "wrong settings"],
)
def test_a_worker_finds_what_a_load_finds(files: dict[str, str], late: bool, tmp_path: Path) -> None:
    texts = {"settings": SETTINGS, **files}
    (tmp_path / "users").mkdir()
    for name, text in texts.items():
        (tmp_path / ("" if name == "settings" else "users") / f"{name}.yaml").write_text(text)
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE, str(tmp_path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
    )
    assert done.stderr == b""
    assert json.loads(done.stdout) == [late, True, None]


_WARM = """
import json, sys
from pathlib import Path
from support.builders import NOW
from reconciler.desired import late_loading, loader, users
from reconciler.session.parse_cache import build_parse_cache
late_loading.is_large = lambda folder: True
root = Path(sys.argv[1])
one = loader.load(root, NOW, NOW.date())
def fail(*_):
    raise RuntimeError("a user was mapped")
if sys.argv[2] == "warm":
    users.DesiredUserReader.add = fail
cache = build_parse_cache(root, environment={"HOME": sys.argv[3]})
other = late_loading.load_later(root, NOW, NOW.date(), cache=cache)
print(json.dumps([
    tuple(other.users) == one.users,
    [other.users.find(user.match[0]) for user in one.users],
    [other.diagnostics, other.digest, other.files, other.unseen] == [
        one.diagnostics, one.digest, one.files, one.unseen],
]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
def test_a_worker_takes_the_rows_that_another_process_kept(tmp_path: Path) -> None:
    state, home = tmp_path / "repository/desired-state", tmp_path / "home"
    (state / "users").mkdir(parents=True)
    home.mkdir(mode=0o700)
    texts = {"settings.yaml": SETTINGS, "users/a.yaml": ADA + BOB, "users/b.yaml": ADA.replace("ada", "eve")}
    for name, text in texts.items():
        (state / name).write_text(text)
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    for run in ("cold", "warm", "warm"):
        done = subprocess.run(
            [sys.executable, "-c", _WARM, str(state), run, str(home)],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
            timeout=60,
        )
        assert done.stderr == b""
        assert json.loads(done.stdout) == [True, [0, 1, 2], True]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in {"settings.yaml": SETTINGS, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def describe(state: DesiredState | BrokenState) -> list[object]:
    if isinstance(state, BrokenState):
        return [state.diagnostics]
    return [tuple(state.users), state.diagnostics, state.digest, state.files, state.unseen, state.in_scope, state.rules]


@pytest.mark.parametrize(
    "files",
    [
        {"users/a.yaml": ADA + BOB, "users/b.yaml": ADA.replace("ada", "eve")},
        {"users/a.yaml": ADA + BOB.replace("givenName: Bob, ", "")},
        {"users/a.yaml": ADA, "users/b.yaml": ADA},
        {"users/a.yaml": "- {userPrincipalName: x\n"},
        {"users/a.yaml": ADA, "settings.yaml": f"{SETTINGS}unknown: 1\n"},
    ],
    ids=["good", "user errors", "names twice", "not YAML", "wrong settings"],
)
def test_rows_are_what_a_load_finds(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_loading, "is_large", lambda _: True)
    write(tmp_path, files)
    expected, cache = describe(load(tmp_path, NOW, checked_out=False)), MemoryCache()
    for kept in (cache, cache, None):
        assert describe(load_rows(tmp_path, NOW, checked_out=False, cache=kept)) == expected


def test_users_of_a_large_directory_are_mapped_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, files = MemoryCache(), {"users/a.yaml": ADA + BOB}
    write(tmp_path / "one", files)
    write(tmp_path / "other", files)
    small = load_rows(tmp_path / "one", NOW, checked_out=False, cache=cache)
    assert isinstance(small, DesiredState)
    assert isinstance(small.users, tuple)
    monkeypatch.setattr(late_loading, "is_large", lambda _: True)
    load_rows(tmp_path / "one", NOW, checked_out=False, cache=cache)
    monkeypatch.setattr(DesiredUserReader, "add", lambda *_: pytest.fail("a user was mapped"))
    again = load_rows(tmp_path / "other", NOW, checked_out=False, cache=cache)
    assert isinstance(again, DesiredState)
    assert isinstance(again.users, UserTable)
    assert tuple(again.users) == small.users


def test_git_is_asked_only_about_a_directory_that_is_checked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_loading, "is_large", lambda _: True)
    state = tmp_path / "desired-state"
    write(state, {"users/a.yaml": ADA, "users/b.yaml": BOB})
    GitRepository(tmp_path).commit("Begin")
    (state / "users/b.yaml").unlink()
    for checked_out in (True, False, True, False):
        found = load_rows(state, NOW, checked_out=checked_out, cache=MemoryCache())
        assert isinstance(found, DesiredState)
        assert (found.unseen is not None) is checked_out
