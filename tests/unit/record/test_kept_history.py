import json
import random
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOW, TARGET
from support.memory_cache import MemoryCache

from reconciler.core.model import Target
from reconciler.errors import PlanFileError
from reconciler.record import kept_history, outlines, reader
from reconciler.record.account_history import AccountHistory
from reconciler.record.reader import read_account_history

OTHER = Target(TARGET.profile, "https://other.example.com")
ACTIONS = ("create", "update", "deactivate", "reactivate", "delete", "adopt", "relink")
RESULTS = ("done", "failed", "skipped", "not_in_effect", "unknown")


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (kept_history, outlines, reader):
            patch.setattr(module, "RECEIPTS", 2)
        yield


class Applies:
    """Makes up receipts, most of them as they are written, old ones first."""

    def __init__(self, chance: random.Random, oddities: float = 0.0) -> None:
        self._chance = chance
        self._oddities = oddities

    def write(self, plans: Path, number: int, when: datetime) -> Path:
        path = plans / f"{number:03}-{self._chance.randrange(10**6)}" / "receipt.jsonl"
        path.parent.mkdir(parents=True)
        count = self._chance.randrange(4)
        lines = [self._start(when), *(self._line(when + timedelta(seconds=each)) for each in range(count))]
        if self._chance.random() < 0.9:
            lines.append(self._dated("apply_finished", when, how=self._chance.choice(("complete", "interrupted"))))
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return path

    def _dated(self, event: str, when: datetime, **values: Any) -> dict[str, Any]:
        if self._chance.random() < self._oddities:
            when += timedelta(days=self._chance.choice((-400, 3, 9000)))
        time = "yesterday" if self._chance.random() < self._oddities else when.isoformat()
        return {"event": event, "time": time, "plan_id": f"sha256:{self._chance.randrange(4):064x}", **values}

    def _ids(self) -> list[str]:
        return [f"id-{self._chance.randrange(6)}" for _ in range(self._chance.randrange(3))]

    def _start(self, when: datetime) -> dict[str, Any]:
        target = TARGET if self._chance.random() < 0.8 else OTHER
        optional = {
            "approved": {"removals": "a"} if self._chance.random() < 0.5 else {"disconnect": "b"},
            "accounts": self._ids(),
            "protected": self._ids(),
            "unprotected": self._ids(),
            "service_ahead": self._chance.choice((0, 60, -43_000)),
            "key": "k",
            "top_files": ["settings.yaml"],
        }
        some = {name: value for name, value in optional.items() if self._chance.random() < 0.2}
        if self._chance.random() < self._oddities:
            some["service_ahead"] = self._chance.choice((-400_000, 400_000))
        return self._dated("apply_started", when, target=target.base_url, profile=target.profile, commit="c", **some)

    def _line(self, when: datetime) -> dict[str, Any]:
        chance = self._chance
        number = chance.randrange(6)
        values: dict[str, Any] = {
            "address": f"user-{number}",
            "action": chance.choice(ACTIONS),
            "id": chance.choice((f"id-{number}", f"id-{chance.randrange(6)}", None)),
            "user_name": chance.choice((f"Name-{number}", f"name-{chance.randrange(6)}", None)),
            "external_id": chance.choice((f"x-{number}", None)),
            "attributes": chance.choice(([], ["active"], ["id"])),
        }
        kind = chance.random()
        if kind < self._oddities:
            return self._dated("later_version", when, **values)
        if kind < 0.5:
            return self._dated("started", when, last_modified=when.isoformat(), full_name="Ada King", **values)
        some = {"forms": ["f"], "unseen": f"id-{number}", "unconfirmed": {"title": "d"}, "protected": True}
        rest = {name: value for name, value in some.items() if chance.random() < 0.2}
        if chance.random() < self._oddities:
            del values["external_id"]  # as version 0.1
        return self._dated("finished", when, result=chance.choice(RESULTS), **values, **rest)


