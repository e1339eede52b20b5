from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from reconciler.errors import PlanFileError, SourceError
from reconciler.sources.graph.delta_cache import (
    LONGEST_AGE,
    CachedDoubt,
    CacheKey,
    DeltaCache,
    NoCacheError,
    check_place,
    read_cache,
    write_cache,
)

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
KEY = CacheKey(
    "https://graph.microsoft.com", "contoso.onmicrosoft.com", "Apple Business Manager", "assigned", ("mail", "objectId")
)
CACHE = DeltaCache(
    key=KEY,
    began=NOW - timedelta(days=1),
    link="https://graph.microsoft.com/v1.0/users/delta?$deltatoken=abc",
    keys=("id", "mail"),
    people=[
        {"objectId": "1", "userPrincipalName": "ada@contoso.com", "accountEnabled": True, "otherMails": ("a", "b")}
    ],
    doubts=(CachedDoubt("2", "bob@contoso.com", "accountEnabled is null"),),
    deleted=frozenset({"3"}),
    touched=frozenset({"1"}),
)


def test_a_cache_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "delta"
    write_cache(path, CACHE)
    assert read_cache(path, KEY, NOW) == CACHE


def test_a_cache_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "delta"
    write_cache(path, CACHE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_file_there_is_no_cache(tmp_path: Path) -> None:
    with pytest.raises(NoCacheError, match="there is no file"):
        read_cache(tmp_path / "delta", KEY, NOW)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-5],
        lambda content: content.replace(b"ada@", b"eve@"),
        lambda content: content.replace(b"\n", b"", 1),
        lambda _: b"\xff\n{}",
    ],
)
def test_a_damaged_file_is_no_cache(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "delta"
    write_cache(path, CACHE)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(NoCacheError, match="damaged"):
        read_cache(path, KEY, NOW)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "another version"),
        ({"people": [{"objectId": "x" * 100_001}]}, "another version"),
        ({"people": [{"objectId": 5}]}, "another version"),
        ({"link": "https://evil.example/v1.0/users/delta?$deltatoken=abc"}, "another tenant"),
        ({"link": "https://graph.microsoft.com.evil.example/v1.0/users/"}, "another tenant"),
        ({"key": msgspec.structs.replace(KEY, tenant="fabrikam.com")}, "another tenant"),
        ({"key": msgspec.structs.replace(KEY, application="other")}, "another tenant"),
        ({"key": msgspec.structs.replace(KEY, users="all")}, "another tenant"),
        ({"key": msgspec.structs.replace(KEY, attributes=("objectId",))}, "another tenant"),
        ({"key": msgspec.structs.replace(KEY, host="https://graph.microsoft.us")}, "another tenant"),
        ({"began": NOW - LONGEST_AGE - timedelta(seconds=1)}, "more than 6 days ago"),
        ({"began": NOW + timedelta(hours=1)}, "in the future"),
        ({"began": datetime(2026, 11, 28)}, "in the future"),  # noqa: DTZ001 - without a zone on purpose
    ],
)
def test_a_foreign_or_old_file_is_no_cache(tmp_path: Path, change: dict[str, object], why: str) -> None:
    path = tmp_path / "delta"
    write_cache(path, msgspec.structs.replace(CACHE, **change))
    with pytest.raises(NoCacheError, match=why):
        read_cache(path, KEY, NOW)


def test_a_cache_that_is_just_young_enough_counts(tmp_path: Path) -> None:
    path = tmp_path / "delta"
    cache = msgspec.structs.replace(CACHE, began=NOW - LONGEST_AGE)
    write_cache(path, cache)
    assert read_cache(path, KEY, NOW) == cache


def test_a_file_that_cannot_be_read_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "delta").mkdir()
    with pytest.raises(NoCacheError, match="not a regular file"):
        read_cache(tmp_path / "delta", KEY, NOW)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanFileError):
        write_cache(tmp_path / "file" / "delta", CACHE)


# --- where it can be ------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".gitignore").write_text("/cache/\n")
    return folder


def test_a_place_outside_of_repositories_is_accepted(tmp_path: Path, repository: Path) -> None:
    check_place(tmp_path / "delta")
    check_place(tmp_path / "missing" / "folder" / "delta")


@pytest.mark.parametrize("name", ["cache/delta", ".git/reconciler/delta"])
def test_a_place_that_git_ignores_is_accepted(repository: Path, name: str) -> None:
    check_place(repository / name)


@pytest.mark.parametrize("name", ["delta", "users/delta", "cache/../delta"])
def test_a_place_in_the_work_tree_is_refused(repository: Path, name: str) -> None:
    with pytest.raises(SourceError, match="git would take the delta file") as caught:
        check_place(repository / name)
    assert ".gitignore" in caught.value.detail


def test_a_tracked_file_is_refused_although_it_is_ignored(repository: Path) -> None:
    (repository / "cache").mkdir()
    (repository / "cache" / "delta").write_text("old")
    subprocess.run(["git", "-C", str(repository), "add", "-f", "cache/delta"], check=True)
    with pytest.raises(SourceError, match="git would take"):
        check_place(repository / "cache" / "delta")


def test_a_link_into_a_repository_does_not_hide_it(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "link").symlink_to(repository)
    with pytest.raises(SourceError, match="git would take"):
        check_place(tmp_path / "link" / "delta")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("link", "."):
        with pytest.raises(SourceError, match="not a regular file"):
            check_place(tmp_path / name)


def test_a_repository_that_git_refuses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(SourceError):
        check_place(tmp_path / "broken" / "delta")
