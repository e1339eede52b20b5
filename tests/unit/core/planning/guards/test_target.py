from typing import Any

import pytest
from support.builders import OUT, change, desired, live
from support.guard_verdicts import verdicts

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Action, Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.guards.target import check_tenant
from reconciler.core.policy import Policy


def test_an_incomplete_read_blocks_and_cannot_be_approved() -> None:
    assert verdicts(problem="page 2 is short")["complete-read"] == Guard(
        "complete-read",
        passed=False,
        message="the live users could not be read completely: page 2 is short",
        approvable=False,
    )
    assert verdicts()["complete-read"] == Guard(
        "complete-read", passed=True, message="all live users were read", approvable=False
    )


@pytest.mark.parametrize(
    ("wanted", "managed", "passed"),
    [
        ([], 1, False),
        ([desired("a", verdict=OUT)], 3, False),
        ([desired("a", verdict=OUT), desired("b")], 3, True),
        ([desired("a", failed=True)], 3, True),
        ([], 0, True),
    ],
)
def test_a_desired_state_without_a_user_in_scope_blocks(wanted: list[DesiredUser], managed: int, passed: bool) -> None:
    found = verdicts(wanted=wanted, managed=managed)["empty-desired-state"]
    message = f"the desired state has no user in scope, but {managed} managed user{'s' * (managed > 1)} exist"
    assert found == Guard("empty-desired-state", passed, "the desired state names users" if passed else message)


# --- the tenant -----------------------------------------------------------------------------------

OURS = Policy(domains=("example.com", "bücher.example"))
THEIRS = 'none of 1 managed account has a domain of target.domains ("example.com", "bücher.example"); '
OTHER_TOKEN = "; the token may belong to another tenant"


def tenant_of(*accounts: LiveUser, policy: Policy = OURS, **fields: Any) -> Guard:
    """The verdict about these live users, for a plan that changes something."""
    managed = [account for account in accounts if account.managed]
    context = GuardContext([change("new", Action.CREATE)], [], managed, None, {}, live=accounts, **fields)
    return check_tenant(context, policy.domains)


def named(user_name: str, **fields: Any) -> LiveUser:
    return live("s", user_name=user_name, **fields)


@pytest.mark.parametrize(
    "user_name",
    [
        "ada@example.com",
        "ADA@Example.COM",
        "ada@example.com.",
        '"odd@name"@example.com',
        "ada@bücher.example",
        "ada@BÜCHER.example",
        "ada@xn--bcher-kva.example",
        "ada@XN--BCHER-KVA.example",
    ],
)
def test_an_account_of_a_domain_of_the_organisation_shows_that_the_tenant_is_ours(user_name: str) -> None:
    found = tenant_of(named(user_name), named("bob@other.example"))
    assert found == Guard("tenant", passed=True, message="managed accounts have the domains of target.domains")


@pytest.mark.parametrize(
    ("user_name", "domains"),
    [
        ("ada@other.example", 'their domains are "other.example"'),
        ("ada@mail.example.com", 'their domains are "mail.example.com"'),
        ("ada@com", 'their domains are "com"'),
        ("ada@notexample.com", 'their domains are "notexample.com"'),
        ("ada@example.com@other.example", 'their domains are "other.example"'),
        ("ada@xn--" + "a" * 300, 'their domains are "xn--' + "a" * 300 + '"'),
        ("example.com", "their user names have no domain"),
        ("ada@", "their user names have no domain"),
        ("", "their user names have no domain"),
    ],
)
def test_accounts_of_other_domains_only_are_those_of_another_tenant(user_name: str, domains: str) -> None:
    message = THEIRS + domains + OTHER_TOKEN
    assert tenant_of(named(user_name)) == Guard("tenant", passed=False, message=message)


def test_the_domains_of_most_accounts_are_named_first() -> None:
    accounts = [named(f"u{number}@d{number % 7}.example") for number in range(10)]
    message = tenant_of(*accounts).message
    first = '"d0.example", "d1.example", "d2.example", "d3.example", "d4.example" and 2 more'
    assert "none of 10 managed accounts has a domain of target.domains" in message
    assert message.endswith(f"their domains are {first}{OTHER_TOKEN}")


def test_the_work_email_counts_for_an_account_whose_user_name_is_no_address() -> None:
    email = 'emails[type eq "work"].value'
    assert tenant_of(named("ada", **{email: "ada@example.com"})).passed
    assert not tenant_of(named("ada", **{email: "ada@other.example"})).passed
    assert not tenant_of(named("ada@other.example", **{email: "ada@example.com"})).passed, "its user name tells"


def test_without_domains_or_changes_or_a_complete_read_the_guard_passes() -> None:
    account = named("ada@other.example")
    unknown = tenant_of(account, policy=Policy())
    assert unknown == Guard(
        "tenant", passed=True, message="target.domains is empty, so domains do not show whose accounts these are"
    )
    quiet = "not checked: the plan has no changes, or the read is incomplete"
    for changes, problem in (([], None), ([change("ada")], "page 2 is short")):
        context = GuardContext(changes, [], [account], problem, {}, live=[account])
        assert check_tenant(context, OURS.domains) == Guard("tenant", passed=True, message=quiet)


@pytest.mark.parametrize(("count", "passed"), [(0, True), (1, True), (5, True), (6, False)])
def test_before_the_first_apply_as_many_accounts_as_administrators_may_have_any_domain(
    count: int, passed: bool
) -> None:
    accounts = [named(f"admin{number}@other.example", external_id=None) for number in range(count)]
    found = tenant_of(*accounts)
    assert found.passed == passed
    if passed:
        assert found.message == "there are no managed accounts that would show whose tenant this is"
    else:
        assert found.message.startswith("none of 6 unmanaged accounts has a domain of target.domains ")
        assert tenant_of(*accounts, named("ada@example.com", external_id=None)).passed
