"""The law: rows that were kept change nothing, whatever changed between two runs."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.builders import NOW
from support.desired_state import ADA, BOB, SETTINGS, TARGET, USUAL
from support.memory_cache import MemoryCache

from reconciler.core.model import DesiredUser
from reconciler.desired import mapped_users
from reconciler.desired.directory import Directory
from reconciler.desired.loader import BrokenState, load, prepare
from reconciler.desired.mapped_users import read_rows
from reconciler.desired.user_table import Chunk, UserTable
from reconciler.desired.users import DesiredUserReader
from reconciler.desired.yaml_nodes import YamlMapping

Files = dict[str, str]

NEXT = (NOW + timedelta(days=1)).date().isoformat()
ENDS, STARTS = f"lifecycle: {{expires: {NEXT}}}", f"lifecycle: {{starts: {NEXT}}}"
ENTRIES = (
    "- {userPrincipalName: u0@example.com, objectId: o0, givenName: A, surname: B}\n",
    "- {userPrincipalName: u1@example.com, objectId: o1, givenName: A, surname: B, department: Sales}\n",
    "- {userPrincipalName: U1@EXAMPLE.com, objectId: o9, givenName: A, surname: B, jobTitle: Clerk}\n",
    "- {userPrincipalName: u2@example.com, objectId: U1@example.com, givenName: A, surname: B}\n",
    "- {userPrincipalName: u3@example.com, objectId: u3@example.com, givenName: A, surname: B, city: Rome}\n",
    "- {userPrincipalName: u4@example.com, objectId: o4, givenName: A, surname: B, accountEnabled: false}\n",
    f"- {{userPrincipalName: u5@example.com, objectId: o5, givenName: A, surname: B, {ENDS}}}\n",
    f"- {{userPrincipalName: u6@example.com, objectId: o6, givenName: A, surname: B, {STARTS}}}\n",
    "- {userPrincipalName: u7@example.com, objectId: o7, givenName: A, surname: B, lifecycle: {protected: true}}\n",
    f"- {{userPrincipalName: u8@example.com, objectId: o8, givenName: A, surname: B, hired: {NEXT}}}\n",
    "- {userPrincipalName: u10@elsewhere.org, objectId: o10, givenName: A, surname: B}\n",
    "- {userPrincipalName: u11..x@example.com, objectId: o11, givenName: A, surname: B}\n",
    "- {userPrincipalName: u12@example.com, objectId: o12, givenName: A}\n",
    "- {userPrincipalName: u13@example.com, objectId: o13, givenName: A, surname: B, departement: Sales}\n",
    '- {userPrincipalName: u14@example.com, objectId: o14, givenName: "A\\x01", surname: B}\n',
    "- {userPrincipalName: u15@example.com, objectId: o15, firstName: A, surname: B}\n",
    "- {surname: B}\n",
)
GOOD = 10
"""The first entries, about which alone nothing is reported."""
texts = st.one_of(
    st.lists(st.sampled_from(ENTRIES[:GOOD]), unique=True, min_size=1, max_size=3).map("".join),
    st.lists(st.sampled_from(ENTRIES[:GOOD]), unique=True, min_size=1, max_size=3).map("".join),
    st.lists(st.sampled_from(ENTRIES), unique=True, max_size=3).map("".join),
    st.sampled_from(["[]\n", "- {userPrincipalName: x\n", "- {userPrincipalName: u17@example.com}"]),
)
OTHERS: Mapping[str, tuple[str | None, ...]] = {
    "settings.yaml": (
        SETTINGS,
        SETTINGS.replace("[example.com]", "[example.com, elsewhere.org]"),
        TARGET.format("scim"),
        SETTINGS.replace("  domains: [example.com]\n", ""),
    ),
    "scope.yaml": (
        None,
        "sync: all\n",
        "sync: assigned\nassigned: {users: [u1@example.com, O0]}\n",
        "sync: assigned\nassigned: {users: [nobody@example.com]}\n",
        "sync: all\nexcluded: {users: [u0@example.com, u3@example.com]}\n",
        "sync: assigned\nassigned: {groups: [g]}\n",
        "sync: all\nfilters: [{name: x, clauses: [{attribute: department, operator: EQUALS, value: Sales}]}]\n",
        "sync: all\nfilters: [{name: x, clauses: [{attribute: jobTitel, operator: IS NULL}]}]\n",
        "sync: all\nfilters: [{name: x, clauses: [{attribute: hired, operator: DATE BEFORE, value: today+1}]}]\n",
    ),
    "groups/g.yaml": (
        None,
        "- {name: g, members: {users: [u1@example.com]}}\n",
        "- {name: g, members: {users: [o0, u2@example.com]}}\n",
        "- {name: g, members: {users: [nobody], groups: [h]}}\n",
    ),
    "mappings.yaml": (
        None,
        USUAL,
        f'{USUAL}- {{target: "enterprise:department", source: jobTitle}}\n',
        f'{USUAL}- {{target: "enterprise:department", constant: Clerk}}\n',
        f'{USUAL}- {{target: "enterprise:department", source: departement}}\n',
        f"{USUAL}- {{target: \"enterprise:department\", expression: 'Now()'}}\n",
        f"{USUAL}- {{target: \"enterprise:costCenter\", expression: 'RandomString(6,3,0,0,3)'}}\n",
    ),
}
DAYS = (0, 0.01, 1)
names = st.sampled_from([f"users/{name}.yaml" for name in "abcd"])


@st.composite
def histories(draw: Any) -> list[tuple[float, Files]]:
    """Versions of a directory, each with few changes to the one before, and the day on which each is read."""
    files: dict[str, str | None] = {name: contents[0] for name, contents in OTHERS.items()}
    files |= draw(st.dictionaries(names, texts, min_size=2))
    day = 0.0
    versions = []
    for _ in range(draw(st.integers(2, 5))):
        versions.append((day, {name: text for name, text in files.items() if text is not None}))
        match draw(st.sampled_from(["edit", "edit", "remove", "rename", "other", "other", "day"])):
            case "edit":
                files[draw(names)] = draw(texts)
            case "remove":
                files[draw(names)] = None
            case "rename":
                one, other = draw(names), draw(names)
                files[one], files[other] = files.get(other), files.get(one)
            case "other":
                name = draw(st.sampled_from(sorted(OTHERS)))
                files[name] = draw(st.sampled_from(OTHERS[name]))
            case _:
                day = draw(st.sampled_from(DAYS))
    return versions


def write(root: Path, files: Files) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


Content = tuple[object, ...]
"""All that a caller can see of what was read."""


def read_ordinarily(root: Path, day: float = 0) -> Content:
    state = load(root, NOW + timedelta(days=day))
    if isinstance(state, BrokenState):
        return (state.diagnostics,)
    return (tuple(state.users), state.diagnostics, state.digest, dict(state.files), state.unseen)


def read(root: Path, cache: MemoryCache, day: float = 0) -> Content:
    found = prepare(root, NOW + timedelta(days=day), None, cache)
    if isinstance(found, BrokenState):
        return (found.diagnostics,)
    table = UserTable()
    content = read_rows(found, table)
    if isinstance(content, BrokenState):
        return (content.diagnostics,)
    return (tuple(table), content.diagnostics, content.digest, dict(content.files), content.unseen)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.sampled_from([1, 1 << 18]))
def test_law_rows_that_were_kept_change_nothing(versions: list[tuple[float, Files]], chunk: int) -> None:
    cache = MemoryCache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconciler.desired.user_table._CHUNK_BYTES", chunk)
        for day, files in (*versions, versions[0]):
            with tempfile.TemporaryDirectory() as scratch:
                root = Path(scratch)
                write(root, files)
                expected = read_ordinarily(root, day)
                assert read(root, cache, day) == expected
                assert read(root, cache, day) == expected


@pytest.mark.parametrize("name", OTHERS)
def test_each_other_file_and_the_clock_count(name: str, tmp_path: Path) -> None:
    cache = MemoryCache()
    write(tmp_path, {"settings.yaml": SETTINGS, "users/a.yaml": ENTRIES[0], "users/b.yaml": "".join(ENTRIES[1:2])})
    write(tmp_path, {"users/c.yaml": "".join(ENTRIES[4:GOOD])})
    if name == "settings.yaml":
        write(tmp_path, {"users/d.yaml": ENTRIES[GOOD]})
    if name == "groups/g.yaml":
        write(tmp_path, {"scope.yaml": "sync: assigned\nassigned: {groups: [g]}\n"})
    seen = []
    for text in (*OTHERS[name], OTHERS[name][0]):
        if text is not None:
            write(tmp_path, {name: text})
        for day in (*DAYS, *DAYS):
            expected = read_ordinarily(tmp_path, day)
            assert read(tmp_path, cache, day) == expected
            seen.append(expected)
    assert any(content[0] != seen[0][0] for content in seen)


# --- what is taken from the cache ---------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, {"settings.yaml": SETTINGS, "users/a.yaml": ADA, "users/b.yaml": BOB})
    return tmp_path


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The users that are mapped."""
    keys: list[str] = []
    add = DesiredUserReader.add
    monkeypatch.setattr(DesiredUserReader, "add", lambda self, user: (keys.append(user.key), add(self, user))[1])
    return keys