def read_in_all_ways(plans: Path, store: MemoryCache | None) -> list[AccountHistory]:
    """The history by different clocks and for different targets."""
    clocks = [
        (NOW, None, None),
        (NOW + timedelta(days=400), NOW, None),
        (NOW, NOW - timedelta(days=7), None),
        (NOW, NOW, NOW - timedelta(days=5)),
        (NOW, NOW, NOW + timedelta(days=2)),
    ]
    return [
        read_account_history(
            plans, target, days, now, present=present, service_time=service_time, names=names, store=store
        )
        for now, present, service_time in clocks
        for target, days, names in ((TARGET, 30, True), (TARGET, 7, True), (TARGET, 7, False), (OTHER, 30, True))
    ]


@given(st.integers(0, 2**32))
def test_a_history_that_goes_on_from_a_kept_one_is_the_history_of_all_receipts(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    applies, store = Applies(chance, chance.choice((0, 0, 0.02))), MemoryCache()
    with tempfile.TemporaryDirectory() as folder:
        plans = Path(folder)
        count = chance.randrange(1, 9)
        paths = [applies.write(plans, each, NOW - timedelta(days=1.5 * (count - each))) for each in range(count)]
        for _ in range(2):
            assert read_in_all_ways(plans, store) == read_in_all_ways(plans, None)
        paths.append(applies.write(plans, 900, NOW))
        assert read_in_all_ways(plans, store) == read_in_all_ways(plans, None)
        change(chance, paths)
        assert read_in_all_ways(plans, store) == read_in_all_ways(plans, None)


def change(chance: random.Random, paths: list[Path]) -> None:
    """Lose a receipt, rename its record, or apply its plan again."""
    path = chance.choice(paths)
    match chance.randrange(3):
        case 0:
            path.unlink()
        case 1:
            path.parent.rename(path.parent.with_name(f"{chance.randrange(999):03}-renamed"))
        case _:
            path.write_text(path.read_text() + path.read_text())


def long_record(plans: Path, count: int = 6) -> list[Path]:
    applies = Applies(random.Random(1))  # noqa: S311
    return [applies.write(plans, each, NOW - timedelta(days=30 - each)) for each in range(count)]


def test_what_is_kept_is_used(tmp_path: Path) -> None:
    long_record(tmp_path)
    store = MemoryCache()
    first = read_account_history(tmp_path, TARGET, 30, NOW, store=store)
    assert (len(store.entries), store.hits) == (1, 0)
    assert read_account_history(tmp_path, TARGET, 30, NOW, store=store) == first
    assert store.hits == 1


def test_a_receipt_that_was_damaged_since_is_noticed(tmp_path: Path) -> None:
    first, *_ = long_record(tmp_path)
    store = MemoryCache()
    read_account_history(tmp_path, TARGET, 30, NOW, store=store)
    first.write_text("nonsense\n" + first.read_text())
    with pytest.raises(PlanFileError, match="not a receipt line"):
        read_account_history(tmp_path, TARGET, 30, NOW, store=store)


def test_what_cannot_be_decoded_is_as_good_as_absent(tmp_path: Path) -> None:
    long_record(tmp_path)
    store = MemoryCache()
    expected = read_account_history(tmp_path, TARGET, 30, NOW, store=store)
    (key,) = store.entries
    for content in (b"", b"\xc1", store.entries[key][:-1], b"\x92\xc0\xc0"):
        store.entries[key] = content
        assert read_account_history(tmp_path, TARGET, 30, NOW, store=store) == expected


def test_recent_receipts_are_not_kept(tmp_path: Path) -> None:
    applies = Applies(random.Random(1))  # noqa: S311
    for each in range(4):
        applies.write(tmp_path, each, NOW - timedelta(hours=40 - each))
    store = MemoryCache()
    read_account_history(tmp_path, TARGET, 30, NOW, store=store)
    assert store.entries == {}


def test_receipts_of_which_the_plan_has_names_are_not_kept(tmp_path: Path) -> None:
    for path in long_record(tmp_path):
        line = {"event": "started", "time": NOW.replace(year=2020).isoformat(), "action": "update", "id": "id-1"}
        path.write_text(f"{path.read_text()}{json.dumps(line)}\n")
    store = MemoryCache()
    read_account_history(tmp_path, TARGET, 30, NOW, store=store, names=True)
    assert store.entries == {}, "plans are not part of what is hashed"
    read_account_history(tmp_path, TARGET, 30, NOW, store=store)
    assert len(store.entries) == 1
