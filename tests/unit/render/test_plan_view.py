from dataclasses import replace

import pytest
from support.builders import APPLE, change, desired, live, plan_of, plan_with
from support.plans import BASE, MISTAKES, compared, every_action

from reconciler.core.model import error, warning
from reconciler.core.plan import Action, Attribution, Drift, Guard, LaterEdit, Plan
from reconciler.core.policy import Policy
from reconciler.core.provisioning import ON, Provisioning
from reconciler.render.plan_view import Conclusion, GuardView, PlanView, build_plan_view

MINE, PENDING = Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING
OFFLINE = replace(BASE, offline=True)


def view_of(plan: Plan) -> PlanView:
    return build_plan_view(plan, APPLE)


def only(attribution: Attribution) -> Plan:
    plan = compared()
    return replace(plan, changes=tuple(item for item in plan.changes if item.attribution is attribution))


# --- title and conclusion -------------------------------------------------------------------------


def test_the_title_of_an_offline_plan_does_not_name_a_plan() -> None:
    assert view_of(every_action()).title == "Plan for Apple Business Manager"
    assert view_of(replace(compared(), base=OFFLINE)).title == (
        "Offline comparison, not with the live Apple Business Manager"
    )


def test_a_plan_with_changes_has_no_conclusion() -> None:
    assert view_of(every_action()).conclusion is None


def test_a_plan_without_changes_says_so_and_what_was_compared() -> None:
    assert view_of(plan_of([desired("a")], [live("a")])).conclusion == Conclusion(
        "No changes.",
        "Apple Business Manager matches the desired state.",
        "Reconciler compared 1 managed user with the desired state and found no differences, so no changes are needed.",
    )


def test_an_offline_plan_without_changes_says_nothing_about_the_live_service() -> None:
    plan = replace(plan_of([desired("a")], [live("a")]), base=OFFLINE)
    assert view_of(plan).conclusion == Conclusion("No changes.", "The desired users are those of the base.")


@pytest.mark.parametrize(
    "plan",
    [
        plan_of([desired("a")], policy=Policy(permitted=frozenset())),
        replace(plan_of([desired("a")], [live("a")]), complete=False),
        plan_of([desired("a")], [live("a")], diagnostics=MISTAKES[:1]),
    ],
)
def test_a_plan_that_could_not_be_made_is_not_good_news(plan: Plan) -> None:
    expected = Conclusion("No changes can be planned.", "See the messages.", is_good=False)
    assert plan.changes == ()
    assert view_of(replace(plan, tally=replace(plan.tally, failed=1))).conclusion == expected


# --- provisioning -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provisioning", "plan", "text"),
    [
        (ON, every_action(), "None"),
        (
            Provisioning(enabled=False, reason="A move"),
            every_action(),
            'Provisioning is off: "A move". Nothing of this plan is applied until it is on again.',
        ),
        (
            Provisioning(enabled=False, switched=True),
            compared(),
            "This change set switches provisioning off. Nothing of this plan is applied until it is on again.",
        ),
        (
            Provisioning(switched=True),
            compared(),
            "This change set switches provisioning on. 3 pending changes become applicable.",
        ),
        (
            Provisioning(switched=True),
            only(MINE),
            "This change set switches provisioning on. No changes were pending.",
        ),
    ],
)
def test_a_plan_says_what_the_switch_of_provisioning_means(provisioning: Provisioning, plan: Plan, text: str) -> None:
    plan = replace(plan, provisioning=provisioning)
    assert str(view_of(plan).provisioning) == text
    assert plan.applyable is provisioning.enabled


# --- summary and removals -------------------------------------------------------------------------


def test_the_summary_has_a_line_for_each_section_and_ends_with_the_plan() -> None:
    assert [str(line) for line in view_of(compared()).summary] == [
        "This change set: 1 to create, 1 to update, 1 to deactivate, 0 to delete.",
        "Already pending: 1 to create, 1 to update, 1 to deactivate, 0 to delete.",
        "Plan: 2 to create, 2 to update, 2 to deactivate, 0 to delete.",
    ]
    assert [line.label for line in view_of(every_action()).summary] == ["Plan"]


