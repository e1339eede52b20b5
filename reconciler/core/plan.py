"""The types of a plan and of the outcome of an apply. Names are Terraform's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.core.model import (
    AttributePath,
    Attributes,
    Diagnostic,
    OmittedActive,
    Origin,
    Target,
    Value,
    format_user_address,
)
from reconciler.core.provisioning import ON, Provisioning


class Action(StrEnum):
    """What happens to one user. DEACTIVATE is sent as an update but always shown as a deactivation.

    RELINK gives a managed account another externalId, as `relink` in settings.yaml says; it may reactivate it too.
    """

    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    RELINK = "relink"
    REACTIVATE = "reactivate"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


REMOVALS = frozenset({Action.DEACTIVATE, Action.DELETE})


class ActionReason(StrEnum):
    """Why an action was planned: for the reader only, it decides nothing."""

    NOT_IN_TARGET = "not_in_target"
    ATTRIBUTES_DIFFER = "attributes_differ"
    NO_EXTERNAL_ID = "no_external_id"
    OTHER_EXTERNAL_ID = "other_external_id"
    INACTIVE_IN_TARGET = "inactive_in_target"
    NOT_IN_DESIRED_STATE = "not_in_desired_state"
    OUT_OF_SCOPE = "out_of_scope"
    INACTIVE_TOO_LONG = "inactive_too_long"
    TEMPORARY_USER_NAME = "temporary_user_name"


class Attribution(StrEnum):
    """The cause of a change: the first two compare the plan with a base commit's, the others are for drift."""

    THIS_CHANGE_SET = "this_change_set"
    ALREADY_PENDING = "already_pending"
    """Also in the base's plan: drift, or an earlier change set that was not applied."""
    EDITED_IN_TARGET = "edited_in_target"
    """An apply left the account as desired, and it was changed since."""
    NOT_APPLIED = "not_applied"
    """The account is as the last apply left it: git or the date changed, or applies failed or skipped it."""
    UNKNOWN = "untold"
    """The record does not show which of the two."""


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a plan was compared with: the merge base of `ref` and HEAD.

    `offline`: its desired users take the place of the live ones, and the plan cannot be applied.
    """

    ref: str
    commit: str
    offline: bool = False

    def __str__(self) -> str:
        return f"commit {self.commit[:12]}"


@dataclass(frozen=True, slots=True)
class Drift:
    """The last apply on record before a plan with drift; all None: there is none.

    `unmanaged`: number of live accounts that were not managed when it was planned.
    """

    began: datetime | None = None
    plan_id: str | None = None
    commit: str | None = None
    unmanaged: int | None = None


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One changed attribute; None is unassigned."""

    path: AttributePath
    before: Value | None
    after: Value | None


@dataclass(frozen=True, slots=True)
class Change:
    """One planned action on one user. Pure data."""

    key: str
    action: Action
    reason: ActionReason
    detail: str
    live_id: str | None
    before: Attributes
    after: Attributes
    origin: Origin | None = None
    temporary_user_name: str | None = None
    """The first step of a rename in a cycle of renames, to make a name free."""
    requires: tuple[str, ...] = ()
    """Addresses of the changes that must be in effect before this one."""
    wave: int = 0
    """Changes of one wave do not depend on each other; waves run in order."""
    attribution: Attribution | None = None
    """None: the plan was not compared."""
    pending: tuple[AttributePath, ...] = ()
    """Of a change of this change set: the attributes that are also in the base's plan. Of one edited in the target: the
    attributes that were not."""
    history: tuple[str, ...] = ()
    """What the record says about it: one sentence each, untrusted values in quotes."""

    @property
    def address(self) -> str:
        """`user["ada@example.com"]`."""
        return format_user_address(self.key)

    def attribute_changes(self) -> tuple[AttributeChange, ...]:
        """Return the attributes that differ, sorted by path."""
        before, after = self.before, self.after
        return tuple(
            AttributeChange(path, before.get(path), after.get(path))
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
        )


