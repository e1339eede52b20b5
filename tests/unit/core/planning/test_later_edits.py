from dataclasses import replace
from datetime import date

from support.builders import OUT, change, desired

from reconciler.core.model import DesiredUser, ScopeReason, Verdict
from reconciler.core.plan import Action, Attribution, Change
from reconciler.core.planning.later_edits import UserIndex, find_later_edits

SOON = Verdict(ScopeReason.NOT_STARTED, 'starts "2026-09-01"')
EXPIRED = Verdict(ScopeReason.EXPIRED, 'expired "2026-01-01"')
JUNE, JULY = date(2026, 6, 30), date(2026, 7, 31)


def edits_of(before: list[DesiredUser], after: list[DesiredUser], *changes: Change) -> dict[str, str]:
    mine = [replace(each, attribution=each.attribution or Attribution.THIS_CHANGE_SET) for each in changes]
    return {edit.key.partition("@")[0]: edit.detail for edit in find_later_edits(before, after, mine)}


def test_edited_dates_are_listed_with_both_values() -> None:
    assert edits_of(
        [desired("a", expires=JUNE), desired("b"), desired("c", expires=JUNE, starts=JUNE), desired("d", expires=JUNE)],
        [desired("a", expires=JULY), desired("b", expires=JULY), desired("c", starts=JULY), desired("d", expires=JUNE)],
    ) == {
        "a": 'lifecycle.expires = "2026-06-30" -> "2026-07-31"',
        "b": 'lifecycle.expires = null -> "2026-07-31"',
        "c": 'lifecycle.starts = "2026-06-30" -> "2026-07-31", lifecycle.expires = "2026-06-30" -> null',
    }


def test_edited_dates_are_listed_next_to_other_edits_of_the_user() -> None:
    before, after = desired("a", expires=JUNE), desired("a", expires=JULY, family="King")
    assert edits_of([before], [after], change("a")) == {"a": 'lifecycle.expires = "2026-06-30" -> "2026-07-31"'}


def test_a_date_that_changes_whether_a_user_is_in_scope_has_an_effect() -> None:
    inside, outside = desired("a"), desired("a", verdict=EXPIRED, expires=date(2026, 1, 1))
    assert edits_of([inside], [outside]) == edits_of([outside], [inside]) == {}


def test_protection_is_not_a_date() -> None:
    assert edits_of([desired("a")], [desired("a", protected=True)]) == {}


def test_a_new_user_out_of_scope_is_listed() -> None:
    assert edits_of([], [desired("a", verdict=SOON), desired("b", verdict=OUT), desired("c")]) == {
        "a": 'new, not in scope: starts "2026-09-01"',
        "b": "new, not in scope: accountEnabled is false",
    }


def test_a_removed_user_that_was_out_of_scope_is_listed() -> None:
    assert edits_of([desired("a", verdict=EXPIRED), desired("b")], []) == {
        "a": 'no longer in the desired state, was not in scope: expired "2026-01-01"'
    }


def test_an_added_or_removed_user_with_a_change_is_not_listed() -> None:
    gone = change("a", Action.DEACTIVATE)
    for side in (([], [desired("a", verdict=OUT)]), ([desired("a", verdict=OUT)], [])):
        assert edits_of(*side, gone) == {}
        # Under another key, the matching values decide.
        assert edits_of(*side, replace(gone, key="other")) == {}
        assert edits_of(*side, replace(gone, attribution=Attribution.ALREADY_PENDING)) != {}


def test_a_user_that_could_not_be_mapped_is_not_listed() -> None:
    assert edits_of([], [desired("a", verdict=OUT, failed=True)]) == {}


def test_a_user_is_found_by_the_matching_attributes_and_then_by_name() -> None:
    base = UserIndex.of([desired("ada"), desired("bob")])
    renamed = desired("ada", user_name="countess@example.com", key="countess@example.com")
    assert (found := base.find(renamed)) is not None
    assert found.key == "ada@example.com"
    assert base.find(replace(renamed, match=(None, None))) is None
    assert base.find(replace(desired("BOB"), match=(None, None))) is base.by_key["bob@example.com"]
    assert edits_of([desired("ada", expires=JUNE)], [replace(renamed, lifecycle=desired(expires=JULY).lifecycle)]) == {
        "countess": 'lifecycle.expires = "2026-06-30" -> "2026-07-31"'
    }
