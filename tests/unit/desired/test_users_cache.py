import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.builders import NOW
from support.desired_directory import Tree, messages
from support.desired_state import ADA, BOB, SETTINGS
from support.memory_cache import MemoryCache
from support.user_files import states

from reconciler.core.model import SourceUser
from reconciler.desired import parsed_users, users_cache
from reconciler.desired.directory import Directory
from reconciler.desired.loader import BrokenState, DesiredState, load, load_users
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.yaml_nodes import YamlMapping


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


def read(directory: Directory, cache: MemoryCache | None, keys: UserKeys | None = None) -> list[SourceUser]:
    directory.cache = cache
    return list(directory.read_users(keys))


def test_a_file_is_parsed_once(tree: Tree, cache: MemoryCache) -> None:
    directory = tree(users__a=ADA, users__b=BOB)
    first = read(directory, cache)
    assert (cache.hits, len(cache.entries), cache.pruned) == (0, 2, 1)
    again = read(Directory(directory.root), cache)
    assert cache.hits == 2
    assert [(user.attributes, user.origin, user.at("surname")) for user in first] == [
        (user.attributes, user.origin, user.at("surname")) for user in again
    ]


def test_entries_are_by_content_not_by_name(tree: Tree, cache: MemoryCache) -> None:
    read(tree(users__a=ADA), cache)
    (user,) = read(tree(users__a="[]\n", users__b=ADA), cache)
    assert cache.hits == 1
    assert (user.origin.file, user.at("surname").file) == ("users/b.yaml", "users/b.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "- {userPrincipalName: ada, department: null}\n",
        "- {userPrincipalName: ada, Objectid: x}\n",
        "- {userPrincipalName: ada}\n- {surname: x}\n",
        "- {userPrincipalName: ada}\n- [\n",
        "- {userPrincipalName: ada}\n- x\n",
        "- {userPrincipalName: ada, surname: {}}\n",
        "",
    ],
)
def test_a_file_about_which_anything_is_reported_is_not_cached(tree: Tree, cache: MemoryCache, text: str) -> None:
    directory = tree(users__a=text, users__b=BOB)
    users = read(directory, cache)
    reported = messages(directory)
    assert reported
    assert len(cache.entries) == 1
    again = Directory(directory.root)
    assert [user.key for user in read(again, cache)] == [user.key for user in users]
    assert messages(again) == reported


def test_a_key_that_is_reported_later_is_reported(tree: Tree, cache: MemoryCache) -> None:
    directory = tree(users__a=ADA.replace("department", "departement"))
    assert read(directory, cache)
    assert messages(directory) == []
    keys = UserKeys(frozenset({"department"}))
    assert read(directory, cache, keys) == []
    assert messages(directory) == [("users/a.yaml:1:93", 'key "departement" looks like department')]
    assert keys.suggested == {"department"}


def test_a_damaged_entry_is_read_as_far_as_it_goes_and_replaced(
    tree: Tree, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsed_users, "_USERS_A_CHUNK", 2)
    text = "".join(f"- {{userPrincipalName: u{number}}}\n" for number in range(5))
    directory = tree(users__a=text)
    whole = [user.key for user in read(directory, cache)]
    ((key, content),) = cache.entries.items()
    for end in range(0, len(content), 7):
        cache.entries[key] = content[:end] if end else b"\0"
        assert [user.key for user in read(Directory(directory.root), cache)] == whole
        assert cache.entries[key] == content


@pytest.mark.parametrize(
    ("cache", "entries"),
    [
        (MemoryCache(len(ADA + BOB), 0), 1),
        (MemoryCache(len(ADA + BOB) + 1, 0), 0),
        (MemoryCache(0, len(ADA)), 1),
        (MemoryCache(0, len(ADA) + 1), 0),
    ],
)
def test_small_files_and_small_desired_states_are_parsed(tree: Tree, cache: MemoryCache, entries: int) -> None:
    directory = tree(users__a=ADA, users__b=BOB)
    assert [user.key for user in read(directory, cache)] == ["ada@example.com", "bob@example.com"]
    assert len(cache.entries) == entries


def test_who_watches_entries_gets_them(tree: Tree, cache: MemoryCache) -> None:
    directory = tree(users__a=ADA)
    read(directory, cache)
    seen: list[YamlMapping] = []
    watching = Directory(directory.root, watch=lambda _, item: seen.append(item), cache=cache)
    assert len(list(watching.read_users())) == len(seen) == 1


def test_nothing_is_cached_of_a_file_that_is_not_read_to_its_end(tree: Tree, cache: MemoryCache) -> None:
    directory = tree(users__a=ADA + BOB)
    directory.cache = cache
    assert next(directory.read_users())
    assert not cache.entries


def test_another_program_has_other_entries(tree: Tree, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tree(users__a=ADA)
    read(directory, cache)
    for target, name in ((users_cache, "__version__"), (parsed_users, "FORMAT")):
        users_cache.fingerprint_program.cache_clear()
        monkeypatch.setattr(target, name, "2")
        read(directory, cache)
    users_cache.fingerprint_program.cache_clear()
    assert (cache.hits, len(cache.entries)) == (0, 3)


# --- the law: a cache changes nothing -------------------------------------------------------------

_BROKEN = st.sampled_from(
    [b"", b"- [", b"- x\n", b"- {userPrincipalName: u, surname: null}\n", b"\xff", b"- {upn: a}\n"]
)
_USER_NAME = b"- {target: userName, source: userPrincipalName, match: 1}\n"
_OTHERS = st.sampled_from([
    {},
    {"scope.yaml": b"sync: assigned\nassigned: {users: [u1@example.com, u2@example.com]}\n"},
    {"mappings.yaml": _USER_NAME + b"- {target: title, source: zz}\n"},
    {"mappings.yaml": _USER_NAME + b"- {target: name.givenName, sourc: zz}\n"},
    {"settings.yaml": b"target: 1\n"},
])  # fmt: skip


@st.composite
def directories(draw: Any) -> dict[str, bytes]:
    """Files of a desired state, with errors or without."""
    files = {name: text for name, text in draw(states()).items() if name.startswith("users/")}
    files = {"settings.yaml": SETTINGS.encode(), **files, **draw(_OTHERS)}
    if draw(st.booleans()):
        files[f"users/{draw(st.sampled_from(['a', 'c']))}.yaml"] = draw(_BROKEN)
    return files


def write(root: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def describe(state: DesiredState | BrokenState) -> object:
    """All that a caller can see of it."""
    if isinstance(state, BrokenState):
        return state
    return (tuple(state.users), state.diagnostics, state.digest, dict(state.files), state.settings, state.unseen)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(directories(), min_size=1, max_size=4))
def test_law_a_cache_changes_nothing(versions: list[dict[str, bytes]]) -> None:
    cache = MemoryCache()
    for files in (*versions, versions[0]):  # edits between runs, and back
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch) / "state"
            write(root, files)
            without = load(root, NOW, checked_out=False)
            for _ in range(2):
                assert describe(load(root, NOW, checked_out=False, cache=cache)) == describe(without)
            if isinstance(without, DesiredState):
                users = load_users(root, without, NOW)
                assert tuple(load_users(root, without, NOW, cache=cache)) == tuple(users)
            plain, cached = Directory(root), Directory(root, cache=cache)
            for parsed, found in zip(plain.read_users(), cached.read_users(), strict=True):
                assert all(found.at(key) == parsed.at(key) for key in (*parsed.attributes, "lifecycle", "surname"))
            shutil.rmtree(root)
