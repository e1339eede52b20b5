"""Saved plans: read and render a file that `plan -o` wrote."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.plan import Plan
from reconciler.core.profile import TargetProfile
from reconciler.errors import PlanFileError, StalePlanError
from reconciler.github.environment import read_workflow
from reconciler.profiles import PROFILES
from reconciler.record.files import read_file
from reconciler.record.plan_file import from_json
from reconciler.render.formats import OutputOptions, render_plan
from reconciler.render.style import Style


def read_saved_plan(file: Path) -> Plan:
    """Read a saved plan. Raises `PlanFileError` if the file is none."""
    return from_json(read_file(file))


def read_live_plan(file: Path, reviewed: str | None = None) -> Plan:
    """Read a saved plan that can be applied. `reviewed`: the ID that it must have.

    Raises `PlanFileError` if it compares two commits, or is none; `StalePlanError` if it has another ID.
    """
    plan = read_saved_plan(file)
    if plan.offline:
        raise PlanFileError(
            f"the plan was made offline: it compares with {plan.base}, not with the live service",
            "Make one that can be applied: `reconciler plan -o FILE`, without --offline.",
        )
    if reviewed is not None and plan.plan_id != reviewed:
        raise StalePlanError(
            f"the saved plan is {plan.plan_id}, and {reviewed} was reviewed", "Apply the one that was reviewed."
        )
    return plan


def find_profile(plan: Plan) -> TargetProfile:
    """Return the profile of a saved plan. Raises `PlanFileError` if this version has no such profile."""
    profile = PROFILES.get(plan.target.profile)
    if profile is None:
        raise PlanFileError(f"the plan is for the profile {plan.target.profile}, which does not exist", "Plan again.")
    return profile


def render_for_github(file: Path, limit: str, *, redact: bool) -> str:
    """Render a saved plan as Markdown for a comment or a summary (`limit`); a sentence if there is no file."""
    if not file.exists():
        return "**No plan could be made.** The log of the run says why."
    plan = read_saved_plan(file)
    output = OutputOptions("markdown", limit=limit, whole_plan_at=read_workflow().run_url or None)
    return render_plan(plan, find_profile(plan), output, Style(redact=redact))
