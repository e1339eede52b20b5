from __future__ import annotations

from dataclasses import replace

import pytest
from support.fleet_documents import format_document
from support.fleet_reports import full_fleet, large_fleet, removed_users

from reconciler.fleet.report import FleetReport, ReportedGuard, ReportedTenant, TenantState, parse_report
from reconciler.render.fleet_view import Problem, build_fleet_view, find_most_removals
from reconciler.render.fleet_words import HIDDEN_VALUES


def fleet(*tenants: ReportedTenant, verb: str = "plan") -> FleetReport:
    return replace(full_fleet(verb), tenants=tenants, guards=())


def changed(name: str, **counts: int) -> ReportedTenant:
    return ReportedTenant(name, TenantState.CHANGED, counts)


def test_tenants_are_in_the_order_of_removals_failures_changes() -> None:
    view = build_fleet_view(
        fleet(
            changed("few", create=1),
            ReportedTenant("quiet", TenantState.SAME),
            changed("many", update=9),
            ReportedTenant("fails", TenantState.FAILED),
            changed("removes", delete=1),
            changed("refused", create=1, failed=1),
            changed("removes-most", deactivate=1, delete=1),
            ReportedTenant("blocked", TenantState.BLOCKED),
        )
    )
    names = [row.name for row in view.rows]
    assert names == ["removes-most", "removes", "fails", "blocked", "refused", "many", "few", "quiet"]
    assert [row.name for row in view.rows if row.is_quiet] == ["quiet"]


def test_the_tenants_that_remove_most_are_found() -> None:
    report = fleet(changed("one", delete=1), changed("none", create=5), changed("two", delete=1, deactivate=1))
    assert find_most_removals(report, 5) == ("two", "one")
    assert find_most_removals(report, 1) == ("two",)


def test_tenants_that_fail_for_one_reason_are_one_problem() -> None:
    assert build_fleet_view(full_fleet()).problems[1] == Problem(
        TenantState.FAILED, "failed", "the service does not answer", ("delta", "echo")
    )


@pytest.mark.parametrize(
    ("verb", "removals"),
    [
        ("plan", "1 user will be REMOVED in 1 tenant."),
        ("apply", "1 user was removed in 1 tenant."),
        ("drift", "1 user would be REMOVED by an apply in 1 tenant."),
    ],
)
def test_removals_are_said_in_the_words_of_the_verb(verb: str, removals: str) -> None:
    assert build_fleet_view(fleet(changed("one", delete=1), verb=verb)).removals == removals


def test_removals_that_are_blocked_are_told_apart() -> None:
    blocked = ReportedTenant("guarded", TenantState.BLOCKED, {"delete": 1})
    found = build_fleet_view(fleet(blocked)).removals
    assert found == "1 user will be REMOVED in 1 tenant, if the guards that block it let it pass."
    found = build_fleet_view(fleet(blocked, changed("one", delete=1))).removals
    assert found == "2 users will be REMOVED in 2 tenants, 1 of them in blocked tenants."


def test_removals_of_a_tenant_that_is_held_are_told_apart() -> None:
    held = ReportedTenant("off", TenantState.HELD, {"delete": 1})
    view = build_fleet_view(fleet(held))
    assert view.removals == "1 user will be REMOVED in 1 tenant as soon as provisioning is switched on."
    assert (view.trouble, [row.label for row in view.rows]) == ("", ["held"])
    (problem,) = view.problems
    assert problem.reason == view.rows[0].problem == "provisioning is switched off, an apply sends nothing"
    assert [step.lines for step in view.steps] == [("reconciler fleet explain off settings.provisioning",)]
    found = build_fleet_view(fleet(held, changed("one", delete=1))).removals
    assert found == "2 users will be REMOVED in 2 tenants, 1 of them in held tenants."


def test_without_removals_and_failures_nothing_alarms() -> None:
    view = build_fleet_view(fleet(changed("one", create=1)))
    assert (view.removals, view.trouble, view.problems, view.steps) == ("", "", (), ())
    assert [figure.label for figure in view.figures if figure.tone] == []


