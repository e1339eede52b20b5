"""Values generated once: the applied plan is the reviewed one, and no two users ever get the same value."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from support.laws import examples
from support.sample_org import SampleOrg, account, person
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.workspace import OpenWorkspace, Workspace, source

from reconciler.sandbox.seed import seed
from reconciler.sandbox.server import start

USUAL = """
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: externalId, source: objectId, match: 1}
"""
BY_NAME = f"{USUAL}- {{target: userName, source: userPrincipalName, match: 2}}\n"
CHOSEN_NAME = f"""{USUAL}
- target: userName
  expression: >-
    SelectUniqueValue(Join("@", [givenName], "example.com"), Join("@", [givenName], "elsewhere.org"),
    Join("@", Join(".", [givenName], [surname]), "example.com"), Join("@", Join("", [givenName], "2"), "example.com"))
  apply: create
"""


@pytest.fixture
def sample_org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleOrg]:
    """An organisation on the sandbox: a keeper, and manually created accounts that hold two of the wanted names."""
    manual = [account(name, externalId=None) for name in ("ada", "bob")]
    seed(tmp_path / "sandbox.db", {"domains": ["example.com"], "users": [*manual, account("keeper")]})
    with start(tmp_path / "sandbox.db") as sandbox:
        org = SampleOrg(Workspace(tmp_path, sandbox.base_url, sandbox.token, monkeypatch))
        org.settings()
        org.workspace.write("mappings.yaml", CHOSEN_NAME)
        yield org


def ada(number: int, **changed: Any) -> dict[str, Any]:
    return person(f"person-{number}", givenName="Ada", **changed)


def names_by_id(org: SampleOrg) -> dict[str, str]:
    return {user["externalId"]: name for name, user in org.live().items() if "externalId" in user}


def test_user_names_avoid_manually_created_accounts_and_one_another(sample_org: SampleOrg) -> None:
    sample_org.wants(ada(3), ada(1), ada(2), person("carol", givenName="Carol"))
    planned = sample_org.plan()
    assert {change["key"]: change["change"]["after"]["userName"] for change in planned.plan["resource_changes"]} == {
        "person-1@example.com": "Ada.Lovelace@example.com",
        "person-2@example.com": "Ada2@example.com",
        "carol@example.com": "Carol@example.com",
    }
    (problem,) = planned.plan["diagnostics"]
    assert (planned.code, problem["summary"], problem["address"]) == (
        5,
        "no value for userName is free",
        'user["person-3@example.com"]',
    )
    assert sample_org.workspace.apply().code == 5
    assert names_by_id(sample_org) == {
        "id-keeper": "keeper",
        "id-person-1": "ada.lovelace",
        "id-person-2": "ada2",
        "id-carol": "carol",
    }
    assert (sample_org.actions(), sample_org.plan().code) == ({}, 5)


def test_a_user_with_a_name_keeps_it_when_a_better_one_becomes_free(sample_org: SampleOrg) -> None:
    sample_org.wants(ada(1))
    sample_org.applied()
    sample_org.delete("ada")
    sample_org.wants(ada(1, surname="King"))
    assert sample_org.actions() == {"person-1": "update"}
    sample_org.applied()
    assert names_by_id(sample_org)["id-person-1"] == "ada.lovelace"


def test_a_name_still_reserved_by_our_own_deletion_is_not_chosen(sample_org: SampleOrg) -> None:
    sample_org.settings(lifecycle={"removed": "delete"})
    sample_org.wants(person("carol", givenName="Carol"))
    sample_org.applied()
    sample_org.wants()
    sample_org.applied()
    sample_org.wants(person("carol-2", givenName="Carol"))
    sample_org.applied()
    assert names_by_id(sample_org)["id-carol-2"] == "carol.lovelace"


def test_a_saved_plan_creates_exactly_what_was_reviewed(sample_org: SampleOrg) -> None:
    file = sample_org.workspace.root / "plan.json"
    sample_org.wants(ada(1), ada(2))
    sample_org.workspace.run("plan", "-o", str(file))
    reviewed = json.loads(file.read_text())
    assert sample_org.workspace.run("apply", str(file)).code == 0
    names = {change["change"]["after"]["userName"].casefold() for change in reviewed["resource_changes"]}
    assert names == {f"{name}@example.com" for name in names_by_id(sample_org).values()} - {"keeper@example.com"}


def test_a_saved_plan_is_stale_when_a_reviewed_name_was_taken(sample_org: SampleOrg) -> None:
    file = sample_org.workspace.root / "plan.json"
    sample_org.wants(ada(1))
    sample_org.workspace.run("plan", "-o", str(file))
    sample_org.edit("bob", "userName", "ada.lovelace@example.com")
    before = sample_org.live()
    assert sample_org.workspace.run("apply", str(file)).code == 4
    assert sample_org.live() == before


def test_a_plan_of_selected_users_gives_them_the_values_of_the_complete_plan(sample_org: SampleOrg) -> None:
    sample_org.wants(ada(1), ada(2))
    (change,) = sample_org.plan("--user", "person-2@example.com").plan["resource_changes"]
    assert change["change"]["after"]["userName"] == "Ada2@example.com"


def test_the_embedded_sandbox_can_be_planned_with_chosen_user_names(sample_org: SampleOrg) -> None:
    sample_org.wants(ada(1))
    result = sample_org.workspace.run("plan", "--sandbox")
    assert result.code == 0, result.err
    assert '"Ada@example.com"' in result.out


# --- random values ------------------------------------------------------------------------------


def test_a_guid_is_the_same_in_plan_and_apply_and_never_changes(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(1)])
    workspace = open_workspace(service)
    rule = "- {target: nickName, expression: 'Join(\"-\", Guid(), RandomString(6, 3, 0, 0, 3))'}\n"
    workspace.write("mappings.yaml", BY_NAME + rule)
    workspace.users([source(make_user(1)), source(make_user(2)), source(make_user(3))])
    planned = [workspace.plan() for _ in range(2)]
    assert planned[0].plan["resource_changes"] == planned[1].plan["resource_changes"]
    made = {change["key"]: change["change"]["after"]["nickName"] for change in planned[0].plan["resource_changes"]}
    assert len(set(made.values())) == 2
    assert workspace.apply().code == 0
    assert {name: service.find(name)["nickName"] for name in made} == made
    assert "nickName" not in service.find(make_user(1)["userName"]), "on create only"
    assert workspace.plan().actions == {}


# --- an invariant -------------------------------------------------------------------------------

NICK = "- {target: nickName, expression: 'SelectUniqueValue([one], [two], [three])'}\n"
WORD = st.sampled_from(["a", "b", "c", "d", None])


@st.composite
def orgs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Source users with up to three candidates each, and live users, managed or not, who hold some of them."""
    sources, live = [], []
    for number in range(6):
        user = make_user(number)
        if draw(st.booleans()):
            words = {"one": draw(WORD), "two": draw(WORD), "three": draw(WORD)}
            sources.append({**source(user), **{name: word for name, word in words.items() if word}})
        if draw(st.integers(0, 2)) == 0:
            held = draw(WORD)
            found = make_user(number, **({} if draw(st.booleans()) else {"externalId": None}))
            live.append(found if held is None or _holds(live, held) else {**found, "nickName": held})
    return [*sources, source(make_user(99))], live


