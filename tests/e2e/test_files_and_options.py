"""Saved plans, receipts, schemas, and the options that select users and dates."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from support.command import NOW, CommandWorkspace, OpenCommandWorkspace, run, sample_users, stable
from support.servers.users import make_user
from support.workspace import source

KINDS = ["settings", "scope", "mappings", "users", "groups", "plan", "receipt"]


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """One moves, one leaves, one is new, one stays."""
    live, people = sample_users(3)
    people[0]["department"] = "Moved"
    opened = open_command_workspace(live)
    opened.users([people[0], people[1], source(make_user(10))])
    return opened


def test_a_saved_plan_is_private_whole_and_the_same_each_time(work: CommandWorkspace) -> None:
    file = work.root / "new" / "folder" / "plan.json"
    file.parent.mkdir(parents=True)
    before = os.umask(0)
    try:
        saved = work.command("plan", "-o", str(file), *NOW)
    finally:
        os.umask(before)
    assert saved.code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert saved.err == (
        f"Saved the plan to: {file} (it expires on 2026-12-08)\n\n"
        "To perform exactly these actions, run the following command to apply:\n"
        f"    reconciler apply {file}\n"
    )
    first = file.read_bytes()
    assert work.saved("second.json", *NOW).read_bytes() == first
    assert work.run("plan", "--format", "json", *NOW).out.encode() == first
    assert [path.name for path in file.parent.iterdir()] == ["plan.json"], "nothing is left beside it"


def test_show_renders_a_saved_plan_as_plan_did(work: CommandWorkspace) -> None:
    planned = work.run("plan", "-o", str(work.root / "plan.json"), *NOW)
    file = str(work.root / "plan.json")
    shown = work.command("show", "plan.json", env={"RECONCILER_TOKEN": "", "RECONCILER_ALLOWED_HOSTS": ""})
    assert (shown.code, shown.out, shown.err) == (0, planned.out, "")
    assert work.run("show", file, "--summary").out == work.run("plan", "--summary", *NOW).out
    assert work.run("show", file, "--format", "json").out == Path(file).read_text()


def test_show_renders_a_receipt(work: CommandWorkspace) -> None:
    assert work.apply().code == 0
    file = str(work.receipts()[0])
    shown = work.run("show", file)
    lines = shown.out.splitlines()
    assert (shown.code, len(lines)) == (0, 8)
    assert stable(lines[0]) == "TIME apply of sha256:ID to http://127.0.0.1:PORT/scim"
    assert stable(lines[-1]) == "TIME apply finished: 3 done"
    assert json.loads(work.run("show", file, "--format", "json").out) == work.receipt()
    assert work.run("show", str(work.receipts()[0].parent / "plan.json")).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_has_a_schema(kind: str) -> None:
    answer = run(["reconciler", "schema", kind])
    assert (answer.code, answer.err) == (0, "")
    schema = json.loads(answer.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["type"] in ("object", "array")


def test_a_schema_is_all_that_the_process_writes(open_command_workspace: OpenCommandWorkspace) -> None:
    answer = open_command_workspace().command("schema", "plan")
    assert (answer.code, answer.err) == (0, "")
    assert "resource_changes" in json.loads(answer.out)["properties"]


# --- whom and when -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["ada.0@example.com"], {"ada.0@example.com"}),
        (["ADA.0@Example.com"], {"ada.0@example.com"}),
        ([make_user(10)["externalId"], "id-2"], {"ada.10@example.com", "zoe.2@example.com"}),
        (["grace.1@example.com"], set()),
    ],
    ids=["by name", "in other letters", "by externalId and by id", "somebody who needs nothing"],
)
def test_only_the_named_users_are_planned(keys: list[str], chosen: set[str], work: CommandWorkspace) -> None:
    options = [option for key in keys for option in ("--user", key)]
    assert set(work.plan(*options).actions) == chosen


def test_an_unknown_user_is_a_usage_error(work: CommandWorkspace) -> None:
    for command in ("plan", "apply"):
        answer = work.run(command, "--user", "ada.0@example.org")
        assert (answer.code, answer.out) == (64, "")
        assert '"ada.0@example.org"' in answer.err


def test_only_the_named_user_is_applied(work: CommandWorkspace) -> None:
    applied = work.apply("--user", "ada.0@example.com")
    assert applied.code == 0
    assert [write.user_name for write in work.service.writes] == ["ada.0@example.com"]


def test_the_clock_is_an_input(work: CommandWorkspace) -> None:
    people = [source(make_user(number), lifecycle={"starts": "2026-12-01"}) for number in range(3)]
    people[0]["lifecycle"] = {"expires": "2026-12-01"}
    work.users(people)
    before = work.plan("--now", "2026-11-30T23:59:59Z").actions
    assert before == {"grace.1@example.com": "deactivate", "zoe.2@example.com": "deactivate"}
    for moment in ("2026-12-01", "2026-12-01T00:00:00Z", "2026-12-01T01:00:00+01:00"):
        assert work.plan("--now", moment).actions == {"ada.0@example.com": "deactivate"}
    assert "expired" in work.run("plan", "--now", "2026-12-01").out


def test_no_plan_depends_on_the_order_of_files_or_of_live_users(work: CommandWorkspace) -> None:
    first = work.saved("first.json", *NOW).read_bytes()
    text = (work.state / "users" / "people.yaml").read_text().splitlines(keepends=True)
    work.write("users/people.yaml", "".join(reversed(text)))
    work.service.users = dict(reversed(work.service.users.items()))
    second = work.saved("second.json", *NOW).read_bytes()
    assert json.loads(first)["plan_id"] == json.loads(second)["plan_id"]
    keys = [[change["key"] for change in json.loads(each)["resource_changes"]] for each in (first, second)]
    assert keys[0] == keys[1]
