"""A scripted SCIM service in memory, and an apply to it, for the tests of `reconciler.apply`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

from reconciler.apply.execution import Execution
from reconciler.apply.executor import FailurePolicy, execute
from reconciler.apply.report import Report
from reconciler.apply.verification import reads_everything
from reconciler.core import paths
from reconciler.core.model import AttributeMapping, Attributes
from reconciler.core.plan import Action, Change, Outcome, Plan
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.profile import TargetProfile
from reconciler.errors import ScimError, TargetError, UnknownOutcomeError
from reconciler.record.runs import Quarantine
from support.builders import (
    APPLE,
    MAPPINGS,
    OWNED,
    change,
    live,
    plan_with,
    resource,
    values_of,
)

REFUSED = ScimError(400, "invalidValue", "the service said no")
TAKEN = ScimError(409, "uniqueness", "the name is taken")
LOST = UnknownOutcomeError(0, "", "the connection was lost")
UNAVAILABLE = UnknownOutcomeError(503, "", "it is not available")
DOWN = TargetError("the token was refused")


class Landed:
    """The request takes effect, and its answer is an exception or empty."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer


class Ignored:
    """The request is answered as if it had taken effect, but does not."""


class Answered:
    """The request is answered with this, and does not take effect."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


NAME_FREE = Answered([])
"""For the look-up before a create: no user has the name."""


class ScriptedService:
    """A SCIM service of users in memory. `script`: request -> events, each of which replaces its usual answer once.

    An event is an exception to raise, `Landed`, `Ignored`, `Answered`, or a function to call first.
    """

    def __init__(self, *resources: dict[str, Any], bodies: bool = True) -> None:
        self.users = {user["id"]: deepcopy(user) for user in resources}
        self.bodies = bodies
        self.log: list[str] = []
        self.sent: list[tuple[str, Any]] = []
        self.script: dict[str, list[Any]] = {}
        self.dies_at: int | None = None
        self.lands = False
        self.requests = 0
        self.is_absent: Callable[[], bool] | None = None

    # --- what the executor calls ------------------------------------------------------------

    def get_user(self, identity: str) -> dict[str, Any] | None:
        return self._respond(f"GET {identity}", lambda: deepcopy(self.users.get(identity)))

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        found = [user for user in self.users.values() if str(user.get(attribute)).casefold() == value.casefold()]
        return self._respond(f"FIND {attribute} {value}", lambda: deepcopy(found))

    def create_user(
        self, body: Mapping[str, Any], *, is_absent: Callable[[], bool] | None = None
    ) -> dict[str, Any] | None:
        self.is_absent = is_absent

        def create() -> dict[str, Any] | None:
            self._refuse_taken(body["userName"], None)
            identity = f"made-{len(self.users)}"
            self.users[identity] = {"id": identity, **deepcopy(dict(body))}
            return self._answer(identity)

        return self._respond(f"POST {body['userName']}", create, body)

    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        def patch() -> dict[str, Any] | None:
            for operation in body["Operations"]:
                if operation["path"] == "userName":
                    self._refuse_taken(operation["value"], identity)
                apply_operation(self.users[identity], operation)
            return self._answer(identity)

        return self._respond(f"PATCH {identity}", patch, body)

    def supports_patch(self) -> bool | None:
        return self._respond("GET /ServiceProviderConfig", lambda: None)

    def delete_user(self, identity: str) -> None:
        self._respond(f"DELETE {identity}", lambda: self.users.pop(identity, None))

    # --- internals -----------------------------------------------------------------------------

    def _answer(self, identity: str) -> dict[str, Any] | None:
        return deepcopy(self.users[identity]) if self.bodies else None

    def _refuse_taken(self, name: str, identity: str | None) -> None:
        if any(user["userName"].casefold() == name.casefold() for key, user in self.users.items() if key != identity):
            raise TAKEN

    def _respond(self, request: str, usual: Callable[[], Any], body: Any = None) -> Any:
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
        if isinstance(event, Answered):
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


def apply_operation(user: dict[str, Any], operation: dict[str, Any]) -> None:
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


class LoggedReceipt:
    """A receipt in the log of the service, so that the order of both shows."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def started(
        self,
        address: str,
        action: Action,
        live_id: str | None,
        attributes: list[str],
        original_user_name: str | None = None,
        *,
        before: Attributes | None = None,
        last_modified: str | None = None,
    ) -> None:
        named = ",".join(sorted(map(paths.shorten_path, attributes)))
        self.log.append(f"started {short_name(address)} {action.value} {named}".rstrip())

    def finished(self, outcome: Outcome) -> None:
        self.log.append(f"finished {short_name(outcome.change.address)} {outcome.result.value}")

    def quarantined(self, why: Quarantine) -> None:
        self.log.append(f"quarantined {why.reason}")


def short_name(address: str) -> str:
    return address.removeprefix('user["').removesuffix('"]').removesuffix("@example.com")


class ApplyRun:
    """An apply of a plan to a service, and its outcomes."""

    def __init__(
        self,
        service: ScriptedService,
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
            record=LoggedReceipt(service.log),
            reader=LiveReader(profile, reads_everything(rows), OWNED),
            mappings=rows,
            profile=profile,
            sleep=self.slept.append,
            **{"workers": 1, "on_outcome": seen.append, **options},
        )
        self.report: Report = execute(plan, execution, tuple(done), policy)
        assert last_of_each(seen) == self.report.outcomes

    @property
    def results(self) -> dict[str, str]:
        return {short_name(item.change.address): item.result.value for item in self.report.outcomes}

    @property
    def messages(self) -> dict[str, str]:
        return {short_name(item.change.address): item.message for item in self.report.outcomes}


def last_of_each(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the last outcome of each change: a rename may be undone after it was done."""
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        found.pop(outcome.change.address, None)
        found[outcome.change.address] = outcome
    return list(found.values())


def run_changes(service: ScriptedService, *changes: Change, accounts: str = "", **options: Any) -> ApplyRun:
    return ApplyRun(service, plan_with(*changes, accounts=[live(name) for name in accounts.split()]), **options)


MARRIAGE = change("ada", after=values_of("ada", family="King"))
KING = resource("ada", name={"givenName": "Ada", "familyName": "King"})
