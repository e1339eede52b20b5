import threading
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import (
    APPLE,
    DEPARTMENT,
    ENTERPRISE,
    MAPPINGS,
    OWNED,
    SCIM,
    change,
    desired,
    live,
    mapping,
    mappings,
    name_of,
    plan_of,
    plan_with,
    reader,
    rename,
    resource,
    values_of,
)
from support.laws import examples

from reconciler.apply.executor import Execution, FailurePolicy, Report, execute
from reconciler.apply.verification import reads_everything
from reconciler.core import paths
from reconciler.core.model import AttributeMapping, Flow, LiveUser
from reconciler.core.plan import Action, Change, Outcome, Plan, Result
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.policy import Limit, Policy
from reconciler.core.profile import TargetProfile
from reconciler.errors import ScimError, StopRequestedError, TargetError, UnknownOutcomeError
from reconciler.record.runs import Quarantine

REFUSED = ScimError(400, "invalidValue", "the service said no")
TAKEN = ScimError(409, "uniqueness", "the name is taken")
LOST = UnknownOutcomeError(0, "", "the connection was lost")
UNAVAILABLE = UnknownOutcomeError(503, "", "it is not available")
DOWN = TargetError("the token was refused")


class Landed:
    """A request that takes effect, whatever is then said about it."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer


class Ignored:
    """A request that is answered as if it had taken effect."""


class Says:
    """Another answer than the true one."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


FREE = Says([])
"""Nobody has the name, says a look-up before a create."""


