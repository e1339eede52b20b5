"""Names of users, in YAML and at the service, control neither a terminal nor GitHub."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users
from support.servers.fake_scim import ServerFaults
from support.untrusted_users import (
    ENCODABLE,
    assert_all_harmless,
    untrusted_live_user,
    untrusted_source_user,
    write_users,
)
from support.workspace import ENTERPRISE


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """For each text: a live user that is not desired, a desired user that is not live, a user that changes."""
    live, people = sample_users(2)
    for number, text in enumerate(ENCODABLE.values()):
        live += [untrusted_live_user(100 + number, text), untrusted_live_user(200 + number, text)]
        people += [untrusted_source_user(200 + number, text), untrusted_source_user(300 + number, text)]
    opened = open_command_workspace(live)
    write_users(opened, people)
    return opened


def test_untrusted_names_in_a_plan_an_apply_a_receipt_and_validate(work: CommandWorkspace) -> None:
    file = str(work.root / "plan.json")
    validated, planned = work.run("validate"), work.command("plan", "-o", file)
    applied = work.run("apply", file)
    assert_all_harmless(validated, planned, applied)
    assert len(work.service.writes) > 20
    receipt = str(work.receipts()[0])
    shown = [work.run("show", file) for file in (file, receipt)]
    summed = [work.run("plan", "--summary"), work.run("plan", "--redact")]
    assert_all_harmless(*shown, *summed)
    # No user gains a line: one heading for each change.
    assert planned.out.count("\n  # user[") == len(work.service.writes)
    # One line, one event.
    assert len(shown[1].out.splitlines()) == len(Path(receipt).read_bytes().splitlines())


def test_untrusted_users_that_the_service_refuses_or_an_administrator_edits(work: CommandWorkspace) -> None:
    file = str(work.saved())
    for user in work.service.users.values():
        user[ENTERPRISE]["department"] = "::error::\x1b[31m##[error]\nstale"
    for number, text in enumerate(ENCODABLE.values()):
        work.service.add(untrusted_live_user(300 + number, text))
    stale = work.run("apply", file)
    assert stale.code == 4
    work.service.faults = ServerFaults(forbid_after=1)
    forbidden = work.apply()
    assert forbidden.code == 1
    assert_all_harmless(stale, forbidden)


def test_untrusted_user_names_that_are_taken(open_command_workspace: OpenCommandWorkspace) -> None:
    """The service repeats the name in its refusal."""
    texts = dict(enumerate(ENCODABLE.values()))
    live = [{**untrusted_live_user(number, text), "externalId": "other"} for number, text in texts.items()]
    work = open_command_workspace()
    write_users(work, [untrusted_source_user(number, text) for number, text in texts.items()])
    file = str(work.saved())
    for user in live:
        work.service.add(user)
    work.service.faults = ServerFaults(empty_lie=True, filter_unsupported=400)
    refused = work.run("apply", file)
    assert refused.code == 5, refused.err
    assert "userName is taken" in refused.out
    assert_all_harmless(refused, work.run("plan"))


@pytest.mark.parametrize("name", ENCODABLE)
def test_untrusted_text_in_every_file(name: str, open_command_workspace: OpenCommandWorkspace) -> None:
    """In keys, values, names of files and of groups: errors repeat what is wrong, and the line itself."""
    text = ENCODABLE[name]
    work = open_command_workspace()
    plain = text.replace("\0", "").replace("/", "_")[:100]
    work.write("users/raw.yaml", f"- userPrincipalName: {text}\n  {text}: {text}\n")
    work.write("groups/raw.yaml", f"- name: {text!r}\n  members: {{users: [{text!r}]}}\n")
    work.settings(target={"profile": text, "base_url": text, text: text}, **{text: text}, ownership=text)
    work.write("mappings.yaml", f"- {{target: {text!r}, template: {text!r}}}\n")
    work.write("scope.yaml", f"sync: {text!r}\n{text!r}: x\n")
    write_users(work, [{"userPrincipalName": text, "lifecycle": {text: text}}])
    (work.state / "users" / f"{plain}.yaml").write_text("- 1\n")
    (work.state / f"{plain}.yaml").write_text("x")
    answer = work.run("validate")
    assert answer.code == 1
    assert_all_harmless(answer, work.run("plan", "--user", text))


def test_untrusted_text_on_the_command_line(open_command_workspace: OpenCommandWorkspace) -> None:
    work = open_command_workspace()
    for text in ("\n::error::pwned", "##[error]pwned", "\x1b[31mred"):
        file = str(work.root / f"{text}.json")
        for line in (["show", file], ["apply", file], ["plan", "--now", text], ["plan", "--format", text]):
            assert_all_harmless(work.run(*line))
