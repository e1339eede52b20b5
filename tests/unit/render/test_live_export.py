from __future__ import annotations

from support.builders import desired, live, mapping, plan_of
from support.plans import every_action
from syrupy.assertion import SnapshotAssertion

from reconciler.core.model import error
from reconciler.core.plan import Plan
from reconciler.render.live_export import is_settled, render_export
from reconciler.render.style import Style
from reconciler.sources.live.export_report import ExportReport, OmittedAccount
from reconciler.sources.live.inverse import LostValue

DEPARTMENT = mapping("enterprise:department", "department", rule_text='expression: Append([department], "IT")')
COMMAND = "reconciler plan --state live"
SETTLED = plan_of([desired("ada")], [live("ada")])


def render(report: ExportReport, plan: Plan = SETTLED, style: Style | None = None) -> str:
    return render_export(report, plan, "live", COMMAND, style or Style())


def report_of_everything() -> ExportReport:
    report = ExportReport(active=1_230, inactive=4, unmanaged=2, listed=True)
    for number in range(4):
        lost = [LostValue(DEPARTMENT, 'S"a\nX', None), LostValue(mapping("active"), True, False)]
        report.losses.add(f"user-{number}@example.com", lost, active=number != 3)
    report.losses.add("ada@example.com", [LostValue(DEPARTMENT, None, "x" * 200)])
    report.losses.add("bob@example.com", [LostValue(DEPARTMENT, "IT", None, 'no number in "IT"')])
    report.omitted += [OmittedAccount(f"twin-{n}", str(n), 'another account has the userName "twin"') for n in range(7)]
    return report


def test_an_export_that_needs_no_change() -> None:
    assert render(ExportReport(active=2, inactive=1)) == (
        "Exported 3 managed accounts to live: 2 active, 1 inactive (accountEnabled: false).\n\n"
        "The plan for it: No changes.\n"
    )


def test_everything_that_can_be_said(snapshot: SnapshotAssertion) -> None:
    assert render(report_of_everything(), every_action()) == snapshot


def test_redacted_it_has_neither_names_nor_values() -> None:
    text = render(report_of_everything(), every_action(), Style(redact=True))
    assert not [word for word in ("user-0", "nX", "xxx", "twin-1", "IT") if word in text]


def test_a_plan_is_settled_if_it_changes_nothing_and_has_no_error() -> None:
    assert is_settled(SETTLED)
    assert not is_settled(every_action())
    assert not is_settled(plan_of([desired("ada")], [live("ada")], diagnostics=[error("one user has an error")]))
    # No user in scope: the guard blocks a plan without changes, too.
    assert not is_settled(plan_of([], [live("ada", active=False)]))


def test_one_account_that_is_not_managed_is_in_the_singular() -> None:
    one = "1 other account is not managed: the ownership filter excludes it."
    assert f"{one} --unmanaged adds it." in render(ExportReport(unmanaged=1))
    listed = render(ExportReport(unmanaged=1, listed=True))
    assert f"{one} Its entry is a comment in users/unmanaged*.yaml." in listed