@dataclass(frozen=True, slots=True)
class Guard:
    """The verdict of a guard. `approvable`: an approval that names plan and guard lifts it; `approved`: one did.

    `approved_by`: the id of that approval. `approval`: what the approvals of the plan say about it, for the reader.
    """

    name: str
    passed: bool
    message: str
    approvable: bool = True
    approved: bool = False
    approved_by: str = ""
    approval: str = ""
    accounts: tuple[str, ...] = field(default=(), compare=False)
    """Live ids of the accounts that it is about, for a closer look; not saved with the plan."""

    @property
    def blocks(self) -> bool:
        """Whether it blocks the plan."""
        return not self.passed and not self.approved


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of live and desired users that the plan does not change."""

    unchanged: int = 0
    unmanaged: int = 0
    failed: int = 0
    kept: int = 0
    """Managed live users without a desired user that the settings keep."""
    withheld: int = 0
    """Needed changes that may not be made (`lifecycle.actions`, incomplete read)."""
    managed: int = 0
    unassigned: int = 0
    """Desired users that no assignment covers: they are in the files, and have no account."""
    other_case: int = 0
    """User names that differ in case alone, which the service does not keep."""


@dataclass(frozen=True, slots=True)
class LaterEdit:
    """An edit of one user without an effect today. `detail`: untrusted values in quotes."""

    key: str
    detail: str

    @property
    def address(self) -> str:
        """`user["ada@example.com"]`."""
        return format_user_address(self.key)


@dataclass(frozen=True, slots=True)
class ProtectionNote:
    """What an apply notes about accounts that the entries of their users protect (`lifecycle.protected`).

    `protected`, `ended`: live ids. `created`: addresses of protected users that get an account. `differs`: the applies
    on record have not noted it yet.
    """

    protected: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    created: frozenset[str] = frozenset()
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Population:
    """How many there were when all of them were read last. `active`: of the `managed` accounts. `at`: when."""

    users: int
    managed: int
    active: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Incremental:
    """Which users a plan looked at: `looked_at` of about `users`, since the apply `record` (the name of its record).

    `at`: the time of that apply's plan. `read`: when all users were read last, for the totals of the guards.
    """

    record: str
    at: datetime
    read: datetime
    looked_at: int
    users: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered changes, the verdicts of the guards, and what they were planned for. Pure data."""

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
    """Other differences from the base than users: one line each, untrusted values in quotes."""
    no_longer_pending: tuple[Change, ...] = ()
    """Changes of the base's plan that this plan no longer makes. For display only."""
    changes_nothing_today: tuple[LaterEdit, ...] = ()
    drift: Drift | None = None
    """None: the plan was not compared with applies on record."""
    unassigned: tuple[str, ...] = ()
    """The names of some users that no assignment covers. For display only."""
    provisioning: Provisioning = ON
    """Whether an apply may write, by the settings that the plan was made with."""
    protection: ProtectionNote = field(default_factory=ProtectionNote, compare=False)
    """For the receipt; not saved with the plan."""
    seen: tuple[str, ...] | None = field(default=None, compare=False)
    """Ids of accounts that users have, for the receipt; None: the record knows them. Not saved with the plan."""
    omitted_active: OmittedActive = field(default=OmittedActive.TRUE, compare=False)
    """What it means that the service leaves `active` out, for the apply of this plan; not saved with it."""
    incremental: Incremental | None = None
    """None: all users were looked at."""
    population: Population | None = field(default=None, compare=False)
    """For the receipt, if an incremental plan can go on from an apply of this plan; not saved with it."""

    @property
    def offline(self) -> bool:
        """Whether the plan compares two commits, without the live service."""
        return self.base is not None and self.base.offline

    @property
    def blocked(self) -> bool:
        """Whether a guard blocks the plan; offline, only one that no approval can lift."""
        return any(guard.blocks and not (self.offline and guard.approvable) for guard in self.guards)

    @property
    def applyable(self) -> bool:
        """Whether `apply` has something to do."""
        return bool(self.changes) and not self.blocked and not self.offline and self.provisioning.enabled

    def count(self, *actions: Action) -> int:
        """Count the changes with one of `actions`."""
        return sum(change.action in actions for change in self.changes)


class Result(StrEnum):
    """The result of one change."""

    DONE = "done"
    FAILED = "failed"
    NOT_IN_EFFECT = "not_in_effect"
    """The service accepted the request, but the values are not in effect."""
    UNKNOWN = "unknown"
    """The request was sent, and whether it took effect is unknown."""
    SKIPPED = "skipped"


NOT_STARTED = "not started"


def is_not_started(result: str, message: str) -> bool:
    """Return whether nothing was sent for a change: the run ended before it, or another change had to come first."""
    return result == Result.SKIPPED and message.startswith(f"{NOT_STARTED}: ")


@dataclass(frozen=True, slots=True)
class FormDifference:
    """A value that the service shows in another form than it was sent in (`values.is_same_form`)."""

    path: AttributePath
    sent: Value
    shown: Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one change: from what happened, never from the plan."""

    change: Change
    result: Result
    message: str = ""
    live_id: str | None = None
    attributes: tuple[AttributePath, ...] = ()
    """If NOT_IN_EFFECT: the attributes concerned."""
    status: int | None = None
    """HTTP status of the rejection."""
    scim_type: str = ""
    forms: tuple[FormDifference, ...] = ()
    """If DONE: the values that are in effect in another form."""
    without_active: str | None = None
    """If a deactivation is DONE and the service leaves `active` out: the meta.lastModified of the account then."""
    permanent: bool = field(default=False, compare=False)
    """Repeating the command cannot help: the service offers no way to make the change."""
    unseen: str = ""
    """Live id of an inactive account that the service has, and does not show."""
    unconfirmed: tuple[AttributePath, ...] = field(default=(), compare=False)
    """The attributes that the service shows as before the request, although it may have taken effect."""
    seconds: float = field(default=0, compare=False)
    """Duration."""

    @property
    def not_started(self) -> bool:
        """Whether nothing was sent for the change (`is_not_started`)."""
        return is_not_started(self.result, self.message)