def test_only_files_that_changed_are_mapped(root: Path, cache: MemoryCache, mapped: list[str]) -> None:
    read(root, cache)
    assert mapped == ["ada@example.com", "bob@example.com"]
    mapped.clear()
    read(root, cache)
    assert mapped == []
    write(root, {"users/b.yaml": BOB + ENTRIES[0]})
    read(root, cache)
    assert mapped == ["bob@example.com", "u0@example.com"]


def test_each_file_counts_once_whatever_is_kept_of_it(root: Path, cache: MemoryCache) -> None:
    for runs in (1, 2):
        read(root, cache)
        assert cache.counted == runs * (len(ADA) + len(BOB))


def test_a_renamed_file_is_known_unless_its_name_is_in_its_rows(
    root: Path, cache: MemoryCache, mapped: list[str]
) -> None:
    write(root, {"users/b.yaml": ENTRIES[5]})
    read(root, cache)
    mapped.clear()
    (root / "users/a.yaml").rename(root / "users/c.yaml")
    assert read(root, cache) == read_ordinarily(root)
    assert mapped[:-2] == []
    mapped.clear()
    (root / "users/b.yaml").rename(root / "users/d.yaml")
    expected = read_ordinarily(root)
    mapped.clear()
    assert read(root, cache) == expected
    assert mapped == ["u4@example.com"]


