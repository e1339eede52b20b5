"""Strict models of the files of the desired state: the one definition of their keys.

The JSON Schemas are generated from these models. Every scalar arrives as text (see `yaml_reader`), so the types here
decide: `"10"` is a number where a number is expected.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from reconciler.core.scope.operators import EXTENSIONS, Operator
from reconciler.core.tenant_names import TENANT_PATTERN, TENANT_RULE, is_tenant_name
from reconciler.core.text import quote, shorten
from reconciler.core.values import fold_case
from reconciler.desired.guard_settings import ApprovalSettings, GuardSettings, UnattendedSettings
from reconciler.desired.schema_values import (
    EMPTY_IS_LIST,
    Boolean,
    Count,
    DeclaredDay,
    Flag,
    OptionalDay,
    OptionalTextList,
    StrictModel,
    TextList,
)
from reconciler.desired.source_settings import SourceSettings
from reconciler.desired.value_meanings import OPERATOR_MEANINGS


def _check_tenant(name: str) -> str:
    """Accept a name that is safe in a path and cannot be read as an option."""
    if not is_tenant_name(name):
        raise ValueError(f"expected {TENANT_RULE}, such as acme")
    return name


class TargetSettings(StrictModel):
    """The service, and the verified domains of the organisation."""

    profile: Literal["apple-business-manager", "apple-school-manager", "scim"] = Field(
        description="The kind of service; scim is any SCIM 2.0 service"
    )
    base_url: str = Field(description="SCIM base URL, on a host of the profile or of RECONCILER_ALLOWED_HOSTS")
    domains: TextList = Field(default=[], description="Verified domains: a userName outside of them is an error")
    tenant: (
        Annotated[str, AfterValidator(_check_tenant), Field(json_schema_extra={"pattern": TENANT_PATTERN})] | None
    ) = Field(
        default=None,
        description="Name of the organisation at this address, for example acme: plans, receipts, the lock and the"
        " history are kept for it alone. Needed if one address serves several of your tenants",
    )
    auth: Literal["token", "oauth"] = Field(
        default="token",
        description="token: RECONCILER_TOKEN; oauth: obtained by `reconciler login`, then refreshed",
    )
    token_issued: DeclaredDay = Field(
        default=None, description="Day on which the token was issued: Apple's must be used within four days"
    )
    token_expires: DeclaredDay = Field(
        default=None, description="Day on which the token expires, which no token says: warned of from 60 days before"
    )
    client_secret_expires: DeclaredDay = Field(
        default=None, description="Day on which the OAuth client secret expires: warned of from 60 days before"
    )
    active_when_absent: Boolean | None = Field(
        default=None,
        description="Whether a user is active if the service leaves active out; for the profile scim only. Without it"
        " Reconciler infers this from other users, and sends active to users for whom it cannot be inferred",
    )

    @model_validator(mode="after")
    def _known_by_apple(self) -> TargetSettings:
        if self.active_when_absent is not None and self.profile != "scim":
            raise ValueError(f"active_when_absent is for the profile scim only. Remove it: {self.profile} is known")
        return self


class LifecycleSettings(StrictModel):
    """The permitted actions, and the removal of users that are no longer desired."""

    actions: list[Literal["create", "update", "deactivate", "delete"]] = Field(
        default=["create", "update", "deactivate", "delete"],
        description="What an apply may do at all; anything else is withheld, and reported",
    )
    out_of_scope: Literal["deactivate", "delete", "keep"] = Field(
        default="deactivate", description="What happens to the account of a user that is out of scope"
    )
    removed: Literal["deactivate", "delete", "keep"] = Field(
        default="deactivate", description="What happens to the account of a user that is no longer in users/"
    )
    delete_after_days: Count | None = Field(
        default=None, description="An account is deleted this many days after its deactivation; without it never"
    )


class NotificationSettings(StrictModel):
    """Recipients of notifications: `mailto:ADDRESS`, or `webhook:FORMAT` for RECONCILER_WEBHOOK_URL.

    How they are reached comes from the environment only.
    """

    on_failure: TextList = Field(
        default=[],
        description="Recipients of a failed apply, such as mailto:it@example.com or webhook:slack (json, slack, teams)",
    )
    on_quarantine: OptionalTextList = Field(
        default=None, description="Recipients when quarantine begins or ends; by default those of on_failure"
    )
    on_drift: OptionalTextList = Field(
        default=None, description="Recipients when drift is found or gone; by default those of on_failure"
    )
    on_expiry: OptionalTextList = Field(
        default=None,
        description="Recipients when a token, secret or credential is about to expire; by default those of on_failure",
    )
    on_import: OptionalTextList = Field(
        default=None, description="Recipients when an import is blocked; by default those of on_failure"
    )
    names: Flag = Field(default=False, description="true: notifications name users; by default they only count them")


class ProvisioningSettings(StrictModel):
    """Whether an apply may write at all."""

    enabled: Boolean = Field(
        default=True, description="false: everything reads, nothing writes; apply says so and ends with exit code 0"
    )
    reason: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="Why provisioning is off, shown by plan, apply, status and in comments"
    )

    @model_validator(mode="after")
    def _reason_without_switch(self) -> ProvisioningSettings:
        if self.reason is not None and "enabled" not in self.model_fields_set:
            raise ValueError("a reason alone does not switch provisioning off. Add `enabled: false`")
        return self


_PART = r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*"
_BRANCH = rf"^{_PART}(/{_PART})*$"
_LONGEST_BRANCH = 100


def _check_branch(name: str) -> str:
    """Accept what git accepts as a branch (`git check-ref-format`), except names that git could read as another ref."""
    if not re.fullmatch(_BRANCH, name) or "\n" in name or len(name) > _LONGEST_BRANCH:
        raise ValueError("expected a branch name of letters, digits, _, -, . and /, such as reconciler-record")
    if any(part.casefold().endswith(".lock") for part in name.split("/")):
        raise ValueError("no part of a branch name may end with .lock")
    if name.casefold() == "head" or name.startswith("refs/"):
        raise ValueError("git would read this as another ref: write the branch name only, such as reconciler-record")
    return name


class RecordSettings(StrictModel):
    """How the record of an apply stores values, and where it is kept."""

    values: Literal["full", "digest"] = Field(
        default="full",
        description="digest: keyed digests (RECONCILER_RECORD_KEY) instead of names and values of users",
    )
    branch: (
        Annotated[
            str,
            AfterValidator(_check_branch),
            Field(json_schema_extra={"pattern": _BRANCH, "maxLength": _LONGEST_BRANCH}),
        ]
        | None
    ) = Field(
        default=None,
        description="Branch to which the workflows add the record of each apply. Without it the record"
        " is an artifact of the run that later runs do not read",
    )


class RelinkEntry(StrictModel):
    """The account with externalId `from` is that of the user whose externalId is `to`."""

    old: Annotated[str, Field(min_length=1, alias="from", description="The externalId that the account has")]
    new: Annotated[str, Field(min_length=1, alias="to", description="The externalId of its user")]


class RelinkSettings(StrictModel):
    """Which accounts may be linked to another externalId, for example after a move to a new tenant."""

    match: Literal["userName"] | None = Field(
        default=None,
        description="userName: an account whose externalId no user has belongs to the user with its userName",
    )
    ids: Annotated[list[RelinkEntry], *EMPTY_IS_LIST] = Field(
        default=[], description="Old and new externalIds, one pair for each account"
    )

    @model_validator(mode="after")
    def _one_to_one(self) -> RelinkSettings:
        for which, values in (("from", [row.old for row in self.ids]), ("to", [row.new for row in self.ids])):
            repeated = next((value for value, count in Counter(map(fold_case, values)).items() if count > 1), None)
            if repeated is not None:
                raise ValueError(f"the externalId {quote(shorten(repeated, 80))} is more than once in `{which}`")
        same = next((row.old for row in self.ids if fold_case(row.old) == fold_case(row.new)), None)
        if same is not None:
            raise ValueError(f"`from` and `to` are the same externalId, {quote(shorten(same, 80))}")
        return self


class Settings(StrictModel):
    """settings.yaml."""

    target: TargetSettings = Field(description="The service, and the verified domains of the organisation")
    ownership: str = Field(default="externalId pr", description="SCIM filter: which live users are managed")
    lifecycle: LifecycleSettings = Field(
        default=LifecycleSettings(), description="What is done at all, and to accounts of users no longer desired"
    )
    guards: GuardSettings = Field(default=GuardSettings(), description="What blocks a plan, and what stops an apply")
    approvals: Annotated[list[ApprovalSettings], *EMPTY_IS_LIST] = Field(
        default=[], description="Each lets exactly one blocked plan pass, once"
    )
    notifications: NotificationSettings = Field(
        default=NotificationSettings(), description="Recipients of notifications"
    )
    provisioning: ProvisioningSettings = Field(
        default=ProvisioningSettings(), description="Whether an apply may write at all"
    )
    record: RecordSettings = Field(
        default=RecordSettings(), description="How the record of applies stores values, and where it is kept"
    )
    relink: RelinkSettings = Field(
        default=RelinkSettings(), description="Which accounts get another externalId, to be removed after the apply"
    )
    unattended: UnattendedSettings | None = Field(
        default=None, description="How far `apply --unattended` goes; without it nothing is applied unattended"
    )
    source: SourceSettings = Field(
        default=SourceSettings(), description="Where `reconciler import` gets people from; without it from git alone"
    )


class Members(StrictModel):
    """Users by userPrincipalName or objectId, and groups by name."""

    users: TextList = Field(default=[], description="userPrincipalName or objectId of each user")
    groups: TextList = Field(default=[], description="Names of groups in groups/; they can be nested")


_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_EXTENSION = ". Extension: Entra has no such operator"
_OPERATORS = [
    {
        "const": operator.value,
        "description": OPERATOR_MEANINGS[operator] + (_EXTENSION if operator in EXTENSIONS else ""),
    }
    for operator in Operator
]


class ClauseEntry(StrictModel):
    """One condition of a scoping filter. All operators but IS NULL are false on an unassigned value."""

    attribute: str | None = Field(
        default=None,
        description="A source attribute; IS MEMBER OF takes none. Extension: Entra has no such attributes as"
        " lifecycle.starts, lifecycle.expires and lifecycle.protected",
    )
    operator: Annotated[
        str,
        # Editors offer these names; any case, and spaces for underscores, are accepted too.
        WithJsonSchema({"anyOf": [*_OPERATORS, {"type": "string"}], "description": "An operator, as Entra spells it"}),
    ]
    value: Annotated[str | None, WithJsonSchema(_SCALAR)] = Field(
        default=None,
        description="What the attribute is compared with. Extension: Entra has no such values as a date, today, today+N"
        " and today-N (days), which DATE operators take",
    )
    ignore_case: Flag = Field(
        default=False, description="Extension: Entra has no such option. Upper and lower case are equal"
    )
    values_match: Literal["any", "all"] | None = Field(
        default=None,
        description="Extension: Entra has no such option, it filters by single values only. How many values of an"
        " attribute with several must pass",
    )


class FilterEntry(StrictModel):
    """Clauses that must all be true. One true filter is enough."""

    name: Annotated[str, Field(min_length=1)] = Field(description="Shown where a user passes or fails the filter")
    negated: Flag = Field(
        default=False, alias="not", description="Extension: Entra has no such option. Inverts the filter"
    )
    clauses: Annotated[list[ClauseEntry], *EMPTY_IS_LIST] = Field(description="Conditions; all of them must be true")


class ScopeEntry(StrictModel):
    """scope.yaml."""

    sync: Literal["assigned", "all"] = Field(description="assigned: only users and groups below; all: every user")
    assigned: Members = Field(default=Members(), description="Who is provisioned with sync: assigned")
    excluded: Members = Field(default=Members(), description="Who is out of scope in any case")
    filters: Annotated[list[FilterEntry], *EMPTY_IS_LIST] = Field(
        default=[], description="One true filter is enough; without filters every user passes"
    )


class GroupEntry(StrictModel):
    """One group of groups/*.yaml, used for assignment only."""

    name: Annotated[str, Field(min_length=1)] = Field(description="By which scope.yaml and other groups name it")
    objectId: Annotated[str, Field(min_length=1)] | None = Field(  # noqa: N815 - Entra's name
        default=None, description="The group's id at the source: by it an import finds a group that was renamed"
    )
    description: str | None = Field(default=None, description="For readers of the file")
    members: Members = Field(default=Members(), description="Its users and groups; a cycle of groups is an error")


class MappingEntry(StrictModel):
    """One row of mappings.yaml."""

    target: str = Field(description="SCIM attribute path, such as userName, name.givenName, enterprise:department")
    source: str | None = Field(default=None, description="Direct: the name of a source attribute")
    constant: str | None = Field(default=None, description="The same value for every user")
    template: str | None = Field(default=None, description="Jinja2, such as {{ givenName | trim }}")
    expression: str | None = Field(default=None, description="Entra expression, such as Not([IsSoftDeleted])")
    default: str | None = Field(default=None, description="Sent on create when the rule has no value")
    match: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Matching precedence, 1 first")
    apply: Literal["always", "create", "if_empty"] = Field(
        default="always", description="When the value is sent: always, on create only, or where the target has none"
    )
    when_null: Literal["keep", "clear"] = Field(
        default="keep", description="What happens in the target when the rule has no value; Entra always keeps"
    )

    @model_validator(mode="after")
    def _one_rule(self) -> MappingEntry:
        rules = [self.source, self.constant, self.template, self.expression]
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError("a mapping has exactly one of source, constant, template and expression")
        return self


class UserLifecycle(StrictModel):
    """Dates are days in UTC: `starts` inclusive, `expires` exclusive."""

    starts: OptionalDay = Field(default=None, description="First day in scope (UTC), such as 2026-12-01")
    expires: OptionalDay = Field(default=None, description="First day out of scope (UTC), such as 2027-06-30")
    protected: Boolean = Field(default=False, description="true: the account is never deactivated or deleted")

    @model_validator(mode="after")
    def _in_order(self) -> UserLifecycle:
        if self.starts and self.expires and self.starts >= self.expires:
            raise ValueError("expires must be later than starts")
        return self


_TEXT = core_schema.nullable_schema(core_schema.str_schema())
SourceValue = Annotated[
    Any,
    # One message for every invalid value, and checked in Rust: each user has about ten values.
    GetPydanticSchema(
        lambda _type, _handler: core_schema.union_schema(
            [_TEXT, core_schema.list_schema(_TEXT)],
            custom_error_type="source_value",
            custom_error_message="expected text or a list of texts",
        )
    ),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}),
]


class UserEntry(BaseModel):
    """One user of users/**/*.yaml. Every further key is a source attribute, with Entra's name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, SourceValue]

    userPrincipalName: Annotated[str, Field(min_length=1)]  # noqa: N815 - Entra's name
    objectId: Annotated[str, Field(min_length=1)] | None = None  # noqa: N815 - Entra's name
    accountEnabled: Boolean | None = None  # noqa: N815 - Entra's name
    lifecycle: UserLifecycle | None = Field(
        default=None, description="When the user is in scope, and whether the account is protected"
    )
