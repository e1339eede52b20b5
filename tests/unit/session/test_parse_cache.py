import os
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from reconciler.session import parse_cache, private_directory
from reconciler.session.cache_key import KeyPlace
from reconciler.session.parse_cache import ParseCache, build_parse_cache

KEY, OTHER = "a" * 64, "b" * 64
CONTENT = bytes(range(256))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "work" / ".reconciler" / "cache"


@pytest.fixture
def place(tmp_path: Path) -> KeyPlace:
    return KeyPlace(tmp_path / "home" / "reconciler")


@pytest.fixture(autouse=True)
def work(folder: Path) -> None:
    folder.parent.parent.mkdir()


@pytest.fixture
def cache(folder: Path, place: KeyPlace) -> ParseCache:
    return ParseCache(folder, place)


@pytest.fixture
def entry(cache: ParseCache, folder: Path) -> Path:
    """The file of an entry."""
    cache.write(KEY, 1000, CONTENT)
    (path,) = entries(folder)
    return path


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in (".gitignore", "CACHEDIR.TAG"))


def read(folder: Path, place: KeyPlace, key: str = KEY) -> bytes | None:
    """What the next run reads."""
    found = ParseCache(folder, place).read(key, 1000)
    return None if found is None else bytes(found)


def test_what_was_written_is_read_by_the_next_run(entry: Path, folder: Path, place: KeyPlace) -> None:
    assert read(folder, place) == CONTENT
    assert read(folder, place, OTHER) is None
    modes = [path.stat().st_mode & 0o777 for path in (folder.parent, folder, entry)]
    assert modes == [0o700, 0o700, 0o600]


