from __future__ import annotations

from support.builders import DEPARTMENT, change, live

from reconciler.apply.change_outcomes import (
    complete,
    describe_name_holder,
    not_in_effect,
    skip_drifted,
    unverified,
)
from reconciler.core.plan import Outcome, Result
from reconciler.errors import ScimError

CHANGE = change("ada")


def test_each_outcome_names_the_account_and_what_happened() -> None:
    assert complete(CHANGE, live("ada", id="7"), "already") == Outcome(CHANGE, Result.DONE, "already", "7")
    assert complete(CHANGE, None) == Outcome(CHANGE, Result.DONE, "", "live-ada")
    unknown = Outcome(CHANGE, Result.UNKNOWN, "sent, but it could not be verified: no")
    assert unverified(CHANGE, ScimError(400, "", "no")) == unknown
    message = "accepted, but it is not in effect: active, enterprise:department"
    paths = ("active", DEPARTMENT)
    assert not_in_effect(CHANGE, None, paths, "accepted") == Outcome(
        CHANGE, Result.NOT_IN_EFFECT, message, "live-ada", paths
    )


def test_an_account_that_drifted_or_is_gone_is_skipped() -> None:
    assert (
        skip_drifted(CHANGE, ["active"]).message == "no longer as planned: active changed in the meantime; plan again"
    )
    assert skip_drifted(CHANGE, ["id"]).message == "no longer as planned: the account is gone; plan again"


def test_the_holder_of_a_name_is_named_with_its_external_id() -> None:
    said = 'user name "ada@example.com" belongs to account "live-x"'
    assert describe_name_holder(CHANGE, live("x")) == f'{said} (externalId "id-x")'
    assert describe_name_holder(CHANGE, live("x", external_id=None)) == f"{said} (no externalId)"
