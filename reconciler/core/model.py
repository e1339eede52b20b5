"""The words of the domain as types.

Names are SCIM's (RFC 7643) for the resource, Terraform's for the plan, Entra's for the mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from reconciler.core.profile import Attribute

AttributePath = str
"""An RFC 7644 §3.10 path: `userName`, `name.givenName`, `urn:…:User:department`."""

Value = str | bool
"""One attribute's value. Unassigned (RFC 7643 §2.5: absent, null, "" and []) is the absence of the key, everywhere."""

Attributes = Mapping[AttributePath, Value]
"""A user as one flat mapping."""

Resource = Mapping[str, Any]
"""A SCIM resource as decoded from JSON: untrusted."""

SourceValue = str | bool | tuple[str, ...]
SourceAttributes = Mapping[str, SourceValue]


# --- where things come from ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a file of the desired state; `line` and `column` are 1-based, `file` is relative to its root."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """How much a diagnostic matters: an error means that something is not done."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something wrong in somebody's data. `address` names the user it is about, if it is about one."""

    severity: Severity
    summary: str
    detail: str = ""
    origin: Origin | None = None
    address: str | None = None
    source_line: str | None = None


def error(summary: str, detail: str = "", origin: Origin | None = None, address: str | None = None) -> Diagnostic:
    """An error diagnostic."""
    return Diagnostic(Severity.ERROR, summary, detail, origin, address)


def warning(summary: str, detail: str = "", origin: Origin | None = None, address: str | None = None) -> Diagnostic:
    """A warning diagnostic."""
    return Diagnostic(Severity.WARNING, summary, detail, origin, address)


def user_address(key: str) -> str:
    """The address of a user in plans and receipts: `user["ada@example.com"]`."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'user["{escaped}"]'


# --- source and desired users ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """The service a plan is about."""

    profile: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """`lifecycle:` of a source user; dates are UTC days, `starts` inclusive, `expires` exclusive."""

    starts: date | None = None
    expires: date | None = None
    protected: bool = False


NO_LIFECYCLE = Lifecycle()


@dataclass(frozen=True, slots=True)
class SourceUser:
    """One person as written in the desired state, in Entra attribute names."""

    attributes: SourceAttributes
    origin: Origin
    lifecycle: Lifecycle = NO_LIFECYCLE
    origin_of: Callable[[str], Origin] | None = None
    """Where one of its attributes stands; None: at `origin`."""

    @property
    def key(self) -> str:
        """`userPrincipalName`: how people call this user."""
        return str(self.attributes["userPrincipalName"])

    @property
    def address(self) -> str:
        """The user's address in plans."""
        return user_address(self.key)

    def at(self, attribute: str) -> Origin:
        """Where `attribute` of this user is written."""
        return self.origin if self.origin_of is None else self.origin_of(attribute)


class ScopeReason(StrEnum):
    """Why a source user is in or out of scope."""

    IN_SCOPE = "in scope"
    DISABLED = "disabled"
    NOT_STARTED = "not started"
    EXPIRED = "expired"
    NOT_ASSIGNED = "not assigned"
    EXCLUDED = "excluded"
    FILTERED = "filtered"
    UNJUDGED = "unjudged"
    """A scoping filter has no answer for this user, who is therefore left alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scope's answer for one user: the reason and its words ("expires 2027-06-30")."""

    reason: ScopeReason
    text: str = ""
    attribute: str = ""
    """Where `UNJUDGED`: the source attribute that could not be judged."""

    @property
    def in_scope(self) -> bool:
        """Whether the user is provisioned."""
        return self.reason is ScopeReason.IN_SCOPE


IN_SCOPE = Verdict(ScopeReason.IN_SCOPE)


class Flow(StrEnum):
    """When a mapping's value is sent: `apply` in mappings.yaml. Entra's names: Always, ObjectAddOnly, AttributeAddOnly.

    Every flow sends it on create.
    """

    ALWAYS = "always"
    CREATE = "create"
    """Never compared afterwards."""
    IF_EMPTY = "if_empty"
    """Also when the live user has no value; one that it has is never overwritten."""


