"""Limits count the last 24 hours, by the record: no series of small applies removes, changes or revives everybody."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.server_faults import ServerFaults
from support.workspace import OpenWorkspace, Workspace, source

SIZE = 100
LIMITED: dict[str, Any] = {"removals": {"count": 10, "percent": 10}}


def accounts(size: int = SIZE, **overrides: Any) -> list[dict[str, Any]]:
    return [make_user(number, **overrides) for number in range(size)]


PEOPLE = [source(user) for user in accounts()]
NAMES = [str(user["userPrincipalName"]) for user in PEOPLE]


@pytest.fixture
def service() -> FakeScimServer:
    return FakeScimServer(users=accounts())


@pytest.fixture
def workspace(service: FakeScimServer, open_workspace: OpenWorkspace) -> Workspace:
    opened = open_workspace(service)
    opened.settings(guards=LIMITED)
    opened.users(PEOPLE)
    return opened


def let_time_pass(workspace: Workspace, **period: float) -> None:
    """Make every receipt older by this period."""
    for receipt in workspace.plans.rglob("receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text().splitlines()]
        for line in lines:
            line["time"] = (datetime.fromisoformat(line["time"]) - timedelta(**period)).isoformat()
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def starts(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the line that begins each apply."""
    return [line for line in workspace.receipt() if line["event"] == "apply_started"]


def active(service: FakeScimServer) -> int:
    return sum(user["active"] is not False for user in service.users.values())


