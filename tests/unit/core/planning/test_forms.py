from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import SCIM, desired, live, mapping, mappings

from reconciler.core.plan import FormDifference
from reconciler.core.planning.forms import (
    FormDifferences,
    describe_forms,
    keeps_case,
    name_form,
    no_settled_forms,
)
from reconciler.core.values import is_same_form

ROWS = mappings(mapping("title", "jobTitle", profile=SCIM), profile=SCIM)


def always(*_: Any) -> bool:
    return True


def test_without_a_record_no_form_is_settled() -> None:
    assert not no_settled_forms("1", "title", "A", "a")
    wanted = {"title": "Engineer"}
    forms = FormDifferences(ROWS)
    assert forms.leave(wanted, live(title="engineer")) == wanted
    assert forms.report() == []


@pytest.mark.parametrize("shown", ["engineer", "ENGINEER", " Engineer", "Engi\u00adneer", "Eng", "", None])
def test_a_record_settles_a_difference_of_form_and_no_other(shown: str | None) -> None:
    forms = FormDifferences(ROWS, always)
    left = forms.leave({"title": "Engineer", "active": True}, live(title=shown, active=False))
    same_form = shown is not None and shown.strip().lower() == "engineer"
    assert left == ({} if same_form else {"title": "Engineer"}) | {"active": True}
    assert bool(forms.report()) == same_form


@given(st.text(max_size=8), st.text(max_size=8))
def test_no_record_hides_more_than_a_form(wanted: str, shown: str) -> None:
    left = FormDifferences(ROWS, always).leave(
        {"title": wanted, "userName": wanted}, live(title=shown, user_name=shown)
    )
    for path in ("title", "userName"):
        row = next(row for row in ROWS if row.target == path)
        assert (path in left) or is_same_form(row.attribute, wanted, shown)


def test_a_cleared_value_is_never_left() -> None:
    assert FormDifferences(ROWS, always).leave({"title": None}, live(title="x")) == {"title": None}


@pytest.mark.parametrize(
    ("wanted", "shown", "keeps", "left"),
    [
        ("Ada@example.com", "ada@example.com", False, True),
        ("Ada@example.com", "ada@example.com", True, False),
        ("ada@example.com", "Ada@example.com", False, False),
        ("a da@example.com", "a  da@example.com", False, False),
        ("bob@example.com", "ada@example.com", False, False),
    ],
)
def test_a_change_of_case_is_left_unless_the_service_keeps_case(
    wanted: str, shown: str, keeps: bool, left: bool
) -> None:
    forms = FormDifferences(ROWS, no_settled_forms, keeps)
    assert (forms.leave({"userName": wanted}, live(user_name=shown)) == {}) is left
    assert (forms.report(), forms.user_names) == ([], left)


@pytest.mark.parametrize(
    ("names", "keeps"),
    [
        ([("Ada", "ada")], False),
        ([("Ada", "ada"), ("Bob", "Bob")], True),
        ([("Ada", "ada"), ("bob", "Bob")], True),
        ([("Ada", "ada"), ("Cyd", "cyd"), ("Bob", "Bob")], False),
        ([("ada", "ada"), ("Bob", "Bob")], False),  # nothing to decide
        # names that are given now
        ([("Ada", "ada"), ("Bob", None)], True),
        ([("Ada", "ada"), ("bob", None)], False),
        ([("Ada", "ada"), ("Bob", "robert")], True),
    ],
)
def test_names_with_capitals_show_that_a_service_keeps_case(names: list[tuple[str, str | None]], keeps: bool) -> None:
    pairs = [
        (desired(user_name=wanted), live(id=shown, user_name=shown) if shown is not None else None)
        for wanted, shown in names
    ]
    accounts = [found for _, found in pairs if found is not None]
    assert keeps_case(pairs, accounts, no_settled_forms) is keeps
    assert not keeps_case(pairs, accounts, always)


@pytest.mark.parametrize("paired", [True, False])
def test_capitals_of_accounts_that_are_not_managed_count_only_once_these_are_adopted(paired: bool) -> None:
    other = live(id="Bob", user_name="Bob", managed=False)
    pairs = [(desired(user_name="Ada"), live(user_name="ada")), *([(desired(user_name="bob"), other)] * paired)]
    assert keeps_case(pairs, [live(user_name="ada"), other], no_settled_forms) is paired


@pytest.mark.parametrize(
    ("sent", "shown", "form"),
    [
        ("Ada", "ada", "in lower case"),
        ("Ada", "ADA", "in upper case"),
        ("A  b", "A b", "with single blanks"),
        ("A b", "a B", "in another case"),
        ("A  B", "a b", "in another form"),
    ],
)
def test_forms_have_names(sent: str, shown: str, form: str) -> None:
    assert name_form(sent, shown) == form


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ({"direct": "jobTitle"}, "In the mapping of title, `expression: 'ToLower([jobTitle])'` ends the difference."),
        (
            {"direct": None, "rule_text": "expression: Trim([a])"},
            "In the mapping of title, `expression: 'ToLower(Trim([a]))'` ends the difference.",
        ),
        (
            {"direct": None, "rule_text": "template: '{{ a }}'"},
            "The difference ends when the desired state has the value in lower case.",
        ),
    ],
)
def test_each_form_is_described_once_with_what_ends_the_difference(row: dict[str, Any], advice: str) -> None:
    rows = [replace(mapping("title", "jobTitle", profile=SCIM), **row)]
    forms = [FormDifference("title", "Ada", "ada"), FormDifference("title", "Bob", "bob")]
    assert describe_forms(forms, rows) == [
        f"The service stores title in lower case (2 users): that counts as in effect. {advice}"
    ]
    (line,) = describe_forms([FormDifference("title", "A b", "a B")], rows)
    assert line.endswith("The difference ends when the desired state has the value as the service shows it.")


def test_one_name_on_record_that_lost_its_capitals_decides() -> None:
    pairs = [(desired(user_name=name), live(id=name, user_name=name.lower())) for name in ("Ada", "Eve")]
    pairs += [(desired(user_name=name), live(id=name, user_name=name)) for name in ("Bob", "Cyd", "Dan")]
    accounts = [found for _, found in pairs]

    def lost_by_eve(live_id: str, *_: Any) -> bool:
        return live_id == "Eve"

    assert keeps_case(pairs, accounts, no_settled_forms)
    assert not keeps_case(pairs, accounts, lost_by_eve)
