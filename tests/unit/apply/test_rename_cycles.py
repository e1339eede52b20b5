from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.builders import change, live, name_of, plan_with, rename, resource, values_of
from support.scripted_service import (
    DOWN,
    LOST,
    REFUSED,
    Answered,
    ApplyRun,
    Ignored,
    Landed,
    ScriptedService,
    run_changes,
    short_name,
)

from reconciler.apply.executor import FailurePolicy
from reconciler.apply.rename_cycles import find_cycles, finish_despite_stop
from reconciler.core.plan import Action, Change, Outcome
from reconciler.core.policy import Limit
from reconciler.errors import PlanFileError, StopRequestedError

RING = ("a", "b", "c")


def ring(*names: str) -> list[Change]:
    """Each user gets the name of the next one."""
    return [rename(name, names[(index + 1) % len(names)]) for index, name in enumerate(names)]


def service_of(*names: str) -> ScriptedService:
    return ScriptedService(*(resource(name) for name in names))


def apply_ring(service: ScriptedService, *names: str, **options: Any) -> ApplyRun:
    return run_changes(service, *ring(*names), accounts=" ".join(names), **options)


def names(service: ScriptedService) -> dict[str, str]:
    return {identity.removeprefix("live-"): short_name(user["userName"]) for identity, user in service.users.items()}


def untouched(*users: str) -> dict[str, str]:
    return {user: user for user in users}


def sent(service: ScriptedService) -> list[str]:
    return [line for line in service.log if line.startswith("PATCH")]


def test_cycles_are_found_with_all_their_members() -> None:
    changes = [*ring(*RING), *ring("x", "y"), rename("m", "n"), change("z", Action.DELETE)]
    accounts = [live(name) for name in "abcxymz"]
    found = find_cycles(plan_with(*changes, accounts=accounts).changes)
    members = [[short_name(each.address) for each in cycle.members] for cycle in found]
    assert sorted(members) == [["a", "b", "c"], ["x", "y"]]
    assert all(cycle.first.temporary_user_name for cycle in found)


# --- before a cycle begins -----------------------------------------------------------------------


@pytest.mark.parametrize("who", RING)
@pytest.mark.parametrize(
    "now",
    [{"userName": name_of("someone-else")}, {"active": False}, {"externalId": "other"}, None],
    ids=["renamed", "deactivated", "relinked", "gone"],
)
def test_no_cycle_begins_unless_every_member_is_as_planned(who: str, now: dict[str, Any] | None) -> None:
    service = service_of(*RING)
    if now is None:
        del service.users[f"live-{who}"]
    else:
        service.users[f"live-{who}"] |= now
    found = apply_ring(service, *RING)
    assert sent(service) == []
    assert set(found.results.values()) == {"skipped"}
    assert found.messages[who].startswith("no longer as planned: ")
    assert all("not started: waiting for" in found.messages[other] for other in RING if other != who)


@pytest.mark.parametrize("who", RING)
@pytest.mark.parametrize("fault", [REFUSED, DOWN])
def test_no_cycle_begins_unless_every_member_can_be_read(who: str, fault: Exception) -> None:
    service = service_of(*RING)
    service.script[f"GET live-{who}"] = [fault]
    found = apply_ring(service, *RING)
    assert sent(service) == []
    assert (found.results[who], set(found.results.values())) == ("failed", {"failed", "skipped"})


def test_a_cycle_of_others_goes_on() -> None:
    service = service_of(*RING, "x", "y")
    service.users["live-b"]["userName"] = name_of("someone-else")
    changes = [*ring(*RING), *ring("x", "y")]
    run_changes(service, *changes, accounts="a b c x y")
    assert names(service) == {"a": "a", "b": "someone-else", "c": "c", "x": "y", "y": "x"}


# --- a cycle that cannot go on ---------------------------------------------------------------------


@pytest.mark.parametrize("users", [("a", "b"), RING, ("a", "b", "c", "d", "e")])
@pytest.mark.parametrize("fault", [REFUSED, Ignored()], ids=["refused", "ignored"])
def test_a_cycle_that_cannot_be_finished_is_undone_wherever_it_ends(users: tuple[str, ...], fault: Any) -> None:
    for who in users:
        service = service_of(*users)
        # The first member is renamed temporarily before; its own rename comes last.
        script = [fault] if who != users[0] else [lambda: None, fault]
        service.script[f"PATCH live-{who}"] = script
        found = apply_ring(service, *users)
        assert names(service) == untouched(*users), who
        assert "done" not in found.results.values()
        assert found.results[who] in ("failed", "not_in_effect")
        assert found.messages[users[0]].endswith(f'; its user name "{name_of(users[0])}" was restored')


