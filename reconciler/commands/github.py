"""`github …`: the steps of the workflows that talk to GitHub. Only GITHUB_TOKEN is used, never the service's token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.commands.show import profile_of
from reconciler.core.plan import Action, Plan
from reconciler.core.text import escape_control, quote, shorten
from reconciler.desired.loader import load
from reconciler.errors import ExitCode, StalePlanError, UsageError
from reconciler.github import comments, reviewed_plan, workflow_commands
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.environment import open_github, read_workflow
from reconciler.record.files import read_file, write_private
from reconciler.record.plan_file import from_json
from reconciler.render.formats import OutputOptions, render_plan
from reconciler.render.style import Style
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace

PLAN_WORKFLOW = "plan.yml"
APPLY_WORKFLOW = "apply.yml"
_COMMENT = "reconciler plan"
_ISSUE = "reconciler drift"
_ISSUE_TITLE = "The target is not as the default branch says"


def run_annotate(workspace: Workspace, folder: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Mistakes of the desired state as annotations; `folder` is where it lies in the repository."""
    for line in workflow_commands.annotate(load(workspace.state, workspace.now).diagnostics, folder, redact=redact):
        terminal.result(line)
    return ExitCode.OK


def run_summary(file: Path, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Appends a file to the summary of the step: a saved plan as Markdown, anything else as code."""
    target = read_workflow().summary
    if target is None:
        terminal.note("There is no step summary outside of GitHub Actions.")
        return ExitCode.OK
    used = target.stat().st_size if target.exists() else 0
    is_plan = file.suffix == ".json"
    text = _shown(file, "summary", redact=redact) if is_plan else read_file(file).decode(errors="replace")
    with target.open("a", encoding="utf-8") as out:
        out.write(workflow_commands.summary(text, used, markdown=is_plan))
    return ExitCode.OK


def run_outputs(file: Path, terminal: Terminal) -> ExitCode:
    """What other steps may want to know of a saved plan."""
    text = workflow_commands.outputs(_facts(_plan(file)))
    target = read_workflow().outputs
    if target is None:
        terminal.result(text)
        return ExitCode.OK
    with target.open("a", encoding="utf-8") as out:
        out.write(text)
    return ExitCode.OK


def _facts(plan: Plan) -> dict[str, str | int | bool]:
    counts = {action.value: plan.count(action) for action in Action}
    return {
        "plan-id": plan.plan_id,
        "changes": len(plan.changes),
        "blocked": plan.blocked,
        "applyable": plan.applyable,
        "failed": plan.tally.failed,
        **counts,
    }


def run_comment(file: Path, pull: int, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Shows a saved plan as the comment of a pull request. A comment that fails does not fail the plan."""
    body = workflow_commands.body(_shown(file, "comment", redact=redact), _COMMENT, read_workflow().run_url)

    def write(hub: GitHub) -> str:
        return comments.write_comment(hub, pull, _COMMENT, body, author)

    return _tried("comment", write, terminal)


def run_drift_issue(file: Path, author: str, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Opens or updates the issue about drift with a saved plan; closes it when the plan has nothing to do.

    Fails when GitHub refuses: nobody would hear of the drift.
    """
    plan = _plan(file)
    body = workflow_commands.body(_shown(file, "comment", redact=redact), _ISSUE, read_workflow().run_url)
    with open_github() as hub:
        if plan.changes or plan.blocked or plan.tally.failed:
            done = comments.write_issue(hub, _ISSUE, _ISSUE_TITLE, body, author)
        else:
            done = comments.close_issue(hub, _ISSUE, body, author)
    terminal.note(f"Issue about drift: {done}.")
    return ExitCode.OK


def run_heartbeat(workflow: str, terminal: Terminal) -> ExitCode:
    """Keeps GitHub from switching off a schedule after 60 days without a commit: enabling it starts them anew."""

    def enable(hub: GitHub) -> str:
        hub.send("PUT", f"/actions/workflows/{workflow}/enable")
        return "enabled"

    return _tried("heartbeat", enable, terminal)


def run_record(file: Path, head: str, terminal: Terminal) -> ExitCode:
    """Notes at a pull request's head commit which plan was made for it."""
    plan, here = _plan(file), read_workflow()
    if plan.commit != head:
        raise UsageError(f"the plan was made for commit {plan.commit}, not for {quote(head)}", "Plan that one.")
    with open_github() as hub:
        terminal.note(reviewed_plan.record(hub, head, plan, here.run, here.run_url))
    return ExitCode.OK


def run_reviewed(out: Path, terminal: Terminal) -> ExitCode:
    """Fetches the plan that was reviewed in the pull request of this run's commit."""
    here = read_workflow()
    with open_github() as hub:
        reviewed_plan.refuse_after_later_runs(hub, APPLY_WORKFLOW, here.branch, here.run_number)
        pull = reviewed_plan.as_approved(hub, reviewed_plan.merged_pull(hub, here.commit, here.branch))
        found = reviewed_plan.recorded(hub, pull)
        contents = list(reviewed_plan.plans_of(hub, pull, found, PLAN_WORKFLOW, here.branch))
    for content in contents:
        plan = from_json(content)
        if (plan.plan_id, plan.commit) == (found.plan_id, pull.head):
            write_private(out, content.decode())
            terminal.note(f"Reviewed in pull request {pull.number} at {pull.head[:12]}: {plan.plan_id}")
            return ExitCode.OK
    raise reviewed_plan.NotReviewedError(
        f"the plan reviewed in pull request {pull.number} ({found.plan_id}) is not kept any more, or another one is"
    )


def run_expect(file: Path, plan_id: str, terminal: Terminal) -> ExitCode:
    """Whether a saved plan is the one that somebody named; and whether no later run has applied."""
    here = read_workflow()
    with open_github() as hub:
        reviewed_plan.refuse_after_later_runs(hub, APPLY_WORKFLOW, here.branch, here.run_number)
    plan = _plan(file)
    if plan.plan_id != plan_id:
        said = quote(shorten(plan_id, 100))
        raise StalePlanError(f"the plan is {plan.plan_id}, not {said}", "Look at the plan as it is now first.")
    terminal.note(f"This is the plan: {plan.plan_id}")
    return ExitCode.OK


def _tried(what: str, write: Callable[[GitHub], str], terminal: Terminal) -> ExitCode:
    """Something that is good to have: its failure is a warning."""
    try:
        with open_github() as hub:
            terminal.note(f"GitHub {what}: {write(hub)}.")
    except GitHubError as fault:
        terminal.result(
            workflow_commands.command("warning", escape_control(f"{what}: {fault.summary}. {fault.detail}"))
        )
    return ExitCode.OK


def _plan(file: Path) -> Plan:
    return from_json(read_file(file))


def _shown(file: Path, limit: str, *, redact: bool) -> str:
    """A saved plan as Markdown for a place of GitHub's; a sentence when there is none."""
    if not file.exists():
        return "**No plan could be made.** The log of the run says why."
    plan = _plan(file)
    output = OutputOptions("markdown", limit=limit, whole_plan_at=read_workflow().run_url or None)
    return render_plan(plan, profile_of(plan), output, Style(redact=redact))
