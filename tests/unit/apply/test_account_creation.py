from __future__ import annotations

from typing import Any

import pytest
from support.builders import (
    APPLE,
    NOW,
    change,
    resource,
)
from support.scripted_service import (
    DOWN,
    LOST,
    NAME_FREE,
    REFUSED,
    TAKEN,
    UNAVAILABLE,
    Answered,
    ApplyRun,
    Landed,
    ScriptedService,
    run_changes,
    short_name,
)

from reconciler.apply.creation_lookups import CreationLookups
from reconciler.core.plan import Action, Change, Outcome, Result
from reconciler.errors import ScimError, StopRequestedError, UnknownOutcomeError


def test_a_create_is_verified_by_reading_it() -> None:
    service = ScriptedService()
    found = run_changes(service, change("new", Action.CREATE))
    assert service.log == [
        "FIND userName new@example.com",
        "started new create active,enterprise:department,externalId,name.familyName,name.givenName,userName",
        "POST new@example.com",
        "GET made-0",
        "finished new done",
    ]
    assert found.report.outcomes == [Outcome(change("new", Action.CREATE), Result.DONE, "", "made-0")]
    assert service.sent[1][1] == {key: value for key, value in resource("new").items() if key != "id"}


@pytest.mark.parametrize("made", [resource("new", id="theirs"), resource("new", id="theirs", active=False)])
def test_a_user_created_by_others_since_the_plan_is_not_created_twice(made: dict[str, Any]) -> None:
    service = ScriptedService(made)
    found = run_changes(service, change("new", Action.CREATE))
    assert len(service.users) == 1
    assert "POST new@example.com" not in service.log
    if made["active"]:
        assert (found.results, found.report.outcomes[0].live_id) == ({"new": "done"}, "theirs")
    else:
        said = 'user name "new@example.com" belongs to account "theirs" (externalId "id-new")'
        assert found.messages == {"new": f"no longer as planned: {said}; plan again"}
        assert found.results == {"new": "skipped"}


def test_a_user_created_by_others_a_moment_ago_is_no_conflict() -> None:
    service = ScriptedService(resource("new", id="theirs"))
    service.script["FIND userName new@example.com"] = [NAME_FREE]
    found = run_changes(service, change("new", Action.CREATE))
    assert service.log.count("POST new@example.com") == 1
    assert (found.results, found.report.outcomes[0].live_id) == ({"new": "done"}, "theirs")


# --- a create that is refused for now -----------------------------------------------------------

BUSY = ScimError(429, "", "too many requests")


def test_a_create_is_not_sent_again_if_the_refused_one_made_the_account() -> None:
    """Names may not be unique: a second request would make a second account."""
    service = ScriptedService()
    service.script["POST new@example.com"] = [Landed(BUSY)]
    found = run_changes(service, change("new", Action.CREATE))
    assert found.results == {"new": "done"}
    assert service.is_absent is not None
    assert not service.is_absent()
    service.users.clear()
    assert service.is_absent()
    service.script["FIND externalId id-new"] = [REFUSED]
    service.script["FIND userName new@example.com"] = [REFUSED]
    assert service.is_absent(), "a service without filters cannot be asked"


def test_a_refused_create_that_made_no_account_is_a_failure() -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [BUSY]
    assert run_changes(service, change("new", Action.CREATE)).results == {"new": "failed"}


def test_where_names_are_unique_a_refused_create_is_sent_again_at_once() -> None:
    service = ScriptedService()
    run_creates(service, change("new", Action.CREATE))
    assert service.is_absent is None


# --- creates without a look-up ------------------------------------------------------------------

MANY = [change(f"p{number:02}", Action.CREATE) for number in range(40)]


def run_creates(service: ScriptedService, *creates: Change, unanswered: bool = False, **options: Any) -> ApplyRun:
    """Create users of whom the list of the run has shown that they have no account, at a service with unique names."""
    rule = CreationLookups(NOW, unique=True, changes=creates, unanswered=lambda _address: unanswered)
    return run_changes(service, *creates, creations=rule, now=lambda: NOW, **options)


def looked_up(service: ScriptedService) -> list[str]:
    return [short_name(entry.split()[-1]) for entry in service.log if entry.startswith("FIND userName")]


