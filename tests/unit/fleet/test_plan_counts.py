from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.plans import every_action

from reconciler.core.plan import Attribution, Drift, Plan
from reconciler.fleet import plan_counts
from reconciler.fleet.plan_counts import CountedPlan, count_plan, count_saved_plan
from reconciler.record.plan_file import from_json, to_json
from reconciler.session.fleet.tenant_metrics import TenantMetrics


def drifted() -> Plan:
    """Every action, of which some wait for an apply, and others may."""
    plan = every_action()
    states = (Attribution.NOT_APPLIED, Attribution.EDITED_IN_TARGET, Attribution.UNKNOWN)
    changes = tuple(replace(each, attribution=states[number % 3]) for number, each in enumerate(plan.changes))
    changes = (*changes[:1], replace(changes[1], pending=("userName",)), *changes[2:])
    return replace(plan, changes=changes, drift=Drift(None, None, None, 1))


@pytest.mark.parametrize(("plan", "verb"), [(every_action(), "plan"), (drifted(), "drift")], ids=["plan", "drift"])
def test_the_counts_are_those_of_the_result_of_the_same_run(plan: Plan, verb: str) -> None:
    metrics = TenantMetrics(verb)
    metrics.planned(plan)
    assert count_plan(to_json(plan).encode()) == CountedPlan(plan.plan_id, metrics.counts)


def test_what_a_key_that_is_there_twice_or_escaped_says_is_what_an_apply_reads() -> None:
    """Else a plan could be counted as another one than is applied."""
    plan = every_action()
    text = to_json(plan)
    twice = text.rstrip().removesuffix("}") + ', "resource_changes": [], "plan_id": "sha256:' + "0" * 64 + '"}'
    escaped = text.replace('"resource_changes"', r'"resource_chang\u0065s"')
    assert count_plan(escaped.encode()) == count_plan(text.encode())
    assert from_json(escaped).plan_id == plan.plan_id
    counted = count_plan(twice.encode())
    assert counted is not None
    assert counted.plan_id == f"sha256:{'0' * 64}"
    assert "delete" not in counted.counts, "the last one counts, as in the other reader"
    with pytest.raises(Exception, match="its content does not give its plan id"):
        from_json(twice)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"plan_id": "x", "resource_changes": 1}'])
def test_what_is_no_plan_has_no_counts(content: bytes) -> None:
    assert count_plan(content) is None


def test_an_unknown_action_has_no_counts() -> None:
    document = json.loads(to_json(every_action()))
    document["resource_changes"][0]["action"] = "erase"
    assert count_plan(json.dumps(document).encode()) is None


def test_a_plan_of_any_size_is_read_and_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, text = tmp_path / "plan.json", to_json(every_action())
    assert count_saved_plan(file) is None
    file.write_text(text)
    whole = count_saved_plan(file)
    monkeypatch.setattr(plan_counts, "_USUAL", 100)
    assert count_saved_plan(file) == whole == count_plan(text.encode())
    (tmp_path / "link").symlink_to(file)
    assert count_saved_plan(tmp_path / "link") is None