def test_git_and_backups_leave_entries_out(entry: Path) -> None:
    assert entry.with_name(".gitignore").read_text() == "*\n"
    assert entry.with_name("CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_nothing_is_made_before_something_is_written(cache: ParseCache, folder: Path) -> None:
    assert cache.read(KEY, 1000) is None
    cache.prune()
    assert not folder.parent.exists()


# --- entries that are not as they were written ----------------------------------------------------


def test_every_flipped_bit_is_noticed(entry: Path, folder: Path, place: KeyPlace) -> None:
    content = entry.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        entry.write_bytes(damaged)
        assert read(folder, place) is None
    entry.write_bytes(content)
    assert read(folder, place) == CONTENT


def test_every_end_that_is_cut_off_or_added_is_noticed(entry: Path, folder: Path, place: KeyPlace) -> None:
    content = entry.read_bytes()
    for end in range(len(content)):
        entry.write_bytes(content[:end])
        assert read(folder, place) is None
    entry.write_bytes(content + b"\0")
    assert read(folder, place) is None


def test_a_damaged_entry_is_replaced(entry: Path, folder: Path, place: KeyPlace) -> None:
    entry.write_bytes(b"")
    ParseCache(folder, place).write(KEY, 1000, CONTENT)
    assert read(folder, place) == CONTENT


def test_entries_that_were_swapped_are_not_used(entry: Path, cache: ParseCache, folder: Path, place: KeyPlace) -> None:
    cache.write(OTHER, 1000, b"other")
    (other,) = set(entries(folder)) - {entry}
    one, two = entry.read_bytes(), other.read_bytes()
    entry.write_bytes(two)
    other.write_bytes(one)
    assert read(folder, place) is None
    assert read(folder, place, OTHER) is None


def test_a_forged_code_is_not_used(entry: Path, folder: Path, place: KeyPlace, tmp_path: Path) -> None:
    """A cache that comes with a checkout is made with another key, even if it is for the same content."""
    theirs = ParseCache(tmp_path / ".reconciler" / "cache", KeyPlace(tmp_path / "theirs"))
    theirs.write(KEY, 1000, b"forged")
    (forged,) = entries(tmp_path / ".reconciler" / "cache")
    entry.write_bytes(forged.read_bytes())
    assert read(folder, place) is None
    forged.rename(folder / forged.name)
    assert read(folder, place) is None


def test_another_job_does_not_use_entries(entry: Path, folder: Path, place: KeyPlace) -> None:
    assert entry.exists()
    assert read(folder, KeyPlace(place.folder, "contoso/users\n1\n1\nplan")) is None


def test_an_entry_that_is_larger_than_its_file_allows_is_not_read(entry: Path, folder: Path, place: KeyPlace) -> None:
    with entry.open("r+b") as file:
        file.truncate(1 << 40)  # sparse
    assert read(folder, place) is None


def test_an_entry_that_would_not_pay_is_not_written(cache: ParseCache, folder: Path) -> None:
    cache.write(KEY, 0, bytes(4096))
    assert not folder.exists()


# --- keys and directories that are not ours -------------------------------------------------------


@pytest.mark.parametrize("content", [None, b"", bytes(32)])
def test_with_another_key_there_are_no_entries(
    entry: Path, folder: Path, place: KeyPlace, content: bytes | None
) -> None:
    assert entry.exists()
    key = place.folder / "cache.key"
    if content is None:
        key.unlink()
    else:
        key.write_bytes(content)
    assert read(folder, place) is None
    ParseCache(folder, place).write(KEY, 1000, CONTENT)
    assert read(folder, place) == CONTENT


def test_without_a_place_for_the_key_there_is_no_cache(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    cache = ParseCache(folder, KeyPlace(tmp_path / "home" / "reconciler"))
    cache.write(KEY, 1000, CONTENT)
    assert cache.read(KEY, 1000) is None
    assert not folder.exists()


@pytest.mark.parametrize("what", ["", "cache", "entry"])
def test_what_others_can_change_is_not_used(entry: Path, folder: Path, place: KeyPlace, what: str) -> None:
    path = {"": folder.parent, "cache": folder, "entry": entry}[what]
    path.chmod(path.stat().st_mode | 0o022)
    assert read(folder, place) is None


@pytest.mark.parametrize("what", ["", "cache", "entry"])
def test_links_are_not_followed(entry: Path, folder: Path, place: KeyPlace, tmp_path: Path, what: str) -> None:
    path = {"": folder.parent, "cache": folder, "entry": entry}[what]
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert read(folder, place) is None


def test_nothing_is_written_where_others_can_change_it(cache: ParseCache, folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o700)
    folder.chmod(0o777)
    cache.write(KEY, 1000, CONTENT)
    assert list(folder.iterdir()) == []


def test_another_user_neither_reads_nor_writes(
    entry: Path, folder: Path, place: KeyPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ParseCache(folder, place)
    assert ours._secret is not None
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert ours.read(KEY, 1000) is None
    ours.write(OTHER, 1000, CONTENT)
    assert entries(folder) == [entry]


def test_a_directory_that_is_replaced_while_running_is_as_good_as_empty(
    cache: ParseCache, entry: Path, folder: Path, tmp_path: Path
) -> None:
    assert cache.read(KEY, 1000) is not None
    folder.rename(tmp_path / "away")
    assert cache.read(KEY, 1000) is None
    folder.symlink_to(tmp_path / "away")
    assert cache.read(KEY, 1000) is None
    cache.write(OTHER, 1000, CONTENT)
    assert entries(tmp_path / "away") == [tmp_path / "away" / entry.name]
    cache.prune()
    assert entries(tmp_path / "away") == [tmp_path / "away" / entry.name]


def test_a_directory_that_is_deleted_while_writing_is_no_error(
    cache: ParseCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = private_directory.write_private

    def delete_first(handle: int, name: str, parts: list[bytes], *, replace: bool = True) -> None:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        write(handle, name, parts, replace=replace)

    cache.write(KEY, 1000, CONTENT)
    monkeypatch.setattr(parse_cache, "write_private", delete_first)
    cache.write(OTHER, 1000, CONTENT)
    assert cache.read(OTHER, 1000) is None


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [PermissionError(13, "x"), OSError(30, "Read-only"), OSError(28, "No space")])
def test_a_file_system_that_cannot_be_written_is_tried_once(
    cache: ParseCache, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    tried = []

    def fail(*_: object, **__: object) -> None:
        tried.append(1)
        raise error

    monkeypatch.setattr(parse_cache, "write_private", fail)
    for _ in range(3):
        cache.write(KEY, 1000, CONTENT)
    cache.prune()
    assert tried == [1]
    assert cache.read(KEY, 1000) is None


def test_a_disk_that_is_almost_full_is_left_alone(
    cache: ParseCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_cache, "_LEAVE_FREE", 1 << 62)
    cache.write(KEY, 1000, CONTENT)
    assert list(folder.iterdir()) == []


# --- several runs, and runs that are killed -------------------------------------------------------


def _write_many(folder: Path, place: KeyPlace, number: int) -> None:
    cache = ParseCache(folder, place)
    for count in range(100_000):
        name = f"{count % 20}"
        cache.write(name, 1000, name.encode() * 500 + bytes([number]))


def test_runs_at_the_same_time_and_kill_9_leave_whole_entries(folder: Path, place: KeyPlace) -> None:
    context = get_context("fork")
    processes = [context.Process(target=_write_many, args=(folder, place, number)) for number in range(2)]
    for process in processes:
        process.start()
    cache, found, deadline = ParseCache(folder, place), 0, time.monotonic() + 30
    while found < 200 and time.monotonic() < deadline:
        for name in map(str, range(20)):
            content = cache.read(name, 1000)
            if content is not None:
                found += 1
                assert bytes(content[:-1]) == name.encode() * 500
    for process in processes:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    assert found >= 200
    assert all(cache.read(str(number), 1000) is not None for number in range(20))


# --- bounds --------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_cache, "_SMALLEST_TOTAL", 1000)


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_the_oldest_entries_make_room(small: None, folder: Path, place: KeyPlace) -> None:
    cache = ParseCache(folder, place)
    names = []
    for number in range(5):
        cache.write(str(number), 1000, bytes(300))
        (new,) = set(entries(folder)) - set(names)
        names.append(new)
        age(new, 5 - number)
    cache.prune()
    assert entries(folder) == sorted(names[-2:])  # 340 bytes each
    cache.write("5", 1000, bytes(300))
    cache.read("5", 500)  # users of 500 bytes may have entries of 2,000
    cache.prune()
    assert len(entries(folder)) == 4, "three, and how large the users' files were"


@pytest.fixture
def large(small: None, folder: Path, place: KeyPlace) -> list[Path]:
    """The entries of a desired state of 1,000 bytes, which may have 4,000."""
    for number in range(6):
        cache = ParseCache(folder, place)
        cache.write(str(number), 1000, bytes(300))
        cache.read(str(number), 1000)
        cache.prune()
    return entries(folder)


def prune_after_reading(folder: Path, place: KeyPlace, size: int) -> None:
    cache = ParseCache(folder, place)
    cache.write("new", 1000, b"x")
    cache.read("new", size)
    cache.prune()


def test_a_command_that_reads_little_leaves_a_large_cache_as_it_is(
    large: list[Path], folder: Path, place: KeyPlace
) -> None:
    assert len(large) == 7, "and how large the users' files were"
    for size in (0, 1, 100, 400):
        prune_after_reading(folder, place, size)
        assert set(large) < set(entries(folder))


def test_a_desired_state_that_shrank_is_believed_after_a_month(
    large: list[Path], folder: Path, place: KeyPlace
) -> None:
    for path in large:
        age(path, 29)
    prune_after_reading(folder, place, 300)
    assert set(large) < set(entries(folder)), "less than a half does not count"
    size = min(large, key=lambda path: path.stat().st_size)
    assert time.time() - size.stat().st_mtime > 28 * 86_400, "and confirms nothing"
    for path in large:
        age(path, 31)
    prune_after_reading(folder, place, 300)
    assert len(entries(folder)) == 2
    for number in range(6):
        ParseCache(folder, place).write(str(number), 1000, bytes(300))
    prune_after_reading(folder, place, 300)
    assert len(entries(folder)) == 5, "three of 340 bytes, a small one, and how large the users' files were"


def test_runs_that_write_nothing_keep_the_size_in_mind(large: list[Path], folder: Path, place: KeyPlace) -> None:
    for path in large:
        age(path, 20)
    cache = ParseCache(folder, place)
    for number in range(5):
        cache.read(str(number), 150)
    cache.prune()
    for path in large:
        age(path, max(0.0, (time.time() - path.stat().st_mtime) / 86_400 + 20))
    prune_after_reading(folder, place, 1)
    assert len(set(large) & set(entries(folder))) == 6, "all that was used in the last month"


def test_there_are_not_more_entries_than_can_be_listed(
    cache: ParseCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_cache, "_MOST_ENTRIES", 2)
    for number in range(4):
        cache.write(str(number), 1000, b"x")
    cache.prune()
    assert len(entries(folder)) == 2


def test_entries_that_no_run_used_for_a_month_go_and_used_ones_stay(
    cache: ParseCache, entry: Path, folder: Path
) -> None:
    cache.write(OTHER, 1000, CONTENT)
    for path in entries(folder):
        age(path, 31)
    cache.read(OTHER, 1000)
    cache.prune()
    assert not entry.exists()
    assert cache.read(OTHER, 1000) is not None


def test_what_a_killed_run_left_goes_after_an_hour_and_other_files_stay(
    cache: ParseCache, entry: Path, folder: Path
) -> None:
    old, new = folder / f".{'a' * 40}.{'b' * 16}", folder / f".{'a' * 40}.{'c' * 16}"
    theirs = folder / "notes.txt"
    for path in (old, new, theirs):
        path.write_text("x")
    age(old, 1 / 20)
    age(theirs, 400)
    (folder / ("d" * 40)).mkdir()
    (folder / ("e" * 40)).symlink_to(entry)
    cache.prune()
    assert not old.exists()
    assert not (folder / ("e" * 40)).is_symlink()
    assert all(path.exists() for path in (new, theirs, entry))
    assert (folder / ("d" * 40)).is_dir()


def test_entries_that_another_run_removes_meanwhile_are_no_error(
    cache: ParseCache, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: ["f" * 40, *listdir(folder)])
    cache.prune()
    assert entry.exists()


# --- the switch ----------------------------------------------------------------------------------


def test_a_cache_can_be_switched_off(tmp_path: Path) -> None:
    state = tmp_path / "work" / "desired-state"
    environment = {"XDG_STATE_HOME": str(tmp_path / "home")}
    assert build_parse_cache(state, environment=environment) is not None
    assert build_parse_cache(state, off=True, environment=environment) is None
    assert build_parse_cache(state, environment={**environment, "RECONCILER_NO_CACHE": "1"}) is None
    assert build_parse_cache(state, environment={**environment, "RECONCILER_NO_CACHE": ""}) is not None
    assert build_parse_cache(state, environment={**environment, "CI": "true"}) is None


def test_the_cache_is_next_to_the_desired_state(tmp_path: Path) -> None:
    state = tmp_path / "work" / "desired-state"
    cache = build_parse_cache(state, environment={"XDG_STATE_HOME": str(tmp_path / "home")})
    assert cache is not None
    cache.write(KEY, 1000, CONTENT)
    assert len(entries(tmp_path / "work" / ".reconciler" / "cache")) == 1