@pytest.mark.parametrize(
    ("entry", "known"), [(0, True), (4, True), (5, True), (6, False), (7, False), (8, False), (9, True)]
)
def test_only_users_with_dates_are_mapped_each_day(
    root: Path, cache: MemoryCache, mapped: list[str], entry: int, known: bool
) -> None:
    write(root, {"users/b.yaml": ENTRIES[entry]})
    read(root, cache)
    mapped.clear()
    read(root, cache, day=1)
    assert (mapped == []) == known
    mapped.clear()
    read(root, cache, day=1)
    assert mapped == []


def test_nothing_is_kept_if_a_mapping_reads_the_clock(root: Path, cache: MemoryCache, mapped: list[str]) -> None:
    write(root, {"mappings.yaml": f"{USUAL}- {{target: \"enterprise:department\", expression: 'Now()'}}\n"})
    for _ in range(2):
        read(root, cache)
    assert len(mapped) == 4


@pytest.mark.parametrize("entry", range(GOOD, len(ENTRIES)))
def test_a_file_about_which_anything_is_said_is_not_kept(
    root: Path, cache: MemoryCache, mapped: list[str], entry: int
) -> None:
    write(root, {"users/b.yaml": ENTRIES[entry] + BOB})
    read(root, cache)
    mapped.clear()
    read(root, cache)
    assert "bob@example.com" in mapped
    assert "ada@example.com" not in mapped


