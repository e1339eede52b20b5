from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import LockedError
from reconciler.oauth.command_store import CommandStore
from reconciler.oauth.encryption import TokenCipher
from reconciler.oauth.file_store import FileStore, TokenStoreError
from reconciler.oauth.token_document import TokenBinding
from reconciler.oauth.token_store import TokenStore
from reconciler.session import token_lock
from reconciler.session.token_lock import build_token_lock_name, hold_token_lock

BINDING = TokenBinding("SCIM.1", "https://appleid.apple.com/auth/oauth2/v2/token", "https://scim.example/v2")
OTHER = replace(BINDING, client_id="SCIM.2")
BUSY = r"^another refresh of the tokens of this connection is running"
COMMAND = TokenStore(CommandStore(["true"], {}), TokenCipher())


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(token_lock, "_SECONDS", 0.5)


def file_store(path: Path) -> TokenStore:
    return TokenStore(FileStore(path), TokenCipher())


def unusable(path: Path) -> TokenStoreError:
    with pytest.raises(TokenStoreError) as raised, hold_token_lock(BINDING, file_store(path), print):
        pass
    return raised.value


def test_one_process_at_a_time(tmp_path: Path) -> None:
    said: list[str] = []
    with hold_token_lock(BINDING, COMMAND, said.append):
        with (
            pytest.raises(LockedError, match=BUSY),
            hold_token_lock(replace(BINDING, base_url="https://other.example"), COMMAND, said.append),
        ):
            pass
        with hold_token_lock(OTHER, COMMAND, said.append):
            pass
    assert len(said) == 1
    with hold_token_lock(BINDING, COMMAND, said.append):
        pass
    assert (tmp_path / "home/reconciler/locks" / build_token_lock_name(BINDING)).is_file()


def test_a_file_is_locked_beside_it_wherever_the_other_lock_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, lock = file_store(tmp_path / "a/tokens"), tmp_path / "a/.tokens.lock"
    (tmp_path / "b").symlink_to(tmp_path)
    with hold_token_lock(BINDING, store, print):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        for path in ("a/tokens", "b/a/tokens"):
            with (
                pytest.raises(LockedError, match=BUSY),
                hold_token_lock(BINDING, file_store(tmp_path / path), print),
            ):
                pass
        with hold_token_lock(BINDING, file_store(tmp_path / "a/others"), print):
            pass
    inode = lock.stat().st_ino
    with hold_token_lock(BINDING, store, print):
        assert lock.stat().st_ino == inode  # never removed


def test_the_lock_of_the_connection_comes_first(tmp_path: Path) -> None:
    """One order for all: two processes that each hold what the other waits for would wait for ever."""
    with (
        hold_token_lock(BINDING, COMMAND, print),
        pytest.raises(LockedError),
        hold_token_lock(BINDING, file_store(tmp_path / "tokens"), print),
    ):
        pass
    assert not (tmp_path / ".tokens.lock").exists()


def test_a_file_that_cannot_be_locked_is_an_error_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("content")
    (tmp_path / ".linked.lock").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "open").mkdir(mode=0o700)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / ".folder.lock").mkdir()
    for name in ("linked", "open/tokens", "folder"):
        error = unusable(tmp_path / name)
        assert error.detail
        assert "XDG_STATE_HOME" not in error.detail
    assert "it is a symbolic link" in unusable(tmp_path / "linked").summary
    assert "Nothing was sent" in unusable(tmp_path / "linked").detail
    assert "No such file" in unusable(Path("/proc/tokens")).summary
    assert (tmp_path / "elsewhere").read_text() == "content"
    assert not (tmp_path / "open/.tokens.lock").exists()
