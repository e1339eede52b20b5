"""`plan --incremental --no-full`: a plan at once or none, for a workflow whose next step makes the full one."""

from __future__ import annotations

from support.git_workspace import person
from support.servers.fake_scim import FakeScimServer
from support.workspace import OpenWorkspace


def test_where_all_users_have_to_be_looked_at_nothing_is_read(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer()
    work = open_workspace(service)
    work.users([person("ada")])
    out = work.root / "first.json"
    result = work.run("plan", "--incremental", "--no-full", "-o", str(out))
    assert result.code == 0, result.err
    assert "Incremental: no, all users are looked at: " in result.err
    assert "No plan was made: --no-full leaves the full one to a later command." in result.err
    assert (out.exists(), service.log) == (False, [])


def test_it_is_about_incremental_plans(open_workspace: OpenWorkspace) -> None:
    work = open_workspace(FakeScimServer())
    work.users([person("ada")])
    result = work.run("plan", "--no-full")
    assert (result.code, "--no-full needs --incremental" in result.err) == (64, True)
