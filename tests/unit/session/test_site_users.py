from __future__ import annotations

from dataclasses import replace
from datetime import date

from support.site_reports import NOW, site_entries, site_run

from reconciler.core.model import Origin, SourceUser
from reconciler.core.scope.groups import GroupMembers
from reconciler.core.scope.trace import trace_scope
from reconciler.core.scope.verdict import Roster, ScopeRules
from reconciler.history.edits import USER, Edit, EditKind, Entity
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import AppliedChange
from reconciler.render.site.model import AccountState
from reconciler.session.site_users import (
    HistoryByUser,
    RecordedStates,
    ScopeReasons,
    build_removed_users,
    read_last_changes,
)

TODAY = date(2026, 12, 1)
ROSTER = Roster(
    GroupMembers(("ada",), ("staff",)), GroupMembers(("Eve",)), {"staff": GroupMembers(("ID-1", "eve"), ("staff",))}
)
RULES = ScopeRules(frozenset({"ada", "id-1", "eve"}), frozenset({"eve"}), (), ROSTER)


def user(name: str, **more: str) -> SourceUser:
    return SourceUser({"userPrincipalName": name, **more}, Origin("users/a.yaml", 1, 3))


def test_reasons_are_those_of_explain() -> None:
    reasons = ScopeReasons(RULES, TODAY)
    for each in (user("ada"), user("Bob", objectId="id-1"), user("eve"), user("zoe")):
        found, trace = reasons.explain(each), trace_scope(each, RULES, TODAY)
        assert found.in_scope is trace.verdict.in_scope
        ways = [step.value for step in trace.steps if step.name in ("assigned", "excluded") and step.value]
        assert found.path == (ways[-1] if ways else ())


def change(action: str, name: str = "ada", result: str = "done") -> AppliedChange:
    return AppliedChange(f'user["{name}"]', action, "", "", "1", {}, {"externalId": "id-1"}, result, "", NOW)


def states(*changes: AppliedChange, base: tuple[str, ...] = ()) -> RecordedStates:
    runs = [site_run(9 - number, changes=dict.fromkeys(each.keys, each)) for number, each in enumerate(changes)]
    return RecordedStates(read_last_changes(runs), frozenset(base), site_run(0), NO_REDACTION)


def state_of(found: RecordedStates, name: str = "ada") -> AccountState:
    return found.find(name, "").state


def test_the_last_change_that_was_made_says_whether_there_is_an_account() -> None:
    assert state_of(states(change("create"))) is AccountState.ACTIVE
    assert state_of(states(change("create"), change("delete"))) is AccountState.DELETED
    assert state_of(states(change("create"), change("deactivate"))) is AccountState.DEACTIVATED
    assert state_of(states(change("create"), change("deactivate", result="failed"))) is AccountState.ACTIVE
    assert state_of(states(change("create", result="failed"))) is AccountState.NONE


def test_a_user_that_a_complete_apply_left_as_it_was_has_an_account() -> None:
    assert state_of(states(base=("ada",))) is AccountState.ACTIVE
    assert states(base=("ada",)).find("ada", "").unchanged
    assert state_of(states(base=("bob",))) is AccountState.NONE
    assert state_of(replace(states(base=("ada",)), complete=None)) is AccountState.UNKNOWN


def test_digests_on_record_are_recognised_with_the_key() -> None:
    redactor = Redactor(b"k" * 32)
    digest = AppliedChange(redactor.address('user["ada"]'), "create", "", "", None, {}, {}, "done", "", NOW)
    known = read_last_changes([site_run(1, changes=dict.fromkeys(digest.keys, digest))])
    assert state_of(RecordedStates(known, frozenset(), site_run(0), redactor)) is AccountState.ACTIVE
    assert state_of(RecordedStates(known, frozenset(), site_run(0), NO_REDACTION)) is AccountState.NONE


def entry(before: tuple[str, str], after: tuple[str, str]) -> Edit:
    entities = [Entity(USER, name, {"objectId": identity}, "a") for name, identity in (before, after)]
    return Edit(EditKind.CHANGED, entities[0], entities[1], ())


def test_history_follows_renames_and_exchanged_names() -> None:
    base = site_entries()[0]
    found = HistoryByUser([("new", "1"), ("other", "2")], NO_REDACTION)
    found.add(replace(base, edit=entry(("old", "1"), ("new", "1"))))
    found.add(replace(base, edit=entry(("old", ""), ("old", ""))))
    found.add(replace(base, edit=entry(("other", "3"), ("other", "3"))))
    assert [len(found.find(number)[0]) for number in (0, 1)] == [2, 0]


def removal(name: str, identity: str = "") -> Edit:
    entity = Entity(USER, name, {"objectId": identity}, "a")
    return Edit(EditKind.REMOVED, entity, None, ())


def test_a_removed_user_has_a_history_of_its_own_and_the_reason() -> None:
    base = site_entries()[0]
    found = HistoryByUser([("new", "1")], NO_REDACTION)
    for edit in (removal("ada", "2"), entry(("old", "2"), ("ada", "2")), entry(("new", "1"), ("new", "1"))):
        found.add(replace(base, edit=edit))
    ((number, user),) = build_removed_users(found, states(change("create"), change("deactivate")))
    assert (user.key, user.removed, user.account.state) == ("ada", True, AccountState.DEACTIVATED)
    assert user.why.text == 'removed from git on 2026-12-01 in c0ffeec0ffee by "Sales"'
    assert [len(found.find(each)[0]) for each in (number, 0)] == [2, 1]


def test_a_long_name_of_who_removed_a_user_is_cut() -> None:
    base = site_entries()[0]
    assert base.commit is not None
    found = HistoryByUser([], NO_REDACTION)
    found.add(replace(base, commit=replace(base.commit, author="x" * 9_000), edit=removal("ada", "2")))
    ((_, user),) = build_removed_users(found, states())
    assert user.why.text.endswith(f' in c0ffeec0ffee by "{"x" * 200}… (8800 more characters)"')


def test_who_came_back_or_took_over_the_name_is_not_removed() -> None:
    base = site_entries()[0]
    found = HistoryByUser([("ada", "1"), ("bob", "")], NO_REDACTION)
    for edit in (removal("ada", "1"), removal("bob"), removal("renamed", "1")):
        found.add(replace(base, edit=edit))
    assert list(build_removed_users(found, states())) == []
    found.add(replace(base, edit=removal("ada", "9")))
    ((_, before),) = build_removed_users(found, states())
    assert before.object_id == "9"
    assert [len(found.find(number)[0]) for number in (0, 1)] == [2, 1]


def test_older_entries_than_the_fiftieth_are_counted() -> None:
    found = HistoryByUser([("Sales", "")], NO_REDACTION)
    for _ in range(53):
        found.add(site_entries()[0])
    entries, more = found.find(0)
    assert (len(entries), more) == (50, 3)
