from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.builders import change
from support.scripted_service import TAKEN, ScriptedService, run_changes

from reconciler.apply.refusals import is_conflict
from reconciler.core.plan import Action
from reconciler.errors import ScimError, TargetError
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts
from reconciler.record.timestamps import LONG_AGO

DAY = datetime(2026, 2, 3, tzinfo=UTC)


def holder(external_id: str) -> RecordedAccounts:
    account = RecordedAccount("7", user_name="new@example.com", external_id=external_id, shown=DAY, removal=DAY)
    return RecordedAccounts({"7": account})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ScimError(409, "", "no"), True),
        (ScimError(400, "uniqueness", "no"), True),
        (ScimError(400, "", "no"), False),
        (TargetError("no"), False),
    ],
)
def test_a_conflict_is_told_by_status_or_type(error: Exception, *, expected: bool) -> None:
    assert is_conflict(error) is expected


@pytest.mark.parametrize(("external_id", "unseen"), [("id-new", "7"), ("id-old", "")])
def test_a_name_that_nothing_shows_is_explained_by_the_record(external_id: str, unseen: str) -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [TAKEN]
    found = run_changes(service, change("new", Action.CREATE), recorded=holder(external_id))
    (outcome,) = found.report.outcomes
    assert (found.results, outcome.unseen) == ({"new": "failed"}, unseen)
    assert 'account "7"' in outcome.message


@pytest.mark.parametrize(
    ("lost", "removal", "merge", "unseen"),
    [(True, LONG_AGO, True, ""), (True, DAY, False, "7"), (False, LONG_AGO, False, "7")],
)
def test_an_account_that_is_lost_with_nearly_all_others_is_to_be_merged(
    lost: bool, removal: datetime, merge: bool, unseen: str
) -> None:
    service = ScriptedService()
    service.script["POST new@example.com"] = [TAKEN]
    recorded = holder("id-new")
    recorded.accounts["7"].removal = removal
    found = run_changes(service, change("new", Action.CREATE), recorded=recorded, lost=lost)
    (outcome,) = found.report.outcomes
    assert (outcome.unseen, 'account "7"' in outcome.message) == (unseen, not merge)
    said = "It may be this user's account from before the connection was cut: merge it there, then apply again"
    assert outcome.message.endswith(said) is merge


def test_what_a_filter_shows_counts_more_than_the_record() -> None:
    service = ScriptedService()
    theirs = {"id": "8", "userName": "new@example.com", "externalId": "x"}

    def appear() -> None:
        service.users["8"] = theirs

    service.script["POST new@example.com"] = [appear]
    found = run_changes(service, change("new", Action.CREATE), recorded=holder("id-new"))
    assert 'belongs to account "8" (externalId "x")' in found.messages["new"]
