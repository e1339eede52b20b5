"""git runs with nothing of the environment that redirects it, and its output and time have limits."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.servers.tls_service import TlsService

from reconciler.errors import RepositoryError
from reconciler.git import process
from reconciler.git.process import GitCommandError, build_git_environment, run_git


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "repository", ".")
    made.commit("Begin", {"a.txt": "one\n"})
    return made


def fake_git(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Make `git` this shell script."""
    directory.mkdir()
    (directory / "git").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_the_output_is_what_git_writes(repository: GitRepository) -> None:
    assert run_git(repository.root, "rev-parse", "HEAD") == f"{repository.head()}\n".encode()
    assert run_git(repository.root, "hash-object", "--stdin", stdin=b"one\n").strip().decode() == repository.git(
        "rev-parse", "HEAD:a.txt"
    )


def test_an_error_of_git_is_its_message(repository: GitRepository) -> None:
    with pytest.raises(GitCommandError) as caught:
        run_git(repository.root, "cat-file", "-p", "no-such")
    assert str(caught.value) == "Not a valid object name no-such"


def test_an_error_without_a_message_has_one(repository: GitRepository) -> None:
    with pytest.raises(GitCommandError) as caught:
        run_git(repository.root, "rev-parse", "--verify", "--quiet", "no-such")
    assert str(caught.value) == "git printed no message"


def test_more_output_than_the_limit_is_refused(repository: GitRepository) -> None:
    assert run_git(repository.root, "cat-file", "-p", "HEAD:a.txt", limit=4) == b"one\n"
    with pytest.raises(RepositoryError, match="the repository holds more than can be read"):
        run_git(repository.root, "cat-file", "-p", "HEAD:a.txt", limit=3)


def test_a_limit_takes_no_memory_of_its_own(repository: GitRepository) -> None:
    assert run_git(repository.root, "cat-file", "-p", "HEAD:a.txt", limit=1 << 60) == b"one\n"


@pytest.mark.parametrize("script", ["exec sleep 60", "sleep 60; true", "sleep 60 & wait"])
def test_git_that_hangs_is_killed(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """A script that runs git is killed with what it started."""
    fake_git(tmp_path / "bin", monkeypatch, script)
    monkeypatch.setattr(process, "_SECONDS", 0.1)
    began = time.monotonic()
    with pytest.raises(RepositoryError, match=r"git was killed, after at most 0\.1 seconds"):
        run_git(repository.root, "status")
    assert time.monotonic() - began < 30


def test_without_git_the_error_names_git(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RepositoryError) as caught:
        run_git(repository.root, "status")
    assert caught.value.summary.startswith("git cannot be run: ")
    assert caught.value.detail == "Install git."


DROPPED = [
    *("GITHUB_TOKEN", "RECONCILER_TOKEN", "RECONCILER_RECORD_KEY", "SSH_ASKPASS"),
    *("GIT_DIR", "GIT_CONFIG_GLOBAL", "GIT_SSL_NO_VERIFY", "GIT_SSL_CAINFO", "GIT_PROXY_SSL_CAINFO", "GIT_ASKPASS"),
    *("GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE_PACKET", "GIT_TRACE_SETUP", "GIT_CURL_VERBOSE", "GIT_TRACE2_EVENT"),
    *("SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
]


@pytest.mark.parametrize("name", DROPPED)
def test_secrets_and_variables_that_redirect_git_are_dropped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "a secret")
    monkeypatch.setenv("HARMLESS", "yes")
    found = build_git_environment()
    assert "a secret" not in found.values()
    assert found["HARMLESS"] == "yes"
    assert (found["GIT_ALLOW_PROTOCOL"], found["GIT_TERMINAL_PROMPT"], found["LC_ALL"]) == ("none", "0", "C")


def test_git_writes_the_keys_of_connections_to_no_file(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, service = tmp_path / "keys", TlsService(tmp_path)
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    monkeypatch.setenv("SSL_CERT_FILE", str(service.certificate))
    with pytest.raises(GitCommandError, match="certificate"):
        run_git(
            repository.root,
            "ls-remote",
            f"https://127.0.0.1:{service.port}/x",
            variables={"GIT_ALLOW_PROTOCOL": "https"},
        )
    service.close()
    assert service.connections == 1
    assert not keys.exists()


def test_traces_of_the_users_configuration_are_off(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can write variables to a file: one holds the token (`git_remote`)."""
    trace = tmp_path / "trace"
    settings = "".join(f"{kind}Target = {trace}\n" for kind in ("normal", "event", "perf"))
    (tmp_path / ".gitconfig").write_text(f"[trace2]\nenvVars = GIT_CONFIG_VALUE_1\n{settings}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_TRACE_CURL", str(trace))
    monkeypatch.setenv("GIT_TRACE", str(trace))
    run_git(repository.root, "rev-parse", "HEAD", variables={"GIT_CONFIG_VALUE_1": "a secret"})
    assert not trace.exists()


def test_variables_of_one_command_reach_git_and_no_other(repository: GitRepository) -> None:
    author = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
    shown = run_git(repository.root, "var", "GIT_AUTHOR_IDENT", variables=author)
    assert shown.startswith(b"Ada <ada@example.com>")
    assert "GIT_AUTHOR_NAME" not in build_git_environment()


def test_hooks_and_the_file_system_monitor_of_a_repository_do_not_run(
    repository: GitRepository, tmp_path: Path
) -> None:
    trace = tmp_path / "ran"
    hook = repository.root / ".git/hooks/post-index-change"
    hook.parent.mkdir(exist_ok=True)
    for script in (hook, tmp_path / "monitor"):
        script.write_text(f"#!/bin/sh\ntouch {trace}\n")
        script.chmod(0o755)
    repository.git("config", "core.fsmonitor", str(tmp_path / "monitor"))
    run_git(repository.root, "update-index", "--refresh")
    (repository.root / "a.txt").write_text("two\n")
    run_git(repository.root, "update-index", "a.txt")
    assert not trace.exists()
