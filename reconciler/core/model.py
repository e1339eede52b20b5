"""The words of the domain as types.

Names are SCIM's (RFC 7643) for the resource, Entra's for the mapping. `core.plan` has those of a plan.
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
    rule_text: str = ""
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


def select_matching_rows(mappings: Iterable[AttributeMapping]) -> list[AttributeMapping]:
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
