"""What is applied although nobody reviewed it."""

from dataclasses import replace
from typing import Any

import pytest
from support.builders import change, name_of, plan_with, rename

from reconciler.core.model import Diagnostic, Severity, format_user_address
from reconciler.core.plan import Action, Change, Plan, Tally
from reconciler.core.planning.guards.context import RecentChange
from reconciler.core.planning.unattended import find_unattended_obstacles
from reconciler.core.policy import UnattendedLimits

LIMITS = UnattendedLimits(updates=50, creates=50, removals=0)
ERROR = Diagnostic(Severity.ERROR, "x", "", None, None)


def edit(who: str, path: str = "title", value: Any = "Boss") -> Change:
    found = change(who)
    return replace(found, after={**found.before, path: value})


def edits(count: int, start: int = 0) -> list[Change]:
    return [edit(f"user{number}") for number in range(start, start + count)]


def creates(count: int, start: int = 0) -> list[Change]:
    return [change(f"new{number}", Action.CREATE) for number in range(start, start + count)]


def before(found: list[Change], **fields: Any) -> list[RecentChange]:
    """These changes, made earlier; of a create, the service gave the id."""
    return [
        RecentChange(each.address, each.live_id or f"live-{each.key}", each.action, **{"unattended": True, **fields})
        for each in found
    ]


def obstacles(*changes: Change, recent: list[RecentChange] | None = None, **limits: int) -> tuple[str, ...]:
    return find_unattended_obstacles(plan_with(*changes), replace(LIMITS, **limits), recent or [])


def test_what_is_within_the_limits_needs_no_review() -> None:
    assert obstacles(*edits(50), *creates(50)) == ()
    assert obstacles() == ()
    assert obstacles(change("ada", Action.DEACTIVATE), change("eve", Action.DELETE), removals=2) == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (edits(51), "51 updates: more than unattended.updates allows (50)"),
        (creates(51), "51 creates: more than unattended.creates allows (50)"),
        ([change("ada", Action.DEACTIVATE)], "1 removal: more than unattended.removals allows (0)"),
        ([change("ada", Action.DELETE)], "1 removal: more than unattended.removals allows (0)"),
    ],
)
def test_one_more_than_a_limit_needs_a_review(changes: list[Change], reason: str) -> None:
    assert obstacles(*changes) == (reason,)


def test_every_limit_that_is_exceeded_has_its_line() -> None:
    found = obstacles(*edits(51), *creates(51), change("ada", Action.DEACTIVATE))
    assert [line.partition(":")[0] for line in found] == ["51 updates", "51 creates", "1 removal"]


@pytest.mark.parametrize("action", [Action.REACTIVATE, Action.ADOPT, Action.RELINK])
def test_access_to_an_account_that_exists_is_always_reviewed(action: Action) -> None:
    (line,) = obstacles(change("ada", action), removals=9)
    assert line == "1 account would be reactivated, adopted or relinked: this is always reviewed"


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (rename("ada", "eve"), "get another userName or externalId"),
        (change("ada", temporary_user_name="t"), "get another userName or externalId"),
        (edit("ada", "externalId", "another"), "get another userName or externalId"),
        (edit("ada", "active", value=False), "become active or inactive by an update"),
        (replace(edit("ada"), before={"active": False}, after={"active": True}), "become active or inactive by an up"),
        (replace(edit("ada"), before={"title": "x"}, after={"active": True}), "become active or inactive by an update"),
    ],
)
def test_identity_and_activity_do_not_change_as_an_update_among_others(made: Change, what: str) -> None:
    found = find_unattended_obstacles(replace(plan_with(), changes=(*edits(3), made)), replace(LIMITS, removals=9), [])
    assert len(found) == 1
    assert f"1 account would {what}" in found[0]


@pytest.mark.parametrize(
    "path",
    [
        "roles",
        'roles[primary eq "True"].value',
        'Roles[type eq "a]:b"].value',
        "entitlements[0]",
        "password",
        "x509Certificates.value",
        "urn:example:ext:2.0:User:roles",
        "urn:example:ext:2.0:User:Entitlement",
        "urn:example:ext:2.0:User.role",
        'urn:example:ext:2.0:User:access[type eq "x"].Roles',
    ],
)
def test_privileges_are_reviewed_also_those_of_a_new_account(path: str) -> None:
    created = change("eve", Action.CREATE)
    created = replace(created, after={**created.after, path: "admin"})
    for made in (edit("ada", path, "admin"), created):
        (line,) = find_unattended_obstacles(replace(plan_with(), changes=(made,)), LIMITS, [])
        assert line == "1 account would get other roles, entitlements or credentials: this is always reviewed"
    for other in ("rolesAndMore", 'emails[type eq "roles"].value', "urn:example:roles:2.0:User:title"):
        assert obstacles(edit("ada", other, "x")) == ()
    leaver = replace(change("ada", Action.DELETE), before={path: "admin"})
    assert find_unattended_obstacles(replace(plan_with(), changes=(leaver,)), replace(LIMITS, removals=1), []) == ()


def test_a_storm_of_renames_says_both() -> None:
    plan = replace(plan_with(), changes=tuple(rename(f"a{number}", f"b{number}") for number in range(51)))
    found = find_unattended_obstacles(plan, LIMITS, [])
    assert found == (
        "51 accounts would get another userName or externalId: this is always reviewed",
        "51 updates: more than unattended.updates allows (50)",
    )


def test_the_accounts_of_the_last_day_count_too() -> None:
    assert obstacles(edit("one"), recent=before(edits(50))) == (
        "1 update, 50 more unattended in the last 24 hours: more than unattended.updates allows (50)",
    )
    assert obstacles(*creates(1, start=90), recent=before(creates(50))) == (
        "1 create, 50 more unattended in the last 24 hours: more than unattended.creates allows (50)",
    )
    left = before([change("ada", Action.DEACTIVATE)])
    assert obstacles(change("eve", Action.DELETE), recent=left, removals=1) == (
        "1 removal, 1 more unattended in the last 24 hours: more than unattended.removals allows (1)",
    )
    assert obstacles(edit("one"), recent=before(edits(49))) == ()


def test_an_account_counts_once_and_each_limit_by_itself() -> None:
    assert obstacles(*edits(50), recent=before(edits(50))) == ()
    made = RecentChange(format_user_address(name_of("new0").upper()), "live-x", Action.CREATE, unattended=True)
    assert obstacles(*creates(50), recent=[made]) == ()
    assert obstacles(*creates(50), recent=before(edits(50))) == ()
    # Nothing that was done is undone by holding back what is of another kind.
    assert obstacles(edit("one"), recent=before([change("ada", Action.DEACTIVATE)])) == ()


def test_what_somebody_reviewed_does_not_count() -> None:
    assert obstacles(edit("one"), recent=before(edits(500), unattended=False)) == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"complete": False}, "the plan does not know all accounts"),
        ({"tally": Tally(failed=2)}, "2 users cannot be planned"),
        ({"diagnostics": (ERROR,)}, "1 user cannot be planned"),
    ],
)
def test_a_plan_that_is_not_sure_needs_a_review(fields: dict[str, Any], reason: str) -> None:
    made: Plan = plan_with(edit("ada"), **fields)
    assert find_unattended_obstacles(made, LIMITS, []) == (reason,)
