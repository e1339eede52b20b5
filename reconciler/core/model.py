"""The types of the domain: source users, mappings, desired and live users, diagnostics.

Names are SCIM's (RFC 7643) for the resource, Entra's for the mapping. `core.plan` has the types of a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from reconciler.core.base_url import canonicalize_base_url
from reconciler.core.profile import Attribute

AttributePath = str
"""An RFC 7644 §3.10 path: `userName`, `name.givenName`, `urn:…:User:department`."""

Value = str | bool
"""The value of one attribute. Unassigned (RFC 7643 §2.5: absent, null, "" and []) is always a missing key."""

Attributes = Mapping[AttributePath, Value]
"""A user as one flat mapping."""

Resource = Mapping[str, Any]
"""A SCIM resource as decoded from JSON: untrusted."""

SourceValue = str | bool | tuple[str, ...]
SourceAttributes = Mapping[str, SourceValue]


# --- origins and diagnostics -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a file of the desired state; `line` and `column` are 1-based, `file` is relative to its root."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """The severity of a diagnostic: after an error something is not done."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A problem in the data of the desired state or the target. `address`: the user concerned, if any.

    `detail` may have several lines. `cause`: the mapping row, setting or filter that an error of a user follows from,
    as file:line:column or a name; the errors of several users with one cause are shown as one.
    """

    severity: Severity
    summary: str
    detail: str = ""
    origin: Origin | None = None
    address: str | None = None
    source_line: str | None = None
    cause: str = field(default="", compare=False)


def error(
    summary: str, detail: str | tuple[str, ...] = "", origin: Origin | None = None, address: str | None = None
) -> Diagnostic:
    """Create an error diagnostic. `detail`: one line, or several; a line break in one of them is escaped."""
    return Diagnostic(Severity.ERROR, summary, _join_lines(detail), origin, address)


def warning(
    summary: str, detail: str | tuple[str, ...] = "", origin: Origin | None = None, address: str | None = None
) -> Diagnostic:
    """Create a warning diagnostic. `detail`: one line, or several; a line break in one of them is escaped."""
    return Diagnostic(Severity.WARNING, summary, _join_lines(detail), origin, address)


def _join_lines(detail: str | tuple[str, ...]) -> str:
    """Join lines; a line break inside of one is a part of a value from outside."""
    lines = (detail,) if isinstance(detail, str) else detail
    return "\n".join(line.replace("\n", "\\n") for line in lines)


def format_user_address(key: str) -> str:
    """Return the address of a user in plans and receipts: `user["ada@example.com"]`."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'user["{escaped}"]'


# --- source and desired users ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """The service that a plan is for, and the tenant in it: one address can serve many organisations.

    `tenant` None: the settings name none, or it is on record from before tenants had names.
    """

    profile: str
    base_url: str
    tenant: str | None = None

    def __str__(self) -> str:
        tenant = f", tenant {self.tenant}" if self.tenant is not None else ""
        return f"{self.base_url} ({self.profile}{tenant})"

    @property
    def document(self) -> dict[str, str]:
        """The target as plain data; `tenant` only if it is named, so that plans without one keep their ids."""
        tenant = {"tenant": self.tenant} if self.tenant is not None else {}
        return {"profile": self.profile, "base_url": self.base_url, **tenant}

    @property
    def address(self) -> str:
        """The address for readers, with the tenant if it is named."""
        return f"{self.base_url} (tenant {self.tenant})" if self.tenant is not None else self.base_url

    def covers(self, recorded: Target, *, any_profile: bool = False) -> bool:
        """Whether a record for target `recorded` is about this target: the only rule for receipts, plans and states.

        A record without a tenant is from before the tenant was named, so it counts: naming a tenant forgets nothing.
        A record of a named tenant counts for that tenant alone. `any_profile`: the profiles may differ, for what is
        about accounts at an address.
        """
        return (
            recorded.tenant in (None, self.tenant)
            and (any_profile or recorded.profile == self.profile)
            and self._has_address(recorded.base_url)
        )

    def _has_address(self, base_url: str) -> bool:
        # Nearly always the same spelling, and asked for each apply on record.
        return base_url == self.base_url or canonicalize_base_url(base_url) == canonicalize_base_url(self.base_url)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """`lifecycle:` of a source user; dates are UTC days, `starts` inclusive, `expires` exclusive."""

    starts: date | None = None
    expires: date | None = None
    protected: bool = False


NO_LIFECYCLE = Lifecycle()


@dataclass(frozen=True, slots=True)
class SourceUser:
    """One user as written in the desired state, with Entra attribute names."""

    attributes: SourceAttributes
    origin: Origin
    lifecycle: Lifecycle = NO_LIFECYCLE
    origin_of: Callable[[str], Origin] | None = None
    """Returns the origin of one attribute; None: `origin` for all."""

    @property
    def key(self) -> str:
        """`userPrincipalName`: the name of this user for readers."""
        return str(self.attributes["userPrincipalName"])

    @property
    def address(self) -> str:
        """The user's address in plans."""
        return format_user_address(self.key)

    def at(self, attribute: str) -> Origin:
        """Return the origin of one attribute."""
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
    """A scoping filter cannot be evaluated for this user, which is left untouched."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The scope decision for one user: the reason and its text ("expires 2027-06-30")."""

    reason: ScopeReason
    text: str = ""
    attribute: str = ""
    """If `UNJUDGED`: the source attribute that could not be evaluated."""
    by_date: bool = field(default=False, compare=False)
    """A scoping filter compared a date with today: on another day the verdict may be another."""

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
    """Also sent if the live user has no value; an existing value is never overwritten."""


