"""Explain why a service refused a change."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.apply.change_outcomes import describe_name_holder, describe_refused_case
from reconciler.apply.execution import Execution
from reconciler.apply.lookup import UserLookup
from reconciler.apply.name_conflicts import describe_recorded_holder, find_recorded_holder, is_own
from reconciler.core.plan import Change
from reconciler.errors import ScimError, StopRequestedError, TargetError
from reconciler.record.timestamps import LONG_AGO

FORBIDDEN = 403
_MERGE = "It may be this user's account from before the connection was cut: merge it there, then apply again"
_BAD_REQUEST, _CONFLICT = 400, 409


@dataclass(frozen=True, slots=True)
class RefusalExplainer:
    """Explains refusals, with what a filter and the record show."""

    execution: Execution
    lookup: UserLookup

    def explain(self, change: Change, error: ScimError | TargetError) -> tuple[str, str]:
        """Return the message with what may be the cause, and the id of this user's account that nothing shows or ""."""
        message = error.summary
        if is_conflict(error):
            explanation, unseen = self._explain_conflict(change)
            return f"{message}. {explanation}", unseen
        if self._is_about_the_domain(error):
            message = f"{message}. {self.execution.profile.domain_hint}"
        elif isinstance(error, ScimError) and error.status == FORBIDDEN:
            message = f"{message}. Either this account may not be changed over SCIM, or the token may not do this."
        return message, ""

    def _is_about_the_domain(self, error: ScimError | TargetError) -> bool:
        """Whether the service refuses a user name for its domain."""
        refused = isinstance(error, ScimError) and error.status == _BAD_REQUEST
        return refused and bool(self.execution.profile.verified_domains.value) and "domain" in error.summary.casefold()

    def _explain_conflict(self, change: Change) -> tuple[str, str]:
        """Name the account that has the user name, or what to look for if none is found."""
        try:
            holders = self.lookup.find("userName", str(change.after.get("userName"))).users
        except (TargetError, StopRequestedError):
            holders = ()
        for holder in holders:
            if holder.id == change.live_id:
                return describe_refused_case(holder), ""
            return f"The {describe_name_holder(change, holder)}.", ""
        recorded = self.execution.recorded
        account = find_recorded_holder(change, recorded)
        if account is None:
            return self.execution.profile.conflict_hint, ""
        if self.execution.lost and account.removal == LONG_AGO:
            return f"{self.execution.profile.conflict_hint}. {_MERGE}", ""
        unseen = account.live_id if is_own(change, account, recorded) else ""
        return describe_recorded_holder(change, account, recorded, self.execution.mappings), unseen


def is_conflict(error: Exception) -> bool:
    """Whether the service refuses a value because another account has it."""
    return isinstance(error, ScimError) and (error.status == _CONFLICT or error.scim_type == "uniqueness")
