from dataclasses import replace
from typing import Any

import pytest
from support.builders import (
    DEPARTMENT,
    MAPPINGS,
    OUT,
    SCIM,
    change,
    desired,
    live,
    mapping,
    plan_of,
    source_user,
)

from reconciler.core.model import DesiredUser, Flow, LiveUser, RulePart, ScopeReason, Verdict, error, warning
from reconciler.core.plan import Action, Plan
from reconciler.core.planning.explanation import (
    Decision,
    DecisionContext,
    MappedRow,
    MatchLookup,
    explain_decision,
    find_desired,
    find_live,
    find_removal_setting,
    look_up_matches,
    map_rows,
    select_diagnostics,
)
from reconciler.core.planning.mapping import MappingError
from reconciler.core.policy import Limit, Policy, Removal

FREE = Policy(removals=Limit())
DORMANT = "; the account stays deactivated, because the mapping of active has no value, or its `apply` is not `always`"

# --- finding a user by name -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["ada@example.com", "ADA@Example.com", "id-ada", "ID-ADA", "lovelace"])
def test_a_desired_user_is_found_by_key_and_identifying_values(name: str) -> None:
    ada = desired("ada", key="lovelace")
    assert find_desired(name, [desired("bob"), ada]) is ada


def test_a_desired_user_is_not_found_by_other_values() -> None:
    assert find_desired("Engineering", [desired("ada")]) is None
    assert find_desired("", [desired("ada", external_id=None)]) is None


@pytest.mark.parametrize("name", ["ada@example.com", "Ada@Example.COM", "id-ada", "live-ada", "LIVE-ADA"])
def test_a_live_user_is_found_by_user_name_external_id_and_id(name: str) -> None:
    ada = live("ada")
    assert find_live(name, [live("bob"), ada]) is ada


def test_a_live_user_without_external_id_is_not_found_by_an_empty_name() -> None:
    assert find_live("", [live("ada", external_id=None)]) is None
    assert find_live("eve", [live("ada")]) is None


# --- matching and mapping -------------------------------------------------------------------


def test_each_matching_attribute_lists_the_live_users_that_have_its_value() -> None:
    accounts = [live("bob"), live("ada", id="2", external_id="other"), live("ada", id="1"), live("eve", user_name="x")]
    assert look_up_matches(desired("ada"), accounts, MAPPINGS) == (
        MatchLookup("externalId", "id-ada", ("1",)),
        MatchLookup("userName", "ada@example.com", ("1", "2")),
    )


def test_an_unassigned_matching_attribute_matches_no_live_user() -> None:
    (first, _) = look_up_matches(desired("ada", external_id=None), [live("bob", external_id=None)], MAPPINGS)
    assert first == MatchLookup("externalId", None, ())


def mapped(row: Any, account: LiveUser | None = None, **source: Any) -> MappedRow:
    (found,) = map_rows(source_user("ada", **source), [row], account)
    return found


def test_a_row_shows_its_rule_inputs_value_and_the_live_value() -> None:
    row = replace(mapping(DEPARTMENT, "department"), rule_text="source: department")
    assert mapped(row, live("ada", department="Old")) == MappedRow(
        path=DEPARTMENT,
        rule="source: department",
        inputs={"department": "Engineering"},
        value="Engineering",
        flow="always",
        default=None,
        live="Old",
    )
    assert mapped(row).live is None
    assert mapped(row, department=None).value is None
    assert mapped(row, department=None).inputs == {"department": None}


@pytest.mark.parametrize(
    ("fields", "flow"),
    [
        ({}, "always"),
        ({"flow": Flow.CREATE}, "on create only"),
        ({"flow": Flow.IF_EMPTY}, "only where the target has none"),
        ({"clear": True}, "no value clears the target's"),
    ],
)
def test_a_row_shows_when_its_value_is_sent(fields: dict[str, Any], flow: str) -> None:
    assert mapped(mapping(DEPARTMENT, "department", **fields)).flow == flow


def test_a_row_shows_why_it_has_no_usable_value() -> None:
    def fail(_attributes: Any) -> str:
        raise MappingError("no rule fits")

    assert mapped(mapping(DEPARTMENT, rule=fail)).problem == "no rule fits"
    assert (
        mapped(mapping("active", rule=lambda _: "perhaps")).problem == 'active holds "perhaps", neither true nor false'
    )
    long = mapped(mapping("title", profile=SCIM, value="x" * 2000))
    assert long.problem == "title has 2,000 characters, the target takes 1,024"
    assert long.value == "x" * 2000


def test_a_unique_row_shows_its_candidates_instead_of_a_value() -> None:
    row = mapping("title", profile=SCIM, rule=lambda _: ("a", "b"), unique=True)
    assert (mapped(row).candidates, mapped(row).value) == (("a", "b"), None)
    assert mapped(replace(row, rule=lambda _: None)).candidates == ()


def test_an_expression_shows_its_parts() -> None:
    def explain(attributes: Any) -> RulePart:
        return RulePart("[surname]", attributes["surname"])

    row = mapping("title", profile=SCIM, value="x", explain=explain)
    assert mapped(row, surname="King").parts == RulePart("[surname]", "King")


