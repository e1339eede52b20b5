from dataclasses import replace

import pytest
from support.builders import NOW, TARGET, change, plan_of, source_user

from reconciler.core.model import (
    Origin,
    Severity,
    Target,
    error,
    format_user_address,
    warning,
)
from reconciler.core.plan import Action, AttributeChange, Guard


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("ada@example.com", 'user["ada@example.com"]'),
        ('a"]; x', r'user["a\"]; x"]'),
        ("a\\", r'user["a\\"]'),
        ('\\"', r'user["\\\""]'),
    ],
)
def test_an_address_cannot_be_closed_from_within(key: str, address: str) -> None:
    assert format_user_address(key) == address


def test_a_change_lists_the_rows_that_differ_sorted_by_path() -> None:
    found = change(before={"c": "1", "a": "1", "same": True}, after={"b": "2", "a": "2", "same": True})
    assert found.attribute_changes() == (
        AttributeChange("a", "1", "2"),
        AttributeChange("b", None, "2"),
        AttributeChange("c", "1", None),
    )


def test_a_place_is_written_as_editors_read_it() -> None:
    assert str(Origin("users/a.yaml", 3, 7)) == "users/a.yaml:3:7"


def test_diagnostics_have_their_severity() -> None:
    assert (error("a").severity, warning("a").severity) == (Severity.ERROR, Severity.WARNING)


def test_a_user_has_the_origin_of_each_attribute() -> None:
    user = source_user()
    assert user.at("surname") == user.origin
    assert replace(user, origin_of=lambda name: Origin(name, 1, 1)).at("surname") == Origin("surname", 1, 1)


@pytest.mark.parametrize(
    ("changes", "guards", "blocked", "applyable"),
    [
        ([], [], False, False),
        ([change()], [], False, True),
        ([change()], [Guard("a", passed=True, message="")], False, True),
        ([change()], [Guard("a", passed=True, message=""), Guard("b", passed=False, message="")], True, False),
        ([change()], [Guard("b", passed=False, message="", approved=True)], False, True),
        ([], [Guard("b", passed=False, message="")], True, False),
    ],
)
def test_a_plan_is_applyable_when_something_is_to_do_and_nothing_blocks(
    changes: list, guards: list, blocked: bool, applyable: bool
) -> None:
    plan = replace(plan_of(), changes=tuple(changes), guards=tuple(guards))
    assert (plan.blocked, plan.applyable) == (blocked, applyable)


def test_changes_are_counted_by_action() -> None:
    plan = replace(plan_of(), changes=(change(), change("bob"), change("carol", Action.DELETE)))
    assert [plan.count(Action.UPDATE), plan.count(Action.DELETE), plan.count(Action.UPDATE, Action.DELETE)] == [2, 1, 3]
    assert plan.count(Action.CREATE) == plan.count() == 0
    assert plan.created_at == NOW


# --- targets --------------------------------------------------------------------------------------

ACME = replace(TARGET, tenant="acme")


@pytest.mark.parametrize(
    ("target", "recorded", "covered"),
    [
        (TARGET, TARGET, True),
        (ACME, ACME, True),
        (ACME, TARGET, True),
        (TARGET, ACME, False),
        (ACME, replace(ACME, tenant="globex"), False),
        (ACME, replace(TARGET, base_url="https://elsewhere.example"), False),
        (ACME, replace(TARGET, profile="scim"), False),
        (TARGET, replace(TARGET, base_url=TARGET.base_url.replace("https://", "HTTPS://") + "/"), True),
    ],
    ids=["neither named", "same", "since named", "no longer named", "another tenant", "address", "profile", "spelling"],
)
def test_a_target_covers_what_is_on_record_for_it(target: Target, recorded: Target, covered: bool) -> None:
    assert target.covers(recorded) == covered


def test_what_is_about_an_address_covers_all_profiles_but_no_other_tenant() -> None:
    assert ACME.covers(replace(TARGET, profile="scim"), any_profile=True)
    assert not ACME.covers(Target("scim", TARGET.base_url, "globex"), any_profile=True)
    assert not ACME.covers(Target("scim", "https://elsewhere.example"), any_profile=True)


def test_a_target_without_a_tenant_is_shown_and_stored_as_before_tenants_had_names() -> None:
    assert str(TARGET) == f"{TARGET.base_url} (apple-business-manager)"
    assert TARGET.address == TARGET.base_url
    assert TARGET.document == {"profile": TARGET.profile, "base_url": TARGET.base_url}


def test_a_tenant_is_shown_and_stored_with_its_target() -> None:
    assert str(ACME) == f"{TARGET.base_url} (apple-business-manager, tenant acme)"
    assert ACME.address == f"{TARGET.base_url} (tenant acme)"
    assert ACME.document == {**TARGET.document, "tenant": "acme"}
