from __future__ import annotations

from typing import Any

import pytest
from support.builders import (
    APPLE,
    DEPARTMENT,
    ENTERPRISE,
    SCIM,
    change,
    mapping,
    mappings,
    reader,
    resource,
    values_of,
)
from support.scripted_service import (
    DOWN,
    KING,
    LOST,
    MARRIAGE,
    NAME_FREE,
    REFUSED,
    TAKEN,
    Answered,
    Ignored,
    Landed,
    ScriptedService,
    run_changes,
)

from reconciler.apply.verification import reads_everything
from reconciler.core import paths
from reconciler.core.model import Flow
from reconciler.core.plan import Action, Change, FormDifference, Outcome, Result
from reconciler.errors import ScimError, StopRequestedError

LOOKS = [0.0, 0.5, 1.5, 0.5, 1.0, 1.5, 2.0, 2.5, 2.5]
"""The pauses before looks at a change that shows no effect: at once, and at the end of the run."""
SURVIVES = "the service keeps the account, deactivated; set lifecycle.removed to deactivate to plan no deletion again"

# --- each action --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [REFUSED, "others"])
def test_a_service_that_does_not_filter_is_queried_only_once(answer: Any) -> None:
    service = ScriptedService()
    service.script["FIND userName a@example.com"] = [Answered([resource("x")]) if answer == "others" else answer]
    found = run_changes(service, *(change(name, Action.CREATE) for name in "abc"))
    assert set(found.results.values()) == {"done"}
    assert [entry for entry in service.log if entry.startswith("FIND")] == ["FIND userName a@example.com"]


@pytest.mark.parametrize(
    ("planned", "before", "operation"),
    [
        (MARRIAGE, resource("ada"), {"op": "Replace", "path": "name.familyName", "value": "King"}),
        (
            change("ada", Action.ADOPT, before=values_of("ada", external_id=None)),
            resource("ada", externalId=None),
            {"op": "Replace", "path": "externalId", "value": "id-ada"},
        ),
        (
            change("ada", Action.REACTIVATE, before=values_of("ada", active=False)),
            resource("ada", active=False),
            {"op": "Replace", "path": "active", "value": True},
        ),
        (
            change("ada", Action.DEACTIVATE, after=values_of("ada", active=False)),
            resource("ada"),
            {"op": "Replace", "path": "active", "value": False},
        ),
        (
            change("ada", after=values_of("ada", department=None)),
            resource("ada"),
            {"op": "Remove", "path": DEPARTMENT},
        ),
    ],
)
def test_a_change_is_one_patch_of_what_differs_verified_by_reading_it(
    planned: Change, before: dict[str, Any], operation: dict[str, Any]
) -> None:
    service = ScriptedService(before)
    found = run_changes(service, planned)
    path = paths.shorten_path(operation["path"])
    assert service.log == [
        "GET live-ada",
        f"started ada {planned.action.value} {path}",
        "PATCH live-ada",
        # The first answers of a run are checked, those about removals and cleared attributes always.
        "GET live-ada",
        "finished ada done",
    ]
    assert service.sent[1][1]["Operations"] == [operation]
    assert found.report.outcomes == [Outcome(planned, Result.DONE, "", "live-ada")]
    assert reader().read(service.users["live-ada"]).attributes == planned.after


@pytest.mark.parametrize("after", ["another", None])
def test_an_external_id_is_cleared_or_changed_with_an_approval_only(after: str | None) -> None:
    relinked = change("ada", after=values_of("ada", external_id=after))
    service = ScriptedService(resource("ada"))
    found = run_changes(service, relinked)
    assert found.results == {"ada": "skipped"}
    assert found.messages == {
        "ada": "not sent: clearing or changing the externalId needs an approval of the guard relink"
    }
    assert service.sent == []
    assert "PATCH live-ada" in [request for request, _ in sent_with_approval(relinked)]


def sent_with_approval(relinked: Change) -> list[tuple[str, Any]]:
    service = ScriptedService(resource("ada"))
    run_changes(service, relinked, relinks=True)
    return service.sent


