from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import builders
from support.sample_org import account, person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.core.model import LiveUser
from reconciler.core.planning.request import LiveState
from reconciler.errors import SourceError, UsageError
from reconciler.session.live_export import (
    check_accounts,
    check_destination,
    open_destination,
    plan_export,
    read_accounts,
    settle_accounts,
)
from reconciler.session.workspace import Workspace

MANAGED, OTHER = builders.live("ada"), builders.live("eve", externalId=None)


def test_all_accounts_are_read_with_reads_only(target: TargetWorkspace) -> None:
    target.service.add(account("ada"))
    with target.session() as session:
        live = read_accounts(session, target.terminal)
    assert sorted(user.user_name for user in live.users) == ["ada@example.com", "keeper@example.com"]
    assert {request.method for request in target.service.log} == {"GET"}


def test_an_incomplete_list_is_an_error(target: TargetWorkspace) -> None:
    target.service.faults = ServerFaults(claim_total=9)
    with target.session() as session, pytest.raises(SourceError, match="cannot be read completely: the page from"):
        read_accounts(session, target.terminal)


@pytest.mark.parametrize(
    ("users", "unmanaged", "refused"),
    [
        ([], False, True),
        ([], True, True),
        ([OTHER], False, True),
        ([OTHER], True, False),
        ([MANAGED], False, False),
    ],
)
def test_nothing_to_export_is_an_error(users: list[LiveUser], unmanaged: bool, refused: bool) -> None:
    if refused:
        with pytest.raises(SourceError, match="no managed accounts" if users else "there are no accounts to export"):
            check_accounts(LiveState(users), unmanaged=unmanaged)
    else:
        check_accounts(LiveState(users), unmanaged=unmanaged)


def omitting(who: str) -> LiveUser:
    return replace(builders.live(who), omits_active=True)


def test_what_a_left_out_active_means_is_learnt_as_a_plan_does(target: TargetWorkspace) -> None:
    off = builders.live("off", active=False)
    with target.session() as session:
        users = settle_accounts(session, LiveState([omitting("ada"), off]))
        assert [user.active for user in users] == [True, False]
        by_filter = LiveState([omitting("ada"), builders.live("bob")], inactive={"live-ada"})
        assert [user.active for user in settle_accounts(session, by_filter)] == [False, True]


def test_accounts_that_may_be_inactive_are_an_error(target: TargetWorkspace) -> None:
    other = replace(omitting("eve"), managed=False)
    with target.session() as session:
        settle_accounts(session, LiveState([other, builders.live("bob")]))
        with pytest.raises(SourceError, match=r'whether 1 account is active: "ada@example\.com"'):
            settle_accounts(session, LiveState([omitting("ada"), builders.live("bob")]))


def test_the_plan_is_that_of_the_written_files(target: TargetWorkspace) -> None:
    target.service.add(account("ada"))
    with target.session() as session:
        live = read_accounts(session, target.terminal)
        assert [change.key for change in plan_export(session, target.workspace.state, live).changes] == [
            "ada@example.com"
        ]
        target.desire(person("ada"))
        assert plan_export(session, target.workspace.state, live).changes == ()


def test_files_that_cannot_be_planned_from_are_an_error(target: TargetWorkspace, tmp_path: Path) -> None:
    with target.session() as session, pytest.raises(SourceError, match="the exported users cannot be read"):
        plan_export(session, tmp_path, LiveState([]))


def test_a_destination_has_no_files_and_is_not_in_the_desired_state(target: TargetWorkspace, tmp_path: Path) -> None:
    workspace: Workspace = target.workspace
    full, empty, file, link = (tmp_path / name for name in ("full", "empty", "file", "link"))
    for each in (full, empty):
        each.mkdir()
    (full / "a").touch()
    file.touch()
    link.symlink_to(empty)
    for out in (full, file, link, workspace.state, workspace.state / "new"):
        with pytest.raises(UsageError):
            check_destination(out, workspace)
    for out in (empty, tmp_path / "new", tmp_path / "deep" / "new"):
        check_destination(out, workspace)


def test_a_destination_appears_when_it_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "new"
    with open_destination(out) as scratch:
        (scratch / "a").write_text("x")
        assert not out.exists()
    assert [each.name for each in out.parent.iterdir()] == ["new"]
    assert (out / "a").read_text() == "x"


@pytest.mark.parametrize("wrong", [KeyboardInterrupt, SourceError])
def test_after_an_exception_nothing_is_left(wrong: type[BaseException], tmp_path: Path) -> None:
    def fail() -> None:
        with open_destination(tmp_path / "new") as scratch:
            (scratch / "a").write_text("x")
            raise wrong("x")

    with pytest.raises(wrong):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_files_that_came_meanwhile_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "new"
    destination = open_destination(out)
    destination.__enter__()
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(SourceError, match="cannot write"):
        destination.__exit__(None, None, None)
    assert [each.name for each in tmp_path.rglob("*")] == ["new", "mine"]