def test_each_library_and_each_part_of_the_program_counts(
    root: Path, cache: MemoryCache, mapped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(root, cache)
    for target in ("version", "fingerprint_program"):
        mapped.clear()
        with monkeypatch.context() as patch:
            patch.setattr(mapped_users, target, lambda *_: "other")
            mapped_users._fingerprint_mapping.cache_clear()
            read(root, cache)
        mapped_users._fingerprint_mapping.cache_clear()
        assert len(mapped) == 2


def test_nothing_is_kept_by_a_library_of_unknown_version(
    root: Path, cache: MemoryCache, mapped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped_users, "_LIBRARIES", ("not-installed",))
    mapped_users._fingerprint_mapping.cache_clear()
    for _ in range(2):
        read(root, cache)
    mapped_users._fingerprint_mapping.cache_clear()
    assert len(mapped) == 4


# --- what makes all users be read again -----------------------------------------------------------


class Recorder:
    """Records what is given."""

    def __init__(self) -> None:
        self.given: list[DesiredUser | Chunk] = []

    def append(self, user: DesiredUser) -> None:
        self.given.append(user)

    def adopt(self, chunk: Chunk) -> None:
        self.given.append(chunk)


@pytest.mark.parametrize(
    ("file", "text", "summary"),
    [
        ("users/c.yaml", ADA.replace("id-ada", "other"), 'userPrincipalName "ada@example.com" is used twice'),
        ("users/c.yaml", BOB.replace("bob@", "x@"), 'objectId "id-bob" is used twice'),
        ("users/c.yaml", ENTRIES[0].replace("o0", "ADA@example.com"), 'objectId "ADA@example.com" is used twice'),
        ("scope.yaml", "sync: assigned\nassigned: {users: [eve@example.com]}\n", 'there is no user "eve@example.com"'),
    ],
)
def test_what_concerns_several_files_is_found(
    root: Path, cache: MemoryCache, file: str, text: str, summary: str
) -> None:
    read(root, cache)
    write(root, {file: text})
    for _ in range(2):
        assert read(root, cache) == read_ordinarily(root)
        (diagnostics,) = read_ordinarily(root)
        assert [item.summary for item in diagnostics] == [summary]  # type: ignore[attr-defined]


def test_names_that_only_look_the_same_are_told_apart_and_nobody_is_given_twice(
    root: Path, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.desired.name_hashes.hash_name", lambda _name: 7)
    for _ in range(2):
        assert read(root, cache) == read_ordinarily(root)
    assert len(read(root, cache)[0]) == 2  # type: ignore[arg-type]


def test_users_that_are_too_unlike_each_other_are_read_in_the_ordinary_way(
    root: Path, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped_users, "_MAX_SHAPES", 1)
    write(root, {"users/b.yaml": BOB + ENTRIES[1]})
    for _ in range(2):
        found = prepare(root, NOW, None, cache)
        assert not isinstance(found, BrokenState)
        recorder = Recorder()
        read_rows(found, recorder)
    # The second time the first file is given as rows, and the users of the other one by one.
    assert [type(each).__name__ for each in recorder.given] == ["Chunk", "DesiredUser", "DesiredUser"]
    assert read(root, cache) == read_ordinarily(root)


def test_a_file_that_changes_before_all_users_are_read_again_is_reported(
    root: Path, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(_self: object, _scope: object) -> bool:
        write(root, {"users/a.yaml": ADA.replace("Ada", "Eve")})
        return False

    monkeypatch.setattr("reconciler.desired.name_hashes.NameHashes.is_unique", change)
    (diagnostics,) = read(root, cache)
    assert [item.summary for item in diagnostics] == [  # type: ignore[attr-defined]
        'the desired state changed while it was read: "users/a.yaml"'
    ]


@pytest.mark.parametrize("end", range(0, 600, 37))
def test_a_damaged_entry_is_replaced(root: Path, cache: MemoryCache, mapped: list[str], end: int) -> None:
    read(root, cache)
    key = next(key for key in cache.entries if key.startswith("rows "))
    whole = cache.entries[key]
    cache.entries[key] = whole[:end]
    mapped.clear()
    read(root, cache)
    assert mapped == (["ada@example.com"] if end < len(whole) else [])
    assert cache.entries[key] == whole


def test_without_a_cache_and_for_who_watches_entries_all_users_are_read(
    root: Path, cache: MemoryCache, mapped: list[str]
) -> None:
    read(root, cache)
    found = prepare(root, NOW, None, cache)
    assert not isinstance(found, BrokenState)
    seen: list[YamlMapping] = []
    watching = Directory(root, watch=lambda _, item: seen.append(item), cache=cache)
    read_rows(replace(found, directory=watching), UserTable())
    assert len(seen) == 2
    mapped.clear()
    found = prepare(root, NOW, None, None)
    assert not isinstance(found, BrokenState)
    read_rows(found, UserTable())
    assert len(mapped) == 2
