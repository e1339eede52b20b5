"""What a run knows about users that its own list did not show: whether they have no account."""

from __future__ import annotations

from reconciler.apply.creation_lookups import CreationLookups, knows_unique_names
from reconciler.core.plan import Plan
from reconciler.record.recorded_accounts import RecordedAccounts
from reconciler.session.session import Session
from reconciler.session.workspace import current_time


def build_creation_lookups(plan: Plan, session: Session, *, whole: bool) -> CreationLookups:
    """Return the rule by which a run looks names up before it creates users. `whole`: it plans all users."""
    began = session.complete_since
    if began is None or not whole or plan.incremental is not None:
        return CreationLookups()
    recorded = RecordedAccounts() if session.workspace.sandbox else session.history().recorded
    if session.unreadable or leaves_doubt(recorded):
        return CreationLookups()
    unique = knows_unique_names(session.state.profile.unique_user_names)

    def is_unanswered(address: str) -> bool:
        return recorded.find_unanswered(address) is not None

    return CreationLookups(began, unique=unique, changes=plan.changes, unanswered=is_unanswered)


def leaves_doubt(recorded: RecordedAccounts) -> bool:
    """Whether the record has an account that the service may not show as it is: hidden, late or unconfirmed."""
    present = current_time()
    return any(
        account.hidden or account.may_be_inactive or account.may_return(present) or account.find_unconfirmed(present)
        for account in recorded.accounts.values()
    )