def test_twenty_applies_of_ten_percent_do_not_remove_everybody(workspace: Workspace, service: FakeScimServer) -> None:
    codes = set()
    for _ in range(20):
        left = active(service)
        workspace.users(PEOPLE[: left - max(1, left // 10)])
        codes.add(workspace.apply().code)
    assert (active(service), codes) == (90, {0, 3})


def test_removals_one_at_a_time_do_not_get_around_the_limit(workspace: Workspace, service: FakeScimServer) -> None:
    codes = []
    for number in range(15):
        workspace.users(PEOPLE[number + 1 :])
        codes.append(workspace.apply("--user", NAMES[number]).code)
    assert (codes, active(service)) == ([0] * 10 + [3] * 5, 90)


def test_the_message_has_both_numbers_and_the_next_day_is_free(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 0
    workspace.users(PEOPLE[12:])
    blocked = workspace.apply()
    assert blocked.code == 3
    assert (
        "3 of 100 active managed users (3.0 %) would be deactivated or deleted, 9 more in the last 24 hours "
        "(12.0 % together), more than the limit of 10 (guards.removals.count: 10)"
    ) in blocked.out
    let_time_pass(workspace, hours=23, minutes=58)
    assert workspace.apply().code == 3
    let_time_pass(workspace, minutes=3)
    assert workspace.apply().code == 0
    assert active(service) == 88


def test_looking_ahead_does_not_lift_a_limit(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 0
    workspace.users(PEOPLE[12:])
    ahead = (datetime.now().astimezone() + timedelta(days=3)).isoformat()
    assert workspace.apply("--now", ahead).code == 3
    assert active(service) == 91


def test_a_clock_that_was_ahead_counts_for_a_day_only(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 0
    workspace.users(PEOPLE[12:])
    let_time_pass(workspace, hours=-23)
    assert workspace.apply().code == 3
    let_time_pass(workspace, hours=-24 * 365 * 20)
    assert workspace.apply().code == 0
    assert active(service) == 88


@pytest.mark.parametrize("hours", [25, 50, -25, -50])
def test_a_wrong_clock_does_not_open_the_limit_again(workspace: Workspace, service: FakeScimServer, hours: int) -> None:
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 0
    # The machine's clock is set: the record is of now by the service, and of another day by the machine.
    service.faults = ServerFaults(clock_ahead=timedelta(hours=hours))
    let_time_pass(workspace, hours=-hours)
    workspace.users(PEOPLE[12:])
    blocked = workspace.apply()
    assert blocked.code == 3, blocked.out
    assert "9 more in the last 24 hours" in blocked.out
    assert active(service) == 91


@pytest.mark.parametrize("hours", [25, 50, -25, -50])
def test_what_was_recorded_by_a_wrong_clock_counts_after_it_is_set_right(
    workspace: Workspace, service: FakeScimServer, hours: int
) -> None:
    service.faults = ServerFaults(clock_ahead=timedelta(hours=hours))
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 0
    begun = starts(workspace)
    assert begun[0]["service_ahead"] == pytest.approx(hours * 3_600, abs=30)
    service.faults = ServerFaults()
    let_time_pass(workspace, hours=hours)
    workspace.users(PEOPLE[12:])
    assert workspace.apply().code == 3
    let_time_pass(workspace, days=9)
    assert workspace.apply().code == 0
    assert ["service_ahead" in line for line in starts(workspace)].count(True) == 1


@pytest.mark.parametrize("hours", [25, -25])
def test_leavers_do_not_come_back_by_a_wrong_clock(open_workspace: OpenWorkspace, hours: int) -> None:
    service = FakeScimServer(users=[make_user(number, active=number >= 30) for number in range(SIZE)])
    workspace = open_workspace(service)
    for count in (7, 10):
        workspace.users([{**user, "accountEnabled": n < count or n >= 30} for n, user in enumerate(PEOPLE)])
        assert workspace.apply().code == (0 if count == 7 else 3)
        service.faults = ServerFaults(clock_ahead=timedelta(hours=hours))
        let_time_pass(workspace, hours=-hours)
    assert active(service) == 77


def test_updates_one_user_at_a_time_do_not_get_around_the_limit(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.settings(guards={**LIMITED, "updates": {"percent": 5}})
    workspace.users([{**user, "department": "Moved"} for user in PEOPLE])
    codes = [workspace.apply("--user", name).code for name in NAMES[:8]]
    assert codes == [0] * 5 + [3] * 3
    # The same user again counts once.
    workspace.users([{**user, "department": "Back"} for user in PEOPLE])
    assert workspace.apply("--user", NAMES[0]).code == 0
    assert workspace.apply("--user", NAMES[6]).code == 3


def test_creates_one_user_at_a_time_do_not_get_around_the_limit(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.settings(guards={**LIMITED, "creates": {"count": 3}})
    newcomers = [source(make_user(number)) for number in range(SIZE, SIZE + 6)]
    workspace.users([*PEOPLE, *newcomers])
    codes = [workspace.apply("--user", str(user["userPrincipalName"])).code for user in newcomers]
    assert codes == [0] * 3 + [3] * 3
    assert len(service.users) == 103


def test_reactivations_one_after_the_other_do_not_get_around_the_limit(
    open_workspace: OpenWorkspace,
) -> None:
    service = FakeScimServer(users=[make_user(number, active=number >= 30) for number in range(SIZE)])
    workspace = open_workspace(service)
    codes = []
    for number in range(12):
        workspace.users([{**user, "accountEnabled": n <= number or n >= 30} for n, user in enumerate(PEOPLE)])
        codes.append(workspace.apply("--user", NAMES[number]).code)
    assert codes == [0] * 7 + [3] * 5
    assert active(service) == 77


def test_a_first_apply_of_everybody_is_followed_by_ordinary_days(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[])
    workspace = open_workspace(service)
    workspace.settings(guards={"updates": {"percent": 50}, "creates": {"percent": 10}})
    workspace.users(PEOPLE)
    assert workspace.apply().code == 0
    workspace.users([{**PEOPLE[0], "department": "Moved"}, *PEOPLE[1:98]])
    assert workspace.apply().code == 0
    assert (len(service.users), active(service)) == (100, 98)
    # A mistake on the first day is caught all the same.
    workspace.users([{**user, "department": "Wrong"} for user in PEOPLE[:98]])
    assert workspace.apply().code == 3


def test_a_refused_removal_does_not_count(workspace: Workspace, service: FakeScimServer) -> None:
    service.faults = ServerFaults(refuse_users=frozenset(NAMES[:9]))
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 5
    assert active(service) == SIZE
    service.faults = ServerFaults()
    workspace.users(PEOPLE[:90])
    assert workspace.apply().code == 0


def test_a_removal_that_may_have_taken_effect_counts(workspace: Workspace, service: FakeScimServer) -> None:
    service.faults = ServerFaults(lie_patch="active")
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 5
    service.faults = ServerFaults()
    # The same users count once, others are added to them.
    workspace.users(PEOPLE[10:])
    assert workspace.plan().code == 2
    workspace.users(PEOPLE[:90])
    assert workspace.apply().code == 3


def test_an_interrupted_apply_goes_on(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.users(PEOPLE[10:])
    file = workspace.root / "plan.json"
    assert workspace.run("plan", "-o", str(file)).code == 0
    assert workspace.apply(*(word for name in NAMES[:6] for word in ("--user", name))).code == 0
    assert active(service) == 94
    assert workspace.apply().code == 0
    assert active(service) == 90


def approve(workspace: Workspace) -> str:
    """Return the id of the plan as it is."""
    return str(workspace.plan().plan["plan_id"])


def test_an_approved_mass_removal_does_not_block_the_next_leaver(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.users(PEOPLE[42:])
    assert workspace.apply().code == 3
    assert workspace.apply("--approve", approve(workspace)).code == 0
    (started,) = [line for line in workspace.receipt() if line["event"] == "apply_started"]
    assert list(started["approved"]) == ["removals"]
    workspace.users(PEOPLE[47:])
    assert workspace.apply().code == 0
    assert active(service) == 53
    workspace.users(PEOPLE[48:])
    assert workspace.apply().code == 3


def test_records_of_version_0_1_count_as_well(workspace: Workspace, service: FakeScimServer) -> None:
    workspace.users(PEOPLE[9:])
    assert workspace.apply().code == 0
    for receipt in workspace.plans.rglob("receipt.jsonl"):
        lines = [json.loads(line) for line in receipt.read_text().splitlines()]
        kept = [{key: line[key] for key in line if key not in ("approved", "was_active")} for line in lines]
        receipt.write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    workspace.users(PEOPLE[11:])
    assert workspace.apply().code == 3
    assert active(service) == 91


def test_a_record_with_digests_counts_as_well(
    workspace: Workspace, service: FakeScimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "00112233445566778899aabbccddeeff" * 2)
    workspace.settings(guards={**LIMITED, "creates": {"count": 3}}, record={"values": "digest"})
    newcomers = [source(make_user(number)) for number in range(SIZE, SIZE + 4)]
    workspace.users([*PEOPLE[9:], *newcomers[:3]])
    assert workspace.apply().code == 0
    assert NAMES[0] not in "".join(path.read_text() for path in workspace.plans.rglob("*.jsonl"))
    # A user that was deleted outside is created again: the same one, by its digest.
    gone = next(key for key, user in service.users.items() if user["userName"] == newcomers[0]["userPrincipalName"])
    del service.users[gone]
    assert workspace.apply().code == 0
    workspace.users([*PEOPLE[9:], *newcomers])
    assert workspace.apply().code == 3
    workspace.users([*PEOPLE[11:], *newcomers[:3]])
    assert workspace.apply().code == 3
    assert active(service) == 94


def test_deletions_of_deactivated_accounts_leave_the_percentage_alone(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(number, active=number >= 8) for number in range(18)])
    workspace = open_workspace(service)
    workspace.settings(guards=LIMITED, lifecycle={"removed": "delete"})
    workspace.users(PEOPLE[8:18])
    assert workspace.apply().code == 0
    assert len(service.users) == 10
    workspace.users(PEOPLE[9:18])
    assert workspace.apply().code == 0
    workspace.users(PEOPLE[10:18])
    assert workspace.apply().code == 3, "two of ten active ones in a day"


@pytest.mark.parametrize("guard", ["removals", "reactivations", "updates"])
def test_users_created_the_same_day_raise_no_limit(open_workspace: OpenWorkspace, guard: str) -> None:
    service = FakeScimServer(users=[make_user(number, active=number < 40) for number in range(50)])
    workspace = open_workspace(service)
    workspace.settings(guards={guard: {"percent": 10}, "foreign_accounts": {"count": 100}})
    leavers = [{**user, "accountEnabled": False} for user in PEOPLE[40:50]]
    newcomers = [source(make_user(number)) for number in range(50, 100)]
    workspace.users([*PEOPLE[:40], *leavers, *newcomers])
    assert workspace.apply().code == 0
    changed = {
        "removals": [*PEOPLE[5:40], *leavers],
        "reactivations": [*PEOPLE[:45], *leavers[5:]],
        "updates": [*({**user, "department": "Wrong"} for user in PEOPLE[:6]), *PEOPLE[6:40], *leavers],
    }[guard]
    workspace.users([*changed, *newcomers])
    assert workspace.apply().code == 3