def test_a_delete_is_verified_by_looking_again() -> None:
    service = ScriptedService(resource("ada"))
    found = run_changes(service, change("ada", Action.DELETE))
    assert service.log == [
        "GET live-ada",
        "started ada delete",
        "DELETE live-ada",
        "GET live-ada",
        "FIND externalId id-ada",
        "FIND userName ada@example.com",
        "finished ada done",
    ]
    assert (found.results, service.users, found.slept) == ({"ada": "done"}, {}, [0.0])


def test_a_service_that_deactivates_what_it_is_asked_to_delete_has_done_it() -> None:
    service = ScriptedService(resource("ada"))
    service.script["DELETE live-ada"] = [Ignored()]
    service.script["GET live-ada"] = [Answered(resource("ada")), Answered(resource("ada", active=False))]
    found = run_changes(service, change("ada", Action.DELETE))
    assert found.results == {"ada": "done"}
    assert found.messages == {"ada": SURVIVES}


def test_a_deactivated_account_that_the_service_does_not_delete_is_reported_with_the_way_out() -> None:
    service = ScriptedService(resource("ada", active=False))
    service.script["DELETE live-ada"] = [Ignored()]
    found = run_changes(service, change("ada", Action.DELETE, before=values_of("ada", active=False)))
    assert found.results == {"ada": "not_in_effect"}
    assert found.messages == {"ada": f"the service accepted it, but {SURVIVES}"}


@pytest.mark.parametrize("active", [True, False])
def test_a_deletion_is_not_done_while_a_filter_shows_the_active_account(active: bool) -> None:
    service = ScriptedService(resource("ada"))
    service.script["DELETE live-ada"] = [Ignored()]
    service.script["GET live-ada"] = [Answered(resource("ada")), *[Answered(None)] * 3]
    service.users["live-ada"]["active"] = active
    found = run_changes(service, change("ada", Action.DELETE))
    assert found.results == {"ada": "not_in_effect" if active else "done"}


def test_a_delete_that_leaves_the_account_active_is_not_in_effect() -> None:
    service = ScriptedService(resource("ada"))
    service.script["DELETE live-ada"] = [Ignored()]
    found = run_changes(service, change("ada", Action.DELETE))
    assert (found.results, found.slept) == ({"ada": "not_in_effect"}, LOOKS)


def test_operations_are_spelled_as_in_the_profile() -> None:
    service = ScriptedService(resource("ada"))
    run_changes(service, MARRIAGE, profile=SCIM, rows=mappings(profile=SCIM))
    assert service.sent[1][1]["Operations"][0]["op"] == "replace"


# --- verification -------------------------------------------------------------------------------


def test_without_a_body_a_change_is_verified_by_reading_again() -> None:
    service = ScriptedService(resource("ada"), bodies=False)
    found = run_changes(service, MARRIAGE)
    assert service.log[2:] == ["PATCH live-ada", "GET live-ada", "finished ada done"]
    assert (found.results, found.slept) == ({"ada": "done"}, [0.0])


def test_without_a_body_a_create_is_looked_up() -> None:
    service = ScriptedService(bodies=False)
    found = run_changes(service, change("new", Action.CREATE))
    assert service.log[2:] == ["POST new@example.com", "FIND externalId id-new", "finished new done"]
    assert found.report.outcomes[0].live_id == "made-0"


def test_an_eventually_consistent_service_is_read_three_times() -> None:
    service = ScriptedService(resource("ada"))
    old = Answered(resource("ada"))
    service.script = {"PATCH live-ada": [Landed(None)], "GET live-ada": [old, old, old]}
    found = run_changes(service, MARRIAGE)
    assert (found.results, found.slept) == ({"ada": "done"}, [0.0, 0.5, 1.5])


def test_what_is_not_in_effect_is_named() -> None:
    service = ScriptedService(resource("ada"))
    service.script["PATCH live-ada"] = [Ignored()]
    planned = change("ada", after=values_of("ada", family="King", department="R&D"))
    found = run_changes(service, planned)
    assert found.report.outcomes == [
        Outcome(
            planned,
            Result.NOT_IN_EFFECT,
            'the service accepted it, but it is not in effect: name.familyName (the service shows "Lovelace"), '
            'enterprise:department (the service shows "Engineering")',
            "live-ada",
            ("name.familyName", DEPARTMENT),
        )
    ]
    assert found.slept == LOOKS
    assert service.log.count("finished ada not_in_effect") == 1


