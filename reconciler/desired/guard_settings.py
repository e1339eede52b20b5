"""Strict models of `guards`, `approvals` and `unattended` in settings.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
)

from reconciler.core.policy import APPROVABLE_GUARDS, MAX_APPROVAL_PERIOD, find_guard_problem
from reconciler.desired.schema_values import EMPTY_IS_LIST, Count, Day, Percent, StrictModel


class LimitSettings(StrictModel):
    """A limit on changes of one kind; the lower one of count and percent blocks the plan."""

    count: Count | None = Field(default=None, description="More than this block the plan; by default no number does")
    percent: Percent | None = Field(default=None, description="Above this share of the managed live users, too")


class RemovalLimitSettings(StrictModel):
    """The limit on deactivations and deletions together."""

    count: Count | None = Field(default=10, description="More removals than this block the plan")
    percent: Percent | None = Field(default=10, description="Above this share of the active managed users, too")
    floor: Count = Field(
        default=1, description="Percent never blocks this few removals, so that small organisations can work"
    )


class ReactivationLimitSettings(StrictModel):
    """The limit on deactivated accounts that become active again."""

    count: Count | None = Field(default=10, description="More reactivations than this block the plan")
    percent: Percent | None = Field(default=10, description="Above this share of the active managed users, too")
    floor: Count = Field(
        default=1, description="Percent never blocks this few reactivations, so that small organisations can rehire"
    )


class CountLimitSettings(StrictModel):
    """How many changes of one kind a plan may have."""

    count: Count = Field(default=0, description="More than this block the plan")


class ForeignAccountLimitSettings(StrictModel):
    """The limit on removals of accounts that were not created or adopted here."""

    count: Count | None = Field(
        default=0,
        description="More than this block the plan: accounts in no receipt and in no version of users/, such as"
        " administrators",
    )


class FailureLimitSettings(StrictModel):
    """How many of the attempted changes may fail before an apply stops and enters quarantine."""

    count: Count | None = Field(default=None, description="More failures than this stop the apply")
    percent: Percent | None = Field(default=40, description="Above this share of the changes attempted so far, too")
    floor: Count = Field(default=10, description="Percent never stops an apply for this few failures")


def _check_protected(name: str) -> str:
    """Accept what can name one account."""
    if not any(character.isalnum() for character in name) or name.casefold() == "null":
        raise ValueError("expected the userName or externalId of one account. To protect no account, remove the entry")
    if "*" in name:
        raise ValueError("expected the userName or externalId of one account: patterns are not supported")
    return name


ProtectedName = Annotated[str, AfterValidator(_check_protected), Field(json_schema_extra={"pattern": "^[^*]+$"})]


class GuardSettings(StrictModel):
    """What blocks a plan, and what stops an apply."""

    removals: RemovalLimitSettings = Field(
        default=RemovalLimitSettings(), description="Deactivations and deletions together"
    )
    reactivations: ReactivationLimitSettings = Field(
        default=ReactivationLimitSettings(), description="Deactivated accounts that become active again"
    )
    updates: LimitSettings = Field(default=LimitSettings(), description="Changed accounts; without a limit by default")
    creates: LimitSettings = Field(default=LimitSettings(), description="New accounts; without a limit by default")
    name_takeovers: CountLimitSettings = Field(
        default=CountLimitSettings(),
        description="Users that take a userName which another account has, or had within a day, beyond one swap of two",
    )
    identity_changes: CountLimitSettings = Field(
        default=CountLimitSettings(),
        description="Accounts that would become those of another user, by userName and full name",
    )
    foreign_accounts: ForeignAccountLimitSettings = Field(
        default=ForeignAccountLimitSettings(),
        description="Removals of accounts that were not created or adopted here",
    )
    failures: FailureLimitSettings = Field(
        default=FailureLimitSettings(), description="Failed changes after which an apply stops"
    )
    protected: Annotated[list[ProtectedName], *EMPTY_IS_LIST] = Field(
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


class ApprovalSettings(StrictModel):
    """Lets exactly one plan pass the guards that it names, once, until a date."""

    plan: str = Field(pattern=r"^sha256:[0-9a-f]{64}$", description="The id of the plan, as the blocked plan prints it")
    lifts: Annotated[
        list[GuardName],
        AfterValidator(_check_lifts),
        Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
    ] = Field(default=["removals"], description="The guards that it lifts; every other one still blocks the plan")
    removals: Count | None = Field(default=None, description="The number of removals in that plan, for the reviewer")
    until: Day = Field(description=f"The last day, at most {MAX_APPROVAL_PERIOD.days} days ahead")
    reason: str = Field(description="Why, for the reviewer and the record")


class UnattendedSettings(StrictModel):
    """How many accounts `apply --unattended` may change: in one plan, and in all of its applies of 24 hours.

    A plan beyond one of these is not applied at all, not even in part. What is not named is not done.
    """

    updates: Count = Field(default=0, description="Changed accounts, without identity, access or activity")
    creates: Count = Field(default=0, description="New accounts")
    removals: Count = Field(default=0, description="Deactivations and deletions together")
