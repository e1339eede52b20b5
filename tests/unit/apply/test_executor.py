from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import (
    change,
    desired,
    live,
    name_of,
    plan_of,
    plan_with,
    reader,
    rename,
    resource,
    values_of,
)
from support.laws import examples
from support.scripted_service import (
    DOWN,
    REFUSED,
    ApplyRun,
    CrashError,
    ScriptedService,
    run_changes,
    short_name,
)

from reconciler.apply.executor import FailurePolicy
from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change, Outcome, Result
from reconciler.core.policy import Limit, Policy
from reconciler.errors import ScimError

# --- refusals -----------------------------------------------------------------------------------


def test_one_refused_user_does_not_stop_the_others() -> None:
    service = ScriptedService(*(resource(name) for name in "abcd"))
    service.script = {"PATCH live-b": [REFUSED], "GET live-c": [REFUSED]}
    found = run_changes(service, *(change(name, after=values_of(name, family="King")) for name in "abcd"))
    assert found.results == {"a": "done", "b": "failed", "c": "failed", "d": "done"}
    assert found.messages["b"] == found.messages["c"] == "the service said no"
    assert (found.report.count(Result.DONE), found.report.count(Result.FAILED, Action.UPDATE)) == (2, 2)
    assert (found.report.stopped, found.report.interrupted) == (None, False)
    assert [line for line in service.log if line.startswith("finished")] == [
        "finished a done",
        "finished b failed",
        "finished c failed",
        "finished d done",
    ]


def test_a_service_that_refuses_as_a_whole_stops_the_rest() -> None:
    service = ScriptedService(*(resource(name) for name in "abc"))
    service.script["PATCH live-b"] = [DOWN]
    found = run_changes(
        service, *(change(name, after=values_of(name, family="King")) for name in "abc"), change("d", Action.DELETE)
    )
    assert found.results == {"a": "done", "b": "failed", "c": "skipped", "d": "skipped"}
    assert found.messages["c"] == found.messages["d"] == "not started: the run was stopped"
    assert found.report.stopped is DOWN
    assert service.log[-3:] == ["PATCH live-b", "finished b failed", "quarantined EncounteredQuarantineException"]


def test_a_deferred_change_comes_last_in_its_wave() -> None:
    service = ScriptedService(*(resource(name) for name in "abcd"))
    run_changes(
        service, *married("abc"), change("d", Action.DELETE), policy=FailurePolicy(deferred={married("a")[0].address})
    )
    assert [entry for entry in service.log if entry.startswith(("PATCH", "DELETE"))] == [
        "PATCH live-b",
        "PATCH live-c",
        "PATCH live-a",
        "DELETE live-d",
    ]


def test_few_changes_are_on_their_way_until_the_service_accepted_one() -> None:
    class Busy(ScriptedService):
        """Takes a moment for each write; `most`: on their way at once before one was accepted, and after that."""

        def __init__(self) -> None:
            super().__init__()
            self.writing, self.most = 0, [0, 0]
            self.lock = threading.Lock()

        def create_user(self, body: Any, *, is_absent: Any = None) -> Any:
            with self.lock:
                self.writing += 1
                accepted = any(entry.startswith("finished") for entry in self.log)
                self.most[accepted] = max(self.most[accepted], self.writing)
            threading.Event().wait(0.05)
            with self.lock:
                self.writing -= 1
                return super().create_user(body, is_absent=is_absent)

    service = Busy()
    found = run_changes(service, *(change(f"u{number:02}", Action.CREATE) for number in range(40)), workers=32)
    assert set(found.results.values()) == {"done"}
    assert 1 <= service.most[0] <= 3 < service.most[1]


def test_a_service_that_refuses_every_write_gets_few_of_them() -> None:
    service = ScriptedService()
    names = [f"u{number:02}" for number in range(40)]

    def refuse_together() -> None:
        threading.Event().wait(0.02)
        raise FORBIDDEN

    service.script = {f"POST {name_of(name)}": [refuse_together] for name in names}
    found = run_changes(service, *(change(name, Action.CREATE) for name in names), workers=32)
    assert found.report.stopped is not None
    assert sum(entry.startswith("POST") for entry in service.log) <= 5