def test_a_fleet_without_tenants_says_so() -> None:
    assert build_fleet_view(fleet()).summary == "No tenants are selected."


def test_one_that_needs_attention() -> None:
    view = build_fleet_view(fleet(changed("one"), ReportedTenant("two", TenantState.MISSING)))
    assert view.trouble == "1 of 2 tenants needs attention: 1 without a result."


def test_only_the_guards_that_an_approval_lifts_are_offered() -> None:
    guards = tuple(ReportedGuard(name, "found", "way") for name in ("failed", "new_tenants", "removals"))
    report = replace(fleet(changed("one")), guards=guards)
    (step,) = build_fleet_view(report).steps
    assert step.lines[2] == "    lifts: [new_tenants, removals]"
    assert build_fleet_view(replace(report, verb="apply")).steps == ()
    assert build_fleet_view(replace(report, guards=guards[:1])).steps == ()


def test_the_totals_are_those_of_all_tenants() -> None:
    report = large_fleet(1_000)
    view = build_fleet_view(report, removed_users())
    assert sum(row.created for row in view.rows) == report.count("create")
    figures = {figure.label: figure.count for figure in view.figures}
    states = ("without a result", "failed", "blocked", "with changes", "without changes")
    assert sum(figures[state] for state in states) == figures["tenants"] == 1_000


def test_a_fleet_plan_without_plans_offers_nothing_to_approve() -> None:
    guards = [{"guard": "new_tenants", "found": "6 new tenants", "way_on": "Approve."}]
    for results, offered in (({"acme": {}}, True), ({}, False)):
        report = parse_report(format_document(results, {"beta": "401"}, guards=guards))
        view = build_fleet_view(report)
        shown = str((view.steps, view.facts, view.notes))
        assert (report.plan_id in shown) == offered
        assert ("There is nothing to approve" in shown) != offered


@pytest.mark.parametrize(
    ("verb", "summary"),
    [
        ("plan", "Plan for 6 of 9 tenants: 1 to create,"),
        ("drift", "Compared 6 of 9 tenants: 1 to create,"),
        ("apply", "Applied to 4 of 9 tenants: 1 created,"),
    ],
)
def test_only_the_tenants_that_were_reached_are_counted(verb: str, summary: str) -> None:
    states = [*TenantState, TenantState.FAILED]  # a failed one that had begun
    tenants = [ReportedTenant(f"t{at}", state) for at, state in enumerate(states)]
    tenants[-1] = replace(tenants[-1], counts={"create": 1})
    assert build_fleet_view(fleet(*tenants, verb=verb)).summary.startswith(summary)


def test_all_tenants_are_counted_without_a_share() -> None:
    assert build_fleet_view(fleet(changed("one"), verb="apply")).summary.startswith("Applied to 1 tenant:")


def test_what_is_hidden_in_a_problem_is_explained() -> None:
    for problem, expected in (("userName (hidden) is used twice", True), ("no token", False)):
        view = build_fleet_view(fleet(ReportedTenant("one", TenantState.FAILED, problem=problem)))
        assert any(note.head == HIDDEN_VALUES for note in view.notes) is expected


@pytest.mark.parametrize(
    ("verb", "base", "options"),
    [
        ("apply", "a" * 40, "apply --base BASE --plans PLANS"),
        ("apply", None, "apply --plans PLANS"),
        ("drift", "a" * 40, "drift --base BASE"),
        ("plan", None, "plan"),
    ],
)
def test_what_failed_is_run_again_with_the_options_of_the_run(verb: str, base: str | None, options: str) -> None:
    report = replace(fleet(ReportedTenant("a", TenantState.FAILED), verb=verb), base=base)
    (step,) = build_fleet_view(report).steps
    assert step.lines == (f"reconciler fleet retry --verb {options} DIR…",)