def test_a_user_who_cannot_have_an_account_is_created_at_once() -> None:
    service = ScriptedService()
    assert set(run_creates(service, *MANY).results.values()) == {"done"}
    assert looked_up(service) == ["p00", "p01", "p02", "p27"]
    at = service.log.index("POST p05@example.com")
    assert service.log[at - 1].startswith("started p05 create"), "it is on record before"
    assert service.log[at + 1].startswith("GET made-")
    assert len(service.log) == 4 + 4 * len(MANY)


def test_a_user_whose_create_has_no_answer_on_record_is_looked_up() -> None:
    service = ScriptedService()
    run_creates(service, *MANY, unanswered=True)
    assert len(looked_up(service)) == len(MANY)


@pytest.mark.parametrize(
    ("account", "result", "message"),
    [
        (resource("p05", id="theirs"), "done", "already in effect"),
        (
            resource("p05", id="theirs", active=False),
            "skipped",
            'user name "p05@example.com" belongs to account "theirs" (externalId "id-p05")',
        ),
    ],
)
def test_a_refused_name_is_looked_up_afterwards_and_all_later_ones_before(
    account: dict[str, Any], result: str, message: str
) -> None:
    service = ScriptedService(account)
    found = run_creates(service, *MANY)
    assert looked_up(service) == ["p00", "p01", "p02", *(f"p{number:02}" for number in range(5, 40))]
    assert service.log.count("POST p05@example.com") == 1
    said = message if result == "done" else f"no longer as planned: {message}; plan again"
    assert (found.results["p05"], found.messages["p05"]) == (result, said)
    assert found.report.count(Result.DONE) == 39 + (result == "done")
    assert "finished p05 " + result in service.log


@pytest.mark.parametrize("looks", [[], [REFUSED] * 2])
def test_a_refused_name_that_nobody_shows_is_explained_as_after_a_look_up(looks: list[Any]) -> None:
    service = ScriptedService()
    service.script = {"POST p05@example.com": [TAKEN], "FIND userName p05@example.com": looks}
    found = run_creates(service, *MANY)
    assert found.messages["p05"] == f"the name is taken. {APPLE.conflict_hint}"
    assert looked_up(service)[-34:] == [f"p{number:02}" for number in range(6, 40)]


def test_a_refusal_that_is_no_conflict_doubts_nothing() -> None:
    service = ScriptedService()
    service.script = {"POST p05@example.com": [REFUSED]}
    assert run_creates(service, *MANY).results["p05"] == "failed"
    assert looked_up(service) == ["p00", "p01", "p02", "p27"]


@pytest.mark.parametrize("end", [Landed(LOST), LOST])
def test_after_a_lost_answer_every_name_is_looked_up(end: Any) -> None:
    service = ScriptedService()
    service.script = {"POST p05@example.com": [end]}
    run_creates(service, *MANY)
    assert looked_up(service)[-34:] == [f"p{number:02}" for number in range(6, 40)]
    assert service.log.count("POST p05@example.com") == 1


def test_a_name_holder_that_a_sample_finds_has_every_later_name_looked_up() -> None:
    service = ScriptedService(resource("p27", id="theirs"))
    run_creates(service, *MANY)
    assert looked_up(service) == ["p00", "p01", "p02", *(f"p{number:02}" for number in range(27, 40))]


def test_a_service_that_shows_a_create_late_is_asked_about_the_others() -> None:
    service = ScriptedService()
    looks = ("GET made-5", "FIND externalId id-p05", "FIND userName p05@example.com")
    service.script = {look: [Answered(None if "GET" in look else [])] * 4 for look in looks}
    assert set(run_creates(service, *MANY).results.values()) == {"done"}
    assert looked_up(service)[-34:] == [f"p{number:02}" for number in range(6, 40)]


# --- lost answers -------------------------------------------------------------------------------


def test_a_create_whose_answer_was_lost_is_looked_up_and_never_sent_again() -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [Landed(LOST)]
    found = run_changes(service, change("new", Action.CREATE))
    assert service.log[2:] == ["POST new@example.com", "FIND externalId id-new", "finished new done"]
    assert found.report.outcomes[0].live_id == "made-0"