def test_the_removals_of_each_section_are_counted() -> None:
    assert view_of(compared()).removals == "2 users will be DEACTIVATED: 1 by this change set, 1 already pending."
    assert view_of(only(PENDING)).removals == "1 user will be DEACTIVATED: 0 by this change set, 1 already pending."
    assert view_of(every_action()).removals == "1 user will be DELETED, 1 user will be DEACTIVATED."
    assert view_of(plan_with(change("ada"))).removals == ""


def test_actions_are_counted_in_display_order() -> None:
    view = view_of(every_action())
    assert list(view.counts) == [
        Action.DELETE,
        Action.DEACTIVATE,
        Action.CREATE,
        Action.ADOPT,
        Action.REACTIVATE,
        Action.UPDATE,
    ]
    assert sum(view.counts.values()) == len(every_action().changes)
    assert view_of(plan_with(change("ada"))).counts == {Action.UPDATE: 1}


# --- sections -------------------------------------------------------------------------------------


def test_a_compared_plan_is_split_and_another_is_not() -> None:
    assert [section.attribution for section in view_of(compared()).filled_sections] == [MINE, PENDING]
    assert [section.attribution for section in view_of(every_action()).filled_sections] == [None]
    assert [section.attribution for section in view_of(only(MINE)).filled_sections] == [MINE]


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (compared(), ""),
        (only(MINE), "Nothing was already pending: all changes are those of this change set."),
        (only(PENDING), "This change set adds no change: all of them were already pending."),
        (replace(compared(), changes=()), ""),
        (replace(only(MINE), base=OFFLINE), ""),
        (every_action(), ""),
    ],
)
def test_an_empty_section_is_a_sentence(plan: Plan, sentence: str) -> None:
    assert view_of(plan).empty_section == sentence


def test_removals_of_all_sections_get_space_first() -> None:
    groups = view_of(compared()).groups_by_priority
    assert [(group.attribution, group.action) for group in groups][:3] == [
        (MINE, Action.DEACTIVATE),
        (PENDING, Action.DEACTIVATE),
        (MINE, Action.CREATE),
    ]
    assert sum(len(group.changes) for group in groups) == len(compared().changes)


def test_the_comparison_says_what_it_is_for() -> None:
    assert view_of(every_action()).comparison is None
    live_one, offline = (view_of(replace(compared(), base=base)).comparison for base in (BASE, OFFLINE))
    assert live_one is not None
    assert (live_one.purpose, live_one.remarks) == (
        " to attribute each change",
        ("Applying the plan makes all of them.",),
    )
    assert offline is not None
    assert offline.purpose == ", not with the live service"
    assert offline.remarks[-1] == "This cannot be applied."


def test_additional_sections_are_those_that_have_users() -> None:
    assert [(each.id, each.count) for each in view_of(compared()).additional] == [
        ("no-longer-pending", 1),
        ("nothing-today", 2),
    ]
    assert view_of(every_action()).additional == ()
    edit = LaterEdit("ada", "lifecycle.starts")
    (section,) = view_of(replace(every_action(), changes_nothing_today=(edit,))).additional
    assert (section.heading, section.edits, section.changes) == ("Changes nothing today", (edit,), ())


# --- guards ---------------------------------------------------------------------------------------

FAILED = Guard("removals", passed=False, message="too many")
GUARDS = (
    replace(FAILED, passed=True, message="fine"),
    replace(FAILED, approved=True, message="intended"),
    FAILED,
)


def test_guards_that_block_come_first() -> None:
    assert view_of(replace(every_action(), guards=GUARDS)).guards == (
        GuardView("blocked", "blocked", "too many"),
        GuardView("approved", "approved", "intended"),
        GuardView("passed", "passed", "fine"),
    )


def test_guards_of_an_offline_plan_would_block() -> None:
    final = replace(FAILED, approvable=False, message="protected")
    view = view_of(replace(compared(), base=OFFLINE, guards=(FAILED, final)))
    assert [guard.label for guard in view.guards] == ["would be blocked until approved", "would be blocked"]
    assert (view.blocked, view.way_out) == ("This plan would be blocked.", ())


