"""Each guard has an effect: with the guard disabled, its scenario is not blocked. A removed guard fails a test."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from support.builders import OUT, SCIM, TARGET, TODAY, desired, live, mapping, mappings, plan_of

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Action, Guard, Plan
from reconciler.core.planning.guards.approvals import reevaluate_guards
from reconciler.core.planning.guards.context import AccountEvidence, RecentChange
from reconciler.core.planning.protection import AccountNames
from reconciler.core.policy import Approval, Limit, Policy, Removal

FREE = Policy(removals=Limit(), reactivations=Limit())
"""No limits: each scenario concerns one guard only."""


@dataclass(frozen=True)
class GuardCase:
    """A scenario that exactly one guard must block. `function`: the function that evaluates it, below `guards`."""

    function: str
    plan: Callable[[], Plan]
    approvable: bool = True


def org(size: int, gone: int = 0, **changed: Any) -> dict[str, Any]:
    """`size` live users, the first `gone` of them without a desired user; `changed`: other desired values."""
    names = [f"u{number}" for number in range(size)]
    return {
        "people": [desired(name, **changed) for name in names[gone:]],
        "accounts": [live(name) for name in names],
    }


def removing(size: int, gone: int, limit: Limit) -> Callable[[], Plan]:
    return lambda: plan_of(**org(size, gone), policy=Policy(removals=limit))


def reactivating(
    size: int,
    gone: int,
    limit: Limit,
    only: Collection[str] = (),
    recent: Sequence[RecentChange] = (),
    **account: Any,
) -> Callable[[], Plan]:
    """The first `gone` of the accounts are deactivated; `account`: what else they have."""
    names = [f"u{number}" for number in range(size)]
    accounts = [live(name, active=False, **account) for name in names[:gone]] + [live(name) for name in names[gone:]]
    policy = replace(FREE, reactivations=limit)
    return lambda: plan_of([desired(name) for name in names], accounts, policy=policy, only=only, recent=recent)


def deleting(size: int, gone: int) -> Plan:
    return plan_of(**org(size, gone), policy=Policy(removed=Removal.DELETE))


def all_out_of_scope(size: int) -> Plan:
    all_users = org(size)
    people = [desired(f"u{number}", verdict=OUT) for number in range(size)]
    return plan_of(people, all_users["accounts"], policy=FREE)


def creating(count: int, limit: Limit, **request: Any) -> Callable[[], Plan]:
    names = [f"new{number}" for number in range(count)]
    kept = org(10)
    people = [*kept["people"], *(desired(name) for name in names)]
    return lambda: plan_of(people, kept["accounts"], policy=replace(FREE, creates=limit), **request)


def removing_the_last_active_user() -> Plan:
    return plan_of([desired("boss", verdict=OUT), desired("old")], [live("boss"), live("old", active=False)], **KEEP)


KEEP: dict[str, Any] = {"policy": replace(FREE, permitted=frozenset({"deactivate"}))}


def selecting_only_the_removal() -> Plan:
    """The replacement is planned too, but `--user` does not select it."""
    people = [desired("boss", verdict=OUT), desired("next")]
    return plan_of(people, [live("boss")], policy=FREE, only={"boss@example.com"})


def desiring_no_user(size: int) -> Callable[[], Plan]:
    inactive = [live(f"u{number}", active=False) for number in range(size)]
    return lambda: plan_of([], [*inactive], policy=replace(FREE, removed=Removal.DELETE))


def renamed(who: str, to: str) -> DesiredUser:
    return desired(who, user_name=f"{to}@example.com")


def renaming(**names: str) -> Plan:
    """Every user gets the name of the other."""
    return plan_of([renamed(who, to) for who, to in names.items()], [live(who) for who in names], policy=FREE)


NAMELESS: dict[str, Any] = {"given": None, "family": None}


def siblings() -> list[DesiredUser]:
    """Each of two users of one family name has the account of the other."""
    return [
        desired("bo", user_name="ed@example.com", given="Ed"),
        desired("ed", user_name="bo@example.com", given="Bo"),
    ]


BY_DEPARTMENT = mappings(
    mapping("externalId", "objectId", clear=True),
    mapping("userName", "userPrincipalName"),
    mapping("enterprise:department", "department", match=1),
)
"""Matching by another attribute, so that neither externalId nor userName leads to the account."""


def relinking(external_id: str | None) -> Plan:
    """A user that matches by department gets another externalId, or none."""
    user = replace(desired("bo", external_id=external_id), match=("Engineering",), anchor=None)
    account = replace(live("bo", active=True), match=("Engineering",))
    return plan_of([user], [account], rows=BY_DEPARTMENT, policy=FREE)


OURS = replace(FREE, domains=("example.com",))


def strangers(size: int, domain: str = "other.example", **changed: Any) -> list[LiveUser]:
    """Live users of an organisation with another domain."""
    return [live(f"s{number}", user_name=f"s{number}@{domain}", **changed) for number in range(size)]


def at_another_tenant(*domains: str) -> Plan:
    return plan_of(org(3)["people"], strangers(4), policy=replace(FREE, domains=domains))


def forgotten_accounts(known: int, there: int) -> Plan:
    """By the record, `known` accounts exist, none of which is among the `there` of the same domain that exist."""
    accounts = [live(f"s{number}") for number in range(there)]
    recorded = {f"recorded-{number}" for number in range(known)}
    return plan_of(org(3)["people"], accounts, policy=OURS, recorded=recorded)


RESERVED: Mapping[str, date] = {"new@example.com": TODAY + timedelta(days=9)}

CASES: dict[str, GuardCase] = {
    "an incomplete read": GuardCase(
        "target.check_complete_read",
        lambda: plan_of(**org(3, department="X"), problem="page 2 is short"),
        approvable=False,
    ),
    "removals by count": GuardCase("limits.check_removals", removing(1000, 11, Limit(10, 10))),
    "removals by percent": GuardCase("limits.check_removals", removing(20, 3, Limit(10, 10))),
    "removals beyond the floor of a tiny tenant": GuardCase("limits.check_removals", removing(3, 2, Limit(10, 10))),
    "deletions count as removals": GuardCase("limits.check_removals", lambda: deleting(20, 3)),
    "reactivations by count": GuardCase("limits.check_reactivations", reactivating(1000, 11, Limit(10, 10))),
    "reactivations by percent": GuardCase("limits.check_reactivations", reactivating(20, 3, Limit(10, 10))),
    "reactivations beyond the floor of a tiny tenant": GuardCase(
        "limits.check_reactivations", reactivating(3, 2, Limit(10, 10))
    ),
    "reactivations where no account is active": GuardCase(
        "limits.check_reactivations", reactivating(4, 4, Limit(10, 10))
    ),
    "reactivations by adoption": GuardCase(
        "limits.check_reactivations", reactivating(20, 3, Limit(10, 10), external_id=None)
    ),
    "one reactivation of many": GuardCase(
        "limits.check_reactivations", reactivating(20, 3, Limit(10, 10), only={"u0@example.com"})
    ),
    "mass updates": GuardCase(
        "limits.check_updates",
        lambda: plan_of(**org(20, department="X"), policy=replace(FREE, updates=Limit(None, 50))),
    ),
    "mass updates by count": GuardCase(
        "limits.check_updates", lambda: plan_of(**org(5, department="X"), policy=replace(FREE, updates=Limit(4)))
    ),
    "mass creates": GuardCase("limits.check_creates", creating(6, Limit(None, 50))),
    "mass creates by count": GuardCase("limits.check_creates", creating(3, Limit(2))),
    "a user protected in the settings": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(**org(9, 1), policy=replace(FREE, protected=frozenset({"u0@example.com"}))),
        approvable=False,
    ),
    "a protected account under another name": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(
            **org(9, 1),
            policy=replace(FREE, protected=frozenset({"old@example.com"})),
            names={"live-u0": AccountNames(frozenset({"old@example.com"}))},
        ),
        approvable=False,
    ),
    "an account that a misspelt entry means": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(**org(9, 1), policy=replace(FREE, protected=frozenset({"u0@example.org"}))),
        approvable=False,
    ),
    "a user who was protected in git and has no entry any more": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(**org(9, 1), policy=FREE, noted={"live-u0"}),
        approvable=False,
    ),
    "a user who was protected in git, and the entry of another with the id of the account": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(
            [desired("hire", external_id="live-u0"), *org(9, 1)["people"]],
            org(9)["accounts"],
            policy=FREE,
            noted={"live-u0"},
        ),
        approvable=False,
    ),
    "an entry that names nobody, and a record of which earlier names cannot be read": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(**org(9, 1), policy=replace(FREE, protected=frozenset({"x@example.com"})), unreadable=True),
        approvable=False,
    ),
    "a user protected in git": GuardCase(
        "accounts.check_protected",
        lambda: plan_of(
            [desired("u0", verdict=OUT, protected=True), desired("u1")], [live("u0"), live("u1")], policy=FREE
        ),
        approvable=False,
    ),
    "the last active user": GuardCase("accounts.check_last_active", removing_the_last_active_user),
    "the last active user alone": GuardCase("accounts.check_last_active", selecting_only_the_removal),
    "an account that no receipt and no commit shows": GuardCase(
        "accounts.check_foreign_accounts", lambda: plan_of(**org(9, 1), policy=FREE, evidence=AccountEvidence())
    ),
    "an account of others beside one of ours": GuardCase(
        "accounts.check_foreign_accounts",
        lambda: plan_of(**org(9, 2), policy=FREE, evidence=AccountEvidence({"live-u0"})),
    ),
    "a deletion of an inactive account of others": GuardCase(
        "accounts.check_foreign_accounts",
        lambda: plan_of(
            [desired("ada")],
            [live("ada"), live("boss", active=False)],
            policy=replace(FREE, removed=Removal.DELETE),
            evidence=AccountEvidence({"live-ada"}),
        ),
    ),
    "an empty desired state": GuardCase("target.check_desired_state", desiring_no_user(4)),
    "the name of a deleted account": GuardCase(
        "identities.check_name_reuse", lambda: plan_of([desired("new")], [], policy=FREE, recently_deleted=RESERVED)
    ),
    "a ring of three user names": GuardCase(
        "identities.check_name_takeovers", lambda: renaming(bo="cy", cy="ed", ed="bo")
    ),
    "a chain of user names": GuardCase("identities.check_name_takeovers", lambda: renaming(bo="cy", cy="new")),
    "two swaps of user names": GuardCase(
        "identities.check_name_takeovers", lambda: renaming(bo="cy", cy="bo", ed="flo", flo="ed")
    ),
    "a new user with the old name of another": GuardCase(
        "identities.check_name_takeovers",
        lambda: plan_of([desired("new", user_name="bo@example.com"), renamed("bo", "bo2")], [live("bo")], policy=FREE),
    ),
    "an account rewritten to another user": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of([desired("bo", user_name="x@example.com", given="X", family="Y")], [live("bo")], policy=FREE),
    ),
    "an adopted account of another user": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of(
            [desired("bo"), desired("ed")],
            [live("bo", external_id=None, given="X", family="Y"), live("ed")],
            policy=FREE,
        ),
    ),
    "two accounts that exchange their names": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of(
            [desired("bo", given="Ed", family="King"), desired("ed", given="Bo", family="Lovelace")],
            [live("bo"), live("ed", family="King")],
            policy=FREE,
        ),
    ),
    "two siblings whose ids are swapped": GuardCase(
        "identities.check_identity_changes", lambda: plan_of(siblings(), [live("bo"), live("ed")], policy=FREE)
    ),
    "the account of a leaver for a joiner of the same family": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of(
            [desired("bo", user_name="x@example.com", given="X")], [live("bo", active=False), live("ed")], policy=FREE
        ),
    ),
    "a swap of two accounts without names": GuardCase(
        "identities.check_name_takeovers",
        lambda: plan_of(
            [
                desired("bo", user_name="ed@example.com", **NAMELESS),
                desired("ed", user_name="bo@example.com", **NAMELESS),
            ],
            [live("bo", **NAMELESS), live("ed", **NAMELESS)],
            policy=FREE,
        ),
    ),
    "an account with another displayName alone": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of(
            [desired("bo", user_name="x@example.com", displayName="Max King", **NAMELESS)],
            [live("bo", displayName="Bo Lovelace", **NAMELESS)],
            rows=mappings(mapping("displayName", profile=SCIM)),
            policy=FREE,
        ),
    ),
    "an account of one name for a user of two": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of(
            [desired("bo", user_name="x@example.com", given="X", family="Y")], [live("bo", given=None)], policy=FREE
        ),
    ),
    "the account of a leaver for a joiner, and its userName": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of([desired("bo", given="X", family="Y")], [live("bo", active=False), live("ed")], policy=FREE),
    ),
    "the account of a leaver without a name": GuardCase(
        "identities.check_identity_changes",
        lambda: plan_of(
            [desired("bo", user_name="x@example.com", **NAMELESS)],
            [live("bo", active=False, **NAMELESS), live("ed")],
            policy=FREE,
        ),
    ),
    "an externalId changed": GuardCase("identities.check_relink", lambda: relinking("other")),
    "an externalId cleared": GuardCase("identities.check_relink", lambda: relinking(None)),
    "a changed target": GuardCase(
        "target.check_target",
        lambda: plan_of(**org(3, department="X"), policy=FREE, moved_from="https://old.example.com"),
    ),
    "the accounts of another tenant": GuardCase("target.check_tenant", lambda: at_another_tenant("example.com")),
    "another tenant, although one account is of a subdomain": GuardCase(
        "target.check_tenant",
        lambda: plan_of(org(3)["people"], strangers(3, "mail.example.com"), policy=OURS),
    ),
    "another tenant without a managed account": GuardCase(
        "target.check_tenant",
        lambda: plan_of(org(3)["people"], strangers(6, external_id=None), policy=OURS),
    ),
    "another tenant that has the same domain": GuardCase(
        "disconnect.check_disconnect", lambda: forgotten_accounts(5, 3)
    ),
    "an empty tenant in place of the one on record": GuardCase(
        "disconnect.check_disconnect", lambda: forgotten_accounts(3, 0)
    ),
}


def recently(*names: str, action: Action, **fields: Any) -> list[RecentChange]:
    """What applies of the last 24 hours did to these accounts."""
    return [RecentChange(f'user["{name}@example.com"]', f"live-{name}", action, **fields) for name in names]


RECENT: dict[str, tuple[str, Callable[[Sequence[RecentChange]], Plan], list[RecentChange]]] = {
    "removals over a day": (
        "removals",
        lambda recent: plan_of(**org(90, 3), policy=Policy(), recent=recent),
        recently(*(f"gone{number}" for number in range(8)), action=Action.DEACTIVATE),
    ),
    "removals where most users came today": (
        "removals",
        lambda recent: plan_of(**org(100, 5), policy=replace(FREE, removals=Limit(None, 10)), recent=recent),
        recently(*(f"u{number}" for number in range(40, 100)), action=Action.CREATE),
    ),
    "reactivations over a day": (
        "reactivations",
        lambda recent: reactivating(20, 1, Limit(10, 10), recent=recent)(),
        recently("back", "again", action=Action.REACTIVATE, reactivated=True),
    ),
    "updates over a day": (
        "updates",
        lambda recent: plan_of(**org(5, department="X"), policy=replace(FREE, updates=Limit(5)), recent=recent),
        recently("other", action=Action.UPDATE),
    ),
    "creates over a day": (
        "creates",
        lambda recent: creating(3, Limit(3), recent=recent)(),
        recently("joiner", action=Action.CREATE),
    ),
    "an update of one user after the other": (
        "updates",
        lambda recent: plan_of(
            **org(5, department="X"), policy=replace(FREE, updates=Limit(2)), only={"u2@example.com"}, recent=recent
        ),
        recently("u0", "u1", action=Action.UPDATE),
    ),
    "a removal of one user after the other": (
        "removals",
        lambda recent: plan_of(
            **org(20, 2), policy=replace(FREE, removals=Limit(2)), only={"u0@example.com"}, recent=recent
        ),
        recently("gone", action=Action.DELETE),
    ),
}


def swapping_again(recent: Sequence[RecentChange]) -> Plan:
    """Two users exchange their user names; so did two others."""
    swapped = [live("bo", user_name="cy@example.com"), live("cy", user_name="bo@example.com")]
    people = [renamed("bo", "cy"), renamed("cy", "bo"), renamed("ed", "flo"), renamed("flo", "ed")]
    return plan_of(people, [*swapped, live("ed"), live("flo")], policy=FREE, recent=recent)


def renaming_an_adopted_account(recent: Sequence[RecentChange]) -> Plan:
    return plan_of([desired("bo", given="X", family="Y")], [live("bo")], policy=FREE, recent=recent)


def becoming_namesakes(recent: Sequence[RecentChange]) -> Plan:
    """An account gets both names of another; one has such already."""
    people = [desired("bo", given="Cy", family="Byron"), desired("ed", given="Flo", family="King")]
    others = [("cy", "Byron"), ("flo", "King")]
    people += [desired(name, family=family) for name, family in others]
    accounts = [
        live("bo"),
        live("ed", given="Flo", family="King"),
        *(live(name, family=family) for name, family in others),
    ]
    return plan_of(people, accounts, policy=FREE, recent=recent)


NAMES_OVER_A_DAY: dict[str, tuple[str, Callable[[Sequence[RecentChange]], Plan], list[RecentChange]]] = {
    "a swap after another": (
        "name-takeovers",
        swapping_again,
        [
            *recently("bo", action=Action.UPDATE, attributes=frozenset({"userName"}), user_names=("bo@example.com",)),
            *recently("cy", action=Action.UPDATE, attributes=frozenset({"userName"}), user_names=("cy@example.com",)),
        ],
    ),
    "an adoption in two steps": (
        "identity-changes",
        renaming_an_adopted_account,
        recently("bo", action=Action.ADOPT, attributes=frozenset({"externalId"})),
    ),
    "the names of others one after the other": (
        "identity-changes",
        becoming_namesakes,
        recently(
            "ed",
            action=Action.UPDATE,
            attributes=frozenset({"name.givenName", "name.familyName"}),
            full_names=("ed lovelace",),
        ),
    ),
}
RECENT |= NAMES_OVER_A_DAY


@pytest.mark.parametrize("name", RECENT)
def test_a_limit_counts_what_applies_of_the_last_day_did(name: str) -> None:
    guard, plan, recent = RECENT[name]
    assert [found.name for found in plan(recent).guards if not found.passed] == [guard]
    assert not plan(()).blocked
    assert not plan([replace(each, lifted=frozenset({guard})) for each in recent]).blocked
    others = frozenset({found.name for found in plan(()).guards} - {guard})
    assert plan([replace(each, lifted=others) for each in recent]).blocked


def passing(*_arguments: Any) -> Guard:
    """A disabled guard."""
    return Guard("disabled", passed=True, message="disabled")


@pytest.mark.parametrize("name", CASES)
def test_a_guard_blocks_and_without_it_the_plan_would_be_applied(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = CASES[name]
    plan = scenario.plan()
    assert plan.changes, "a plan without changes proves nothing"
    (failed,) = [found for found in plan.guards if not found.passed]
    assert (plan.blocked, plan.applyable, failed.approvable) == (True, False, scenario.approvable)
    monkeypatch.setattr(f"reconciler.core.planning.guards.{scenario.function}", passing)
    unguarded = scenario.plan()
    assert (unguarded.blocked, unguarded.applyable) == (False, True)
    assert unguarded.changes == plan.changes


def test_every_guard_has_a_scenario() -> None:
    made = {found.name for found in plan_of().guards}
    blocked = {found.name for scenario in CASES.values() for found in scenario.plan().guards if not found.passed}
    assert blocked == made


def test_two_guards_block_a_plan_with_all_users_out_of_scope() -> None:
    assert [found.name for found in all_out_of_scope(4).guards if not found.passed] == [
        "last-active-user",
        "empty-desired-state",
    ]


PENDING: dict[str, tuple[list[DesiredUser], list[LiveUser], dict[str, Any]]] = {
    "rotated names": ([renamed("bo", "cy"), renamed("cy", "ed"), renamed("ed", "bo")], [], {}),
    "an account rewritten to another user": ([desired("bo", user_name="x@example.com", given="X", family="Y")], [], {}),
    "the name of a deleted account": ([desired("new"), desired("bo")], [], {"recently_deleted": RESERVED}),
    "a protected user": ([desired("bo", verdict=OUT, protected=True), desired("ed")], [], {}),
    "another externalId": (
        [replace(desired("bo", external_id="other"), match=("Engineering",), anchor=None)],
        [replace(live("bo"), match=("Engineering",))],
        {"rows": BY_DEPARTMENT},
    ),
}
"""Changes of other users that block a plan: desired users, live users if others than bo, cy and ed, the request."""


@pytest.mark.parametrize("name", PENDING)
def test_changes_that_are_not_selected_block_no_removal(name: str) -> None:
    people, accounts, fields = PENDING[name]
    leaver, gone = desired("leaver", verdict=OUT), live("leaver")
    if accounts:
        leaver, gone = replace(leaver, match=("Gone",)), replace(gone, match=("Gone",))
    live_users = [*(accounts or map(live, ("bo", "cy", "ed"))), gone]
    fields = {**fields, "policy": replace(FREE, removed=Removal.KEEP)}
    assert plan_of([*people, leaver], live_users, **fields).blocked
    alone = plan_of([*people, leaver], live_users, only={"leaver@example.com"}, **fields)
    assert [change.key for change in alone.changes] == ["leaver@example.com"]
    assert not alone.blocked


# --- approvals: exactly one plan -------------------------------------------------------------------


def approved(plan: Plan, identity: str) -> Plan:
    failed = frozenset(guard.name for guard in plan.guards if not guard.passed)
    return reevaluate_guards(plan, [Approval(identity, lifts=failed)], TODAY)


@pytest.mark.parametrize("name", [name for name, scenario in CASES.items() if scenario.approvable])
def test_an_approval_lifts_the_guard_for_the_named_plan_only(name: str) -> None:
    plan = CASES[name].plan()
    assert not approved(plan, plan.plan_id).blocked
    assert approved(plan, "sha256:" + "0" * 64).blocked


@pytest.mark.parametrize("name", [name for name, scenario in CASES.items() if not scenario.approvable])
def test_a_guard_that_cannot_be_approved_stays_blocked(name: str) -> None:
    plan = CASES[name].plan()
    assert approved(plan, plan.plan_id).blocked


@pytest.mark.parametrize(
    "other",
    [
        lambda: plan_of(**org(20, 4)),
        lambda: plan_of(**org(20, 3, department="X")),
        lambda: plan_of(
            org(20, 3)["people"], [live("u0", department="Y"), *org(20, 3)["accounts"][1:]], policy=Policy()
        ),
        lambda: plan_of(**org(20, 3), target=replace(TARGET, base_url="https://other.example.com")),
    ],
    ids=["one removal more", "another value wanted", "another value found", "another target"],
)
def test_one_changed_value_makes_another_plan(other: Callable[[], Plan]) -> None:
    plan, changed = plan_of(**org(20, 3)), other()
    assert plan.blocked
    assert not approved(plan, plan.plan_id).blocked
    assert changed.plan_id != plan.plan_id
    assert approved(changed, plan.plan_id).blocked
