from pathlib import Path

from support.builders import TODAY, source_user
from support.desired_state import (
    Load,
    good,
)

from reconciler.core.model import ScopeReason
from reconciler.core.scope.trace import trace_scope
from reconciler.desired.directory import Directory
from reconciler.desired.scope import read_scope


def test_the_trace_shows_through_which_groups_a_user_is_in_or_out(tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "a.yaml").write_text(
        "- {name: Apple, members: {groups: [inner]}}\n- {name: Inner, members: {users: [ID-ada, bob@example.com]}}\n"
    )
    (tmp_path / "scope.yaml").write_text(
        "sync: assigned\nassigned: {groups: [apple]}\nexcluded: {users: [BOB@example.com]}\n"
    )
    directory = Directory(tmp_path)
    scope = read_scope(directory, TODAY)
    assert directory.diagnostics == []
    assert [name for name, _ in scope.users] == ["ID-ada", "bob@example.com"]
    ada, bob = (trace_scope(source_user(who), scope.rules, TODAY) for who in ("ada", "bob"))
    assert (ada.verdict.in_scope, ada.steps[3].value) == (True, ("apple", "inner", "ID-ada"))
    assert (bob.verdict.in_scope, bob.steps[4].value) == (False, ("BOB@example.com",))


def test_scope_is_assignment_through_groups_less_exclusions_and_the_clock(loaded: Load) -> None:
    people = "".join(
        f"- {{userPrincipalName: {name}@example.com, objectId: id-{name}, givenName: A, surname: B{more}}}\n"
        for name, more in {
            "ada": "",
            "bob": "",
            "carol": "",
            "dan": "",
            "eve": ", lifecycle: {expires: 2026-03-01}",
            "fay": ", accountEnabled: false",
        }.items()
    )
    state = good(
        loaded(
            users__a=people,
            scope="sync: assigned\nassigned: {users: [ID-bob, fay@example.com], groups: [Apple]}\n"
            "excluded: {groups: [contractors]}\n",
            groups__a="- {name: apple, members: {groups: [inner]}}\n"
            "- {name: contractors, members: {users: [id-dan]}}\n",
            groups__b="- name: Inner\n  members: {users: [ADA@example.com, dan@example.com, eve@example.com]}\n",
        )
    )
    assert {user.key.split("@")[0]: user.verdict.reason for user in state.users} == {
        "ada": ScopeReason.IN_SCOPE,
        "bob": ScopeReason.IN_SCOPE,
        "carol": ScopeReason.NOT_ASSIGNED,
        "dan": ScopeReason.EXCLUDED,
        "eve": ScopeReason.EXPIRED,
        "fay": ScopeReason.DISABLED,
    }
    assert state.in_scope == 2
