from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.builders import DEPARTMENT, NOW, change, desired, live, plan_of, plan_with, values_of

from reconciler.core.plan import Action, Attribution, Change, Drift, Plan, Result
from reconciler.history.drift import MAX_BASELINES, ApplyHistory, ReplannedState, attribute_drift, select_baselines
from reconciler.record.late_changes import LateChanges, hash_key
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import AppliedChange, ApplyRun, Planned

EDITED, BEHIND, UNDETERMINED = Attribution.EDITED_IN_TARGET, Attribution.NOT_APPLIED, Attribution.UNKNOWN
DONE, FAILED, SKIPPED, UNKNOWN = (each.value for each in (Result.DONE, Result.FAILED, Result.SKIPPED, Result.UNKNOWN))


def applied(each: Change, result: str, message: str = "") -> AppliedChange:
    values = each.before, each.after
    return AppliedChange(each.address, each.action.value, "", "", each.live_id, *values, result=result, message=message)


def run(number: int = 0, *changes: tuple[Change, str], left: tuple[Change, ...] = (), **fields: Any) -> ApplyRun:
    """Apply `number` of these changes with their results; `left` were planned and not begun."""
    done = {key: found for each, result in changes for found in [applied(each, result)] for key in found.keys}
    planned = {key: found for each in left for found in [applied(each, "")] for key in found.keys}
    settled: dict[str, Any] = {"how": "interrupted" if left else "complete", "left": len(left), **fields}
    plan = Planned({**done, **planned}, "sha256:d", "1", NOW, 7)
    began = NOW + timedelta(days=number)
    return ApplyRun(
        f"r{number}",
        f"sha256:{number:064x}",
        "c" * 40,
        began,
        settled.pop("whole", True),
        done,
        planned=plan,
        **settled,
    )


def moved(who: str = "ada", action: Action = Action.UPDATE, **after: Any) -> Change:
    return change(who, action, after=values_of(who, **after))


def of(
    now: Change, runs: list[ApplyRun], states: Mapping[int, ReplannedState | None], redactor: Redactor = NO_REDACTION
) -> Change:
    """`now`, attributed; a state None: its plan has nothing to do."""
    known = {number: each or ReplannedState(plan_with()) for number, each in states.items()}
    (found,) = attribute_drift(plan_with(now), ApplyHistory.build(runs, redactor, known, [now])).changes
    return found


def state(*changes: Change) -> ReplannedState:
    return ReplannedState(plan_with(*changes))


# --- which apply counts ---------------------------------------------------------------


def test_it_is_the_last_apply_that_left_the_user_as_desired() -> None:
    first, failing = run(0, (moved(title="x"), DONE)), run(1, (moved(family="King"), FAILED))
    assert select_baselines([first, failing], NO_REDACTION) == [1, 0], "for all other users it is the last one"
    assert of(moved(family="King"), [first, failing], {0: None, 1: state(moved(family="King"))}).attribution is BEHIND
    assert (
        of(moved("bob", family="X"), [first, failing], {0: None, 1: state(moved("bob", family="X"))}).attribution
        is EDITED
    )


def test_an_apply_for_some_users_counts_for_no_other() -> None:
    runs = [run(0), run(1, (moved("bob"), DONE), whole=False)]
    assert select_baselines(runs, NO_REDACTION) == [1, 0]
    assert of(moved(family="X"), runs, {0: state(moved(family="X")), 1: None}).attribution is EDITED
    assert of(moved("bob", family="X"), runs, {0: state(moved("bob", family="X")), 1: None}).attribution is BEHIND


def test_a_user_that_was_not_in_an_interrupted_plan_was_as_desired() -> None:
    runs = [run(0), run(1, left=(moved("bob", family="X"),))]
    assert select_baselines(runs, NO_REDACTION) == [1, 0]
    assert of(moved(family="X"), runs, {0: None, 1: state(moved(family="X"))}).attribution is EDITED
    found = of(moved("bob", family="X"), runs, {0: None, 1: state(moved("bob", family="X"))})
    assert (found.attribution, "not reached by the apply of 2026-03-02" in found.history[0]) == (BEHIND, True)


def test_a_user_that_could_not_be_planned_has_the_apply_before_as_baseline() -> None:
    runs = [run(0), run(1, unplannable=frozenset({moved().address}))]
    assert select_baselines(runs, NO_REDACTION) == [1, 0]
    found = of(moved(family="X"), runs, {0: None, 1: state(moved(family="X"))})
    assert (found.attribution, "could not be planned in" in found.history[0]) == (BEHIND, True)


def test_only_the_newest_sides_are_planned() -> None:
    runs = [run(number, (moved(f"u{number}"), DONE), whole=False) for number in range(MAX_BASELINES + 3)]
    assert select_baselines(runs, NO_REDACTION) == list(range(MAX_BASELINES + 2, 2, -1))
    found = of(moved("u0", family="X"), runs, {})
    assert (found.attribution, "too many applies" in found.history[0]) == (UNDETERMINED, True)