def _holds(live: list[dict[str, Any]], value: str) -> bool:
    return any(user.get("nickName") == value for user in live)


@pytest.fixture(scope="module")
def patch() -> Any:
    with pytest.MonkeyPatch.context() as context:
        yield context


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(org=orgs(), data=st.data())
def test_no_two_users_get_the_same_value_whatever_requests_are_lost(org: Any, data: st.DataObject, patch: Any) -> None:
    sources, live = org
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(ServerFaults(), live) as service:
        workspace = Workspace(Path(folder), service.base_url, service.token, patch)
        workspace.write("mappings.yaml", BY_NAME + NICK)
        workspace.users(sources)
        changes = workspace.plan().plan["resource_changes"]
        reviewed = {
            change["key"]: change["change"]["after"].get("nickName")
            for change in changes
            if change["action"] == "create"
        }
        at = data.draw(st.integers(1, max(len(changes), 1)))
        fault = data.draw(st.sampled_from([{"lose_answer_on_write": at}, {"cut_on_write": at}, {}]))
        service.faults = replace(service.faults, **fault)
        for _ in range(3):
            result = workspace.apply()
            note(result.out + result.err)
            service.faults = ServerFaults()
        assert workspace.plan().plan["resource_changes"] == []
        held = [user["nickName"] for user in service.users.values() if user.get("nickName")]
        assert len(held) == len(set(held)), "two users have the same value"
        for name, nick in reviewed.items():
            assert service.find(name).get("nickName") == nick, "created with a value other than the reviewed one"
