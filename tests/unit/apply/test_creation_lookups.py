from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from support.builders import change, rename, values_of

from reconciler.apply.creation_lookups import EVERY, FIRST, LONGEST_AGE, CreationLookups, Kept, knows_unique_names
from reconciler.core.plan import Action, Change
from reconciler.core.profile import Confidence, Switch

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEW = change("new", Action.CREATE)
MANY = tuple(change(f"new-{number}", Action.CREATE) for number in range(6))


def answered(_address: str) -> bool:
    return False


def lookups(
    changes: Sequence[Change] = (NEW,),
    *,
    began: datetime | None = BEGAN,
    unique: bool = True,
    unanswered: Callable[[str], bool] = answered,
    first: int = FIRST,
) -> CreationLookups:
    """Return the rule of a run whose first look-ups found nobody."""
    found = CreationLookups(began, unique=unique, changes=changes, unanswered=unanswered)
    for _ in range(first):
        found.note_lookup(found=False, filtered=True)
    return found


def decide(rule: CreationLookups, create: Change = NEW, *, age: timedelta = LONGEST_AGE, late: bool = False) -> object:
    return rule.decide(create, BEGAN + age, late=late)


def test_a_name_that_nobody_can_have_is_not_looked_up() -> None:
    assert decide(lookups()) is None
    assert decide(lookups(), age=timedelta(0)) is None


def test_without_a_complete_list_every_name_is_looked_up() -> None:
    assert decide(CreationLookups()) is Kept.UNPROVEN
    assert decide(lookups(began=None)) is Kept.UNPROVEN


@pytest.mark.parametrize("age", [LONGEST_AGE + timedelta(seconds=1), timedelta(seconds=-1)])
def test_an_old_list_proves_nothing_nor_does_one_from_the_future(age: timedelta) -> None:
    assert timedelta(minutes=5) == LONGEST_AGE
    assert decide(lookups(), age=age) is Kept.OLD


def test_a_service_that_shows_changes_late_is_asked() -> None:
    assert decide(lookups(), late=True) is Kept.LATE


def test_a_create_that_waits_for_another_change_is_looked_up() -> None:
    assert decide(lookups(), change("new", Action.CREATE, requires=('user["x"]',))) is Kept.DEPENDENT


@pytest.mark.parametrize(
    "other",
    [
        rename("new", "x"),
        change("new", Action.DELETE),
        change("new", Action.DEACTIVATE),
        change("x", before=values_of("x", user_name="NEW@example.com")),
        change("x", temporary_user_name="new@example.com"),
    ],
)
def test_a_name_that_this_run_frees_is_looked_up(other: Change) -> None:
    assert decide(lookups((other, NEW))) is Kept.FREED


def test_names_of_other_creates_are_not_freed() -> None:
    assert decide(lookups((NEW, *MANY))) is None


def test_a_create_without_an_answer_on_record_is_looked_up() -> None:
    asked: list[str] = []

    def unanswered(address: str) -> bool:
        asked.append(address)
        return True

    assert decide(lookups(unanswered=unanswered)) is Kept.UNANSWERED
    assert asked == [NEW.address]
    assert decide(CreationLookups(BEGAN, unique=True, changes=[NEW])) is Kept.UNANSWERED, (
        "nothing is known about the record"
    )


def test_a_service_that_may_accept_a_taken_name_is_asked() -> None:
    assert decide(lookups(MANY, unique=False)) is Kept.NOT_UNIQUE
    assert decide(CreationLookups(BEGAN, changes=MANY, unanswered=answered)) is Kept.NOT_UNIQUE


@pytest.mark.parametrize(
    ("value", "confidence", "known"),
    [
        (True, Confidence.DOCUMENTED, True),
        (True, Confidence.REPORTED, True),
        (True, Confidence.INFERRED, False),
        (False, Confidence.DOCUMENTED, False),
        (None, Confidence.DOCUMENTED, False),
    ],
)
def test_what_a_profile_only_infers_is_not_known(value: bool | None, confidence: Confidence, known: bool) -> None:
    assert knows_unique_names(Switch(value, "a test", confidence)) is known


def test_the_first_names_are_looked_up_until_that_found_nobody() -> None:
    rule = lookups(first=0)
    for _ in range(FIRST):
        assert decide(rule) is Kept.FIRST
        assert decide(rule) is Kept.FIRST, "the answer is not there yet"
        rule.note_lookup(found=False, filtered=False)
        assert decide(rule) is Kept.FIRST, "a service that does not filter shows nothing"
        rule.note_lookup(found=False, filtered=True)
    assert FIRST == 3
    assert decide(rule) is None


def test_one_of_many_is_looked_up() -> None:
    rule = lookups()
    found = [decide(rule) for _ in range(3 * EVERY)]
    assert found == [*[None] * (EVERY - 1), Kept.SAMPLE] * 3
    assert EVERY == 25


@pytest.mark.parametrize("first", [0, FIRST])
def test_after_a_name_holder_every_name_is_looked_up(first: int) -> None:
    rule = lookups(first=first)
    rule.note_lookup(found=True, filtered=True)
    rule.note_lookup(found=False, filtered=True)
    assert [decide(rule) for _ in range(EVERY)] == [Kept.DOUBTED] * EVERY


def test_after_a_refusal_or_a_lost_answer_every_name_is_looked_up() -> None:
    rule = lookups()
    assert decide(rule) is None
    rule.note_doubt()
    assert [decide(rule) for _ in range(EVERY)] == [Kept.DOUBTED] * EVERY


def test_the_decisions_of_several_threads_are_those_of_one() -> None:
    rule = lookups(MANY)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: decide(rule), range(20 * EVERY)))
    assert found.count(Kept.SAMPLE) == 20