def test_an_answer_is_no_proof_unless_reading_confirmed_some_before() -> None:
    service = ScriptedService(resource("ada"))
    service.script["PATCH live-ada"] = [Answered(KING)]
    assert run_changes(service, MARRIAGE).results == {"ada": "not_in_effect"}
    service.script["PATCH live-ada"] = [Answered(resource("ada"))]
    assert run_changes(service, MARRIAGE).results == {"ada": "not_in_effect"}


OTHER = resource("eve", userName="eve@example.com")
ANOTHER_USERS_ANSWERS = {
    "the same user for everybody": {**KING, "id": "live-eve"},
    "another user": OTHER,
    "an id in another case": {**KING, "id": "LIVE-ADA"},
    "no id": {key: value for key, value in KING.items() if key != "id"},
    "an id that is no string": {**KING, "id": ["live-ada"]},
    "nothing but the id": {"id": "live-ada"},
    "an empty object": {},
    "another attribute only": {"id": "live-ada", "name": {"givenName": "Ada"}},
    "the old values": resource("ada"),
}


@pytest.mark.parametrize("answer", ANOTHER_USERS_ANSWERS.values(), ids=ANOTHER_USERS_ANSWERS)
@pytest.mark.parametrize("in_effect", [True, False])
def test_an_answer_that_does_not_show_the_change_of_this_user_is_replaced_by_reading_it(
    answer: dict[str, Any], *, in_effect: bool
) -> None:
    service = ScriptedService(resource("ada"), resource("eve", name={"givenName": "Ada", "familyName": "King"}))
    service.script["PATCH live-ada"] = [*([lambda: service.users.update({"live-ada": KING})] if in_effect else [])]
    service.script["PATCH live-ada"] += [Answered(answer)]
    if in_effect:
        service.patch_user = _landed_with(service, answer)  # type: ignore[method-assign]
    found = run_changes(service, MARRIAGE)
    assert found.results == {"ada": "done" if in_effect else "not_in_effect"}
    assert found.report.outcomes[0].live_id == "live-ada"
    assert "GET live-eve" not in service.log, "the other user is not read either"
    after = service.log[service.log.index("PATCH live-ada") + 1 :]
    assert after[0] == "GET live-ada"


def _landed_with(service: ScriptedService, answer: dict[str, Any]) -> Any:
    usual = ScriptedService.patch_user

    def patch_user(identity: str, body: Any) -> dict[str, Any]:
        service.script["PATCH live-ada"] = []
        usual(service, identity, body)
        return answer

    return patch_user


@pytest.mark.parametrize(
    ("planned", "before"),
    [
        (change("ada", Action.REACTIVATE, before=values_of("ada", active=False)), resource("ada", active=False)),
        (change("ada", after=values_of("ada", department=None)), resource("ada")),
    ],
)
def test_what_an_answer_leaves_out_is_read(planned: Change, before: dict[str, Any]) -> None:
    service = ScriptedService(before)
    service.script["PATCH live-ada"] = [Answered({"id": "live-ada", "userName": "ada@example.com"})]
    found = run_changes(service, planned)
    assert found.results == {"ada": "not_in_effect"}


def test_two_creates_whose_answers_were_swapped_are_both_found() -> None:
    service = ScriptedService()
    service.create_user = _answer_with_the_other(service)  # type: ignore[method-assign]
    found = run_changes(service, change("new", Action.CREATE), change("eve", Action.CREATE))
    assert found.results == {"new": "done", "eve": "done"}
    accounts = {
        outcome.change.key: service.users[str(outcome.live_id)]["userName"] for outcome in found.report.outcomes
    }
    assert accounts == {"new@example.com": "new@example.com", "eve@example.com": "eve@example.com"}


def _answer_with_the_other(service: ScriptedService) -> Any:
    def create_user(body: Any, *, is_absent: Any = None) -> dict[str, Any]:
        made = ScriptedService.create_user(service, body)
        return next((user for user in service.users.values() if made is None or user["id"] != made["id"]), made or {})

    return create_user


