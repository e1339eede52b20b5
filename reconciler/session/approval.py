"""Approval: the guards' override by plan ID, the question before an apply, and the answer to a question."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler.core.plan import Plan
from reconciler.core.policy import Approval, find_guard_problem
from reconciler.core.text import quote
from reconciler.errors import StalePlanError, UsageError
from reconciler.session.terminal import Terminal


def check_approval(plan_id: str | None, plans: Sequence[Plan], terminal: Terminal) -> None:
    """Compare `--approve` with the plans it may name, the current one first.

    Raises `StalePlanError` if it names none of them: the approver had another plan in mind. If the plan is blocked
    anyway, a note is enough.
    """
    if plan_id is None or plan_id in [plan.plan_id for plan in plans]:
        return
    summary = f"--approve {quote(plan_id)} is not the ID of this plan, which is {plans[0].plan_id}"
    if not plans[0].blocked:
        raise StalePlanError(summary, "Review the current plan, then approve or apply it.")
    terminal.note(summary)


def check_lifts(plan_id: str | None, lifts: Sequence[str]) -> None:
    """Raise `UsageError` for a `--lift` without `--approve`, or one that names no guard that can be approved."""
    if lifts and plan_id is None:
        raise UsageError("--lift needs --approve", "Name the plan: --approve PLAN_ID --lift GUARD.")
    for name in lifts:
        problem = find_guard_problem(name)
        if problem is not None:
            raise UsageError(f"--lift: {problem}")


def build_given_approval(plan_id: str | None, lifts: Sequence[str]) -> list[Approval]:
    """Return the approval of the command line, if any: for this run, and like those of the settings for removals."""
    if plan_id is None:
        return []
    return [Approval(plan_id, lifts=frozenset(lifts)) if lifts else Approval(plan_id)]


def ask_for_approval(terminal: Terminal) -> bool:
    """Return whether the user types yes. Raises `UsageError` without a terminal to ask on."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "Apply a saved plan (`apply FILE`), or add --auto-approve.")
    terminal.result(
        "\nDo you want to perform these actions?\n"
        "  Reconciler will perform the actions described above.\n"
        "  Only 'yes' will be accepted to approve.\n"
    )
    return read_yes()


def read_yes() -> bool:
    """Return whether the user types yes; anything else, and the end of the input, is a no."""
    try:
        return input("  Enter a value: ").strip() == "yes"
    except EOFError:
        return False
