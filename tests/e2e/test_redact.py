"""--redact: no name and no value of any user in any output, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace
from support.servers.fake_scim import Logged, ServerFaults
from support.servers.users import make_user
from support.workspace import ENTERPRISE, CommandResult, source

SECRETS = ("qax", "wsx", "ujm", "rfv", "tgb", "yhn")
"""Beginnings of all that is said about people here; no word of ours has them."""


def person(number: int) -> dict[str, Any]:
    return make_user(
        number,
        id=f"id-{number}",
        userName=f'qax"{number}@wsx.example',
        externalId=f"ujm-{number}",
        givenName=f"rfv {number}",
        familyName=f"tgb' \\{number}",
        department=f"yhn\n{number}",
        division=None,
        costCenter=None,
        employeeNumber=None,
    )


def wanted(number: int, **overrides: Any) -> dict[str, Any]:
    return source(person(number), **{"department": "yhn plain", **overrides})


def assert_redacted(*answers: CommandResult) -> None:
    for answer in answers:
        text = (answer.out + answer.err).casefold()
        assert [secret for secret in SECRETS if secret in text] == [], text
        assert "Traceback" not in answer.err


def redacted(work: CommandWorkspace, command: str, *arguments: str) -> CommandResult:
    answer = work.run(command, *arguments, "--redact")
    assert_redacted(answer)
    return answer


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """Every kind of change."""
    live = [person(number) for number in range(8)]
    live[1]["active"] = False
    del live[2]["externalId"]
    opened = open_command_workspace(live)
    people = [wanted(number) for number in (0, 1, 2, 3, 4, 5, 9)]
    people[3]["accountEnabled"] = False
    people[4]["userPrincipalName"], people[5]["userPrincipalName"] = (
        people[5]["userPrincipalName"],
        people[4]["userPrincipalName"],
    )
    opened.users(people)
    return opened


def test_a_plan_an_apply_and_what_is_shown_of_them(work: CommandWorkspace) -> None:
    planned = redacted(work, "plan")
    assert planned.code == 0
    assert 'user["id:id-0"] will be updated in-place' in planned.out
    assert "~ enterprise:department = (hidden) -> (hidden)" in planned.out
    assert planned.out.splitlines()[-1] == work.run("plan").out.splitlines()[-1]
    redacted(work, "plan", "--summary")
    file = str(work.saved())
    redacted(work, "show", file)
    applied = redacted(work, "apply", file)
    assert applied.code == 0
    redacted(work, "show", str(work.receipts()[0]))


def test_an_apply_that_fails_in_many_ways(work: CommandWorkspace) -> None:
    def move(entry: Logged) -> None:
        if entry.nth_list:
            work.service.users["id-1"]["name"]["givenName"] = "rfv by hand"

    work.service.faults = ServerFaults(refuse_user=person(0)["userName"])
    work.service.after = move
    applied = redacted(work, "apply", "--auto-approve")
    assert applied.code == 5
    assert "not done:" in applied.out
    assert applied.out.count(": (hidden)") == 2


def test_a_stale_plan(work: CommandWorkspace) -> None:
    file = str(work.saved())
    work.service.users["id-0"][ENTERPRISE]["department"] = "yhn by hand"
    work.users([wanted(0), wanted(11)])
    assert redacted(work, "apply", file).code == 4


def test_blocked_plans(work: CommandWorkspace) -> None:
    work.settings(guards={"protected": [person(6)["userName"]]})
    blocked = redacted(work, "apply", "--auto-approve")
    assert (blocked.code, "1 protected user would be removed: (hidden)" in blocked.out) == (3, True)
    work.service.faults = ServerFaults(empty_lie=True)
    assert redacted(work, "plan").code == 3
    work.service.faults = ServerFaults(user_without_id=person(6)["userName"])
    assert redacted(work, "plan").code == 3


def test_errors_in_files(work: CommandWorkspace) -> None:
    work.users(
        [
            wanted(0, givenName="rfv\a", accountEnabled="qax"),
            wanted(1, lifecycle={"expires": "yhn"}),
            wanted(2),
            wanted(2),
            wanted(3, jobTitle={"tgb": "rfv"}),
        ]
    )
    work.write("scope.yaml", 'sync: assigned\nassigned: {users: ["qax.somebody@wsx.example"], groups: []}\n')
    work.write("groups/some.yaml", '- name: some\n  members: {users: ["qax.else@wsx.example", "ujm-77"]}\n')
    work.write("users/broken.yaml", "- userPrincipalName: qax@wsx.example\n  rfv: [\n")
    for command in ("validate", "plan"):
        answer = redacted(work, command)
        assert answer.code == 1
        assert "on users/people.yaml:1:" in answer.err, "the place is shown, not the line"


def test_errors_of_users_in_a_plan(work: CommandWorkspace) -> None:
    people = [
        wanted(0, givenName="rfv\a"),
        wanted(1, userPrincipalName="qax.other@wsx.example", objectId="ujm-2"),
        wanted(2, objectId="ujm-foreign"),
        wanted(3, employeeId=["yhn", "yhn2"]),
    ]
    work.users(people)
    work.write("mappings.yaml", MAPPINGS)
    planned = redacted(work, "plan")
    assert planned.code == 5
    assert redacted(work, "validate").code == 1


MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: title, source: employeeId}
- {target: active, source: displayName, default: "True"}
"""


def test_json_is_refused_rather_than_shown(work: CommandWorkspace) -> None:
    file = str(work.saved())
    for line in (["plan", "--format", "json"], ["show", file, "--format", "json"]):
        answer = redacted(work, *line)
        assert (answer.code, answer.out) == (64, "")