@pytest.mark.parametrize("stored", [True, False])
def test_a_create_that_is_answered_with_an_existing_user_is_looked_up(*, stored: bool) -> None:
    service = ScriptedService(resource("eve"))
    if stored:
        service.create_user = _answer_with_the_other(service)  # type: ignore[method-assign]
    else:
        service.script["POST new@example.com"] = [Answered(resource("eve"))]
    (outcome,) = run_changes(service, change("new", Action.CREATE)).report.outcomes
    expected = (Result.DONE, "made-1") if stored else (Result.NOT_IN_EFFECT, None)
    assert (outcome.result, outcome.live_id) == expected


def test_a_deletion_of_an_account_that_only_a_filter_shows_is_not_reported_as_done() -> None:
    service = ScriptedService(resource("ada"))
    service.get_user = lambda _identity: None  # type: ignore[method-assign]
    found = run_changes(service, change("ada", Action.DELETE))
    assert found.messages == {
        "ada": "the service does not find the account by its id, but a filter shows it; nothing was sent"
    }
    assert (found.results, "live-ada" in service.users) == ({"ada": "failed"}, True)


def test_attributes_that_flow_on_create_only_are_verified_too() -> None:
    rows = reads_everything(mappings(mapping("timezone", "timezone", flow=Flow.CREATE)))
    service = ScriptedService()
    made = resource("new", id="made-0")
    service.script = {"POST new@example.com": [Answered(made)], "GET made-0": [Answered(made)] * 3}
    found = run_changes(service, change("new", Action.CREATE, after={**values_of("new"), "timezone": "UTC"}), rows=rows)
    assert found.messages == {
        "new": "the service accepted it, but it is not in effect: timezone (the service shows no value)"
    }


@pytest.mark.parametrize("fault", [REFUSED, DOWN])
def test_what_was_accepted_but_cannot_be_read_is_unknown(fault: Exception) -> None:
    service = ScriptedService(resource("ada"), bodies=False)
    service.script["GET live-ada"] = [Answered(resource("ada")), fault]
    found = run_changes(service, MARRIAGE)
    assert found.results == {"ada": "unknown"}
    assert found.messages["ada"].startswith("sent, but it could not be verified: ")
    assert service.log[-1] == "finished ada unknown"


# --- drift since the plan ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planned", "now", "message"),
    [
        (
            MARRIAGE,
            resource("ada", name={"givenName": "Ada", "familyName": "Byron"}),
            "name.familyName changed in the meantime",
        ),
        (MARRIAGE, resource("ada", **{ENTERPRISE: {}}), "enterprise:department changed in the meantime"),
        (MARRIAGE, resource("ada", active=False, externalId="x"), "externalId, active changed in the meantime"),
        (MARRIAGE, None, "the account is gone"),
        (change("ada", Action.DELETE), resource("ada", active=False), "active changed in the meantime"),
        (
            change("ada", Action.ADOPT, before=values_of("ada", external_id=None)),
            resource("ada", externalId="other"),
            "externalId changed in the meantime",
        ),
    ],
)
def test_an_account_that_drifted_is_skipped(planned: Change, now: dict[str, Any] | None, message: str) -> None:
    service = ScriptedService(*([now] if now else []))
    found = run_changes(service, planned)
    looked_up = [] if now else ["FIND externalId id-ada", "FIND userName ada@example.com"]
    assert service.log == ["GET live-ada", *looked_up, "finished ada skipped"]
    assert found.messages == {"ada": f"no longer as planned: {message}; plan again"}
    assert found.report.outcomes[0].attributes


@pytest.mark.parametrize("planned", [MARRIAGE, change("ada", Action.DEACTIVATE)])
def test_an_account_that_only_a_filter_shows_is_not_gone(planned: Change) -> None:
    service = ScriptedService(resource("ada"))
    service.get_user = lambda _identity: None  # type: ignore[method-assign]
    found = run_changes(service, planned)
    assert found.results == {"ada": "skipped"}
    assert "does not find the account by its id, but a filter shows it" in found.messages["ada"]
    assert not [request for request in service.log if request.startswith("PATCH")]