# --- the removal setting --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "setting"),
    [
        (None, None),
        (desired("ada"), None),
        (desired("ada", verdict=OUT), Removal.DELETE),
        (desired("ada", verdict=Verdict(ScopeReason.UNJUDGED, "?")), None),
    ],
)
def test_the_removal_setting_concerns_users_out_of_scope(user: DesiredUser | None, setting: Removal | None) -> None:
    policy = Policy(out_of_scope=Removal.DELETE, removed=Removal.KEEP)
    assert find_removal_setting(user, policy) is setting


# --- the decision ---------------------------------------------------------------------------


def decision(
    user: DesiredUser | None, account: LiveUser | None, *, policy: Policy = FREE, plan: Plan | None = None
) -> Decision:
    """The decision for `ada` in the plan of both, next to a user that stays."""
    people, accounts = [desired("stays"), *([user] if user else [])], [live("stays"), *([account] if account else [])]
    made = plan or plan_of(people, accounts, policy=policy)
    permitted = plan_of(people, accounts, policy=replace(policy, permitted=Policy().permitted))
    return explain_decision(DecisionContext("ada@example.com", user, account, made, permitted, policy))


def test_a_change_is_explained_by_its_detail() -> None:
    found = decision(desired("ada", family="King"), live("ada"))
    assert found.change is not None
    assert (found.change.action, found.explanation, found.blocked_by) == (
        Action.UPDATE,
        "attributes differ from the desired state",
        (),
    )


def test_a_change_of_the_account_under_another_key_is_found_by_its_id() -> None:
    plan = plan_of([desired("stays")], [live("stays"), live("ada", user_name="other@example.com")], policy=FREE)
    found = decision(None, live("ada", user_name="other@example.com"), plan=plan)
    assert found.change is not None
    assert (found.change.key, found.change.action) == ("other@example.com", Action.DEACTIVATE)


def test_the_messages_of_blocking_guards_are_listed() -> None:
    found = decision(desired("ada", family="King"), live("ada"), policy=replace(FREE, updates=Limit(0)))
    (message,) = found.blocked_by
    assert message.startswith("1 of 2 managed users (50.0 %) would be updated, more than the limit of 0")


@pytest.mark.parametrize(
    ("user", "account", "explanation"),
    [
        (desired("ada"), live("ada"), "none: nothing differs"),
        (desired("ada", verdict=OUT), None, "none: out of scope, and not in the target"),
        (None, None, "none: out of scope, and not in the target"),
        (
            None,
            live("ada", managed=False, adoptable=False),
            "none: the live account is not managed (ownership in settings.yaml)",
        ),
        (None, live("ada", active=False), "none: the account is deactivated already"),
        (
            desired("ada", active=None),
            live("ada", active=False),
            f"none: nothing differs{DORMANT}",
        ),
    ],
)
def test_the_reason_for_no_change(user: DesiredUser | None, account: LiveUser | None, explanation: str) -> None:
    assert decision(user, account) == Decision(None, explanation)


@pytest.mark.parametrize(
    ("user", "setting"), [(None, "lifecycle.removed"), (desired("ada", verdict=OUT), "lifecycle.out_of_scope")]
)
def test_a_kept_account_names_the_setting(user: DesiredUser | None, setting: str) -> None:
    policy = replace(FREE, removed=Removal.KEEP, out_of_scope=Removal.KEEP)
    found = decision(user, live("ada"), policy=policy)
    assert found == Decision(None, f"none: {setting} in settings.yaml is keep")


def test_a_deactivated_account_shows_when_it_is_deleted() -> None:
    found = decision(None, live("ada", active=False), policy=replace(FREE, delete_after_days=30))
    assert found.explanation == (
        "none: the account is deactivated already; it is deleted 30 days after its deactivation"
        " (lifecycle.delete_after_days)"
    )


def test_a_withheld_change_shows_why() -> None:
    found = decision(None, live("ada"), policy=replace(FREE, permitted=frozenset({"update"})))
    assert found == Decision(
        None,
        "none: deactivate is needed, but withheld"
        " (1 deactivate withheld: lifecycle.actions in settings.yaml does not permit it)",
    )


def test_an_error_about_the_user_explains_that_it_is_left_untouched() -> None:
    found = decision(desired("ada"), live("ada", unreadable="active holds 5"))
    assert found == Decision(None, "none: see the errors; the account is left untouched")


def test_a_warning_about_a_user_out_of_scope_explains_that_the_account_is_another_users() -> None:
    found = decision(desired("ada", verdict=OUT), live("eve", user_name="ada@example.com", active=False))
    assert found == Decision(None, "none: out of scope, and the live account belongs to another user: see the warning")


def test_only_the_diagnostics_of_the_user_are_selected() -> None:
    mine, hers = error("a", address='user["ada@example.com"]'), warning("b", address='user["eve@example.com"]')
    plan = replace(plan_of(), diagnostics=(mine, hers, error("c")), changes=(change("eve"),))
    context = DecisionContext("ada@example.com", None, None, plan, plan, FREE)
    assert select_diagnostics(context) == (mine,)
    assert explain_decision(context).change is None
