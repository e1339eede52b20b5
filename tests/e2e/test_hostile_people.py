"""What strangers are called, in YAML and at the service, steers neither a terminal nor GitHub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import OpenWorkspace
from support.command import CommandWorkspace, assert_harmless, company
from support.servers.fake_scim import ServerFaults
from support.servers.patching import User
from support.servers.users import make_user
from support.untrusted_text import HOSTILE as ALL
from support.untrusted_text import INVISIBLE
from support.workspace import ENTERPRISE, CommandResult, source

HOSTILE = {name: text for name, text in ALL.items() if name != "lone surrogates"}
"""No YAML and no UTF-8 can hold those."""


def yaml(value: object) -> str:
    """The value in flow style: every character that is not plain ASCII escaped, as YAML takes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml(key)}: {yaml(inner)}" for key, inner in value.items()) + "}"
    escaped = (
        character if " " <= character <= "~" and character not in '"\\' else f"\\U{ord(character):08x}"
        for character in str(value)
    )
    return '"' + "".join(escaped) + '"'


def write_users(work: CommandWorkspace, people: list[dict[str, Any]]) -> None:
    work.write("users/people.yaml", "".join(f"- {yaml(user)}\n" for user in people))


def assert_all_harmless(*answers: CommandResult) -> None:
    for answer in answers:
        assert "Traceback" not in answer.err
        assert_harmless(answer.out + answer.err)
        assert [character for character in INVISIBLE if character in answer.out + answer.err] == []


def hostile_live(number: int, text: str) -> User:
    return make_user(
        number,
        id=f"id-{number}",
        userName=f"{text}{number}",
        externalId=f"{text}-{number}",
        givenName=text,
        familyName=text,
        department=text,
    )


def hostile_wanted(number: int, text: str) -> dict[str, Any]:
    """Somebody in YAML, with the same names and another department."""
    return source(hostile_live(number, text), department=f"{text}, moved")


@pytest.fixture
def work(workspace: OpenWorkspace) -> CommandWorkspace:
    """For each text: somebody live who is not desired, somebody desired who is not live, somebody who moves."""
    live, people = company(2)
    for number, text in enumerate(HOSTILE.values()):
        live += [hostile_live(100 + number, text), hostile_live(200 + number, text)]
        people += [hostile_wanted(200 + number, text), hostile_wanted(300 + number, text)]
    opened = workspace(live)
    write_users(opened, people)
    return opened


def test_hostile_people_in_a_plan_an_apply_a_receipt_and_validate(work: CommandWorkspace) -> None:
    file = str(work.root / "plan.json")
    validated, planned = work.run("validate"), work.command("plan", "-o", file)
    applied = work.run("apply", file)
    assert_all_harmless(validated, planned, applied)
    assert len(work.service.writes) > 20
    receipt = str(work.receipts()[0])
    shown = [work.run("show", file) for file in (file, receipt)]
    summed = [work.run("plan", "--summary"), work.run("plan", "--redact")]
    assert_all_harmless(*shown, *summed)
    # Nobody gains a line: one heading for each change.
    assert planned.out.count("\n  # user[") == len(work.service.writes)
    # One line, one event.
    assert len(shown[1].out.splitlines()) == len(Path(receipt).read_bytes().splitlines())


def test_hostile_people_whom_the_service_refuses_or_somebody_moves(work: CommandWorkspace) -> None:
    file = str(work.saved())
    for user in work.service.users.values():
        user[ENTERPRISE]["department"] = "::error::\x1b[31m##[error]\nstale"
    stale = work.run("apply", file)
    assert stale.code == 4
    work.service.faults = ServerFaults(forbid_after=1)
    forbidden = work.apply()
    assert forbidden.code == 1
    assert_all_harmless(stale, forbidden)


def test_hostile_user_names_that_are_taken(workspace: OpenWorkspace) -> None:
    """The service repeats the name in its refusal."""
    texts = dict(enumerate(HOSTILE.values()))
    live = [{**hostile_live(number, text), "externalId": "other"} for number, text in texts.items()]
    work = workspace()
    write_users(work, [hostile_wanted(number, text) for number, text in texts.items()])
    file = str(work.saved())
    for user in live:
        work.service.add(user)
    work.service.faults = ServerFaults(empty_lie=True, filter_unsupported=400)
    refused = work.run("apply", file)
    assert refused.code == 5, refused.err
    assert "userName is taken" in refused.out
    assert_all_harmless(refused, work.run("plan"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_in_every_file(name: str, workspace: OpenWorkspace) -> None:
    """In keys, values, names of files and of groups: mistakes repeat what is wrong, and the line itself."""
    text = HOSTILE[name]
    work = workspace()
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


def test_hostile_words_on_the_command_line(workspace: OpenWorkspace) -> None:
    work = workspace()
    for text in ("\n::error::pwned", "##[error]pwned", "\x1b[31mred"):
        file = str(work.root / f"{text}.json")
        for line in (["show", file], ["apply", file], ["plan", "--now", text], ["plan", "--format", text]):
            assert_all_harmless(work.run(*line))
