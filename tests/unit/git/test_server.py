from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.server import Author, Remote, ServerRepository

ADA = Author("Ada", "ada@example.com")
DETAILS = {"push": "May it push?", "fetch": "", "ls-remote": ""}


@pytest.fixture
def server(tmp_path: Path) -> ServerRepository:
    GitRepository(tmp_path).git("init", "--quiet", "--bare", "origin.git")
    GitRepository(tmp_path / "clone", ".").commit("Begin", {"a": "1\n"})
    remote = Remote(str(tmp_path / "origin.git"), "https://github.com", "file", {"SECRET": "t0ken"})
    return ServerRepository(tmp_path / "clone", remote, 'the branch "x"', DETAILS)


def test_a_commit_is_made_of_objects_alone_and_pushed(server: ServerRepository) -> None:
    assert server.read_tip("x") is None
    head = server.local("rev-parse", "HEAD").decode().strip()
    commit = server.commit(head, {"a": None, "d/b": b"2\n"}, ADA, "Two")
    server.push(f"{commit}:refs/heads/x")
    assert server.read_tip("x") == commit == server.fetch("x", "refs/remotes/origin/x")
    assert server.local("ls-tree", "-r", "--name-only", commit) == b"d/b\n"
    assert server.local("log", "-1", "--format=%an <%ae> %s", commit) == b"Ada <ada@example.com> Two\n"
    assert (server.directory / "a").read_text() == "1\n", "the work tree stays"
    assert server.local("status", "--porcelain") == b""


def test_a_lease_is_for_the_commit_that_was_seen(server: ServerRepository) -> None:
    first, second = (server.commit(None, {"a": text}, ADA, "x") for text in (b"1", b"2"))
    server.push(f"{first}:refs/heads/x")
    with pytest.raises(RepositoryError, match=r'the branch "x" cannot be reached \(push\)') as caught:
        server.push(f"{second}:refs/heads/x", f"--force-with-lease=refs/heads/x:{second}")
    assert caught.value.detail == "May it push?"
    assert server.read_tip("x") == first
    server.push(f"{second}:refs/heads/x", f"--force-with-lease=refs/heads/x:{first}")
    assert server.read_tip("x") == second


def test_a_branch_that_is_gone_takes_its_local_ref_along(server: ServerRepository) -> None:
    server.push(f"{server.commit(None, {'a': b'1'}, ADA, 'x')}:refs/heads/x")
    server.fetch("x", "refs/remotes/origin/x")
    server.push(":refs/heads/x")
    assert server.fetch("x", "refs/remotes/origin/x") is None
    assert server.local("for-each-ref", "refs/remotes") == b""


def test_the_token_is_in_no_repr() -> None:
    assert "t0ken" not in repr(Remote("u", "s", "https", {"SECRET": "t0ken"}))