def test_a_created_user_is_also_found_by_name() -> None:
    service = ScriptedService()
    service.script = {"POST new@example.com": [Landed(LOST)], "FIND externalId id-new": [REFUSED]}
    assert run_changes(service, change("new", Action.CREATE)).results == {"new": "done"}
    assert service.log.count("POST new@example.com") == 1


@pytest.mark.parametrize("others", [[], [resource("x")], [resource("x"), resource("y")]])
def test_a_create_that_was_not_found_afterwards_is_unknown(others: list[dict[str, Any]]) -> None:
    service = ScriptedService()
    service.script = {"POST new@example.com": [LOST], "FIND externalId id-new": [Answered(others)]}
    found = run_changes(service, change("new", Action.CREATE))
    assert found.messages == {"new": "the connection was lost; the user was not found afterwards"}
    assert found.results == {"new": "unknown"}
    assert service.log[-2:] == ["FIND userName new@example.com", "finished new unknown"]
    assert service.log.count("POST new@example.com") == 1


def test_a_create_that_is_found_with_other_values_is_not_in_effect() -> None:
    service = ScriptedService(resource("new", active=False))
    service.script = {"POST new@example.com": [LOST], "FIND userName new@example.com": [NAME_FREE]}
    found = run_changes(service, change("new", Action.CREATE))
    assert found.messages == {
        "new": "the service accepted it, but it is not in effect: active (the service shows false)"
    }


def test_a_create_that_cannot_be_looked_up_is_unknown() -> None:
    service = ScriptedService()
    service.script = {"POST new@example.com": [Landed(LOST)], "FIND externalId id-new": [DOWN]}
    found = run_changes(service, change("new", Action.CREATE))
    assert found.results == {"new": "unknown"}


def test_a_create_that_an_unavailable_service_certainly_did_not_execute_is_sent_again() -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [UNAVAILABLE]
    found = run_changes(service, change("new", Action.CREATE))
    assert (found.results, found.slept[:4]) == ({"new": "done"}, [0.0, 0.5, 1.5, 8.0])
    assert service.log.count("POST new@example.com") == 2
    assert service.log.count("FIND userName new@example.com") == 1 + 4


@pytest.mark.parametrize(
    "script",
    [
        {"FIND externalId id-new": [REFUSED] * 4},
        {"FIND userName new@example.com": [NAME_FREE, *[REFUSED] * 4]},
        # a service that ignores filters: the user may be on a later page
        {"FIND userName new@example.com": [NAME_FREE, *[Answered([resource("other")])] * 4]},
    ],
)
def test_a_create_is_not_sent_again_when_a_look_up_proves_nothing(script: dict[str, list[Any]]) -> None:
    service = ScriptedService()
    service.script = {"POST new@example.com": [UNAVAILABLE], **script}
    assert run_changes(service, change("new", Action.CREATE)).results == {"new": "failed"}
    assert service.log.count("POST new@example.com") == 1


@pytest.mark.parametrize(("status", "result"), [(0, "unknown"), (502, "unknown"), (504, "unknown"), (500, "failed")])
def test_a_create_that_may_still_be_in_progress_is_never_sent_again(status: int, result: str) -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [UnknownOutcomeError(status, "", "lost")]
    assert run_changes(service, change("new", Action.CREATE)).results == {"new": result}
    assert service.log.count("POST new@example.com") == 1


@pytest.mark.parametrize("end", [DOWN, StopRequestedError("interrupted")])
def test_a_create_that_was_sent_and_cannot_be_sent_again_may_be_in_effect(end: Exception) -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [UNAVAILABLE, end]
    found = run_changes(service, change("new", Action.CREATE))
    assert found.results == {"new": "unknown"}


def test_a_resent_create_that_had_taken_effect_is_no_conflict() -> None:
    service = ScriptedService()
    deferred = [Answered([])] * 4
    service.script = {
        "POST new@example.com": [Landed(UNAVAILABLE)],
        "FIND externalId id-new": list(deferred),
        "FIND userName new@example.com": [NAME_FREE, *deferred],
    }
    assert run_changes(service, change("new", Action.CREATE)).results == {"new": "done"}
    assert service.log.count("POST new@example.com") == 2
    assert len(service.users) == 1