FORBIDDEN = ScimError(403, "", "the service forbids it (403)", "Check the token.")


def married(names: str) -> list[Change]:
    return [change(name, after=values_of(name, family="King")) for name in names]


def test_one_forbidden_user_does_not_stop_the_others() -> None:
    service = ScriptedService(*(resource(name) for name in "abcdefg"))
    service.script = {f"PATCH live-{name}": [FORBIDDEN] for name in "abdefg"}
    found = run_changes(service, *married("abcdefg"), policy=FailurePolicy(Limit(None, None, 0)))
    assert [name for name, result in found.results.items() if result == "done"] == ["c"]
    assert found.report.stopped is None
    assert found.messages["a"].startswith("the service forbids it (403). ")


def test_the_run_stops_if_every_user_is_forbidden() -> None:
    service = ScriptedService(*(resource(name) for name in "abcdef"))
    service.script = {f"PATCH live-{name}": [FORBIDDEN] for name in "abcdef"}
    found = run_changes(service, *married("abcdef"))
    assert found.results == dict(zip("abcdef", [*["failed"] * 3, *["skipped"] * 3], strict=True))
    assert found.report.stopped is not None
    assert (found.report.stopped.summary, found.report.stopped.detail) == (FORBIDDEN.summary, FORBIDDEN.detail)


@pytest.mark.parametrize("accepted", [True, False])
def test_what_was_sent_before_the_forbidden_users_is_answered_before_the_run_stops(accepted: bool) -> None:
    service = ScriptedService()

    def answer_late() -> None:
        for _ in range(1000):
            if "finished d failed" in service.log:
                break
            time.sleep(0.01)
        if not accepted:
            raise FORBIDDEN

    service.script = {f"POST {name_of(name)}": [FORBIDDEN] for name in ("bcd" if accepted else "bcdef")}
    service.script |= {f"POST {name_of('a')}": [answer_late]}
    newcomers = [change(name, Action.CREATE) for name in "abcdef"]
    found = run_changes(service, *newcomers, workers=2, policy=FailurePolicy(Limit(None, None, 0)))
    if accepted:
        assert [found.results[name] for name in "aef"] == ["done"] * 3
        assert found.report.stopped is None
    else:
        assert found.results == dict(zip("abcdef", [*["failed"] * 4, *["skipped"] * 2], strict=True))
        assert found.report.stopped is not None


# --- order --------------------------------------------------------------------------------------


def written_value(body: dict[str, Any]) -> str:
    return str(body["Operations"][0]["value"] if "Operations" in body else body["userName"])


def writes(service: ScriptedService) -> list[str]:
    return [f"{request.split()[0]} {short_name(written_value(body))}" for request, body in service.sent if body]


def test_waves_run_one_after_the_other() -> None:
    service = ScriptedService(*(resource(name) for name in "uxy"))
    run_changes(
        service,
        change("x", Action.DELETE),
        change("y", Action.DEACTIVATE, after=values_of("y", active=False)),
        change("c", Action.CREATE),
        change("u", after=values_of("u", family="King")),
        workers=8,
    )
    assert [line for line in service.log if line.split()[0] in ("PATCH", "POST", "DELETE")] == [
        "PATCH live-u",
        "POST c@example.com",
        "PATCH live-y",
        "DELETE live-x",
    ]


def test_a_change_whose_requirement_failed_is_not_started() -> None:
    service = ScriptedService(resource("ada"), resource("bob"))
    service.script["PATCH live-bob"] = [REFUSED]
    found = run_changes(service, rename("ada", "bob"), rename("bob", "robert"), accounts="ada bob")
    assert found.results == {"bob": "failed", "ada": "skipped"}
    assert found.messages["ada"] == 'not started: waiting for user["bob@example.com"]'
    assert not any("live-ada" in line for line in service.log)


def test_a_chain_of_renames_runs_from_its_free_end() -> None:
    service = ScriptedService(*(resource(name) for name in "abc"))
    found = run_changes(service, rename("a", "b"), rename("b", "c"), rename("c", "d"), accounts="a b c")
    assert set(found.results.values()) == {"done"}
    assert writes(service) == ["PATCH d", "PATCH c", "PATCH b"]