def test_without_an_apply_nothing_is_attributed() -> None:
    plan = attribute_drift(plan_with(moved(family="X")), ApplyHistory.build([], NO_REDACTION, {}, []))
    assert ([each.attribution for each in plan.changes], plan.drift) == ([UNDETERMINED], Drift())
    assert select_baselines([], NO_REDACTION) == []


def test_the_last_apply_is_named_and_the_plan_stays_the_same() -> None:
    before, last = plan_with(moved(family="X")), run(3)
    replanned = {1: ReplannedState(plan_with())}
    plan = attribute_drift(before, ApplyHistory.build([run(0), last], NO_REDACTION, replanned, before.changes))
    assert plan.plan_id == before.plan_id
    assert plan.drift == Drift(last.began, last.plan_id, last.commit, 7)


# --- what an unsuccessful apply may have done ----------------------------------------------


def test_what_our_own_request_may_have_written_is_not_an_edit_in_the_target() -> None:
    wrote, now = moved(family="Byron"), change(before=values_of(family="Byron"), after=values_of(family="King"))
    theirs = {0: state(change(before=values_of(family="Byron"), after=values_of()))}
    for result, whose in ((UNKNOWN, BEHIND), (FAILED, BEHIND), ("", BEHIND), (SKIPPED, EDITED)):
        assert of(now, [run(0), run(1, (wrote, result))], theirs).attribution is whose, result
    other = change(before=values_of(family="X"), after=values_of(family="King"))
    assert of(other, [run(0), run(1, (wrote, UNKNOWN))], {0: state(other)}).attribution is EDITED


def test_a_deletion_or_creation_of_unknown_outcome_is_ours() -> None:
    gone, new = change("ada", Action.DELETE), change("ada", Action.CREATE)
    assert of(new, [run(0), run(1, (gone, UNKNOWN))], {0: state(new)}).attribution is BEHIND
    assert of(new, [run(0), run(1, (moved(family="X"), UNKNOWN))], {0: state(new)}).attribution is EDITED
    out = moved(action=Action.DEACTIVATE, active=False)
    assert of(out, [run(0), run(1, (new, UNKNOWN))], {0: state(out)}).attribution is BEHIND
    assert of(out, [run(0), run(1, (moved(family="X"), UNKNOWN))], {0: state(out)}).attribution is EDITED


def test_without_a_replanned_state_a_user_unchanged_since_an_attempt_is_not_applied() -> None:
    runs = [run(0), run(1, (moved(family="King"), FAILED))]
    unknown = {0: ReplannedState(None, "gone")}
    assert of(moved(family="King"), runs, unknown).attribution is BEHIND
    assert of(moved(family="King", title="X"), runs, unknown).attribution is UNDETERMINED
    since = change(before=values_of(family="X"), after=values_of(family="King"))
    assert of(since, runs, unknown).attribution is UNDETERMINED


# --- what was done ------------------------------------------------------------------------------


def test_a_removal_that_both_states_want_came_from_the_target_whatever_its_kind() -> None:
    out, gone = moved(action=Action.DEACTIVATE, active=False), change("ada", Action.DELETE)
    assert of(gone, [run(0)], {0: state(out)}).attribution is EDITED
    assert of(out, [run(0)], {0: state(gone)}).attribution is EDITED
    assert of(out, [run(0)], {0: state(moved(family="X"))}).attribution is BEHIND


def test_two_new_users_of_one_name_are_two() -> None:
    heir = change("ada", Action.CREATE, after=values_of("ada", external_id="id-heir"))
    assert of(heir, [run(0)], {0: state(change("ada", Action.CREATE))}).attribution is BEHIND


def test_rows_are_attributed_by_their_paths() -> None:
    found = of(moved(family="King", department="IT"), [run(0)], {0: state(moved(family="Byron"))})
    assert (found.attribution, found.pending) == (EDITED, (DEPARTMENT,))
    assert "the rest is not applied: edited in git after" in found.history[-1]


def test_an_account_that_was_deleted_is_new_as_a_whole() -> None:
    now, then = values_of(title="X"), values_of()
    found = of(change("ada", Action.CREATE, after=now), [run(0)], {0: state(change("ada", Action.CREATE, after=then))})
    assert (found.attribution, found.pending) == (EDITED, ())


def test_the_same_files_can_only_be_late_by_a_date() -> None:
    found = of(moved(family="King"), [run(0)], {0: ReplannedState(plan_with(), same=True)})
    assert "a date has passed since" in found.history[0]


# --- digests -----------------------------------------------------------------------------------------


def test_a_digest_of_another_key_may_be_any_user() -> None:
    key, other = Redactor(b"k" * 32), Redactor(b"x" * 32)
    new = change("ada", Action.CREATE)
    clean, unclean = run(0, (moved("bob"), DONE), key=other.key_id), run(0, (moved("bob"), FAILED), key=other.key_id)
    assert of(new, [clean], {0: state(new)}, key).attribution is EDITED
    assert of(new, [unclean], {0: state(new)}, key).attribution is UNDETERMINED
    assert of(moved(family="X"), [unclean], {0: state(moved(family="X"))}, key).attribution is EDITED, "known by its id"
    unplannable = replace(clean, unplannable=frozenset({"hmac"}))
    assert of(moved(family="X"), [unplannable], {0: state(moved(family="X"))}, key).attribution is UNDETERMINED