def test_the_undoing_is_on_record() -> None:
    service = service_of("a", "b")
    service.script["PATCH live-a"] = [lambda: None, REFUSED]
    found = apply_ring(service, "a", "b")
    assert service.log[service.log.index("finished b done") + 1 :] == [
        "GET live-a",
        "started a update userName",
        "PATCH live-a",
        "finished a failed",
        # b goes back first: it has the name of a
        "GET live-b",
        "GET live-b",
        "started b update userName",
        "PATCH live-b",
        "GET live-b",
        "finished b skipped",
        "GET live-a",
        "GET live-a",
        "started a update userName",
        "PATCH live-a",
        # the answer to a step is not what counts, however often answers were right
        "GET live-a",
        "finished a failed",
    ]
    assert found.messages == {
        "b": 'its user name "b@example.com" was restored, because user["a@example.com"] could not be renamed',
        "a": 'the service said no; its user name "a@example.com" was restored',
    }


def test_only_the_name_is_undone() -> None:
    service = service_of("a", "b")
    service.script["PATCH live-b"] = [REFUSED]
    service.script["GET live-b"] = [lambda: None, lambda: service.users["live-a"].update(active=False)]
    apply_ring(service, "a", "b")
    assert (names(service), service.users["live-a"]["active"]) == (untouched("a", "b"), False)


def test_a_member_that_changed_in_between_ends_the_cycle() -> None:
    service = service_of("a", "b")
    service.script["GET live-b"] = [lambda: None, lambda: service.users["live-b"].update(active=False)]
    found = apply_ring(service, "a", "b")
    assert names(service) == untouched("a", "b")
    assert found.results == {"a": "skipped", "b": "skipped"}


def test_a_temporary_name_whose_answer_was_lost_is_undone_too() -> None:
    service = service_of("a", "b")
    # Sent, in effect, and not to be read: nothing shows whether it was renamed.
    service.script["PATCH live-a"] = [Landed(LOST)]
    service.script["GET live-a"] = [lambda: None, lambda: None, REFUSED, REFUSED]
    found = apply_ring(service, "a", "b")
    assert names(service) == untouched("a", "b")
    assert (found.results["a"], found.results["b"]) == ("unknown", "skipped")
    assert found.messages["a"].endswith('; its user name "a@example.com" was restored')


def test_a_name_that_was_given_to_another_account_meanwhile_is_not_taken_back() -> None:
    service = service_of("a", "b")
    service.script["PATCH live-b"] = [
        lambda: service.users.update({"live-x": resource("x", userName=name_of("a"))}),
    ]
    found = apply_ring(service, "a", "b")
    (temporary,) = [change.temporary_user_name for change in found_changes("a", "b") if change.temporary_user_name]
    assert names(service) == {"a": short_name(temporary), "b": "b", "x": "a"}
    assert found.results == {"a": "skipped", "b": "failed"}
    assert found.messages["a"] == (
        'not finished: waiting for user["b@example.com"]; it now has the temporary user name '
        f'"{temporary}", which could not be undone: the name is taken. The next plan repairs it'
    )


def found_changes(*users: str) -> tuple[Change, ...]:
    return plan_with(*ring(*users), accounts=[live(name) for name in users]).changes


def test_a_service_that_refuses_every_request_leaves_a_temporary_name_that_is_reported() -> None:
    service = service_of("a", "b")
    service.script = {"PATCH live-b": [DOWN], "PATCH live-a": [lambda: None, DOWN, DOWN]}
    found = apply_ring(service, "a", "b")
    assert found.report.stopped is DOWN
    assert 'it now has the temporary user name "renaming-' in found.messages["a"]
    assert found.messages["a"].endswith("could not be undone: the token was refused. The next plan repairs it")


def test_a_service_that_refused_once_is_asked_to_undo_all_the_same() -> None:
    service = service_of("a", "b")
    service.script = {"PATCH live-b": [DOWN]}
    found = apply_ring(service, "a", "b")
    assert (names(service), found.report.stopped) == (untouched("a", "b"), DOWN)


def test_a_quarantine_does_not_leave_a_temporary_name() -> None:
    service = service_of(*"abcdefgh")
    service.script = {f"PATCH live-{name}": [REFUSED] * 3 for name in "bcdefgh"}
    married = [change(name, after=values_of(name, family="King")) for name in "cdefgh"]
    policy = FailurePolicy(Limit(None, 40, 0))
    found = run_changes(service, *married, *ring("a", "b"), accounts="a b", policy=policy)
    assert found.report.quarantine is not None
    assert (names(service)["a"], names(service)["b"]) == ("a", "b")


