from __future__ import annotations

from support.builders import DEPARTMENT, change, live

from reconciler.apply.change_outcomes import (
    complete,
    describe_forms,
    describe_name_holder,
    describe_refused_case,
    not_in_effect,
    skip_drifted,
    unverified,
)
from reconciler.core.plan import FormDifference, Outcome, Result
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


def test_what_the_service_shows_instead_is_named_in_quotes_and_cut() -> None:
    shown = live("ada", department='a"\u202e' + "x" * 200, active=False, family=None)
    message = not_in_effect(CHANGE, shown, ("active", DEPARTMENT, "name.familyName"), "accepted").message
    assert message == (
        "accepted, but it is not in effect: active (the service shows false), enterprise:department (the service shows "
        '"a\\"\\u{202e}' + "x" * 77 + '… (123 more characters)"), name.familyName (the service shows no value)'
    )
    assert not_in_effect(CHANGE, shown, ("id",), "accepted").message == "accepted, but it is not in effect: id"


def test_values_in_another_form_are_named_without_their_values() -> None:
    forms = (FormDifference(DEPARTMENT, "R&D", "r&d"), FormDifference("title", "A  b", "A b"))
    assert describe_forms(forms) == "stored enterprise:department in lower case, title with single blanks"
    assert describe_forms(()) == ""
    assert complete(CHANGE, live("ada"), "x", forms).forms == forms


def test_a_refused_change_of_case_names_the_name_to_keep() -> None:
    assert describe_refused_case(live("Ada")).endswith('Keep "Ada@example.com" in the desired state.')