def test_what_is_already_in_effect_is_not_sent() -> None:
    service = ScriptedService(KING)
    found = run_changes(service, MARRIAGE)
    assert service.log == ["GET live-ada", "finished ada done"]
    assert found.messages == {"ada": "already in effect"}


def test_an_account_to_delete_that_is_gone_is_deleted() -> None:
    assert run_changes(ScriptedService(), change("ada", Action.DELETE)).results == {"ada": "done"}


@pytest.mark.parametrize(
    ("holders", "script", "hint"),
    [
        (
            [resource("x", userName="NEW@example.com")],
            {},
            'The user name "new@example.com" belongs to account "live-x" (externalId "id-x").',
        ),
        (
            [resource("x", userName="new@example.com", externalId=None)],
            {},
            'The user name "new@example.com" belongs to account "live-x" (no externalId).',
        ),
        ([], {"POST new@example.com": [TAKEN]}, APPLE.conflict_hint),
        ([], {"POST new@example.com": [TAKEN], "FIND userName new@example.com": [REFUSED] * 2}, APPLE.conflict_hint),
        ([], {"POST new@example.com": [TAKEN], "FIND userName new@example.com": [DOWN] * 2}, APPLE.conflict_hint),
        (
            # a service that ignores filters
            [],
            {
                "POST new@example.com": [TAKEN],
                "FIND userName new@example.com": [Answered([resource("other"), {"x": 1}])] * 2,
            },
            APPLE.conflict_hint,
        ),
        (
            [resource("x", userName="new@example.com")],
            {"POST new@example.com": [ScimError(400, "uniqueness", "the name is taken")]},
            'The user name "new@example.com" belongs to account "live-x" (externalId "id-x").',
        ),
    ],
)
def test_a_user_name_conflict_is_explained(
    holders: list[dict[str, Any]], script: dict[str, list[Any]], hint: str
) -> None:
    service = ScriptedService(*holders)
    service.script = {
        **script,
        "FIND userName new@example.com": [NAME_FREE, *script.get("FIND userName new@example.com", [])],
    }
    found = run_changes(service, change("new", Action.CREATE))
    assert found.messages == {"new": f"the name is taken. {hint}"}
    assert found.results == {"new": "failed"}


# --- lost answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "result", "sent"),
    [
        ([Landed(LOST)], "done", 1),
        ([LOST], "done", 2),
        ([LOST, Landed(LOST)], "done", 2),
        ([LOST, LOST, LOST], "not_in_effect", 3),
        ([LOST, REFUSED], "failed", 2),
    ],
)
@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_a_write_whose_answer_was_lost_is_sent_again_while_reading_shows_that_nothing_happened(
    verb: str, events: list[Any], result: str, sent: int
) -> None:
    service = ScriptedService(resource("ada"))
    service.script[f"{verb} live-ada"] = list(events)
    found = run_changes(service, MARRIAGE if verb == "PATCH" else change("ada", Action.DELETE))
    assert found.results == {"ada": result}
    assert service.log.count(f"{verb} live-ada") == sent
    between = [line.split()[0] for line in service.log if line.split()[0] in (verb, "GET")]
    assert f"{verb} {verb}" not in " ".join(between), "never twice without a look in between"
    if result == "not_in_effect":
        assert found.messages["ada"].startswith("the connection was lost, but it is not in effect: ")


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_a_lost_write_is_not_sent_again_to_a_user_that_changed(verb: str) -> None:
    service = ScriptedService(resource("ada"))
    service.script = {
        f"{verb} live-ada": [LOST],
        "GET live-ada": [
            Answered(resource("ada")),
            *[Answered(resource("ada", name={"givenName": "Ada", "familyName": "Byron"}))] * 9,
        ],
    }
    run_changes(service, MARRIAGE if verb == "PATCH" else change("ada", Action.DELETE))
    assert service.log.count(f"{verb} live-ada") == 1


@pytest.mark.parametrize("fault", [DOWN, StopRequestedError("interrupted")])
def test_a_lost_write_to_a_user_that_cannot_be_read_is_unknown(fault: Exception) -> None:
    service = ScriptedService(resource("ada"))
    service.script = {"PATCH live-ada": [LOST], "GET live-ada": [Answered(resource("ada")), fault, fault]}
    found = run_changes(service, MARRIAGE)
    assert found.results == {"ada": "unknown"}
    assert service.log.count("PATCH live-ada") == 1