# --- interrupts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("users", [("a", "b"), RING])
def test_a_cycle_that_is_interrupted_leaves_no_temporary_name(users: tuple[str, ...]) -> None:
    for number in range(1, 4 * len(users) + 3):
        service = service_of(*users)
        stop = threading.Event()
        _interrupt_at(service, number, stop)
        found = apply_ring(service, *users, stop=stop)
        after = names(service)
        finished = {name: users[(index + 1) % len(users)] for index, name in enumerate(users)}
        assert after in (untouched(*users), finished), f"interrupted at request {number}"
        assert found.report.interrupted == (number <= service.requests)
        assert set(found.results.values()) == ({"done"} if after == finished else {"skipped"})


def _interrupt_at(service: ScriptedService, number: int, stop: threading.Event) -> None:
    usual = service._respond

    def respond(request: str, answer: Callable[[], Any], body: Any = None) -> Any:
        if service.requests + 1 == number:
            stop.set()
        return usual(request, answer, body)

    service._respond = respond  # type: ignore[method-assign]


def test_a_cycle_whose_last_request_is_left_is_finished_after_an_interrupt() -> None:
    service = service_of("a", "b")
    stop = threading.Event()
    service.script["PATCH live-b"] = [stop.set]
    found = apply_ring(service, "a", "b", stop=stop)
    assert (names(service), found.results) == ({"a": "b", "b": "a"}, {"a": "done", "b": "done"})
    assert (found.report.interrupted, found.report.left) == (True, 0)


@pytest.mark.parametrize("fault", [BrokenPipeError, KeyboardInterrupt])
def test_a_cycle_is_undone_although_outcomes_cannot_be_reported(fault: type[BaseException]) -> None:
    service = service_of(*RING)
    reported: list[Outcome] = []

    def report(outcome: Outcome) -> None:
        reported.append(outcome)
        raise fault

    with pytest.raises(fault):
        apply_ring(service, *RING, on_outcome=report)
    assert len(reported) == 1
    assert names(service) in (untouched(*RING), {"a": "b", "b": "c", "c": "a"})


def test_nothing_is_sent_that_cannot_be_recorded() -> None:
    service = service_of("a", "b")

    def report(_outcome: Outcome) -> None:
        raise PlanFileError("cannot write it", "")

    service.script["PATCH live-b"] = [REFUSED]
    with pytest.raises(PlanFileError):
        apply_ring(service, "a", "b", on_outcome=report)
    assert names(service) == untouched("a", "b"), "the record could be written in this case"


def test_work_that_is_interrupted_is_done_once_more() -> None:
    calls: list[str] = []

    def work() -> list[Outcome]:
        calls.append("work")
        if calls.count("work") == 1:
            raise StopRequestedError("interrupted")
        return []

    assert finish_despite_stop(work, lambda: calls.append("clear")) == []
    assert calls == ["clear", "work", "clear", "work"]


def test_actions_other_than_updates_take_part_in_a_cycle() -> None:
    before = values_of("b", external_id=None)
    adoption = change("b", Action.ADOPT, before=before, after={**values_of("b"), "userName": name_of("a")})
    service = ScriptedService(resource("a"), resource("b", externalId=None))
    accounts = [live("a"), live("b", external_id=None)]
    found = ApplyRun(service, plan_with(rename("a", "b"), adoption, accounts=accounts))
    assert (names(service), found.results) == ({"a": "b", "b": "a"}, {"a": "done", "b": "done"})
    reactivation = change("a", Action.REACTIVATE, before=values_of("a", active=False), after=rename("a", "b").after)
    service = ScriptedService(resource("a", active=False), resource("b"))
    found = ApplyRun(service, plan_with(reactivation, rename("b", "a"), accounts=[live("a", active=False), live("b")]))
    assert (names(service), set(found.results.values())) == ({"a": "b", "b": "a"}, {"done"})


def test_answers_about_other_users_prove_no_temporary_name() -> None:
    service = service_of("a", "b")
    service.script["PATCH live-a"] = [Answered(resource("a", id="live-x"))] * 4
    found = apply_ring(service, "a", "b")
    assert (names(service), found.results) == (untouched("a", "b"), {"a": "not_in_effect", "b": "skipped"})
