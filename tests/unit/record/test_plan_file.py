import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import NOW, TARGET, change, desired, live, plan_of, plan_with, rename, values_of

from reconciler.core.model import Diagnostic, Origin, Severity, Target
from reconciler.core.plan import Action, ActionReason, Attribution, Base, Change, Drift, Guard, LaterEdit, Plan, Tally
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning.attribution import attribute_plan
from reconciler.core.tenant_names import TENANT_PATTERN
from reconciler.errors import PlanFileError
from reconciler.record.plan_document import PlanDocument
from reconciler.record.plan_file import from_json, json_text, list_json, to_document, to_json

PLAN = plan_of(
    [desired("new"), desired("ada", family='K"ing\u202e\n')],
    [live("ada"), live("gone")],
    commit="abc",
    config_digest="sha256:1",
    diagnostics=[Diagnostic(Severity.WARNING, "odd", "detail", Origin("users/a:b.yaml", 3, 4), "x", "- line")],
)

# --- round trip ---------------------------------------------------------------------------------

TEXT = st.text(max_size=20)
COUNT = st.integers(0, 10**9)
VALUES = st.dictionaries(TEXT, TEXT | st.booleans(), max_size=4)
ORIGINS = st.none() | st.builds(Origin, st.text(min_size=1, max_size=10), st.integers(1, 10**6), st.integers(1, 10**6))
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@st.composite
def changes(draw: st.DrawFn) -> Change:
    action = draw(st.sampled_from(Action))
    return Change(
        key=draw(TEXT),
        action=action,
        reason=draw(st.sampled_from(ActionReason)),
        detail=draw(TEXT),
        live_id=draw(st.none() | TEXT),
        before={} if action is Action.CREATE else draw(VALUES),
        after={} if action is Action.DELETE else draw(VALUES),
        origin=draw(ORIGINS),
        temporary_user_name=draw(st.none() | TEXT),
        requires=tuple(draw(st.lists(TEXT, max_size=2))),
        wave=draw(COUNT),
        attribution=draw(st.none() | st.sampled_from(Attribution)),
        history=tuple(draw(st.lists(TEXT, max_size=2))),
        pending=tuple(draw(st.lists(TEXT, max_size=2))),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    target = Target(draw(TEXT), draw(TEXT), draw(st.none() | st.from_regex(TENANT_PATTERN, fullmatch=True)))
    planned = tuple(draw(st.lists(changes(), max_size=3)))
    return Plan(
        plan_id=compute_plan_id(target, planned),
        target=target,
        changes=planned,
        guards=tuple(
            draw(st.lists(st.builds(Guard, TEXT, st.booleans(), TEXT, st.booleans(), st.booleans()), max_size=2))
        ),
        diagnostics=tuple(
            draw(
                st.lists(
                    st.builds(
                        Diagnostic, st.sampled_from(Severity), TEXT, TEXT, ORIGINS, st.none() | TEXT, st.none() | TEXT
                    ),
                    max_size=2,
                )
            )
        ),
        tally=draw(st.builds(Tally, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)),
        complete=draw(st.booleans()),
        created_at=draw(TIMES),
        expires_at=draw(TIMES),
        reconciler_version=draw(TEXT),
        config_digest=draw(TEXT),
        commit=draw(st.none() | TEXT),
        base=draw(st.none() | st.builds(Base, TEXT, TEXT, st.booleans())),
        drift=draw(
            st.none() | st.builds(Drift, st.none() | TIMES, st.none() | TEXT, st.none() | TEXT, st.none() | COUNT)
        ),
        notes=tuple(draw(st.lists(TEXT, max_size=2))),
        no_longer_pending=tuple(draw(st.lists(changes(), max_size=2))),
        changes_nothing_today=tuple(draw(st.lists(st.builds(LaterEdit, TEXT, TEXT), max_size=2))),
    )


@settings(deadline=None)
@given(plans())
def test_a_plan_that_was_written_is_read_back_as_it_was(plan: Plan) -> None:
    text = to_json(plan)
    assert from_json(text) == plan
    assert from_json(text.encode()) == plan
    assert to_json(from_json(text)) == text


# --- the document -------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(plan=plans())
def test_a_plan_in_pieces_is_the_whole(plan: Plan) -> None:
    assert to_json(plan) == json_text(to_document(plan)) + "\n"
    assert len(list(list_json(plan))) <= len(plan.changes) + 3


def test_a_value_that_looks_like_the_list_of_changes_is_none() -> None:
    odd = replace(plan_with(change("ada")), notes=('x\n  "resource_changes": []',))
    assert to_json(odd) == json_text(to_document(odd)) + "\n"


def test_the_document_has_the_published_keys_in_order() -> None:
    document = to_document(PLAN)
    assert list(document) == list(PlanDocument.model_fields)
    assert document["summary"] == {
        "create": 1,
        "update": 1,
        "adopt": 0,
        "relink": 0,
        "reactivate": 0,
        "deactivate": 1,
        "delete": 0,
        "unchanged": 0,
        "unmanaged": 0,
        "failed": 0,
        "kept": 0,
        "withheld": 0,
        "managed": 2,
        "unassigned": 0,
        "other_case": 0,
        "this_change_set": None,
        "already_pending": None,
        "edited_in_target": None,
        "not_applied": None,
        "untold": None,
    }
    assert (document["format_version"], document["plan_id"], document["applyable"]) == ("1.0", PLAN.plan_id, True)
    assert document["target"] == {"profile": TARGET.profile, "base_url": TARGET.base_url}
    assert document["created_at"] == "2026-03-01T12:00:00+00:00"
    assert document["diagnostics"] == [
        {
            "severity": "warning",
            "summary": "odd",
            "detail": "detail",
            "file": "users/a:b.yaml",
            "line": 3,
            "column": 4,
            "address": "x",
            "source_line": "- line",
            "cause": "",
        }
    ]


@pytest.mark.parametrize(
    ("action", "words", "has_before", "has_after"),
    [
        (Action.CREATE, ["create"], False, True),
        (Action.UPDATE, ["update"], True, True),
        (Action.ADOPT, ["update"], True, True),
        (Action.REACTIVATE, ["update"], True, True),
        (Action.DEACTIVATE, ["update"], True, True),
        (Action.DELETE, ["delete"], True, False),
    ],
)
def test_changes_have_the_shape_that_policy_tools_know(
    action: Action, words: list[str], has_before: bool, has_after: bool
) -> None:
    planned = change(
        "ada", action, before={"b": "1", "a": True}, after={"b": "2", "a": False}, origin=Origin("f", 1, 2)
    )
    (found,) = to_document(plan_with(planned))["resource_changes"]
    assert found == {
        "address": 'user["ada@example.com"]',
        "key": "ada@example.com",
        "id": None if action is Action.CREATE else "live-ada",
        "action": action.value,
        "action_reason": "attributes_differ",
        "detail": "a test",
        "origin": "f:1:2",
        "change": {
            "actions": words,
            "before": {"a": True, "b": "1"} if has_before else None,
            "after": {"a": False, "b": "2"} if has_after else None,
        },
        "temporary_user_name": None,
        "requires": [],
        "wave": 0,
        "attribution": None,
        "pending_attributes": [],
        "history": [],
    }


def test_the_document_is_safe_to_print_and_ends_with_a_line() -> None:
    text = to_json(PLAN)
    assert text.startswith('{\n  "format_version": "1.0",\n')
    assert text.endswith("\n}\n")
    assert text.isascii()
    assert "\\u202e" in text
    assert "##[" not in to_json(replace(PLAN, commit="##[add-mask]x"))


def test_attribution_is_counted_by_list() -> None:
    pending = change("bob", after=values_of("bob", family="X"))
    plan = plan_with(change("ada", Action.CREATE), pending, base=Base("main", "c" * 40))
    summary = to_document(attribute_plan(plan, plan_with(pending)))["summary"]
    assert {action for action, count in summary["this_change_set"].items() if count} == {"create"}
    assert {action for action, count in summary["already_pending"].items() if count} == {"update"}


def test_drift_is_counted_by_list() -> None:
    changes = (
        replace(change("ada"), attribution=Attribution.EDITED_IN_TARGET),
        replace(change("bob", Action.DELETE), attribution=Attribution.NOT_APPLIED),
    )
    summary = to_document(plan_with(*changes, drift=Drift()))["summary"]
    assert summary["edited_in_target"]["update"] == summary["not_applied"]["delete"] == 1
    assert sum(summary["untold"].values()) == 0
    assert summary["this_change_set"] is None


def test_a_document_from_before_attribution_is_read() -> None:
    document = to_document(PLAN)
    for holder, keys in (
        (document, ("base", "drift", "notes", "no_longer_pending", "changes_nothing_today")),
        (document["summary"], tuple(Attribution)),
        *((item, ("attribution", "pending_attributes", "history")) for item in document["resource_changes"]),
    ):
        for key in keys:
            del holder[key]
    assert from_json(json.dumps(document)) == PLAN


def test_later_edits_and_changes_no_longer_pending_are_in_the_document_and_not_in_the_plan_id() -> None:
    gone, later = change("bob", Action.DEACTIVATE), LaterEdit("eve@example.com", "starts 2027-01-01")
    plan = replace(PLAN, no_longer_pending=(gone,), changes_nothing_today=(later,))
    document = to_document(plan)
    assert document["plan_id"] == PLAN.plan_id
    (found,) = document["no_longer_pending"]
    assert (found["address"], found["action"], found["attribution"]) == ('user["bob@example.com"]', "deactivate", None)
    assert document["changes_nothing_today"] == [
        {"address": 'user["eve@example.com"]', "key": "eve@example.com", "detail": "starts 2027-01-01"}
    ]
    assert from_json(to_json(plan)) == plan


def test_an_offline_plan_is_not_applyable() -> None:
    offline = replace(PLAN, base=Base("main", "c" * 40, offline=True))
    assert to_document(replace(PLAN, base=Base("main", "c" * 40)))["applyable"]
    assert not to_document(offline)["applyable"]
    assert from_json(to_json(offline)).offline


# --- documents that are refused -----------------------------------------------------------------


def edited(edit: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(to_json(PLAN))
    edit(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan["resource_changes"].pop(),
        lambda plan: plan["resource_changes"].reverse(),
        lambda plan: plan["resource_changes"].append(plan["resource_changes"][0]),
        lambda plan: plan["resource_changes"][0]["change"]["after"].update({"userName": "evil@example.com"}),
        lambda plan: plan["resource_changes"][0]["change"]["before"].update({"active": False}),
        lambda plan: plan["resource_changes"][0].update(id="live-other"),
        lambda plan: plan["resource_changes"][0].update(key="other"),
        lambda plan: plan["resource_changes"][0].update(action="reactivate"),
        lambda plan: plan["resource_changes"][0].update(temporary_user_name="x@example.com"),
        lambda plan: plan["target"].update(base_url="https://evil.example/scim"),
        lambda plan: plan["target"].update(profile="scim"),
        lambda plan: plan["target"].update(tenant="acme"),
        lambda plan: plan.update(plan_id="sha256:" + "0" * 64),
    ],
)
def test_an_edited_plan_is_refused(edit: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(PlanFileError) as caught:
        from_json(edited(edit))
    assert caught.value.summary == "the plan was edited: its content does not give its plan id"


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("", "not a plan: it is not JSON"),
        ("nonsense", "not a plan: it is not JSON"),
        (b"\xff\xfe", "not a plan: it is not JSON"),
        ("[" * 100_000, "not a plan: it is not JSON"),
        ("[]", "not a plan: Input should be an object"),
        ("{}", "not a plan: format_version: Field required"),
        ('{"format_version": "2.0"}', "the plan has format 2.0, this version reads 1.0"),
        ('{"format_version": "' + "9" * 500 + '"}', "the plan has format 99999999999999999999, this version reads 1.0"),
        (edited(lambda plan: plan.update(extra=1)), "not a plan: extra: Extra inputs are not permitted"),
        (edited(lambda plan: plan.pop("target")), "not a plan: target: Field required"),
        (
            edited(lambda plan: plan.update(plan_id="sha256:../../x")),
            "not a plan: plan_id: String should match pattern '^sha256:[0-9a-f]{64}$'",
        ),
        (
            edited(lambda plan: plan["target"].update(tenant="--> x")),
            "not a plan: target.tenant: String should match pattern '^[a-z0-9][a-z0-9-]{0,39}$'",
        ),
        (
            edited(lambda plan: plan["resource_changes"][0].update(action="destroy")),
            (
                "not a plan: resource_changes.0.action: Input should be"
                " 'create', 'update', 'adopt', 'relink', 'reactivate', 'deactivate' or 'delete'"
            ),
        ),
        (
            edited(lambda plan: plan.update(expires_at="2099-01-01T00:00:00")),
            "not a plan: expires_at: Input should have timezone info",
        ),
    ],
)
def test_what_is_not_a_plan_of_this_format_is_refused(text: str | bytes, summary: str) -> None:
    with pytest.raises(PlanFileError) as caught:
        from_json(text)
    assert caught.value.summary == summary


@pytest.mark.parametrize("origin", ["", "x", "a:b", "a:1:b", "a:²:1", ":1:1", "a:1:-1", None])
def test_a_place_that_is_none_is_left_out(origin: str | None) -> None:
    found = from_json(edited(lambda plan: plan["resource_changes"][0].update(origin=origin)))
    assert found.changes[0].origin is None


@pytest.mark.parametrize("secret", ["token", "authorization", "bearer"])
def test_a_plan_holds_no_secret_by_name(secret: str) -> None:
    assert secret not in to_json(replace(PLAN, created_at=NOW)).casefold()


def test_a_plan_with_a_swap_is_read_back() -> None:
    swap = plan_with(rename("a", "b"), rename("b", "a"), accounts=[live("a"), live("b")])
    assert from_json(to_json(swap)) == swap