class Service:
    """Users in memory. `script` says what happens to a request before it is treated as usual."""

    def __init__(self, *resources: dict[str, Any], bodies: bool = True) -> None:
        self.users = {user["id"]: deepcopy(user) for user in resources}
        self.bodies = bodies
        self.log: list[str] = []
        self.sent: list[tuple[str, Any]] = []
        self.script: dict[str, list[Any]] = {}
        self.dies_at: int | None = None
        self.lands = False
        self.requests = 0

    # --- what the executor calls ------------------------------------------------------------

    def get_user(self, identity: str) -> dict[str, Any] | None:
        return self._meet(f"GET {identity}", lambda: deepcopy(self.users.get(identity)))

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        found = [user for user in self.users.values() if str(user.get(attribute)).casefold() == value.casefold()]
        return self._meet(f"FIND {attribute} {value}", lambda: deepcopy(found))

    def create_user(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        def create() -> dict[str, Any] | None:
            self._refuse_taken(body["userName"], None)
            identity = f"made-{len(self.users)}"
            self.users[identity] = {"id": identity, **deepcopy(dict(body))}
            return self._answer(identity)

        return self._meet(f"POST {body['userName']}", create, body)

    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        def patch() -> dict[str, Any] | None:
            for operation in body["Operations"]:
                if operation["path"] == "userName":
                    self._refuse_taken(operation["value"], identity)
                edit(self.users[identity], operation)
            return self._answer(identity)

        return self._meet(f"PATCH {identity}", patch, body)

    def delete_user(self, identity: str) -> None:
        self._meet(f"DELETE {identity}", lambda: self.users.pop(identity, None))

    # --- inside -----------------------------------------------------------------------------

    def _answer(self, identity: str) -> dict[str, Any] | None:
        return deepcopy(self.users[identity]) if self.bodies else None

    def _refuse_taken(self, name: str, identity: str | None) -> None:
        if any(user["userName"].casefold() == name.casefold() for key, user in self.users.items() if key != identity):
            raise TAKEN

    def _meet(self, request: str, usual: Callable[[], Any], body: Any = None) -> Any:
        self.log.append(request)
        self.sent.append((request, body))
        self._die(request, usual)
        waiting = self.script.get(request)
        event = waiting.pop(0) if waiting else None
        if isinstance(event, Exception):
            raise event
        if isinstance(event, Landed):
            usual()
            if event.answer is not None:
                raise event.answer
            return None
        if isinstance(event, Ignored):
            return None
        if isinstance(event, Says):
            return event.answer
        if callable(event):
            event()
        return usual()

    def _die(self, request: str, usual: Callable[[], Any]) -> None:
        self.requests += 1
        if self.dies_at is not None and self.requests >= self.dies_at:
            if self.requests == self.dies_at and self.lands:
                usual()
            raise CrashError(request)


class CrashError(BaseException):
    """The process dies."""


def edit(user: dict[str, Any], operation: dict[str, Any]) -> None:
    path = paths.parse(operation["path"])
    holder = user.setdefault(path.urn, {}) if path.urn else user
    if path.sub:
        holder, last = holder.setdefault(path.attribute, {}), path.sub
    else:
        last = path.attribute
    if operation["op"].casefold() == "remove":
        holder.pop(last, None)
    else:
        holder[last] = operation["value"]


class Record:
    """Events in the log of the service, so that their order shows."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def started(self, address: str, action: Action, live_id: str | None, attributes: list[str]) -> None:
        named = ",".join(sorted(map(paths.shorten_path, attributes)))
        self.log.append(f"started {who(address)} {action.value} {named}".rstrip())

    def finished(self, outcome: Outcome) -> None:
        self.log.append(f"finished {who(outcome.change.address)} {outcome.result.value}")

    def quarantined(self, why: Quarantine) -> None:
        self.log.append(f"quarantined {why.reason}")


def who(address: str) -> str:
    return address.removeprefix('user["').removesuffix('"]').removesuffix("@example.com")


class Run:
    """An apply of a plan on a service, and what became of it."""

    def __init__(
        self,
        service: Service,
        plan: Plan,
        *,
        rows: tuple[AttributeMapping, ...] = MAPPINGS,
        profile: TargetProfile = APPLE,
        done: Iterable[str] = (),
        policy: FailurePolicy | None = None,
        **options: Any,
    ) -> None:
        self.slept: list[float] = []
        seen: list[Outcome] = []
        execution = Execution(
            service=service,
            record=Record(service.log),
            reader=LiveReader(profile, reads_everything(rows), OWNED),
            mappings=rows,
            profile=profile,
            sleep=self.slept.append,
            **{"workers": 1, "on_outcome": seen.append, **options},
        )
        self.report: Report = execute(plan, execution, tuple(done), policy)
        assert seen == self.report.outcomes

    @property
    def results(self) -> dict[str, str]:
        return {who(item.change.address): item.result.value for item in self.report.outcomes}

    @property
    def messages(self) -> dict[str, str]:
        return {who(item.change.address): item.message for item in self.report.outcomes}


def run(service: Service, *changes: Change, accounts: str = "", **options: Any) -> Run:
    return Run(service, plan_with(*changes, accounts=[live(name) for name in accounts.split()]), **options)


MARRIED = change("ada", after=values_of("ada", family="King"))
KING = resource("ada", name={"givenName": "Ada", "familyName": "King"})


# --- each action --------------------------------------------------------------------------------


def test_a_create_is_verified_by_reading_it() -> None:
    service = Service()
    found = run(service, change("new", Action.CREATE))
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
def test_whom_somebody_else_made_since_the_plan_is_not_made_twice(made: dict[str, Any]) -> None:
    service = Service(made)
    found = run(service, change("new", Action.CREATE))
    assert len(service.users) == 1
    assert "POST new@example.com" not in service.log
    if made["active"]:
        assert (found.results, found.report.outcomes[0].live_id) == ({"new": "done"}, "theirs")
    else:
        said = 'user name "new@example.com" belongs to account "theirs" (externalId "id-new")'
        assert found.messages == {"new": f"no longer as planned: {said}; plan again"}
        assert found.results == {"new": "skipped"}


def test_whom_somebody_else_made_a_moment_ago_is_no_conflict() -> None:
    service = Service(resource("new", id="theirs"))
    service.script["FIND userName new@example.com"] = [FREE]
    found = run(service, change("new", Action.CREATE))
    assert service.log.count("POST new@example.com") == 1
    assert (found.results, found.report.outcomes[0].live_id) == ({"new": "done"}, "theirs")


@pytest.mark.parametrize("answer", [REFUSED, "others"])
def test_a_service_that_does_not_filter_is_asked_only_once(answer: Any) -> None:
    service = Service()
    service.script["FIND userName a@example.com"] = [Says([resource("x")]) if answer == "others" else answer]
    found = run(service, *(change(name, Action.CREATE) for name in "abc"))
    assert set(found.results.values()) == {"done"}
    assert [entry for entry in service.log if entry.startswith("FIND")] == ["FIND userName a@example.com"]


@pytest.mark.parametrize(
    ("planned", "before", "operation"),
    [
        (MARRIED, resource("ada"), {"op": "Replace", "path": "name.familyName", "value": "King"}),
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
def test_a_change_is_one_patch_of_what_differs_verified_by_its_answer(
    planned: Change, before: dict[str, Any], operation: dict[str, Any]
) -> None:
    service = Service(before)
    found = run(service, planned)
    path = paths.shorten_path(operation["path"])
    assert service.log == [
        "GET live-ada",
        f"started ada {planned.action.value} {path}",
        "PATCH live-ada",
        # Whether somebody lost an account is looked at, not believed.
        *(["GET live-ada"] if planned.action is Action.DEACTIVATE else []),
        "finished ada done",
    ]
    assert service.sent[1][1]["Operations"] == [operation]
    assert found.report.outcomes == [Outcome(planned, Result.DONE, "", "live-ada")]
    assert reader().read(service.users["live-ada"]).attributes == planned.after


def test_a_delete_is_verified_by_looking_again() -> None:
    service = Service(resource("ada"))
    found = run(service, change("ada", Action.DELETE))
    assert service.log == ["GET live-ada", "started ada delete", "DELETE live-ada", "GET live-ada", "finished ada done"]
    assert (found.results, service.users, found.slept) == ({"ada": "done"}, {}, [0.0])


def test_a_service_that_deactivates_what_it_is_asked_to_delete_has_done_it() -> None:
    service = Service(resource("ada"))
    service.script["DELETE live-ada"] = [Ignored()]
    service.script["GET live-ada"] = [Says(resource("ada")), Says(resource("ada", active=False))]
    assert run(service, change("ada", Action.DELETE)).results == {"ada": "done"}


def test_a_delete_that_leaves_the_account_active_is_not_in_effect() -> None:
    service = Service(resource("ada"))
    service.script["DELETE live-ada"] = [Ignored()]
    found = run(service, change("ada", Action.DELETE))
    assert (found.results, found.slept) == ({"ada": "not_in_effect"}, [0.0, 0.5, 1.5])


def test_the_operations_are_spelt_as_the_profile_says() -> None:
    service = Service(resource("ada"))
    run(service, MARRIED, profile=SCIM, rows=mappings(profile=SCIM))
    assert service.sent[1][1]["Operations"][0]["op"] == "replace"


# --- verification -------------------------------------------------------------------------------


def test_without_a_body_a_change_is_verified_by_reading_again() -> None:
    service = Service(resource("ada"), bodies=False)
    found = run(service, MARRIED)
    assert service.log[2:] == ["PATCH live-ada", "GET live-ada", "finished ada done"]
    assert (found.results, found.slept) == ({"ada": "done"}, [0.0])


def test_without_a_body_a_create_is_looked_up() -> None:
    service = Service(bodies=False)
    found = run(service, change("new", Action.CREATE))
    assert service.log[2:] == ["POST new@example.com", "FIND externalId id-new", "finished new done"]
    assert found.report.outcomes[0].live_id == "made-0"


def test_a_service_that_is_late_is_given_time() -> None:
    service = Service(resource("ada"))
    old = Says(resource("ada"))
    service.script = {"PATCH live-ada": [Landed(None)], "GET live-ada": [old, old, old]}
    found = run(service, MARRIED)
    assert (found.results, found.slept) == ({"ada": "done"}, [0.0, 0.5, 1.5])


def test_what_is_not_in_effect_is_named() -> None:
    service = Service(resource("ada"))
    service.script["PATCH live-ada"] = [Ignored()]
    planned = change("ada", after=values_of("ada", family="King", department="R&D"))
    found = run(service, planned)
    assert found.report.outcomes == [
        Outcome(
            planned,
            Result.NOT_IN_EFFECT,
            "the service accepted it, but it is not in effect: name.familyName, enterprise:department",
            "live-ada",
            ("name.familyName", DEPARTMENT),
        )
    ]
    assert found.slept == [0.0, 0.5, 1.5]
    assert service.log[-1] == "finished ada not_in_effect"


def test_an_answer_that_shows_old_values_is_not_believed_nor_one_that_is_believed_checked_again() -> None:
    service = Service(resource("ada"))
    service.script["PATCH live-ada"] = [Says(KING)]
    assert run(service, MARRIED).results == {"ada": "done"}
    service.script["PATCH live-ada"] = [Says(resource("ada"))]
    assert run(service, MARRIED).results == {"ada": "not_in_effect"}


def test_what_flows_on_create_only_is_verified_as_well() -> None:
    rows = reads_everything(mappings(mapping("timezone", "timezone", flow=Flow.CREATE)))
    service = Service()
    made = resource("new", id="made-0")
    service.script = {"POST new@example.com": [Says(made)], "GET made-0": [Says(made)] * 3}
    found = run(service, change("new", Action.CREATE, after={**values_of("new"), "timezone": "UTC"}), rows=rows)
    assert found.messages == {"new": "the service accepted it, but it is not in effect: timezone"}


@pytest.mark.parametrize("fault", [REFUSED, DOWN])
def test_what_was_accepted_but_cannot_be_read_is_unknown(fault: Exception) -> None:
    service = Service(resource("ada"), bodies=False)
    service.script["GET live-ada"] = [Says(resource("ada")), fault]
    found = run(service, MARRIED)
    assert found.results == {"ada": "unknown"}
    assert found.messages["ada"].startswith("sent, but it could not be verified: ")
    assert service.log[-1] == "finished ada unknown"


# --- accounts that moved ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planned", "now", "message"),
    [
        (
            MARRIED,
            resource("ada", name={"givenName": "Ada", "familyName": "Byron"}),
            "name.familyName changed in the meantime",
        ),
        (MARRIED, resource("ada", **{ENTERPRISE: {}}), "enterprise:department changed in the meantime"),
        (MARRIED, resource("ada", active=False, externalId="x"), "externalId, active changed in the meantime"),
        (MARRIED, None, "the account is gone"),
        (change("ada", Action.DELETE), resource("ada", active=False), "active changed in the meantime"),
        (
            change("ada", Action.ADOPT, before=values_of("ada", external_id=None)),
            resource("ada", externalId="other"),
            "externalId changed in the meantime",
        ),
    ],
)
def test_an_account_that_moved_is_skipped(planned: Change, now: dict[str, Any] | None, message: str) -> None:
    service = Service(*([now] if now else []))
    found = run(service, planned)
    assert service.log == ["GET live-ada", "finished ada skipped"]
    assert found.messages == {"ada": f"no longer as planned: {message}; plan again"}
    assert found.report.outcomes[0].attributes


def test_what_is_already_in_effect_is_not_sent() -> None:
    service = Service(KING)
    found = run(service, MARRIED)
    assert service.log == ["GET live-ada", "finished ada done"]
    assert found.messages == {"ada": "already in effect"}


def test_an_account_to_delete_that_is_gone_is_deleted() -> None:
    assert run(Service(), change("ada", Action.DELETE)).results == {"ada": "done"}


# --- refusals -----------------------------------------------------------------------------------


def test_one_refused_user_does_not_stop_the_others() -> None:
    service = Service(*(resource(name) for name in "abcd"))
    service.script = {"PATCH live-b": [REFUSED], "GET live-c": [REFUSED]}
    found = run(service, *(change(name, after=values_of(name, family="King")) for name in "abcd"))
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
                "FIND userName new@example.com": [Says([resource("other"), {"x": 1}])] * 2,
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
def test_a_taken_name_is_explained(holders: list[dict[str, Any]], script: dict[str, list[Any]], hint: str) -> None:
    service = Service(*holders)
    service.script = {
        **script,
        "FIND userName new@example.com": [FREE, *script.get("FIND userName new@example.com", [])],
    }
    found = run(service, change("new", Action.CREATE))
    assert found.messages == {"new": f"the name is taken. {hint}"}
    assert found.results == {"new": "failed"}


def test_a_service_that_refuses_as_a_whole_stops_the_rest() -> None:
    service = Service(*(resource(name) for name in "abc"))
    service.script["PATCH live-b"] = [DOWN]
    found = run(
        service, *(change(name, after=values_of(name, family="King")) for name in "abc"), change("d", Action.DELETE)
    )
    assert found.results == {"a": "done", "b": "failed", "c": "skipped", "d": "skipped"}
    assert found.messages["c"] == found.messages["d"] == "not started: the run was stopped"
    assert found.report.stopped is DOWN
    assert service.log[-3:] == ["PATCH live-b", "finished b failed", "quarantined EncounteredQuarantineException"]


def test_who_failed_before_comes_last_in_its_wave() -> None:
    service = Service(*(resource(name) for name in "abcd"))
    run(service, *married("abc"), change("d", Action.DELETE), policy=FailurePolicy(deferred={married("a")[0].address}))
    assert [entry for entry in service.log if entry.startswith(("PATCH", "DELETE"))] == [
        "PATCH live-b",
        "PATCH live-c",
        "PATCH live-a",
        "DELETE live-d",
    ]


FORBIDDEN = ScimError(403, "", "the service forbids it (403)", "Check the token.")


def married(names: str) -> list[Change]:
    return [change(name, after=values_of(name, family="King")) for name in names]


def test_one_user_who_may_not_be_changed_stops_nobody_else() -> None:
    service = Service(*(resource(name) for name in "abcdefg"))
    service.script = {f"PATCH live-{name}": [FORBIDDEN] for name in "abdefg"}
    found = run(service, *married("abcdefg"), policy=FailurePolicy(Limit(None, None, 0)))
    assert [name for name, result in found.results.items() if result == "done"] == ["c"]
    assert found.report.stopped is None
    assert found.messages["a"].startswith("the service forbids it (403). ")


def test_when_nobody_at_all_may_be_changed_the_run_stops() -> None:
    service = Service(*(resource(name) for name in "abcdef"))
    service.script = {f"PATCH live-{name}": [FORBIDDEN] for name in "abcdef"}
    found = run(service, *married("abcdef"))
    assert found.results == dict(zip("abcdef", [*["failed"] * 3, *["skipped"] * 3], strict=True))
    assert found.report.stopped is not None
    assert (found.report.stopped.summary, found.report.stopped.detail) == (FORBIDDEN.summary, FORBIDDEN.detail)


# --- lost answers -------------------------------------------------------------------------------


def test_a_create_whose_answer_was_lost_is_looked_up_and_never_sent_again() -> None:
    service = Service()
    service.script["POST new@example.com"] = [Landed(LOST)]
    found = run(service, change("new", Action.CREATE))
    assert service.log[2:] == ["POST new@example.com", "FIND externalId id-new", "finished new done"]
    assert found.report.outcomes[0].live_id == "made-0"


def test_a_created_user_is_also_found_by_name() -> None:
    service = Service()
    service.script = {"POST new@example.com": [Landed(LOST)], "FIND externalId id-new": [REFUSED]}
    assert run(service, change("new", Action.CREATE)).results == {"new": "done"}
    assert service.log.count("POST new@example.com") == 1


@pytest.mark.parametrize("others", [[], [resource("x")], [resource("x"), resource("y")]])
def test_a_create_that_was_not_found_afterwards_is_unknown(others: list[dict[str, Any]]) -> None:
    service = Service()
    service.script = {"POST new@example.com": [LOST], "FIND externalId id-new": [Says(others)]}
    found = run(service, change("new", Action.CREATE))
    assert found.messages == {"new": "the connection was lost; the user was not found afterwards"}
    assert found.results == {"new": "unknown"}
    assert service.log[-2:] == ["FIND userName new@example.com", "finished new unknown"]
    assert service.log.count("POST new@example.com") == 1


def test_a_create_that_is_found_with_other_values_is_not_in_effect() -> None:
    service = Service(resource("new", active=False))
    service.script = {"POST new@example.com": [LOST], "FIND userName new@example.com": [FREE]}
    found = run(service, change("new", Action.CREATE))
    assert found.messages == {"new": "the service accepted it, but it is not in effect: active"}


def test_a_create_that_cannot_be_looked_up_is_unknown() -> None:
    service = Service()
    service.script = {"POST new@example.com": [Landed(LOST)], "FIND externalId id-new": [DOWN]}
    found = run(service, change("new", Action.CREATE))
    assert found.results == {"new": "unknown"}


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
    service = Service(resource("ada"))
    service.script[f"{verb} live-ada"] = list(events)
    found = run(service, MARRIED if verb == "PATCH" else change("ada", Action.DELETE))
    assert found.results == {"ada": result}
    assert service.log.count(f"{verb} live-ada") == sent
    between = [line.split()[0] for line in service.log if line.split()[0] in (verb, "GET")]
    assert f"{verb} {verb}" not in " ".join(between), "never twice without a look in between"
    if result == "not_in_effect":
        assert found.messages["ada"].startswith("the connection was lost, but it is not in effect: ")


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_a_lost_write_is_not_sent_again_to_a_user_whom_somebody_changed(verb: str) -> None:
    service = Service(resource("ada"))
    service.script = {
        f"{verb} live-ada": [LOST],
        "GET live-ada": [
            Says(resource("ada")),
            *[Says(resource("ada", name={"givenName": "Ada", "familyName": "Byron"}))] * 9,
        ],
    }
    run(service, MARRIED if verb == "PATCH" else change("ada", Action.DELETE))
    assert service.log.count(f"{verb} live-ada") == 1


@pytest.mark.parametrize("fault", [DOWN, StopRequestedError("interrupted")])
def test_a_lost_write_that_cannot_be_looked_at_is_unknown(fault: Exception) -> None:
    service = Service(resource("ada"))
    service.script = {"PATCH live-ada": [LOST], "GET live-ada": [Says(resource("ada")), fault, fault]}
    found = run(service, MARRIED)
    assert found.results == {"ada": "unknown"}
    assert service.log.count("PATCH live-ada") == 1


def test_a_create_that_an_unavailable_service_surely_did_not_carry_out_is_sent_again() -> None:
    service = Service()
    service.script["POST new@example.com"] = [UNAVAILABLE]
    found = run(service, change("new", Action.CREATE))
    assert (found.results, found.slept[:3]) == ({"new": "done"}, [0.0, 0.5, 1.5])
    assert service.log.count("POST new@example.com") == 2
    assert service.log.count("FIND userName new@example.com") == 1 + 3


@pytest.mark.parametrize(
    "script",
    [
        {"FIND externalId id-new": [REFUSED] * 3},
        {"FIND userName new@example.com": [FREE, *[REFUSED] * 3]},
        # a service that ignores filters: the user may be on a later page
        {"FIND userName new@example.com": [FREE, *[Says([resource("other")])] * 3]},
    ],
)
def test_a_create_is_not_sent_again_when_a_look_up_proves_nothing(script: dict[str, list[Any]]) -> None:
    service = Service()
    service.script = {"POST new@example.com": [UNAVAILABLE], **script}
    assert run(service, change("new", Action.CREATE)).results == {"new": "failed"}
    assert service.log.count("POST new@example.com") == 1


@pytest.mark.parametrize(("status", "result"), [(0, "unknown"), (502, "unknown"), (504, "unknown"), (500, "failed")])
def test_a_create_that_may_still_be_under_way_is_never_sent_again(status: int, result: str) -> None:
    service = Service()
    service.script["POST new@example.com"] = [UnknownOutcomeError(status, "", "lost")]
    assert run(service, change("new", Action.CREATE)).results == {"new": result}
    assert service.log.count("POST new@example.com") == 1


def test_a_create_that_landed_after_all_is_no_conflict() -> None:
    service = Service()
    deferred = [Says([])] * 3
    service.script = {
        "POST new@example.com": [Landed(UNAVAILABLE)],
        "FIND externalId id-new": list(deferred),
        "FIND userName new@example.com": [FREE, *deferred],
    }
    assert run(service, change("new", Action.CREATE)).results == {"new": "done"}
    assert service.log.count("POST new@example.com") == 2
    assert len(service.users) == 1


def test_a_create_without_a_body_that_cannot_be_looked_up_is_unknown() -> None:
    service = Service(bodies=False)
    service.script["FIND externalId id-new"] = [DOWN]
    assert run(service, change("new", Action.CREATE)).results == {"new": "unknown"}


def test_who_waits_for_the_service_when_the_run_is_to_end_is_left_for_the_next_run() -> None:
    service = Service(resource("ada"), resource("ben"))
    service.script = {
        "GET live-ada": [StopRequestedError("interrupted while the service wanted a pause")],
        "PATCH live-ben": [StopRequestedError("interrupted while the service wanted a pause")],
    }
    found = run(service, *(change(name, after=values_of(name, family="King")) for name in ("ada", "ben")))
    assert found.results == {"ada": "skipped", "ben": "skipped"}
    assert found.messages["ada"] == "not started: interrupted while the service wanted a pause"
    assert [line for line in service.log if not line.startswith(("GET", "PATCH"))] == [
        "started ben update name.familyName",
        "finished ben skipped",
    ]


def test_a_name_in_a_domain_that_is_not_verified_is_explained() -> None:
    service = Service()
    service.script["POST new@example.com"] = [ScimError(400, "invalidValue", "refused (400): the Domain is not yours")]
    found = run(service, change("new", Action.CREATE))
    assert found.messages == {"new": f"refused (400): the Domain is not yours. {APPLE.domain_hint}"}


# --- order --------------------------------------------------------------------------------------


def writes(service: Service) -> list[str]:
    return [
        f"{request.split()[0]} {who(str(body['Operations'][0]['value']) if 'Operations' in body else body['userName'])}"
        for request, body in service.sent
        if body
    ]


def test_waves_run_one_after_the_other() -> None:
    service = Service(*(resource(name) for name in "uxy"))
    run(
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
    service = Service(resource("ada"), resource("bob"))
    service.script["PATCH live-bob"] = [REFUSED]
    found = run(service, rename("ada", "bob"), rename("bob", "robert"), accounts="ada bob")
    assert found.results == {"bob": "failed", "ada": "skipped"}
    assert found.messages["ada"] == 'not started: waiting for user["bob@example.com"]'
    assert not any("live-ada" in line for line in service.log)


def test_a_chain_of_renames_runs_from_its_free_end() -> None:
    service = Service(*(resource(name) for name in "abc"))
    found = run(service, rename("a", "b"), rename("b", "c"), rename("c", "d"), accounts="a b c")
    assert set(found.results.values()) == {"done"}
    assert writes(service) == ["PATCH d", "PATCH c", "PATCH b"]


def names(service: Service) -> dict[str, str]:
    return {identity.removeprefix("live-"): who(user["userName"]) for identity, user in service.users.items()}


@pytest.mark.parametrize("workers", [1, 8])
def test_a_swap_goes_through_a_temporary_name(workers: int) -> None:
    service = Service(resource("ada"), resource("bob"))
    found = run(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob", workers=workers)
    assert names(service) == {"ada": "bob", "bob": "ada"}
    assert found.results == {"ada": "done", "bob": "done"}
    temporary = service.sent[1][1]["Operations"][0]["value"]
    assert temporary.startswith("renaming-")
    assert service.log == [
        "GET live-ada",
        "started ada update userName",
        "PATCH live-ada",
        "finished ada done",
        "GET live-bob",
        "started bob update userName",
        "PATCH live-bob",
        "finished bob done",
        "GET live-ada",
        "started ada update userName",
        "PATCH live-ada",
        "finished ada done",
    ]


def test_a_swap_with_further_edits_makes_them_at_the_end() -> None:
    service = Service(resource("ada"), resource("bob"))
    ada = change("ada", after=values_of("ada", user_name=name_of("bob"), family="King", department=None))
    found = run(service, ada, rename("bob", "ada"), accounts="ada bob")
    assert found.results == {"ada": "done", "bob": "done"}
    assert reader().read(service.users["live-ada"]).attributes == ada.after


def test_a_swap_that_was_cut_short_goes_on_from_its_temporary_name() -> None:
    changes = [rename("ada", "bob"), rename("bob", "ada")]
    plan = plan_with(*changes, accounts=[live("ada"), live("bob")])
    (temporary,) = [item.temporary_user_name for item in plan.changes if item.temporary_user_name]
    service = Service(resource("ada", userName=temporary), resource("bob"))
    found = Run(service, plan)
    assert found.results == {"ada": "done", "bob": "done"}
    assert names(service) == {"ada": "bob", "bob": "ada"}
    assert service.log[:2] == ["GET live-ada", "finished ada done"]


def test_a_swap_whose_first_step_is_refused_changes_nobody() -> None:
    service = Service(resource("ada"), resource("bob"))
    service.script["PATCH live-ada"] = [REFUSED]
    found = run(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob")
    assert found.results == {"ada": "failed", "bob": "skipped"}
    assert names(service) == {"ada": "ada", "bob": "bob"}


def test_a_swap_that_ends_half_done_says_so() -> None:
    service = Service(resource("ada"), resource("bob"))
    service.script["PATCH live-bob"] = [REFUSED]
    found = run(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob")
    assert found.results == {"ada": "skipped", "bob": "failed"}
    temporary = service.users["live-ada"]["userName"]
    assert found.messages["ada"] == (
        f'only half done: it has the temporary name "{temporary}"; waiting for user["bob@example.com"]'
    )


def test_what_is_done_already_is_left_out_and_counts_for_those_who_wait() -> None:
    service = Service(resource("ada"), resource("bob", userName=name_of("robert")))
    changes = [rename("ada", "bob"), rename("bob", "robert")]
    found = run(service, *changes, accounts="ada bob", done=['user["bob@example.com"]'])
    assert found.results == {"ada": "done"}
    assert not any("live-bob" in line for line in service.log)


# --- interruption -------------------------------------------------------------------------------


def test_when_told_to_stop_what_is_in_flight_is_finished_and_the_rest_skipped() -> None:
    service = Service(*(resource(name) for name in "abc"))
    stop = threading.Event()
    service.script["PATCH live-a"] = [stop.set]
    changes = [change(name, after=values_of(name, family="King")) for name in "ab"] + [change("c", Action.DELETE)]
    found = run(service, *changes, stop=stop)
    assert found.report.interrupted
    assert found.results == {"a": "done", "b": "skipped", "c": "skipped"}
    assert found.messages["b"] == found.messages["c"] == "not started: interrupted"
    assert service.log[-2:] == ["PATCH live-a", "finished a done"]


def test_a_swap_that_is_stopped_half_way_ends_there() -> None:
    service = Service(resource("ada"), resource("bob"))
    stop = threading.Event()
    service.script["PATCH live-ada"] = [stop.set]
    found = run(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob", stop=stop)
    assert set(found.results.values()) == {"skipped"}
    assert service.log.count("PATCH live-ada") == 1
    assert "PATCH live-bob" not in service.log


def test_a_swap_that_is_stopped_half_way_says_so() -> None:
    service = Service(resource("ada"), resource("bob"))
    stop = threading.Event()
    service.script["PATCH live-ada"] = [stop.set]
    found = run(service, rename("ada", "bob"), rename("bob", "ada"), accounts="ada bob", stop=stop)
    assert found.messages["ada"].startswith("only half done: it has the temporary name")


@pytest.mark.parametrize("fault", [KeyboardInterrupt, BrokenPipeError])
def test_when_an_outcome_cannot_be_told_nothing_further_is_sent(fault: type[BaseException]) -> None:
    names_ = [f"u{number}" for number in range(50)]
    service = Service(*(resource(name) for name in names_))

    def tell(_outcome: Outcome) -> None:
        raise fault

    # The second change waits until the run is being stopped.
    stop = threading.Event()
    service.script["PATCH live-u1"] = [lambda: stop.wait(30)]
    changes = [change(name, after=values_of(name, family="King")) for name in names_]
    with pytest.raises(fault):
        run(service, *changes, on_outcome=tell, stop=stop)
    assert sum(line.startswith("PATCH") for line in service.log) <= 3


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


def accounts_of(service: Service) -> list[LiveUser]:
    return [reader().read(user) for user in service.users.values()]


@settings(max_examples=examples(150), deadline=None)
@given(STATE, STATE, st.sets(WHO), st.integers(1, 20), st.booleans())
def test_after_a_crash_at_any_request_the_next_run_ends_where_one_run_would(
    wanted: list[dict[str, Any]], found: list[dict[str, Any]], inactive: set[str], dies_at: int, lands: bool
) -> None:
    people = [desired(**user) for user in wanted]
    resources = [as_resource(user, active=user["who"] not in inactive) for user in found]
    undisturbed, crashed = Service(*resources), Service(*resources)
    first = plan_of(people, accounts_of(undisturbed), policy=POLICY)
    Run(undisturbed, first)
    settled = plan_of(people, accounts_of(undisturbed), policy=POLICY)
    assert settled.changes == ()

    crashed.dies_at, crashed.lands = dies_at, lands
    try:
        Run(crashed, first)
    except CrashError:
        crashed.dies_at = None
        again = plan_of(people, accounts_of(crashed), policy=POLICY)
        assert set(Run(crashed, again).results.values()) <= {"done"}
    assert content(crashed) == content(undisturbed)


def content(service: Service) -> list[dict[str, Any]]:
    users = [{**user, "id": ""} if user["id"].startswith("made-") else user for user in service.users.values()]
    return sorted(users, key=lambda user: user["userName"])


# --- brakes --------------------------------------------------------------------------------------


def refusing(names: str, refused: str) -> Service:
    service = Service(*(resource(name) for name in names))
    service.script = {f"PATCH live-{name}": [REFUSED] for name in refused}
    return service


def test_too_many_failures_stop_the_run_once_and_on_record() -> None:
    service = refusing("abcdefgh", "abcdefgh")
    found = run(service, *married("abcdefgh"), policy=FailurePolicy(Limit(None, 40, 2)))
    assert sorted(found.results.values()) == ["failed"] * 3 + ["skipped"] * 5
    assert found.messages["h"] == "not started: the run was stopped"
    assert service.log.count("quarantined EncounteredEscrowProportionThreshold") == 1
    assert found.report.quarantine is not None
    assert (found.report.left, found.report.stopped, found.report.interrupted) == (5, None, False)


def test_without_too_many_failures_nothing_stops() -> None:
    found = run(refusing("abcdefgh", "abc"), *married("abcdefgh"), policy=FailurePolicy(Limit(None, 40, 3)))
    assert (found.report.quarantine, list(found.results.values()).count("done")) == (None, 5)
    deferred = run(refusing("abcdefgh", "fgh"), *married("abcdefgh"), policy=FailurePolicy(Limit(None, 40, 2)))
    assert (deferred.report.quarantine, deferred.report.left) == (None, 0)


def test_a_circle_of_renames_that_was_begun_is_finished_in_quarantine_too() -> None:
    service = refusing("abcdef", "abcd")
    swap = [rename("e", "f"), rename("f", "e")]
    found = run(service, *married("abcd"), *swap, accounts="e f", policy=FailurePolicy(Limit(None, 40, 0)))
    assert found.report.quarantine is not None
    assert (found.results["e"], found.results["f"]) == ("done", "done")
    assert [service.users[f"live-{name}"]["userName"] for name in "ef"] == ["f@example.com", "e@example.com"]
    begun = run(
        refusing("abcdef", "a"),
        *married("a"),
        *swap,
        accounts="e f",
        policy=FailurePolicy(probe=frozenset({married("a")[0].address})),
    )
    assert begun.results == {"a": "failed", "e": "skipped", "f": "skipped"}, "and not begun in quarantine"


def test_a_trial_comes_first_and_the_rest_only_if_it_works() -> None:
    probe = frozenset(item.address for item in married("gh"))
    service = refusing("abcdefgh", "")
    found = run(service, *married("abcdefgh"), policy=FailurePolicy(probe=probe))
    assert list(found.results)[:2] == ["g", "h"]
    assert set(found.results.values()) == {"done"}
    failed = run(refusing("abcdefgh", "gh"), *married("abcdefgh"), policy=FailurePolicy(probe=probe))
    assert failed.results == {"g": "failed", "h": "failed", **dict.fromkeys("abcdef", "skipped")}


def test_each_change_says_how_long_it_took_and_what_refused_it() -> None:
    found = run(refusing("ab", "b"), *married("ab"))
    assert all(item.seconds > 0 for item in found.report.outcomes)
    assert [(item.status, item.scim_type) for item in found.report.outcomes] == [(None, ""), (400, "invalidValue")]
