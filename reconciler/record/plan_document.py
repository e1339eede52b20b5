"""The published form of a plan: pydantic models, and the JSON Schema made of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reconciler.core.model import Severity
from reconciler.core.plan import Action, ActionReason, Attribution
from reconciler.core.tenant_names import TENANT_PATTERN

FORMAT_VERSION = "1.0"

Value = str | bool


class StrictDocument(BaseModel):
    """A part of a document that other programs read: no other keys than these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetDocument(StrictDocument):
    """The service the plan is about."""

    profile: str
    base_url: str
    tenant: str | None = Field(
        default=None, pattern=TENANT_PATTERN, description="Whose organisation it is; absent if the settings do not say"
    )


class ChangeValues(StrictDocument):
    """Flat attribute paths; `before` is null for a create, `after` for a delete."""

    actions: list[str]
    before: dict[str, Value] | None
    after: dict[str, Value] | None


class ResourceChange(StrictDocument):
    """One planned action on one user."""

    address: str
    key: str = Field(description="userPrincipalName, or the live userName of a user who is not in the desired state")
    id: str | None = Field(description="The service's id, null before a create")
    action: Action
    action_reason: ActionReason
    detail: str = Field(description="The reason as text")
    origin: str | None = Field(description="file:line:column in the desired state")
    change: ChangeValues
    temporary_user_name: str | None
    requires: list[str]
    wave: int
    attribution: Attribution | None = Field(
        default=None,
        description="Its attribution: this_change_set or already_pending with --base; "
        "edited_in_target, not_applied or untold for drift",
    )
    pending_attributes: list[str] = Field(
        default=[],
        description="For this_change_set, the attributes that were pending already; for edited_in_target, those "
        "that are not applied yet",
    )
    history: list[str] = Field(default=[], description="For drift, what the record says about it, a sentence each")


class LaterEditDocument(StrictDocument):
    """What the change set writes about one user that has no effect today."""

    address: str
    key: str
    detail: str


class DiagnosticDocument(StrictDocument):
    """An error or a warning about the desired state or the target."""

    severity: Severity
    summary: str
    detail: str
    file: str | None
    line: int | None
    column: int | None
    address: str | None
    source_line: str | None
    cause: str = Field(default="", description="What errors of several users follow from: a place, or a name")


class GuardDocument(StrictDocument):
    """A guard's verdict."""

    name: str
    passed: bool
    message: str
    approvable: bool
    approved: bool
    approved_by: str = Field(default="", description="The id of the approval")
    approval: str = Field(default="", description="What the approvals of the plan say about a guard that failed")


class Counts(StrictDocument):
    """Numbers of users by action."""

    create: int
    update: int
    adopt: int
    relink: int = 0
    reactivate: int
    deactivate: int
    delete: int


class Summary(Counts):
    """Numbers of users by action, and of those without one."""

    unchanged: int
    unmanaged: int
    failed: int
    kept: int
    withheld: int
    managed: int
    unassigned: int = Field(default=0, description="Users in the files that no assignment covers")
    other_case: int = Field(default=0, description="User names that differ in case alone and are left")
    this_change_set: Counts | None = Field(default=None, description="Null without --base")
    already_pending: Counts | None = None
    edited_in_target: Counts | None = Field(default=None, description="Null if drift is not attributed")
    not_applied: Counts | None = None
    untold: Counts | None = None


class BaseDocument(StrictDocument):
    """The commit that the plan was compared with: the merge base of `ref` and HEAD."""

    ref: str
    commit: str
    offline: bool = Field(description="Compared with that commit only, not with live users; it cannot be applied")


class DriftDocument(StrictDocument):
    """The last apply on record before a plan that attributes drift; all null if there is none."""

    began: AwareDatetime | None
    plan_id: str | None
    commit: str | None
    unmanaged: int | None = Field(description="Unmanaged live accounts when it was planned")


class IncrementalDocument(StrictDocument):
    """Which users an incremental plan looked at; the others may differ, and it does not say so."""

    record: str = Field(description="The record of the apply since which users may differ: a directory of plans/")
    at: AwareDatetime = Field(description="The time of that apply's plan")
    read: AwareDatetime = Field(description="When all users were read last, for the totals of the guards")
    looked_at: int
    users: int = Field(description="Users in the files when all were read last")


class ProvisioningDocument(StrictDocument):
    """Whether an apply may write, by the settings that the plan was made with."""

    enabled: bool = True
    reason: str | None = Field(default=None, description="Why it is off")
    switched: bool = Field(default=False, description="Whether the change set switches it; false without --base")


class PlanDocument(StrictDocument):
    """A plan of Reconciler."""

    format_version: Literal["1.0"]
    reconciler_version: str
    plan_id: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    created_at: AwareDatetime
    expires_at: AwareDatetime
    commit: str | None
    config_digest: str
    base: BaseDocument | None = Field(default=None, description="Null without --base")
    drift: DriftDocument | None = Field(default=None, description="Null if drift is not attributed")
    target: TargetDocument
    complete: bool = Field(description="Whether all live users could be read; of an incremental plan, those it needs")
    incremental: IncrementalDocument | None = Field(default=None, description="Null if the plan is of all users")
    applyable: bool
    provisioning: ProvisioningDocument = ProvisioningDocument()
    summary: Summary
    guards: list[GuardDocument]
    notes: list[str] = Field(default=[], description="Differences from the base other than users")
    diagnostics: list[DiagnosticDocument]
    resource_changes: list[ResourceChange]
    no_longer_pending: list[ResourceChange] = Field(
        default=[], description="Changes of the base's plan that this plan no longer makes"
    )
    changes_nothing_today: list[LaterEditDocument] = Field(
        default=[], description="Future dates, and users added or removed who are out of scope"
    )
    unassigned: list[str] = Field(default=[], description="Some of the users that no assignment covers")
    values: Literal["full", "digest"] = Field(
        default="full", description="digest: a plan on record, with digests of names and values; it cannot be applied"
    )


def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of a plan."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **PlanDocument.model_json_schema()}
