"""Any accounts, any server, any of the profiles' mappings: exported, they need no change, or what differs is listed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from support.laws import examples
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.servers.kinds import KINDS
from support.workspace import CommandResult, Workspace, run

NO_CHANGES = "No changes."
LAW = settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8),
    st.sampled_from(["No", "0012", "~", "null", "a: b", "- x", "# x", "'", '"', " x ", "x\ty", "{a}", "x\u2028y"]),
)
DERIVED = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, expression: 'ToLower([userPrincipalName], )', match: 2}
- {target: name.givenName, template: "{{ givenName | trim }}"}
- {target: name.familyName, source: surname}
- {target: "enterprise:department", expression: 'Append([department], " Dept.")'}
- {target: "enterprise:costCenter", constant: CC-0010}
- {target: "enterprise:division", expression: 'Switch([region], [region], "Europe", "EMEA")'}
"""


@pytest.fixture(scope="module")
def patch() -> Any:
    with pytest.MonkeyPatch.context() as context:
        yield context


@st.composite
def live_users(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Accounts with hostile values, missing ones, names in any case and no ids."""
    users = []
    for number in range(draw(st.integers(1, 5))):
        changed: dict[str, Any] = {
            "active": draw(st.sampled_from([True, True, False])),
            "department": draw(st.one_of(st.none(), TEXT, st.just("IT Dept."))),
            "division": draw(st.sampled_from(["EMEA", "AMER", "", None])),
            "givenName": draw(st.one_of(TEXT, st.none())),
            "externalId": draw(st.sampled_from([f"id-{number}", f"ID-{number}", None, "0012"])),
            "userName": draw(st.sampled_from([f"n{number}@example.com", f"N{number}@Example.com", "twin@example.com"])),
        }
        user = make_user(number, **changed)
        if draw(st.booleans()):
            user["emails"] = [{"type": draw(st.sampled_from(["work", "home"])), "value": draw(TEXT)}]
        if draw(st.booleans()):
            user["displayName"] = draw(TEXT)
        users.append(user)
    return users


@LAW
@given(live_users(), st.sampled_from(KINDS), st.sampled_from(["scim", "apple-business-manager", "derived"]))
def test_what_is_exported_needs_no_change_or_is_listed(
    patch: pytest.MonkeyPatch, users: list[dict[str, Any]], faults: ServerFaults, profile: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, FakeScimServer(faults, users) as service:
        workspace = Workspace(Path(folder), service.base_url, service.token, patch)
        if profile == "derived":
            workspace.write("mappings.yaml", DERIVED)
        else:
            workspace.settings(target={"profile": profile, "base_url": workspace.base_url})
        workspace.users([])
        exported = workspace.run("export", "-o", f"{folder}/live", "--unmanaged")
        note(exported.out + exported.err)
        event(f"export {exported.code}, {profile}")
        assert "Traceback" not in exported.err
        if exported.code == 1:
            assert_nothing_was_written(Path(folder), exported)
            return
        planned = run(["reconciler", "plan", "--state", f"{folder}/live", "--plans", f"{folder}/plans"])
        note(planned.out + planned.err)
        assert (exported.code, NO_CHANGES in exported.out) in ((0, True), (5, False), (5, True))
        if exported.code == 0:
            assert (planned.code, NO_CHANGES in planned.out) == (0, True)
        else:
            assert_is_listed(exported, planned)
        assert service.writes == []


def assert_nothing_was_written(folder: Path, exported: CommandResult) -> None:
    assert [each.name for each in folder.iterdir()] == ["desired-state"]
    assert exported.err.startswith(("Error: ", "\nError: "))


def assert_is_listed(exported: CommandResult, planned: CommandResult) -> None:
    """Whatever the plan has, the export has said: each attribute, each account without an entry, each error."""
    words = exported.out + exported.err
    if NO_CHANGES in exported.out:
        assert "no entry" in exported.out
        return
    for line in planned.out.splitlines():
        path, changes, _ = line.strip().removeprefix("~ ").removeprefix("+ ").partition(" = ")
        if changes and line.lstrip().startswith(("~ ", "+ ")):
            assert f"  {path.strip()}, " in words or "no entry" in words or "Error: " in words, line
    if planned.code == 5:
        assert "Error: " in exported.err
