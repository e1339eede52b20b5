"""An incremental plan is the full plan of the users whose entries changed, or it is a full plan.

For random companies, edits and drift, and every kind of server.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from support.git_repository import GitRepository
from support.laws import examples
from support.servers.fake_scim import FakeScimServer, make_user
from support.servers.kinds import KINDS
from support.servers.server_faults import ServerFaults
from support.workspace import ENTERPRISE, CommandResult, Workspace, source

PEOPLE = 9
GUARDS = {
    "removals": {"count": 100, "percent": 100},
    "reactivations": {"count": 100, "percent": 100, "floor": 100},
    "name_takeovers": {"count": 100},
    "identity_changes": {"count": 100},
}
LIARS = [
    ServerFaults(ignore_filter=True),
    ServerFaults(filter_case_exact=True),
    ServerFaults(filter_unsupported=400),
    ServerFaults(rotate_user_names=True),
]
HONEST = [ServerFaults(), ServerFaults(), ServerFaults(filter_hides_inactive=True)]
"""Filters compare an externalId with its case (RFC 7643 section 3.1), and may know of active users only."""
LYING_LISTS = [
    ServerFaults(rotate_user_names=True),
    ServerFaults(rotate_external_ids=True),
    ServerFaults(inactive_in_lists=True),
    ServerFaults(hide_in_lists=make_user(0)["userName"]),
    ServerFaults(hide_in_lists=make_user(5)["userName"]),
    ServerFaults(repeat_in_lists=True),
    ServerFaults(empty_lie=True),
    ServerFaults(total_missing=True),
    ServerFaults(cap_total=PEOPLE - 2),
    ServerFaults(page_cap=3, cap_total=7),
    ServerFaults(page_cap=4, cap_depth=5),
    ServerFaults(page_cap=3, ignore_start_index=True),
    ServerFaults(page_cap=3, ignore_start_index=True, echo_start_index=True),
    ServerFaults(page_cap=3, duplicate_on_page=2),
    ServerFaults(page_cap=3, short_page=2),
    ServerFaults(user_without_id=make_user(8)["userName"]),
    ServerFaults(wrong_id_for=make_user(0)["userName"]),
    ServerFaults(garbage_for=make_user(8)["userName"]),
    ServerFaults(error_on_page=1, error_times=None, error_status=400),
    ServerFaults(reject_count_above=0),
]
"""Faults that begin after the first apply. A plan of all users may be incomplete then, and makes no change at all."""
LAW = settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
Person = dict[str, Any]
Company = dict[int, Person]


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as context:
        yield context


def company() -> Company:
    """People 0 to 8, in files of three."""
    return {number: {**source(make_user(number)), "file": number % 3} for number in range(PEOPLE)}


EDITS = "department name surname remove add move disable expire start protect take return".split()
DRIFT = "department rename deactivate delete take unlink add twin twin".split()


def edit(people: Company, kind: str, who: int, other: int) -> None:
    """Edit the files of person `who`; `other` is somebody else, or a value."""
    new = PEOPLE + other
    if kind == "add":
        people.setdefault(new, {**source(make_user(new)), "file": who % 3})
    elif kind == "remove":
        people.pop(who, None)
    elif who in people:
        people[who] |= _edited(people, kind, who, other)


def _edited(people: Company, kind: str, who: int, other: int) -> Person:
    """Return what an edit changes of a person."""
    day = str(datetime.now(UTC).date() + timedelta(days=other - 3))
    taken = people.get(other, people[who])["userPrincipalName"]
    return {
        "department": {"department": f"Team {other}"},
        "name": {"userPrincipalName": f"renamed{other}@example.com"},
        "surname": {"surname": f"Newname{other}"},
        "move": {"file": other % 3},
        "disable": {"accountEnabled": bool(other % 2)},
        "expire": {"lifecycle": {"expires": day}},
        "start": {"lifecycle": {"starts": day}},
        "protect": {"lifecycle": {"protected": True}},
        "take": {"userPrincipalName": taken.upper()},
        "return": {**source(make_user(who))},
    }[kind]


def drift(service: FakeScimServer, kind: str, who: int, other: int) -> None:
    """Change an account at the target."""
    users = list(service.users.values())
    if kind == "add":
        service.add(make_user(PEOPLE + other))
        return
    if not users:
        return
    user = users[who % len(users)]
    if kind == "department":
        user.setdefault(ENTERPRISE, {})["department"] = f"Drift {other}"
    elif kind == "rename":
        user["userName"] = f"renamed{other}@example.com"
    elif kind == "deactivate":
        user["active"] = False
    elif kind == "delete":
        del service.users[user["id"]]
    elif kind == "take":
        user["externalId"] = make_user(PEOPLE + other)["externalId"]
    elif kind == "unlink":
        user["externalId"] = None
    elif kind == "twin":
        service.add(_twin(user, other))


def _twin(user: dict[str, Any], form: int) -> dict[str, Any]:
    """Return another account with the same externalId, in another case or with a blank; maybe an inactive one."""
    name = str(user.get("externalId") or "")
    spelled = [name.swapcase(), f" {name}", name][form % 3]
    other = {**user, "externalId": spelled, "userName": f"twin-{user['userName']}", "active": form % 2 == 0}
    return {key: value for key, value in other.items() if key not in ("id", "meta")}


def write(workspace: Workspace, people: Company) -> None:
    """Write the people to their files, in a random-looking order that stays."""
    for file in range(3):
        listed = [{**person} for _, person in sorted(people.items()) if person["file"] == file]
        lines = [
            f"- {json.dumps({key: value for key, value in each.items() if key != 'file'}, ensure_ascii=False)}\n"
            for each in listed
        ]
        workspace.write(f"users/{file}.yaml", "".join(lines) or "[]\n")


def names_of_changed(before: Company, after: Company) -> set[str]:
    """Return the folded names, earlier and present, of the people whose entries differ."""
    changed = [who for who in before.keys() | after.keys() if _entry(before, who) != _entry(after, who)]
    return {
        str(side[who]["userPrincipalName"]).lower() for who in changed for side in (before, after) if who in side
    } | {str(side[who]["objectId"]).lower() for who in changed for side in (before, after) if who in side}


def _entry(people: Company, who: int) -> Person | None:
    return {**people[who], "file": None} if who in people else None


def of_people(plan: dict[str, Any], names: set[str], ids: set[str]) -> dict[str, Any]:
    """Return the changes of these people, by address, without their order among all."""
    return {
        change["address"]: {key: value for key, value in change.items() if key not in ("wave", "requires")}
        for change in plan["resource_changes"]
        if change["key"].lower() in names or change["id"] in ids
    }


STEPS = st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1))


@LAW
@given(
    faults=st.sampled_from([*HONEST, *LIARS, *KINDS]),
    edits=st.lists(st.tuples(st.sampled_from(EDITS), STEPS), min_size=0, max_size=3),
    drifts=st.lists(st.tuples(st.sampled_from(DRIFT), STEPS), max_size=2),
    days=st.sampled_from([0, 0, 0, 1, 3, 6]),
    lifecycle=st.fixed_dictionaries(
        {"removed": st.sampled_from(["deactivate", "delete", "keep"])}, optional={"delete_after_days": st.just(1)}
    ),
)
def test_an_incremental_plan_is_the_full_plan_of_the_changed_users(  # noqa: PLR0917 - what an example is made of
    faults: ServerFaults, edits: list[Any], drifts: list[Any], days: int, lifecycle: dict[str, Any], patch: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(faults) as service:
        workspace = Workspace(Path(folder), service.base_url, service.token, patch)
        workspace.settings(guards=GUARDS, lifecycle=lifecycle)
        git, people = GitRepository(Path(folder)), company()
        (Path(folder) / ".gitignore").write_text("plans/\nstate-home/\n")
        write(workspace, people)
        git.commit("Begin")
        applied = workspace.apply()
        assert applied.code == 0, applied.err
        before = {who: dict(person) for who, person in people.items()}
        for kind, (who, other) in edits:
            edit(people, kind, who, other)
        write(workspace, people)
        git.commit("Edit")
        for kind, (who, other) in drifts:
            drift(service, kind, who, other)
        check(workspace, service, before, people, days)


@LAW
@given(
    faults=st.sampled_from(LYING_LISTS),
    leaver=st.tuples(st.just("remove"), STEPS),
    edits=st.lists(st.tuples(st.sampled_from(EDITS), STEPS), max_size=1),
    drifts=st.lists(st.tuples(st.sampled_from(DRIFT), STEPS), max_size=2),
    removed=st.sampled_from(["deactivate", "delete"]),
)
def test_an_incremental_plan_removes_nothing_that_a_full_plan_of_a_lying_list_withholds(  # noqa: PLR0917
    faults: ServerFaults, leaver: Any, edits: list[Any], drifts: list[Any], removed: str, patch: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder, FakeScimServer() as service:
        workspace = Workspace(Path(folder), service.base_url, service.token, patch)
        workspace.settings(guards=GUARDS, lifecycle={"removed": removed})
        git, people = GitRepository(Path(folder)), company()
        (Path(folder) / ".gitignore").write_text("plans/\nstate-home/\n")
        write(workspace, people)
        git.commit("Begin")
        assert workspace.apply().code == 0
        for kind, (who, other) in [leaver, *edits]:
            edit(people, kind, who, other)
        write(workspace, people)
        git.commit("Edit")
        for kind, (who, other) in drifts:
            drift(service, kind, who, other)
        service.faults = faults
        full, incremental = workspace.plan(), workspace.plan("--incremental")
        note(f"{incremental.err}\n{incremental.out}\n{full.err}\n{full.out}")
        if not is_incremental(incremental):
            event(f"full: {incremental.err.partition('looked at: ')[2][:60]}")
            assert incremental.code == full.code
            assert full.code == 1 or stable(incremental.plan) == stable(full.plan)
            return
        removals = removals_of(incremental)
        event(f"incremental, removals: {len(removals)}")
        assert removals.items() <= (removals_of(full) if full.code != 1 else {}).items()


def removals_of(result: CommandResult) -> dict[str, str]:
    """Return the address and the action of each removal of a plan."""
    changes = result.plan["resource_changes"]
    return {each["address"]: each["action"] for each in changes if each["action"] in ("deactivate", "delete")}


STORY = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(EDITS), STEPS),
        st.sampled_from(
            ["apply", "apply", "apply --incremental", "apply --incremental", "apply --user", "fail", "revert"]
        ),
    ),
    max_size=6,
)


@LAW
@given(
    story=STORY, last=st.lists(st.tuples(st.sampled_from(EDITS), STEPS), max_size=2), days=st.sampled_from([0, 0, 1])
)
def test_without_drift_an_incremental_plan_is_the_full_plan(
    story: list[Any], last: list[Any], days: int, patch: Any
) -> None:
    """Whatever was applied, fully, in part or to some users, and was reverted since."""
    with tempfile.TemporaryDirectory() as folder, FakeScimServer() as service:
        workspace = Workspace(Path(folder), service.base_url, service.token, patch)
        workspace.settings(guards=GUARDS)
        git, people = GitRepository(Path(folder)), company()
        (Path(folder) / ".gitignore").write_text("plans/\nstate-home/\n")
        first = {who: dict(person) for who, person in people.items()}
        for step in ["apply", *story, *last]:
            if step == "revert":
                people = {who: dict(person) for who, person in first.items()}
            elif isinstance(step, tuple):
                edit(people, step[0], *step[1])
            write(workspace, people)
            git.commit("Edit")
            if step == "fail":
                count = len(service.writes)
                service.faults = ServerFaults(write_error_on=count + 1, write_error_status=500)
                workspace.apply("--incremental")
                service.faults = ServerFaults()
            elif step == "apply --user":
                workspace.apply("--user", str(next(iter(people.values()))["userPrincipalName"]))
            elif isinstance(step, str) and step != "revert":
                workspace.apply(*step.split()[1:])
        flags = in_days(days)
        full, incremental = workspace.plan(*flags), workspace.plan("--incremental", *flags)
        note(f"{incremental.err}\n{incremental.out}\n{full.out}")
        assert incremental.code == full.code
        if full.code == 1:
            return
        event("incremental" if is_incremental(incremental) else f"full: {incremental.err.partition('at: ')[2][:60]}")
        assert incremental.plan["resource_changes"] == full.plan["resource_changes"]
        assert incremental.plan["plan_id"] == full.plan["plan_id"]
        verdicts = [[(each["name"], each["passed"]) for each in side.plan["guards"]] for side in (full, incremental)]
        assert verdicts[0] == verdicts[1]


def in_days(days: int) -> tuple[str, ...]:
    """Return the flags of a plan for the end of a day to come; 0: for now."""
    return ("--now", f"{datetime.now(UTC).date() + timedelta(days=days)}T23:59:59Z") if days else ()


def check(workspace: Workspace, service: FakeScimServer, before: Company, after: Company, days: int) -> None:
    """Compare the two plans.

    An incremental one does not see that a user has another account that filters do not find: of such a user, whom the
    full plan leaves alone, it may have an update of the account with both names, and nothing else.
    """
    flags = in_days(days)
    full, incremental = workspace.plan(*flags), workspace.plan("--incremental", *flags)
    note(f"{incremental.err}\n{incremental.out}")
    if full.code == 1:
        assert incremental.code == 1
        return
    if not is_incremental(incremental):
        assert "Incremental: no, " in incremental.err
        event(f"full: {incremental.err.partition('looked at: ')[2].splitlines()[0]}")
        assert stable(incremental.plan) == stable(full.plan)
        return
    event("incremental")
    assert incremental.code in (0, 2)
    names = names_of_changed(before, after)
    made = {change["address"]: change for change in incremental.plan["resource_changes"]}
    everything = of_people(full.plan, {key.lower() for key in full.actions}, set())
    errors = {item["address"] for item in full.plan["diagnostics"] if item["severity"] == "error" and item["address"]}
    twins = {address for address in errors if has_twin(address, service)}
    for address, change in made.items():
        if address in twins and address not in everything:
            event("an update beside a twin")
            check_update(change, service)
            continue
        assert {key: value for key, value in change.items() if key not in ("wave", "requires")} == everything[address]
    assert of_people(full.plan, names, set()).keys() <= made.keys()
    assert not (errors - twins) & {f'user["{name}"]' for name in names}


def has_twin(address: str, service: FakeScimServer) -> bool:
    """Whether the user with the account of this name has another account, by its externalId."""
    owned = {f'user["{user["userName"]}"]'.lower(): _external_id(user) for user in service.users.values()}
    return sum(_external_id(user) == owned.get(address.lower(), "") != "" for user in service.users.values()) > 1


def check_update(change: dict[str, Any], service: FakeScimServer) -> None:
    """Check that a change that the full plan withholds for a twin is an update of the account with both names."""
    user, after = service.users[change["id"]], change["change"]["after"]
    assert change["action"] == "update"
    assert (user["externalId"], user["userName"].lower()) == (after["externalId"], after["userName"].lower())
    assert change["change"]["before"]["active"] is after["active"] is True


def _external_id(user: dict[str, Any]) -> str:
    return str(user.get("externalId") or "").strip().lower()


def is_incremental(result: CommandResult) -> bool:
    """Whether a plan is of some users."""
    return bool(result.out) and result.plan.get("incremental") is not None


def stable(plan: dict[str, Any]) -> dict[str, Any]:
    """Return a plan without the times of its making."""
    return {key: value for key, value in plan.items() if key not in ("created_at", "expires_at")}
