from __future__ import annotations

from typing import Any

import pytest
from support.builders import DEPARTMENT, ENTERPRISE, change, resource, values_of
from support.scripted_service import Answered, ScriptedService, run_changes

from reconciler.apply.answer_trust import AnswerTrust
from reconciler.core.plan import Action


def test_an_answer_counts_after_three_that_reading_confirmed_by_attribute() -> None:
    answers = AnswerTrust()
    for _ in range(3):
        assert not answers.accept(change("ada"), ["active"])
        answers.note(change("ada"), ["active", "userName"], confirmed=True)
    assert answers.accept(change("ada"), ["active"])
    assert answers.accept(change("ada"), ["active", "userName"])
    assert not answers.accept(change("ada"), ["active", DEPARTMENT])


def test_after_one_contradiction_no_answer_counts() -> None:
    answers = AnswerTrust()
    for _ in range(5):
        answers.note(change("ada"), ["active"], confirmed=True)
    answers.note(change("ada"), ["userName"], confirmed=False)
    assert not answers.accept(change("ada"), ["active"])
    answers.note(change("ada"), ["active"], confirmed=True)
    assert not answers.accept(change("ada"), ["active"])


def test_no_answer_is_accepted_while_one_is_doubted() -> None:
    answers = AnswerTrust()
    for name in "abc":
        answers.note(change(name), ["active"], confirmed=True)
    answers.doubt(change("d"))
    assert not answers.accept(change("e"), ["active"])
    answers.note(change("d"), ["active"], confirmed=True)
    assert answers.accept(change("e"), ["active"])
    assert answers.take_unproven() == []


def test_one_of_many_answers_is_checked_all_the_same() -> None:
    answers = AnswerTrust()
    for name in "abc":
        answers.note(change(name), ["active"], confirmed=True)
    accepted = [answers.accept(change(f"n{number}"), ["active"]) for number in range(40)]
    assert [number for number in range(40) if not accepted[number]] == [19, 39]


def test_what_was_accepted_is_compared_once_after_a_contradiction() -> None:
    answers = AnswerTrust()
    for name in "abc":
        answers.note(change(name), ["active"], confirmed=True)
    assert answers.accept(change("d"), ["active"])
    answers.note(change("e"), ["active"], confirmed=False)
    assert answers.take_unproven() == [change("d")]
    assert answers.take_unproven() == []


def test_changes_that_were_accepted_by_an_answer_are_taken_back_if_answers_prove_wrong() -> None:
    """The service confirms three, then echoes; a later one shows it."""
    names = "abcdef"
    service = ScriptedService(*(resource(name) for name in names))
    changes = [change(name, after=values_of(name, family="King")) for name in names[:5]]
    changes += [change(names[5], after=values_of(names[5], department="Sales"))]
    for name in names[4:]:
        after = values_of(name, family="King") if name == "e" else values_of(name, department="Sales")
        echo = {**resource(name, name={"givenName": name.capitalize(), "familyName": after["name.familyName"]})}
        echo[ENTERPRISE] = {"department": after[DEPARTMENT]}
        service.script[f"PATCH live-{name}"] = [Answered(echo)]
    found = run_changes(service, *changes)
    assert [found.results[name] for name in names] == ["done"] * 4 + ["not_in_effect"] * 2
    ended = [line for line in service.log if line.startswith("finished")]
    assert ended.count("finished e done") == ended.count("finished e not_in_effect") == 1
    assert [line for line in ended if " d " in line] == ["finished d done"]
    assert len(found.report.outcomes) == 6


def test_a_read_that_does_not_show_a_change_ends_trust_before_the_next_one() -> None:
    """One may be in effect later; until that is known, other answers are not accepted."""
    service = ScriptedService(resource("a"))
    service.script["GET live-a"] = [lambda: None, Answered(resource("a"))]
    doubted: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnswerTrust, "doubt", lambda _self, found: doubted.append(found.address))
        found = run_changes(service, change("a", after=values_of("a", family="King")))
    assert (found.results, doubted) == ({"a": "done"}, [change("a").address])


def test_a_service_that_echoes_what_it_was_asked_for_and_stores_nothing_has_done_nothing() -> None:
    names = "abcdefgh"
    service = ScriptedService(*(resource(name) for name in names))
    for name in names:
        echo = resource(name, name={"givenName": name.capitalize(), "familyName": "King"})
        service.script[f"PATCH live-{name}"] = [Answered(echo)]
    found = run_changes(service, *(change(name, after=values_of(name, family="King")) for name in names))
    assert set(found.results.values()) <= {"not_in_effect", "skipped"}


def test_an_attribute_that_is_echoed_and_not_stored_is_found_among_others_that_are() -> None:
    names = "abcdefgh"
    service = ScriptedService(*(resource(name) for name in names))
    changes = [change(name, after=values_of(name, family="King")) for name in names[:6]]
    changes += [change(name, after=values_of(name, department="Sales")) for name in names[6:]]
    for name in names[6:]:
        key = next(key for key in resource(name) if key.startswith("urn:"))
        service.script[f"PATCH live-{name}"] = [Answered({**resource(name), key: {"department": "Sales"}})]
    found = run_changes(service, *changes)
    assert [found.results[name] for name in names] == ["done"] * 6 + ["not_in_effect"] * 2
    reads = [line for line in service.log if line.startswith("GET")]
    assert reads[:9].count("GET live-f") == 1, "the fourth answer about an attribute counts without"
    assert reads.count("GET live-f") == 2, "until an answer was wrong"


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [({}, {"department": None}, DEPARTMENT), ({"active": False}, {}, "active")],
    ids=["cleared", "reactivated"],
)
def test_what_an_answer_leaves_out_is_read_however_often_it_was_right(
    before: dict[str, Any], after: dict[str, Any], path: str
) -> None:
    names = "abcdef"
    inactive = {"active": False} if "active" in before else {}
    service = ScriptedService(*(resource(name, **inactive) for name in names))
    # The service leaves out what is unassigned, and `active` when it is true: so does an answer that is a lie.
    left_out = {key: value for key, value in resource("f").items() if key not in ("active", ENTERPRISE)}
    service.script["PATCH live-f"] = [Answered(left_out)]
    action = Action.REACTIVATE if inactive else Action.UPDATE
    changes = [change(name, action, before=values_of(name, **before), after=values_of(name, **after)) for name in names]
    found = run_changes(service, *changes)
    assert [found.results[name] for name in names] == ["done"] * 5 + ["not_in_effect"]
    assert found.report.outcomes[-1].attributes == (path,)
