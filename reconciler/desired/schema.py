"""Strict models of the files of the desired state: the one definition of their keys.

The JSON Schemas are generated from these models. Every scalar arrives as text (see `yaml_reader`), so the types here
decide: `"10"` is a number where a number is expected.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from reconciler.core.model import TENANT_PATTERN
from reconciler.core.policy import APPROVABLE_GUARDS, MAX_APPROVAL_PERIOD, find_guard_problem
from reconciler.core.scope.operators import EXTENSIONS, Operator

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _parse_boolean(value: Any) -> Any:
    text = value.casefold() if isinstance(value, str) else value
    if text in (True, False):
        return text
    if text in ("true", "false"):
        return text == "true"
    raise ValueError("expected true or false")


def _parse_flag(value: Any) -> Any:
    return False if value is None else _parse_boolean(value)


def _parse_day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Pydantic would read "20261201" as seconds since 1970.
    if _DATE.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("expected a date such as 2026-12-31")


def _to_list(value: Any) -> Any:
    return [] if value is None else value


Boolean = Annotated[bool, BeforeValidator(_parse_boolean)]
Flag = Annotated[bool, BeforeValidator(_parse_flag)]
"""A boolean that is false without a value."""
Day = Annotated[date, BeforeValidator(_parse_day)]
TextList = Annotated[list[str], BeforeValidator(_to_list)]
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_tenant(name: str) -> str:
    """Accept a name that is safe in a path and cannot be read as an option."""
    if not re.fullmatch(TENANT_PATTERN, name) or "\n" in name:
        raise ValueError(
            "expected a name of at most 40 lower-case letters, digits and hyphens that begins with a letter or digit,"
            " such as acme"
        )
    return name


class TargetSettings(_StrictModel):
    """The service, and the verified domains of the organisation."""

    profile: Literal["apple-business-manager", "apple-school-manager", "scim"]
    base_url: str = Field(description="SCIM base URL, on a host of the profile or of RECONCILER_ALLOWED_HOSTS")
    domains: TextList = Field(default=[], description="Verified domains: a userName outside of them is an error")
    tenant: (
        Annotated[str, AfterValidator(_check_tenant), Field(json_schema_extra={"pattern": TENANT_PATTERN})] | None
    ) = Field(
        default=None,
        description="Name of the organisation at this address, for example acme: plans, receipts, the lock and the"
        " history are kept for it alone. Needed if one address serves several of your tenants",
    )


class LifecycleSettings(_StrictModel):
    """The permitted actions, and the removal of users that are no longer desired."""

    actions: list[Literal["create", "update", "deactivate", "delete"]] = ["create", "update", "deactivate", "delete"]
    out_of_scope: Literal["deactivate", "delete", "keep"] = "deactivate"
    removed: Literal["deactivate", "delete", "keep"] = "deactivate"
    delete_after_days: Count | None = Field(default=None, description="Days after deactivation; never, if absent")


class LimitSettings(_StrictModel):
    """A limit on changes of one kind; the lower one of count and percent blocks the plan."""

    count: Count | None = None
    percent: Percent | None = Field(default=None, description="Of the managed live users")


class RemovalLimitSettings(_StrictModel):
    """The limit on deactivations and deletions together."""

    count: Count | None = 10
    percent: Percent | None = 10
    floor: Count = Field(
        default=1, description="Percent never blocks this few removals, so that small organisations can work"
    )


class ReactivationLimitSettings(_StrictModel):
    """The limit on deactivated accounts that become active again."""

    count: Count | None = 10
    percent: Percent | None = Field(default=10, description="Of the active managed users")
    floor: Count = Field(
        default=1, description="Percent never blocks this few reactivations, so that small organisations can rehire"
    )


class CountLimitSettings(_StrictModel):
    """How many changes of one kind a plan may have."""

    count: Count = 0


class ForeignAccountLimitSettings(_StrictModel):
    """The limit on removals of accounts that were not created or adopted here."""

    count: Count | None = Field(
        default=0, description="Accounts in no receipt and in no version of users/, such as administrators"
    )


class FailureLimitSettings(_StrictModel):
    """How many of the attempted changes may fail before an apply stops and enters quarantine."""

    count: Count | None = None
    percent: Percent | None = Field(default=40, description="Of the changes attempted so far")
    floor: Count = Field(default=10, description="Percent never stops an apply for this few failures")


def _check_protected(name: str) -> str:
    """Accept what can name one account."""
    if not any(character.isalnum() for character in name) or name.casefold() == "null":
        raise ValueError("expected the userName or externalId of one account. To protect no account, remove the entry")
    if "*" in name:
        raise ValueError("expected the userName or externalId of one account: patterns are not supported")
    return name


ProtectedName = Annotated[str, AfterValidator(_check_protected), Field(json_schema_extra={"pattern": "^[^*]+$"})]


class GuardSettings(_StrictModel):
    """What blocks a plan, and what stops an apply."""

    removals: RemovalLimitSettings = RemovalLimitSettings()
    reactivations: ReactivationLimitSettings = ReactivationLimitSettings()
    updates: LimitSettings = LimitSettings()
    creates: LimitSettings = LimitSettings()
    name_takeovers: CountLimitSettings = Field(
        default=CountLimitSettings(),
        description="Users that take a userName which another account has, or had within a day, beyond one swap of two",
    )
    identity_changes: CountLimitSettings = Field(
        default=CountLimitSettings(),
        description="Accounts that would become those of another user, by userName and full name",
    )
    foreign_accounts: ForeignAccountLimitSettings = ForeignAccountLimitSettings()
    failures: FailureLimitSettings = FailureLimitSettings()
    protected: Annotated[list[ProtectedName], BeforeValidator(_to_list)] = Field(
        default=[], description="userName or externalId of accounts that are never removed, even after they left git"
    )


def _check_guard(name: str) -> str:
    problem = find_guard_problem(name)
    if problem is not None:
        raise ValueError(problem)
    return name


def _check_lifts(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("expected at least one guard; without `lifts` an approval lifts removals")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is listed twice")
    return names


GuardName = Annotated[str, AfterValidator(_check_guard), Field(json_schema_extra={"enum": list(APPROVABLE_GUARDS)})]


class ApprovalSettings(_StrictModel):
    """Lets exactly one plan pass the guards that it names, once, until a date."""

    plan: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    lifts: Annotated[
        list[GuardName],
        AfterValidator(_check_lifts),
        Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
    ] = Field(default=["removals"], description="The guards that it lifts; every other one still blocks the plan")
    removals: Count | None = Field(default=None, description="The number of removals in that plan, for the reviewer")
    until: Day = Field(description=f"The last day, at most {MAX_APPROVAL_PERIOD.days} days ahead")
    reason: str


class NotificationSettings(_StrictModel):
    """Recipients of notifications."""

    on_failure: TextList = []


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


class RecordSettings(_StrictModel):
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


class Settings(_StrictModel):
    """settings.yaml."""

    target: TargetSettings
    ownership: str = Field(default="externalId pr", description="SCIM filter: which live users are managed")
    lifecycle: LifecycleSettings = LifecycleSettings()
    guards: GuardSettings = GuardSettings()
    approvals: Annotated[list[ApprovalSettings], BeforeValidator(_to_list)] = []
    notifications: NotificationSettings = NotificationSettings()
    record: RecordSettings = RecordSettings()


class Members(_StrictModel):
    """Users by userPrincipalName or objectId, and groups by name."""

    users: TextList = []
    groups: TextList = []


_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_OPERATORS = [
    {"const": operator.value, "description": "Extension: Entra has no such operator"}
    if operator in EXTENSIONS
    else {"const": operator.value}
    for operator in Operator
]


class ClauseEntry(_StrictModel):
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


class FilterEntry(_StrictModel):
    """Clauses that must all be true. One true filter is enough."""

    name: Annotated[str, Field(min_length=1)]
    negated: Flag = Field(
        default=False, alias="not", description="Extension: Entra has no such option. Inverts the filter"
    )
    clauses: Annotated[list[ClauseEntry], BeforeValidator(_to_list)]


class ScopeEntry(_StrictModel):
    """scope.yaml."""

    sync: Literal["assigned", "all"]
    assigned: Members = Members()
    excluded: Members = Members()
    filters: Annotated[list[FilterEntry], BeforeValidator(_to_list)] = Field(
        default=[], description="One true filter is enough; without filters every user passes"
    )


class GroupEntry(_StrictModel):
    """One group of groups/*.yaml, used for assignment only."""

    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    members: Members = Members()


class MappingEntry(_StrictModel):
    """One row of mappings.yaml."""

    target: str = Field(description="SCIM attribute path, such as userName, name.givenName, enterprise:department")
    source: str | None = Field(default=None, description="Direct: the name of a source attribute")
    constant: str | None = None
    template: str | None = Field(default=None, description="Jinja2, such as {{ givenName | trim }}")
    expression: str | None = Field(default=None, description="Entra expression, such as Not([IsSoftDeleted])")
    default: str | None = Field(default=None, description="Sent on create when the rule has no value")
    match: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Matching precedence, 1 first")
    apply: Literal["always", "create", "if_empty"] = Field(
        default="always", description="When the value is sent: always, on create only, or where the target has none"
    )
    when_null: Literal["keep", "clear"] = "keep"

    @model_validator(mode="after")
    def _one_rule(self) -> MappingEntry:
        rules = [self.source, self.constant, self.template, self.expression]
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError("a mapping has exactly one of source, constant, template and expression")
        return self


class UserLifecycle(_StrictModel):
    """Dates are days in UTC: `starts` inclusive, `expires` exclusive."""

    starts: Day | None = None
    expires: Day | None = None
    protected: Boolean = False

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
    lifecycle: UserLifecycle | None = None