def names(service: ScriptedService) -> dict[str, str]:
    return {identity.removeprefix("live-"): short_name(user["userName"]) for identity, user in service.users.items()}


@pytest.mark.parametrize("workers", [1, 8])
def test_a_swap_goes_through_a_temporary_name(workers: int) -> None:
    service = ScriptedService(resource("ada"), resource("bob"))
    found = run_changes(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob", workers=workers)
    assert names(service) == {"ada": "bob", "bob": "ada"}
    assert found.results == {"ada": "done", "bob": "done"}
    temporary = next(body for _, body in service.sent if body)["Operations"][0]["value"]
    assert temporary.startswith("renaming-")
    assert sorted(service.log[:2]) == ["GET live-ada", "GET live-bob"]
    assert service.log[2:] == [
        "GET live-ada",
        "started ada update userName",
        "PATCH live-ada",
        "GET live-ada",
        "GET live-bob",
        "started bob update userName",
        "PATCH live-bob",
        "GET live-bob",
        "finished bob done",
        "GET live-ada",
        "started ada update userName",
        "PATCH live-ada",
        "GET live-ada",
        "finished ada done",
    ]


def test_a_swap_with_further_edits_makes_them_at_the_end() -> None:
    service = ScriptedService(resource("ada"), resource("bob"))
    ada = change("ada", after=values_of("ada", user_name=name_of("bob"), family="King", department=None))
    found = run_changes(service, ada, rename("bob", "ada"), accounts="ada bob")
    assert found.results == {"ada": "done", "bob": "done"}
    assert reader().read(service.users["live-ada"]).attributes == ada.after


def test_a_swap_that_was_cut_short_goes_on_from_its_temporary_name() -> None:
    changes = [rename("ada", "bob"), rename("bob", "ada")]
    plan = plan_with(*changes, accounts=[live("ada"), live("bob")])
    (temporary,) = [item.temporary_user_name for item in plan.changes if item.temporary_user_name]
    service = ScriptedService(resource("ada", userName=temporary), resource("bob"))
    found = ApplyRun(service, plan)
    assert found.results == {"ada": "done", "bob": "done"}
    assert names(service) == {"ada": "bob", "bob": "ada"}
    assert service.log[:4] == ["GET live-ada", "GET live-bob", "GET live-ada", "GET live-bob"]


def test_a_swap_whose_first_step_is_refused_changes_no_user() -> None:
    service = ScriptedService(resource("ada"), resource("bob"))
    service.script["PATCH live-ada"] = [REFUSED]
    found = run_changes(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob")
    assert found.results == {"ada": "failed", "bob": "skipped"}
    assert names(service) == {"ada": "ada", "bob": "bob"}


def test_a_change_that_is_done_already_is_left_out_and_unblocks_its_dependents() -> None:
    service = ScriptedService(resource("ada"), resource("bob", userName=name_of("robert")))
    changes = [rename("ada", "bob"), rename("bob", "robert")]
    found = run_changes(service, *changes, accounts="ada bob", done=['user["bob@example.com"]'])
    assert found.results == {"ada": "done"}
    assert not any("live-bob" in line for line in service.log)


# --- interruption -------------------------------------------------------------------------------


def test_on_stop_requests_in_flight_are_finished_and_the_rest_is_skipped() -> None:
    service = ScriptedService(*(resource(name) for name in "abc"))
    stop = threading.Event()
    service.script["PATCH live-a"] = [stop.set]
    changes = [change(name, after=values_of(name, family="King")) for name in "ab"] + [change("c", Action.DELETE)]
    found = run_changes(service, *changes, stop=stop)
    assert found.report.interrupted
    assert found.results == {"a": "done", "b": "skipped", "c": "skipped"}
    assert found.messages["b"] == found.messages["c"] == "not started: interrupted"
    assert found.report.left == sum(outcome.not_started for outcome in found.report.outcomes)
    assert service.log[-3:] == ["PATCH live-a", "GET live-a", "finished a done"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, BrokenPipeError])
def test_nothing_more_is_sent_if_an_outcome_cannot_be_reported(fault: type[BaseException]) -> None:
    names_ = [f"u{number}" for number in range(50)]
    service = ScriptedService(*(resource(name) for name in names_))

    def report(_outcome: Outcome) -> None:
        raise fault

    # The second change waits until the run is being stopped.
    stop = threading.Event()
    service.script["PATCH live-u1"] = [lambda: stop.wait(30)]
    changes = [change(name, after=values_of(name, family="King")) for name in names_]
    with pytest.raises(fault):
        run_changes(service, *changes, on_outcome=report, stop=stop)
    assert sum(line.startswith("PATCH") for line in service.log) <= 3


# --- answers that were swapped --------------------------------------------------------------------


@pytest.mark.parametrize("stored", ["both", "one", "none"])
def test_two_requests_in_flight_that_get_each_others_answers(stored: str) -> None:
    service = ScriptedService(resource("a"), resource("b"), resource("c"))
    together, answers = threading.Barrier(2), {}

    def patch_user(identity: str, body: Any) -> Any:
        if identity == "live-c":  # the first PATCH of a run is sent alone
            return ScriptedService.patch_user(service, identity, body)
        usual = stored == "both" or (stored == "one" and identity == "live-a")
        answers[identity] = ScriptedService.patch_user(service, identity, body) if usual else married_resource(identity)
        together.wait(10)
        return answers["live-b" if identity == "live-a" else "live-a"]

    service.patch_user = patch_user  # type: ignore[method-assign]
    probe = FailurePolicy(probe=[change("c").address])
    found = run_changes(service, *married("abc"), workers=2, policy=probe)
    in_effect = {"both": ["done", "done"], "one": ["done", "not_in_effect"], "none": ["not_in_effect"] * 2}[stored]
    assert [found.results[name] for name in "ab"] == in_effect
    assert {outcome.live_id for outcome in found.report.outcomes} == {"live-a", "live-b", "live-c"}


def married_resource(identity: str) -> dict[str, Any]:
    name = identity.removeprefix("live-")
    return resource(name, name={"givenName": name.capitalize(), "familyName": "King"})


def test_two_reads_in_flight_that_get_each_others_answers_change_nothing() -> None:
    service = ScriptedService(resource("a"), resource("b"))
    wrong = ScimError(200, "", "the service answered with another user")
    service.script = {"GET live-a": [wrong], "GET live-b": [wrong]}
    found = run_changes(service, *married("ab"), workers=2)
    assert set(found.results.values()) == {"failed"}
    assert not any(line.startswith("PATCH") for line in service.log)


# --- laws ---------------------------------------------------------------------------------------

WHO = st.sampled_from("abcd")
STATE = st.lists(
    st.fixed_dictionaries(
        {
            "who": WHO,
            "family": st.sampled_from(["King", "Lovelace"]),
            "user_name": st.sampled_from([name_of(name) for name in "abcdxy"]),
            "active": st.just(True),
        }
    ),
    unique_by=(lambda user: user["who"], lambda user: user["user_name"]),
    max_size=4,
)
POLICY = Policy(removals=Limit())


def as_resource(user: dict[str, Any], *, active: bool) -> dict[str, Any]:
    who_, family = user["who"], user["family"]
    return resource(
        who_,
        userName=user["user_name"],
        active=active,
        name={"givenName": who_.capitalize(), "familyName": family},
    )


def accounts_of(service: ScriptedService) -> list[LiveUser]:
    return [reader().read(user) for user in service.users.values()]


@settings(max_examples=examples(150), deadline=None)
@given(STATE, STATE, st.sets(WHO), st.integers(1, 20), st.booleans())
def test_after_a_crash_at_any_request_the_next_run_ends_where_one_run_would(
    wanted: list[dict[str, Any]], found: list[dict[str, Any]], inactive: set[str], dies_at: int, lands: bool
) -> None:
    people = [desired(**user) for user in wanted]
    resources = [as_resource(user, active=user["who"] not in inactive) for user in found]
    undisturbed, crashed = ScriptedService(*resources), ScriptedService(*resources)
    first = plan_of(people, accounts_of(undisturbed), policy=POLICY)
    ApplyRun(undisturbed, first)
    settled = plan_of(people, accounts_of(undisturbed), policy=POLICY)
    assert settled.changes == ()

    crashed.dies_at, crashed.lands = dies_at, lands
    try:
        ApplyRun(crashed, first)
    except CrashError:
        crashed.dies_at = None
        again = plan_of(people, accounts_of(crashed), policy=POLICY)
        assert set(ApplyRun(crashed, again).results.values()) <= {"done"}
    assert content(crashed) == content(undisturbed)


def content(service: ScriptedService) -> list[dict[str, Any]]:
    users = [{**user, "id": ""} if user["id"].startswith("made-") else user for user in service.users.values()]
    return sorted(users, key=lambda user: user["userName"])


# --- failure policy --------------------------------------------------------------------------------------


def refusing(names: str, refused: str) -> ScriptedService:
    service = ScriptedService(*(resource(name) for name in names))
    service.script = {f"PATCH live-{name}": [REFUSED] for name in refused}
    return service


def test_too_many_failures_stop_the_run_once_and_on_record() -> None:
    service = refusing("abcdefgh", "abcdefgh")
    found = run_changes(service, *married("abcdefgh"), policy=FailurePolicy(Limit(None, 40, 2)))
    assert sorted(found.results.values()) == ["failed"] * 3 + ["skipped"] * 5
    assert found.messages["h"] == "not started: the run was stopped"
    assert service.log.count("quarantined EncounteredEscrowProportionThreshold") == 1
    assert found.report.quarantine is not None
    assert (found.report.left, found.report.stopped, found.report.interrupted) == (5, None, False)


def test_without_too_many_failures_nothing_stops() -> None:
    found = run_changes(refusing("abcdefgh", "abc"), *married("abcdefgh"), policy=FailurePolicy(Limit(None, 40, 3)))
    assert (found.report.quarantine, list(found.results.values()).count("done")) == (None, 5)
    deferred = run_changes(refusing("abcdefgh", "fgh"), *married("abcdefgh"), policy=FailurePolicy(Limit(None, 40, 2)))
    assert (deferred.report.quarantine, deferred.report.left) == (None, 0)


def test_a_cycle_of_renames_that_was_begun_is_finished_in_quarantine_too() -> None:
    service = refusing("abcdef", "abcd")
    swap = [rename("e", "f"), rename("f", "e")]
    found = run_changes(service, *married("abcd"), *swap, accounts="e f", policy=FailurePolicy(Limit(None, 40, 0)))
    assert found.report.quarantine is not None
    assert (found.results["e"], found.results["f"]) == ("done", "done")
    assert [service.users[f"live-{name}"]["userName"] for name in "ef"] == ["f@example.com", "e@example.com"]
    begun = run_changes(
        refusing("abcdef", "a"),
        *married("a"),
        *swap,
        accounts="e f",
        policy=FailurePolicy(probe=frozenset({married("a")[0].address})),
    )
    assert begun.results == {"a": "failed", "e": "skipped", "f": "skipped"}, "and not begun in quarantine"


def test_the_probe_comes_first_and_the_rest_only_if_it_succeeds() -> None:
    probe = frozenset(item.address for item in married("gh"))
    service = refusing("abcdefgh", "")
    found = run_changes(service, *married("abcdefgh"), policy=FailurePolicy(probe=probe))
    assert list(found.results)[:2] == ["g", "h"]
    assert set(found.results.values()) == {"done"}
    failed = run_changes(refusing("abcdefgh", "gh"), *married("abcdefgh"), policy=FailurePolicy(probe=probe))
    assert failed.results == {"g": "failed", "h": "failed", **dict.fromkeys("abcdef", "skipped")}


def test_each_outcome_has_its_duration_and_the_status_of_its_refusal() -> None:
    found = run_changes(refusing("ab", "b"), *married("ab"))
    assert all(item.seconds > 0 for item in found.report.outcomes)
    assert [(item.status, item.scim_type) for item in found.report.outcomes] == [(None, ""), (400, "invalidValue")]
