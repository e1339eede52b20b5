from __future__ import annotations

from dataclasses import replace

from support import builders
from support.servers.github_api import BOT
from support.workflow_step import HEAD, Step

from reconciler.commands.github.comment import run_comment
from reconciler.core.plan_id import compute_plan_id
from reconciler.errors import ExitCode
from reconciler.record.plan_file import to_json


def comment(step: Step) -> ExitCode:
    return run_comment(step.file, 7, BOT, step.terminal, redact=False)


def test_the_plan_is_one_comment_that_is_updated(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    assert (comment(step), comment(step)) == (ExitCode.OK, ExitCode.OK)
    (written,) = step.api.comments[7]
    assert "ada@example.com" in written["body"]


def test_a_first_answer_says_so_and_makes_room_for_the_plan(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    assert run_comment(step.file, 7, BOT, step.terminal, redact=False, first=True) is ExitCode.OK
    (written,) = step.api.comments[7]
    assert written["body"].startswith(
        "<!-- reconciler plan -->\n**First answer**, from the accounts that this change can"
    )
    assert "ada@example.com" in written["body"]
    comment(step)
    (after,) = step.api.comments[7]
    assert after is written
    assert "First answer" not in after["body"]


def test_without_a_full_plan_no_first_answer_stays(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    run_comment(step.file, 7, BOT, step.terminal, redact=False, first=True)
    step.file.unlink()
    comment(step)
    assert "First answer" not in step.api.comments[7][0]["body"]


def test_without_a_plan_the_comment_says_so(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    step.file.unlink()
    comment(step)
    assert "No plan could be made." in step.api.comments[7][0]["body"]


def test_a_refusal_of_github_is_a_warning_only(step: Step) -> None:
    step.api.tokens.clear()
    assert comment(step) is ExitCode.OK
    assert step.terminal.out.startswith("::warning::comment: ")


def plan_for(tenant: str) -> str:
    target = replace(builders.TARGET, tenant=tenant)
    changes = [builders.change("ada")]
    return to_json(replace(builders.plan_with(*changes), target=target, plan_id=compute_plan_id(target, changes)))


def test_the_plans_of_two_tenants_are_two_comments(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    for tenant in ("acme", "globex", "acme"):
        step.file.write_text(plan_for(tenant))
        comment(step)
    bodies = [written["body"] for written in step.api.comments[7]]
    assert [body.split("\n")[0] for body in bodies] == [
        f"<!-- reconciler plan {name} -->" for name in ("acme", "globex")
    ]
    assert "(tenant acme)" in bodies[0]


def test_without_a_plan_the_comment_of_the_tenant_says_so(step: Step) -> None:
    step.api.pull(7, HEAD, None)
    step.file.write_text(plan_for("acme"))
    comment(step)
    step.file.unlink()
    comment(step)
    (written,) = step.api.comments[7]
    assert written["body"].startswith("<!-- reconciler plan acme -->\n**No plan could be made.**")
