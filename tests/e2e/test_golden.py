"""What people read, in full: a plan, an apply, a blocked plan, a receipt, and a directory full of mistakes.

After a wanted change: pytest tests/e2e/test_golden.py --snapshot-update, then read the difference.
"""

from __future__ import annotations

import pytest
from support.command import NOW, CommandWorkspace, OpenCommandWorkspace, run, sample_users, stable
from support.servers.fake_scim import ServerFaults
from support.servers.users import make_user
from support.workspace import CommandResult, source
from syrupy.assertion import SnapshotAssertion


def every_kind_of_change(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(10)
    _changed, _same, _left, disabled, inactive, adopted, swaps, with_her, long_gone, by_hand = people
    people[0].update(department="Research", jobTitle="Countess")
    del people[0]["costCenter"]
    disabled["accountEnabled"] = False
    live[4]["active"] = False
    inactive["surname"] = "Hopper-Murray"
    del live[5]["externalId"]
    adopted["department"] = "IT"
    swaps["userPrincipalName"], with_her["userPrincipalName"] = (
        with_her["userPrincipalName"],
        swaps["userPrincipalName"],
    )
    live[8].update(active=False, meta={"resourceType": "User", "lastModified": "2026-10-01T00:00:00Z"})
    del live[9]["externalId"]
    newcomer = source(make_user(10), lifecycle={"starts": "2026-12-01", "expires": "2027-06-30"})
    too_early = source(make_user(11), lifecycle={"starts": "2026-12-02"})
    mistaken = source(make_user(12), givenName="Zoë\a")
    work = open_command_workspace(live)
    work.settings(lifecycle={"delete_after_days": 30})
    gone = [people[2], long_gone, by_hand]
    work.users([*(user for user in people if user not in gone), newcomer, too_early, mistaken])
    return work


def shown(answer: CommandResult) -> str:
    return stable(f"exit code {answer.code}\n\n--- stdout\n{answer.out}\n--- stderr\n{answer.err}")


def in_order(text: str) -> str:
    """Requests run side by side: in which order they end is not ours to say."""
    lines = text.splitlines()
    events = {number: line for number, line in enumerate(lines) if line.startswith(("user[", "TIME "))}
    for number, line in zip(events, sorted(events.values()), strict=True):
        lines[number] = line
    return "\n".join(lines)


def test_a_plan_with_every_kind_of_change(
    open_command_workspace: OpenCommandWorkspace, snapshot: SnapshotAssertion
) -> None:
    work = every_kind_of_change(open_command_workspace)
    planned = work.command("plan", "--detailed-exitcode", *NOW)
    assert shown(planned) == snapshot
    assert work.run("plan", *NOW).out == planned.out, "the same inputs, the same bytes"
    assert work.run("plan", "--summary", *NOW).out == snapshot(name="one line for each user")
    changes = work.plan(*NOW).plan["resource_changes"]
    assert {change["action"] for change in changes} == {
        "create",
        "update",
        "adopt",
        "reactivate",
        "deactivate",
        "delete",
    }


def test_an_apply_and_its_receipt(open_command_workspace: OpenCommandWorkspace, snapshot: SnapshotAssertion) -> None:
    work = every_kind_of_change(open_command_workspace)
    work.service.faults = ServerFaults(refuse_user="linus.3@example.com")
    work.saved("plan.json", *NOW)
    applied = work.command("apply", "plan.json", *NOW)
    assert stable(applied.out) == snapshot(name="stdout")
    assert in_order(stable(applied.err)) == snapshot(name="stderr, sorted")
    (receipt,) = work.receipts()
    assert in_order(stable(work.run("show", str(receipt)).out)) == snapshot(name="the receipt, sorted")
    assert receipt.stat().st_mode & 0o777 == 0o600


def test_a_blocked_plan(open_command_workspace: OpenCommandWorkspace, snapshot: SnapshotAssertion) -> None:
    live, people = sample_users(4)
    work = open_command_workspace(live)
    work.settings(guards={"protected": ["zoe.2@example.com"]})
    work.users(people[:2])
    assert shown(work.command("plan", "--detailed-exitcode", *NOW)) == snapshot
    work.settings(guards={})
    assert shown(work.run("plan", *NOW)) == snapshot(name="one that can be approved")


MISTAKES: dict[str, str] = {
    "settings.yaml": """\
target:
  profile: apple-busines-manager
  base_url: https://federation.apple.com/feeds/business/scim
  domain: [example.com]
guards:
  removals: {count: ten, percent: 200}
approvals:
  - {plan: "sha256:1234", until: 20261201}
owner: nobody
""",
    "scope.yaml": """\
sync: assigned
assigned:
  users: [ada.lovelace@example.com, ada.lovelac@example.com]
  groups: [aple-users]
sync: all
""",
    "groups/apple.yaml": """\
- name: apple-users
  members: {groups: [engineering]}
- name: engineering
  members: {groups: [apple-users], user: []}
""",
    "users/berlin.yaml": """\
- userPrincipalName: ada.lovelace@example.com
  objectId: 1
  lifecycle: {starts: 2026-12-01, expires: 2026-11-01, protected: perhaps}
- userPrincipalName: Ada.Lovelace@example.com
  objectId: 1
- givenName: Nobody
- userPrincipalName: grace.hopper@example.com
  givenName: Grace
  givenName: Amazing
  manager: {value: x}
- just a name
- &anchor
  userPrincipalName: !!python/object:os.system x
""",
    "users/paris.yaml": "- userPrincipalName: zoe@example.com\n\tgivenName: Zoë\n",
    "users/rome.yaml": "userPrincipalName: linus@example.com\n",
    "users/oslo.yaml": "- userPrincipalName: null\n  department: null\n",
    "user.yaml": "- userPrincipalName: jose@example.com\n",
    "people/lima.yaml": "- userPrincipalName: nguyen@example.com\n",
}
GOOD_SETTINGS = """\
target:
  profile: apple-business-manager
  base_url: https://federation.apple.com/feeds/business/scim
  domains: [example.com]
"""
MISTAKES_OF_PEOPLE: dict[str, str] = {
    "settings.yaml": GOOD_SETTINGS,
    "scope.yaml": "sync: all\n",
    "mappings.yaml": """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, template: "{{ givenName | trim }}"}
- {target: name.familyName, source: surname}
- {target: "enterprise:department", source: departmnet}
""",
    "users/people.yaml": """\
- {userPrincipalName: ada@example.com, objectId: 1, givenName: Ada, surname: Lovelace, department: IT}
- {userPrincipalName: grace@example.net, objectId: 2, givenName: Grace, surname: Hopper, department: IT}
- {userPrincipalName: zoe, objectId: 3, givenName: Zoë, surname: Müller, department: IT}
- {userPrincipalName: linus@example.com, givenName: Linus, surname: O'Neil, department: null}
- {userPrincipalName: jose@example.com, objectId: 5, givenName: "José\\a"}
""",
}
MISTAKES_OF_MAPPINGS: dict[str, str] = {
    "settings.yaml": f"{GOOD_SETTINGS}ownership: externalId is there\n",
    "mappings.yaml": """\
- {target: externalId, source: objectId}
- {target: name.givenNam, source: givenName}
- {target: title, source: jobTitle}
- {target: locale, source: preferredLanguage, constant: de_DE}
- {target: name.familyName, template: "{{ surname | tirm }"}
- {target: "enterprise:department", expression: 'Switch([a])'}
- {target: "enterprise:division", source: division, default: None, when_null: clear}
- {target: active, source: accountEnabled, default: perhaps}
- {target: externalId, source: employeeId}
""",
    "users/people.yaml": "[]\n",
}


@pytest.mark.parametrize(
    "files", [MISTAKES, MISTAKES_OF_MAPPINGS, MISTAKES_OF_PEOPLE], ids=["files", "mappings", "people"]
)
def test_all_errors_are_reported_at_once_with_their_positions(
    files: dict[str, str],
    open_command_workspace: OpenCommandWorkspace,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = open_command_workspace()
    for name, text in files.items():
        work.write(name, text)
    monkeypatch.chdir(work.root)
    assert shown(run(["reconciler", "validate", *NOW])) == snapshot
