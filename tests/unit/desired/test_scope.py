from pathlib import Path

from support.builders import TODAY, source_user

from reconciler.core.scope.trace import trace_scope
from reconciler.desired.directory import Directory
from reconciler.desired.scope import read_scope


def test_what_is_read_can_tell_through_which_groups_somebody_is_in_and_out(tmp_path: Path) -> None:
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