# --- laws ---------------------------------------------------------------------------------------------

VALUE = st.sampled_from(["a", "b", "c"])
PERSON = st.tuples(VALUE, VALUE)
NAME = st.sampled_from(["ada", "Ada", "bob"])
CHANGE = st.builds(
    lambda who, action, live_id, external: replace(
        change(who, action), live_id=live_id, after={"externalId": external} if external is not None else {}
    ),
    NAME,
    st.sampled_from([Action.CREATE, Action.UPDATE]),
    st.sampled_from([None, "1", "2", ""]),
    st.sampled_from([None, "x", "X", "y", ""]),
)
PEOPLE = st.dictionaries(st.sampled_from(["ada", "bob", "cyd"]), PERSON)


def planned(wanted: Mapping[str, tuple[str, str]], accounts: Mapping[str, tuple[str, str]]) -> Plan:
    return plan_of(
        [desired(who, family=family, department=department) for who, (family, department) in wanted.items()],
        [live(who, family=family, department=department) for who, (family, department) in accounts.items()],
    )


@given(PEOPLE, PEOPLE, PEOPLE)
def test_edited_is_what_is_not_as_the_apply_left_it(
    then: dict[str, tuple[str, str]], now: dict[str, tuple[str, str]], accounts: dict[str, tuple[str, str]]
) -> None:
    before, replanned = planned(now, accounts), {0: ReplannedState(planned(then, accounts))}
    plan = attribute_drift(before, ApplyHistory.build([run(0)], NO_REDACTION, replanned, before.changes))
    for each in plan.changes:
        who = each.key.partition("@")[0]
        if who not in accounts or who not in now:
            # Created or removed: by whether it was there, or was to be there.
            edited = (who in then) == (who not in accounts)
            assert each.attribution is (EDITED if edited else BEHIND)
            continue
        was = dict(zip(("name.familyName", DEPARTMENT), then.get(who, accounts[who]), strict=True))
        rows = [row.path for row in each.attribute_changes()]
        by_hand = {path for path in rows if each.before[path] != was[path]}
        assert each.attribution is (EDITED if by_hand else BEHIND)
        assert set(each.pending) == (set(rows) - by_hand if by_hand else set())


@given(st.lists(CHANGE), CHANGE)
def test_an_account_is_found_by_its_id_else_by_its_names(changes: list[Change], wanted: Change) -> None:
    def is_same(other: Change) -> bool:
        if wanted.live_id is not None or other.live_id is not None:
            return wanted.live_id == other.live_id
        mine, theirs = wanted.after.get("externalId"), other.after.get("externalId")
        if mine is None or theirs is None:
            return wanted.address.casefold() == other.address.casefold()
        return str(mine).casefold() == str(theirs).casefold()

    replanned = plan_with(*changes)
    assert ReplannedState(replanned).find(wanted) is next(filter(is_same, replanned.changes), None)


@given(PEOPLE, PEOPLE)
def test_with_the_files_of_the_last_apply_everything_was_edited(
    wanted: dict[str, tuple[str, str]], accounts: dict[str, tuple[str, str]]
) -> None:
    plan = planned(wanted, accounts)
    found = attribute_drift(plan, ApplyHistory.build([run(0)], NO_REDACTION, {0: ReplannedState(plan)}, plan.changes))
    assert {each.attribution for each in found.changes} <= {EDITED}
    assert {each.pending for each in found.changes} <= {()}


def test_plans_on_record_are_read_until_each_difference_is_explained() -> None:
    """Newest first: the last two applies that set the values that differ now, and none before them."""
    read: list[int] = []

    def late(number: int, each: Change) -> LateChanges:
        done = applied(each, DONE)

        def load() -> Mapping[str, AppliedChange]:
            read.append(number)
            return dict.fromkeys(done.keys, done)

        return LateChanges(map(hash_key, done.keys), load)

    steps = [moved(family="A"), moved(department="Sales"), moved(family="B"), moved("bob", department="Ops")]
    runs = [replace(run(number), changes=late(number, each)) for number, each in enumerate(steps)]
    now = moved(family="B", department="Sales")
    history = ApplyHistory.build(runs, NO_REDACTION, {}, [now])
    assert {number for number in range(4) if number in read} == {1, 2}
    assert [found.plan_id for found, _ in history.find_changes(now)] == [runs[2].plan_id, runs[1].plan_id]
    gone = moved(action=Action.DEACTIVATE)
    assert [found.plan_id for found, _ in ApplyHistory.build(runs, NO_REDACTION, {}, [gone]).find_changes(gone)] == [
        runs[2].plan_id
    ]
