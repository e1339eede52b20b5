"""Of users/ only the entries are read that changed, and those that a passed day concerns."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.desired_directory import SETTINGS

from reconciler.desired.changed_entries import MOST_DAYS, ChangedEntries, EarlierFiles, list_passed_days
from reconciler.desired.text_search import MOST_SEARCHED
from reconciler.errors import FullPlanNeededError

ADA = "- {userPrincipalName: ada@example.com, objectId: id-ada, department: Sales}\n"
BEN = "- {userPrincipalName: ben@example.com, objectId: id-ben}\n"
CAM = "- {userPrincipalName: cam@example.com, objectId: id-cam}\n"
TODAY = date(2026, 12, 1)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def directory_of(
    root: Path, before: Mapping[str, str], after: Mapping[str, str], passed: tuple[date, ...] = ()
) -> ChangedEntries:
    """A directory with the users files `after`, which were `before`."""
    (root / "settings.yaml").write_text(SETTINGS)
    for name, text in after.items():
        path = root / "users" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    old = {f"users/{name}.yaml": text.encode() for name, text in before.items()}

    def read(names: Collection[str]) -> Mapping[str, bytes]:
        return {name: old[name] for name in names}

    ids = {name: digest(content) for name, content in old.items()}
    return ChangedEntries(
        root, earlier=EarlierFiles(ids, read, lambda content, known: digest(content) == known), passed=passed
    )


def names(users: Collection[object]) -> list[str]:
    return sorted(str(getattr(user, "key", user)).partition("@")[0] for user in users)


def changed(
    root: Path, before: Mapping[str, str], after: Mapping[str, str], *passed: date
) -> tuple[list[str], list[str]]:
    """Return the users that are read, and the former ones."""
    directory = directory_of(root, before, after, passed)
    return names(list(directory.read_users())), names(directory.former)


@pytest.mark.parametrize(
    ("before", "after", "now", "former"),
    [
        ({"a": ADA + BEN}, {"a": ADA + BEN}, [], []),
        ({"a": ADA + BEN}, {"a": ADA.replace("Sales", "IT") + BEN}, ["ada"], ["ada"]),
        ({"a": ADA + BEN}, {"a": BEN + ADA}, [], []),
        ({"a": ADA + BEN}, {"a": BEN}, [], ["ada"]),
        ({"a": BEN}, {"a": ADA + BEN}, ["ada"], []),
        ({"a": ADA, "b": BEN}, {"b": BEN + ADA}, [], []),
        ({"a": ADA, "b": BEN}, {"b": BEN}, [], ["ada"]),
        ({"a": ADA}, {"a": ADA, "b": BEN}, ["ben"], []),
        ({"a": ADA + BEN}, {"a": ADA.replace("ada@", "new@") + BEN}, ["new"], ["ada"]),
        ({"a": ADA + BEN}, {"a": "# a comment\n" + ADA + BEN.replace("{", "{ ")}, [], []),
    ],
)
def test_an_entry_that_changed_is_read(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], now: list[str], former: list[str]
) -> None:
    assert changed(tmp_path, before, after) == (now, former)


@pytest.mark.parametrize(
    "text",
    [
        "lifecycle: {starts: 2026-12-01}",
        "lifecycle: {expires: 2026-12-01}",
        'lifecycle: {expires: "2026\\x2d12-01"}',
        '"life\\x63ycle": {expires: "2026\\x2d12-01"}',
    ],
)
def test_a_passed_day_concerns_users_whose_entries_did_not_change(tmp_path: Path, text: str) -> None:
    files = {"a": BEN.replace("id-ben", f"id-ben, {text}") + CAM, "b": ADA}
    assert changed(tmp_path, files, files, TODAY) == (["ben"], ["ben"])
    assert changed(tmp_path, files, files, TODAY - timedelta(days=1)) == ([], [])


@pytest.mark.parametrize(
    "taken",
    [
        "- {userPrincipalName: new@example.com, objectId: ID-BEN}\n",
        "- {userPrincipalName: BEN@example.com, objectId: id-new}\n",
        "- {userPrincipalName: new@example.com, objectId: ben@example.com}\n",
    ],
)
@pytest.mark.parametrize("where", ["the same file", "another file", "another file, escaped"])
def test_a_name_of_another_user_needs_a_full_plan(tmp_path: Path, taken: str, where: str) -> None:
    other = {"another file, escaped": '- {userPrincipalName: "ben\\x40example.com", objectId: "id\\x2dben"}\n'}.get(
        where, BEN
    )
    before = {"a": ADA + BEN} if where == "the same file" else {"a": ADA, "b": other}
    after = {"a": ADA + BEN + taken} if where == "the same file" else {"a": ADA + taken, "b": other}
    with pytest.raises(FullPlanNeededError, match="name that"):
        changed(tmp_path, before, after)


def test_a_name_that_cannot_be_searched_for_needs_a_full_plan(tmp_path: Path) -> None:
    with pytest.raises(FullPlanNeededError, match="cannot be searched for"):
        changed(tmp_path, {"a": ADA}, {"a": ADA + BEN.replace("ben@", "zoë@")})


def test_many_names_are_not_searched_for(tmp_path: Path) -> None:
    many = "".join(BEN.replace("ben", f"new{number}") for number in range(MOST_SEARCHED))
    with pytest.raises(FullPlanNeededError, match="too many to search for"):
        changed(tmp_path, {"a": ADA, "b": BEN}, {"a": ADA + many, "b": BEN})


def test_the_digests_are_those_of_before(tmp_path: Path) -> None:
    before = {"a": ADA, "b": BEN, "gone": CAM}
    directory = directory_of(tmp_path, before, {"a": ADA.replace("Sales", "IT"), "b": BEN, "new": "[]\n"})
    directory.read_settings()
    list(directory.read_users())
    expected = {f"users/{name}.yaml": digest(text.encode()) for name, text in before.items()}
    assert directory.list_earlier_digests() == {**expected, "settings.yaml": digest(SETTINGS.encode())}


def test_users_whose_entries_did_not_change_are_found(tmp_path: Path) -> None:
    directory = directory_of(tmp_path, {"a": ADA + BEN}, {"a": ADA.replace("Sales", "IT") + BEN})
    list(directory.read_users())
    assert names(list(directory.find_unchanged())) == ["ben"]
    directory = directory_of(tmp_path, {"a": ADA, "b": BEN + CAM}, {"a": ADA.replace("Sales", "IT"), "b": BEN + CAM})
    list(directory.read_users())
    assert names(list(directory.find_unchanged())) == ["ben", "cam"]


def test_a_large_directory_is_not_read_for_users_who_did_not_change(tmp_path: Path) -> None:
    """Files far apart come first: the users of neighboring ones may all be out of scope."""
    files = {f"u{number:03d}": BEN.replace("ben", f"u{number:03d}") for number in range(160)}
    directory = directory_of(tmp_path, {"a": ADA, **files}, {"a": ADA.replace("Sales", "IT"), **files})
    list(directory.read_users())
    found = [str(user.key).partition("@")[0] for user in directory.find_unchanged()]
    assert found[:3] == ["u000", "u010", "u020"]
    assert len(found) == len(set(found)) == 64


def test_a_broken_old_file_needs_a_full_plan(tmp_path: Path) -> None:
    with pytest.raises(FullPlanNeededError, match="have errors"):
        changed(tmp_path, {"a": "- {userPrincipalName: 1"}, {"a": ADA})


def test_without_an_earlier_state_all_users_are_needed(tmp_path: Path) -> None:
    with pytest.raises(FullPlanNeededError):
        list(ChangedEntries(tmp_path).read_users())


def test_the_days_that_passed() -> None:
    assert list_passed_days(TODAY, TODAY) == ()
    assert list_passed_days(TODAY - timedelta(days=2), TODAY) == (TODAY - timedelta(days=1), TODAY)
    for since in (TODAY + timedelta(days=1), TODAY - timedelta(days=MOST_DAYS + 1)):
        with pytest.raises(FullPlanNeededError):
            list_passed_days(since, TODAY)