def test_a_create_without_a_body_that_cannot_be_looked_up_is_unknown() -> None:
    service = ScriptedService(bodies=False)
    service.script["FIND externalId id-new"] = [DOWN]
    assert run_changes(service, change("new", Action.CREATE)).results == {"new": "unknown"}


def test_a_change_that_waits_for_the_service_when_the_run_ends_is_skipped() -> None:
    service = ScriptedService(resource("ada"), resource("ben"))
    service.script = {
        "GET live-ada": [StopRequestedError("interrupted while the service wanted a pause")],
        "PATCH live-ben": [StopRequestedError("interrupted while the service wanted a pause")],
    }
    found = run_changes(service, *(change(name, after=values_of(name, family="King")) for name in ("ada", "ben")))
    assert found.results == {"ada": "skipped", "ben": "skipped"}
    assert found.messages["ada"] == "not started: interrupted while the service wanted a pause"
    assert [line for line in service.log if not line.startswith(("GET", "PATCH"))] == [
        "started ben update name.familyName",
        "finished ben skipped",
    ]


def test_a_name_in_a_domain_that_is_not_verified_is_explained() -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [ScimError(400, "invalidValue", "refused (400): the Domain is not yours")]
    found = run_changes(service, change("new", Action.CREATE))
    assert found.messages == {"new": f"refused (400): the Domain is not yours. {APPLE.domain_hint}"}


# --- values in another form -----------------------------------------------------------------------


def _stored(department: str) -> list[Any]:
    return [Answered(resource("ada", **{ENTERPRISE: {"department": department}}))]


def test_a_value_that_shows_in_another_form_is_in_effect_at_once() -> None:
    service = ScriptedService(resource("ada"))
    service.script = {"PATCH live-ada": [Landed(None)], "GET live-ada": [Answered(resource("ada")), *_stored("r&d")]}
    found = run_changes(service, change("ada", after=values_of("ada", department="R&D")))
    assert (found.results, found.slept) == ({"ada": "done"}, [0.0])
    assert found.messages == {"ada": "stored enterprise:department in lower case"}
    assert found.report.outcomes[0].forms == (FormDifference(DEPARTMENT, "R&D", "r&d"),)


def test_a_value_that_shows_in_its_former_form_may_not_show_the_change_yet() -> None:
    service = ScriptedService(resource("ada"))
    old, new = Answered(resource("ada")), _stored("ENGINEERING")
    service.script = {"PATCH live-ada": [Landed(None)], "GET live-ada": [old, old, *new]}
    found = run_changes(service, change("ada", after=values_of("ada", department="ENGINEERING")))
    assert (found.results, found.slept, found.messages) == ({"ada": "done"}, [0.0, 0.5], {"ada": ""})


def test_a_service_that_ignores_a_change_of_form_is_waited_for_once() -> None:
    service = ScriptedService(resource("ada"), resource("bob"))
    service.script = {"PATCH live-ada": [Ignored()], "PATCH live-bob": [Ignored()]}
    changes = [change(who, after=values_of(who, department="ENGINEERING")) for who in ("ada", "bob")]
    found = run_changes(service, *changes, workers=1)
    assert found.results == {"ada": "done", "bob": "done"}
    assert found.slept == [0.0, 0.5, 1.5, 0.0]


def test_an_account_that_a_lost_create_left_in_another_form_is_found() -> None:
    service = ScriptedService(resource("new", **{ENTERPRISE: {"department": "engineering"}}))
    service.script = {"POST new@example.com": [LOST], "FIND userName new@example.com": [NAME_FREE]}
    found = run_changes(service, change("new", Action.CREATE))
    assert (found.results, found.messages) == ({"new": "done"}, {"new": "stored enterprise:department in lower case"})


def test_a_refused_change_of_case_names_the_name_to_keep() -> None:
    service = ScriptedService(resource("ada"))
    service.script["PATCH live-ada"] = [TAKEN]
    found = run_changes(service, change("ada", after=values_of("ada", user_name="Ada@example.com")))
    assert "the service refuses a change of case alone" in found.messages["ada"]