@dataclass(frozen=True, slots=True)
class RulePart:
    """A part of an expression as written, its result for one user as text, and its own parts."""

    text: str
    outcome: str
    parts: tuple[RulePart, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """One row of mappings.yaml, compiled.

    `rule` returns the value or None (unassigned); it raises `MappingError` if it has none for the user. A `default` is
    sent on create only, as Entra's is.
    """

    attribute: Attribute
    rule: Callable[[SourceAttributes], Value | tuple[Value, ...] | None]
    inputs: tuple[str, ...]
    """Source attributes that the rule reads, for diagnostics."""
    default: Value | None = None
    match: int | None = None
    flow: Flow = Flow.ALWAYS
    clear: bool = False
    """`when_null: clear`: an unassigned value clears the target's; otherwise the target keeps its own."""
    unique: bool = False
    """`SelectUniqueValue`: the rule returns candidates; planning chooses one that no user has. On create only."""
    once: bool = False
    """Generated once, on create only (`Guid` and the like): evaluating the rule again gives another value."""
    uses_now: bool = False
    """The rule reads the clock (`Now`): at another time it can give another value."""
    origin: Origin | None = None
    direct: str | None = None
    """The source attribute whose value the rule returns unchanged; None: the rule does more."""
    rule_text: str = ""
    """The rule as written: `source: surname`."""
    explain: Callable[[SourceAttributes], RulePart] | None = None
    """Explains how an expression gets its value for one user."""

    @property
    def target(self) -> AttributePath:
        """The path it writes."""
        return self.attribute.path

    @property
    def is_read(self) -> bool:
        """Whether planning needs the live users' values."""
        return self.flow is not Flow.CREATE or self.unique


def select_matching_rows(mappings: Iterable[AttributeMapping]) -> list[AttributeMapping]:
    """Select the matching rows, in order of precedence."""
    return sorted((row for row in mappings if row.match), key=lambda row: row.match or 0)


@dataclass(frozen=True, slots=True)
class DesiredUser:
    """A source user after scope and mapping.

    `match` holds the values of the matching attributes in order of precedence, in comparable form
    (`values.to_comparable`); None: unassigned or unmappable.
    For a user out of scope, or one that could not be mapped (`failed`), only `match` and `anchor` count.
    """

    key: str
    match: tuple[Value | None, ...]
    origin: Origin | None
    anchor: Value | None = None
    """externalId in comparable form, whether or not it is a matching attribute; None: unassigned, or a default."""
    attributes: Attributes = field(default_factory=dict)
    create_only: Attributes = field(default_factory=dict)
    """Additional values, sent on create only."""
    candidates: tuple[tuple[AttributePath, tuple[Value, ...]], ...] = ()
    """Attributes whose value is chosen on create, with at least one candidate each, in order of preference."""
    verdict: Verdict = IN_SCOPE
    lifecycle: Lifecycle = NO_LIFECYCLE
    failed: bool = False
    doubtful: frozenset[AttributePath] = frozenset()
    """Matching attributes, and externalId, whose value is an error: the user may be another than they say."""

    @property
    def rests_on_date(self) -> bool:
        """Whether on another day the user could be in scope, or out of it."""
        if self.verdict.reason in (ScopeReason.EXPIRED, ScopeReason.NOT_STARTED) or self.verdict.by_date:
            return True
        dates = self.lifecycle.starts, self.lifecycle.expires
        return self.verdict.in_scope and any(day is not None for day in dates)

    @property
    def user_names(self) -> tuple[str, ...]:
        """The user name, or its candidates in order of preference; empty for a user out of scope."""
        name = self.attributes.get("userName") or self.create_only.get("userName")
        chosen = (name,) if name is not None else dict(self.candidates).get("userName", ())
        return tuple(map(str, chosen))


class OmittedActive(StrEnum):
    """What it means that a service leaves `active` out of a user."""

    TRUE = "true"
    FALSE = "false"
    """It shows `active` for others, and only when it is true."""
    UNKNOWN = "unknown"
    """It shows both values for others."""


@dataclass(slots=True)
class LiveUser:
    """A SCIM User as the target returned it, normalised. `attributes` holds the mapped attributes only.

    It is never changed, though it is not frozen: a frozen class takes three times as long to build for each user.
    """

    id: str
    user_name: str
    external_id: str | None
    active: bool
    attributes: Attributes
    managed: bool
    adoptable: bool
    """Not managed, but it would be with an externalId."""
    match: tuple[Value | None, ...] = ()
    """As `DesiredUser.match`."""
    last_modified: str | None = None
    unreadable: str | None = None
    """Why an attribute cannot be read (a value of a wrong type): such a user is left untouched."""
    omits_active: bool = False
    """The service leaves `active` out, and the profile does not know what that means."""
    lacks_active: bool = field(default=False, compare=False)
    """The same, also if the plan has learnt what it means: nothing shows whether a change of it is in effect."""
    unselected: Mapping[AttributePath, tuple[Resource, ...]] = field(default_factory=dict, compare=False, repr=False)
    """By mapped path whose filter finds no element: the elements of the list (`planning.element_matching`)."""
    resource: Resource | None = field(default=None, compare=False, repr=False)
    """As the target returned it; None under the default ownership filter, which reads externalId only."""


@dataclass(frozen=True, slots=True)
class Deactivation:
    """When a live account was deactivated, and the name of the receipt that records it.

    `committed`: when that receipt came to the branch; None: it is not in git.
    """

    at: datetime
    receipt: str
    committed: datetime | None = None


@dataclass(frozen=True, slots=True)
class AwaitedAccount:
    """An account that an apply created and that the service has not shown yet. `until`: when it counts as lost."""

    live_id: str
    created: datetime
    until: datetime