def test_a_blocked_plan_says_that_nothing_is_written() -> None:
    view = view_of(plan_of([desired("a")], [live("a"), live("gone1"), live("gone2")]))
    assert view.blocked == "This plan is blocked: nothing will be written."
    assert view.way_out


def test_a_plan_that_is_not_blocked_has_no_way_out() -> None:
    assert (view_of(every_action()).blocked, view_of(every_action()).way_out) == ("", ())


# --- messages, notes and facts --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "title"),
    [
        ([], ""),
        ([error("a")], "1 error"),
        ([warning("a")] * 1_200, "1,200 warnings"),
        ([error("a"), warning("b"), error("c")], "2 errors, 1 warning"),
    ],
)
def test_diagnostics_are_counted_by_severity(messages: list[object], title: str) -> None:
    view = view_of(replace(every_action(), diagnostics=tuple(messages)))  # type: ignore[arg-type]
    assert (view.diagnostics_title, list(view.diagnostics)) == (title, messages)


def test_users_that_the_plan_leaves_alone_are_counted() -> None:
    plan = every_action()
    tally = replace(plan.tally, unmanaged=2, kept=1, failed=1)
    assert view_of(replace(plan, tally=tally)).untouched == (
        "2 live accounts are not managed: never touched.",
        "1 live account stays although not desired (lifecycle: keep).",
        "1 user has errors: left untouched, see above.",
    )
    offline = view_of(replace(plan, tally=tally, base=OFFLINE)).untouched
    assert offline[0] == "2 accounts of the base are not managed: never touched."
    nothing = replace(tally, unmanaged=0, kept=0, failed=0)
    assert view_of(replace(plan, tally=nothing)).untouched == ()


@pytest.mark.parametrize(("before", "suffix"), [(None, ""), (2, ""), (1, " (1 when the last apply was planned)")])
def test_accounts_that_appeared_since_the_last_apply_show(before: int | None, suffix: str) -> None:
    plan = every_action()
    plan = replace(plan, tally=replace(plan.tally, unmanaged=2), drift=Drift(unmanaged=before))
    assert view_of(plan).untouched[0] == f"2 live accounts are not managed: never touched{suffix}."


def test_what_changes_apart_from_users_is_raw() -> None:
    assert view_of(replace(every_action(), notes=("a\x1b: <b>",))).other_changes == ("a\x1b: <b>",)


def test_the_facts_name_the_plan_and_unknown_ones_are_left_out() -> None:
    plan = every_action()
    assert dict(view_of(plan).facts.labelled()) == {
        "Plan": plan.plan_id,
        "Target": plan.target.base_url,
        "Made": f"{plan.created_at:%Y-%m-%d %H:%M} UTC",
        "Expires": f"{plan.expires_at:%Y-%m-%d %H:%M} UTC",
    }
    known = build_plan_view(replace(plan, commit="c0ffee"), APPLE, whole_plan_at="artifact 7")
    assert list(dict(known.facts.labelled())) == ["Plan", "Target", "Commit", "Made", "Expires", "The whole plan"]
    assert (known.facts.commit, known.facts.whole_plan_at) == ("c0ffee", "artifact 7")


@pytest.mark.parametrize(
    ("count", "names", "sentence"),
    [
        (0, (), ""),
        (1, ("a",), '1 user in users/ is not assigned in scope.yaml, so without an account: "a".'),
        (
            5,
            ("a", "b"),
            '5 users in users/ are not assigned in scope.yaml, so without an account: "a", "b" and 3 more.',
        ),
        (5, (), "5 users in users/ are not assigned in scope.yaml, so without an account."),
    ],
)
def test_users_that_no_assignment_covers_are_one_sentence(count: int, names: tuple[str, ...], sentence: str) -> None:
    plan = plan_of([], [])
    found = replace(plan, tally=replace(plan.tally, unassigned=count), unassigned=names)
    assert build_plan_view(found, APPLE).unassigned == sentence