@dataclass(frozen=True, slots=True)
class RulePart:
    """A part of an expression as written, what it came to for one user in words, and its own parts."""

    text: str
    outcome: str
    parts: tuple[RulePart, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """One row of mappings.yaml, compiled.

    `rule` gives the value or None (unassigned); it raises `MappingError` when it cannot. A `default` flows on create
    only, as Entra's does.
    """

    attribute: Attribute
    rule: Callable[[SourceAttributes], Value | tuple[Value, ...] | None]
    inputs: tuple[str, ...]
    """Names of the source attributes the rule reads, for diagnostics."""
    default: Value | None = None
    match: int | None = None
    flow: Flow = Flow.ALWAYS
    clear: bool = False
    """`when_null: clear`: an unassigned value empties the target; else the target keeps its own."""
    unique: bool = False
    """`SelectUniqueValue`: the rule gives candidates, of which planning chooses one that nobody has. On create only."""
    once: bool = False
    """Made once, on create only (`Guid` and the like): another rule makes another value for the same person."""
    origin: Origin | None = None
    direct: str | None = None
    """The source attribute whose value the rule gives as it is; None: the rule does more."""
    words: str = ""
    """The rule as written: `source: surname`."""
    explain: Callable[[SourceAttributes], RulePart] | None = None
    """How an expression comes to its value for one user."""

    @property
    def target(self) -> AttributePath:
        """The path it writes."""
        return self.attribute.path

    @property
    def is_read(self) -> bool:
        """Whether planning has to know the live users' values."""
        return self.flow is not Flow.CREATE or self.unique


def by_precedence(mappings: Iterable[AttributeMapping]) -> list[AttributeMapping]:
    """The matching rows, in the order in which they are tried."""
    return sorted((row for row in mappings if row.match), key=lambda row: row.match or 0)


@dataclass(frozen=True, slots=True)
class DesiredUser:
    """A source user after scope and mapping.

    `match` holds the values of the matching attributes in order of precedence, in the form in which they are compared
    (`compare.comparable`); None: unassigned or not computable.
    For a user out of scope, or one who could not be mapped (`failed`), only `match` and `anchor` count.
    """

    key: str
    match: tuple[Value | None, ...]
    origin: Origin | None
    anchor: Value | None = None
    """externalId as it is compared, with `match` or without; None: unassigned, or nothing but a default."""
    attributes: Attributes = field(default_factory=dict)
    create_only: Attributes = field(default_factory=dict)
    """Further values, sent on create only."""
    candidates: tuple[tuple[AttributePath, tuple[Value, ...]], ...] = ()
    """Attributes of which one value is chosen on create: the acceptable ones in order of preference, never none."""
    verdict: Verdict = IN_SCOPE
    lifecycle: Lifecycle = NO_LIFECYCLE
    failed: bool = False

    @property
    def user_names(self) -> tuple[str, ...]:
        """The user name, or all that can become it, in order of preference; none for a user out of scope."""
        name = self.attributes.get("userName") or self.create_only.get("userName")
        chosen = (name,) if name is not None else dict(self.candidates).get("userName", ())
        return tuple(map(str, chosen))


@dataclass(frozen=True, slots=True)
class LiveUser:
    """A SCIM User as the target returned it, normalised. `attributes` holds the mapped attributes only."""

    id: str
    user_name: str
    external_id: str | None
    active: bool
    attributes: Attributes
    managed: bool
    adoptable: bool
    """Not managed, but it would be if it had our externalId."""
    match: tuple[Value | None, ...] = ()
    """As `DesiredUser.match`."""
    last_modified: str | None = None
    unreadable: str | None = None
    """The path of an attribute whose value has a wrong type: such a user is left alone."""


@dataclass(frozen=True, slots=True)
class Deactivation:
    """When a live account was deactivated, and the name of the receipt that says so."""

    at: datetime
    receipt: str


# --- the plan ------------------------------------------------------------


class Action(StrEnum):
    """What happens to one user. DEACTIVATE is an update on the wire, but people must see it for what it is."""

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    REACTIVATE = "reactivate"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


REMOVALS = frozenset({Action.DEACTIVATE, Action.DELETE})


class ActionReason(StrEnum):
    """Why an action was planned: for the reader, never decides."""

    NOT_IN_TARGET = "not_in_target"
    ATTRIBUTES_DIFFER = "attributes_differ"
    NO_EXTERNAL_ID = "no_external_id"
    INACTIVE_IN_TARGET = "inactive_in_target"
    NOT_IN_DESIRED_STATE = "not_in_desired_state"
    OUT_OF_SCOPE = "out_of_scope"
    INACTIVE_TOO_LONG = "inactive_too_long"


class Attribution(StrEnum):
    """Whose doing a change is: the first two of a plan that was compared with a base commit's, the others of drift."""

    THIS_CHANGE_SET = "this_change_set"
    ALREADY_PENDING = "already_pending"
    """The base's plan has it too: drift, or an earlier change set that was not applied."""
    EDITED_IN_TARGET = "edited_in_target"
    """An apply left the account as desired then, and it is not so any more."""
    NOT_APPLIED = "not_applied"
    """The account is as an apply left it: git or the date moved on, or applies failed or left it out."""
    UNTOLD = "untold"
    """Nothing on record tells which of both."""


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a plan was compared with: the merge base of `ref` and HEAD.

    `offline`: its desired users stand for the live ones, and such a plan cannot be applied.
    """

    ref: str
    commit: str
    offline: bool = False

    def __str__(self) -> str:
        return f"commit {self.commit[:12]}"


@dataclass(frozen=True, slots=True)
class Drift:
    """The last apply on record before a plan that tells drift; all None: there is none.

    `unmanaged`: live accounts that were not managed when it was planned.
    """

    began: datetime | None = None
    plan_id: str | None = None
    commit: str | None = None
    unmanaged: int | None = None


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One changed row; None is unassigned."""

    path: AttributePath
    before: Value | None
    after: Value | None


@dataclass(frozen=True, slots=True)
class Change:
    """One planned action on one user, as pure data."""

    key: str
    action: Action
    reason: ActionReason
    detail: str
    live_id: str | None
    before: Attributes
    after: Attributes
    origin: Origin | None = None
    temporary_user_name: str | None = None
    """First step of a rename whose new name is only free after a rename in a circle."""
    requires: tuple[str, ...] = ()
    """Addresses of the changes that must be in effect before this one."""
    wave: int = 0
    """Changes of one wave do not depend on one another; waves run in order."""
    attribution: Attribution | None = None
    """None: it was compared with nothing."""
    pending: tuple[AttributePath, ...] = ()
    """Of a change of this change set, the rows that the base's plan has too; of one that was edited in the target, the
    rows that were not."""
    history: tuple[str, ...] = ()
    """What the record says of it: a sentence each, values of strangers in quotes."""

    @property
    def address(self) -> str:
        """`user["ada@example.com"]`."""
        return user_address(self.key)

    def attribute_changes(self) -> tuple[AttributeChange, ...]:
        """The rows that differ, sorted by path."""
        before, after = self.before, self.after
        return tuple(
            AttributeChange(path, before.get(path), after.get(path))
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
        )


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard's verdict. `approvable`: an approval that names the plan lifts it; `approved`: one did."""

    name: str
    passed: bool
    message: str
    approvable: bool = True
    approved: bool = False

    @property
    def blocks(self) -> bool:
        """Whether the plan may not be applied because of it."""
        return not self.passed and not self.approved


@dataclass(frozen=True, slots=True)
class Tally:
    """Live and desired users that the plan does not touch, by kind."""

    unchanged: int = 0
    unmanaged: int = 0
    failed: int = 0
    kept: int = 0
    """Managed live users that settings let stay although nobody desires them."""
    withheld: int = 0
    """Changes that were needed but may not be made (`lifecycle.actions`, incomplete read)."""
    managed: int = 0


@dataclass(frozen=True, slots=True)
class LaterEdit:
    """What a change set writes about one user without an effect today; `detail`: values of strangers in quotes."""

    key: str
    detail: str

    @property
    def address(self) -> str:
        """`user["ada@example.com"]`."""
        return user_address(self.key)


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered changes, the guards' verdicts and what they are bound to: pure data."""

    plan_id: str
    target: Target
    changes: tuple[Change, ...]
    guards: tuple[Guard, ...]
    diagnostics: tuple[Diagnostic, ...]
    tally: Tally
    complete: bool
    created_at: datetime
    expires_at: datetime
    reconciler_version: str
    config_digest: str = ""
    commit: str | None = None
    base: Base | None = None
    notes: tuple[str, ...] = ()
    """What is different from the base besides users: a line each, values of strangers in quotes."""
    no_longer_pending: tuple[Change, ...] = ()
    """What the base's plan does to accounts to which this one does nothing."""
    changes_nothing_today: tuple[LaterEdit, ...] = ()
    drift: Drift | None = None
    """None: it does not tell drift."""

    @property
    def offline(self) -> bool:
        """Whether it compares two commits, and says nothing of the live service."""
        return self.base is not None and self.base.offline

    @property
    def blocked(self) -> bool:
        """Whether a guard forbids applying it; offline, only one that no approval could lift."""
        return any(guard.blocks and not (self.offline and guard.approvable) for guard in self.guards)

    @property
    def applyable(self) -> bool:
        """Whether `apply` would do something."""
        return bool(self.changes) and not self.blocked and not self.offline

    def count(self, *actions: Action) -> int:
        """The number of changes with one of `actions`."""
        return sum(change.action in actions for change in self.changes)


# --- what an apply did ------------------------------------------------------------


class Result(StrEnum):
    """How one change ended."""

    DONE = "done"
    FAILED = "failed"
    NOT_IN_EFFECT = "not_in_effect"
    """The service accepted the request, but the values are not there."""
    UNKNOWN = "unknown"
    """The request was sent and nothing tells whether it took effect."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: counted from what happened, never from the plan."""

    change: Change
    result: Result
    message: str = ""
    live_id: str | None = None
    attributes: tuple[AttributePath, ...] = ()
    """The attributes a NOT_IN_EFFECT is about."""
    status: int | None = None
    """HTTP status of a refusal."""
    scim_type: str = ""
    seconds: float = field(default=0, compare=False)
    """How long it took."""
