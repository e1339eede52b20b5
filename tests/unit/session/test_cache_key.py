import os
from pathlib import Path

import pytest

from reconciler.session.cache_key import KeyPlace, find_key_place, read_key


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "repository" / "desired-state"
    path.mkdir(parents=True)
    (path.parent / ".git").mkdir()
    return path


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "temp").mkdir()
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "contoso/users",
        "GITHUB_RUN_ID": "123",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_JOB": "plan",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "XDG_STATE_HOME": str(tmp_path / "home"),
    }


def find(state: Path, environment: dict[str, str]) -> KeyPlace:
    place = find_key_place(state, environment)
    assert place is not None
    return place


def test_the_key_is_in_the_state_directory_of_the_user_and_stays(state: Path, tmp_path: Path) -> None:
    place = find(state, {"XDG_STATE_HOME": str(tmp_path / "home")})
    key = read_key(place)
    path = tmp_path / "home" / "reconciler" / "cache.key"
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 32)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read_key(place) == key != path.read_bytes()
    assert names(path.parent) == ["cache.key"]


def test_a_job_has_a_key_in_the_directory_of_the_runner_that_no_other_job_has(state: Path, job: dict[str, str]) -> None:
    key = read_key(find(state, job))
    assert Path(job["RUNNER_TEMP"], "reconciler", "cache.key").exists()
    assert not Path(job["XDG_STATE_HOME"]).exists()
    assert read_key(find(state, job)) == key  # the next step
    others = (
        {name: job[name] + "2"} for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB")
    )
    assert all(read_key(find(state, {**job, **other})) != key for other in others)
    Path(job["RUNNER_TEMP"], "reconciler", "cache.key").unlink()  # as between two jobs
    assert read_key(find(state, job)) != key


@pytest.mark.parametrize(
    "missing",
    ["GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_TEMP", "GITHUB_ACTIONS"],
)
def test_a_job_that_cannot_be_told_from_others_has_no_key(state: Path, job: dict[str, str], missing: str) -> None:
    assert find_key_place(state, {**job, missing: ""}) is None


@pytest.mark.parametrize("variable", ["CI", "GITLAB_CI", "GITHUB_ACTIONS"])
def test_other_ci_systems_have_no_key(state: Path, tmp_path: Path, variable: str) -> None:
    assert find_key_place(state, {variable: "true", "XDG_STATE_HOME": str(tmp_path / "home")}) is None
    assert find_key_place(state, {variable: "true", "CI_JOB_ID": "1", "RUNNER_TEMP": str(tmp_path)}) is None


def test_the_directory_of_the_runner_is_a_whole_path(state: Path, job: dict[str, str]) -> None:
    assert find_key_place(state, {**job, "RUNNER_TEMP": "temp"}) is None


def test_a_key_in_the_repository_is_none(state: Path, job: dict[str, str], tmp_path: Path) -> None:
    inside = state.parent / "home"
    assert find_key_place(state, {"XDG_STATE_HOME": str(inside)}) is None
    assert find_key_place(state, {**job, "RUNNER_TEMP": str(inside)}) is None
    (tmp_path / "link").symlink_to(inside)
    assert find_key_place(state, {"XDG_STATE_HOME": str(tmp_path / "link")}) is None


def test_outside_of_git_the_key_may_be_next_to_the_desired_state(state: Path) -> None:
    """As in a home directory."""
    environment = {"XDG_STATE_HOME": str(state.parent / "home")}
    (state.parent / ".git").rmdir()
    assert find_key_place(state, environment) is not None
    assert find_key_place(state, {"XDG_STATE_HOME": str(state / "home")}) is None


def test_a_user_without_a_home_directory_has_no_key(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", fail)
    assert find_key_place(state, {}) is None


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_key_that_is_damaged_is_replaced(tmp_path: Path, content: bytes) -> None:
    place = KeyPlace(tmp_path / "reconciler")
    read_key(place)
    path = place.folder / "cache.key"
    path.write_bytes(content)
    key = read_key(place)
    assert (read_key(place), path.stat().st_size) == (key, 32)


def test_a_key_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    place = KeyPlace(tmp_path / "reconciler")
    key = read_key(place)
    path = place.folder / "cache.key"
    path.chmod(0o644)
    assert read_key(place) != key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_in_place_of_the_key_is_replaced_and_not_followed(tmp_path: Path) -> None:
    place = KeyPlace(tmp_path / "reconciler")
    read_key(place)
    target, path = tmp_path / "target", place.folder / "cache.key"
    path.rename(target)
    path.symlink_to(target)
    before = target.read_bytes()
    read_key(place)
    assert not path.is_symlink()
    assert target.read_bytes() == before != path.read_bytes()


@pytest.mark.parametrize("mode", [0o770, 0o702])
def test_a_directory_that_others_can_change_holds_no_key(tmp_path: Path, mode: int) -> None:
    place = KeyPlace(tmp_path / "reconciler")
    read_key(place)
    place.folder.chmod(mode)
    with pytest.raises(PermissionError):
        read_key(place)


def test_two_processes_that_make_the_key_get_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = KeyPlace(tmp_path / "reconciler")
    link = os.link
    first: list[bytes] = []

    def link_after_another(*names: str, **folders: int) -> None:
        monkeypatch.setattr(os, "link", link)
        first.append(read_key(place))
        link(*names, **folders)

    monkeypatch.setattr(os, "link", link_after_another)
    assert read_key(place) == first[0]
