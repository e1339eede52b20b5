import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with, values_of

from reconciler.core.plan import Action, Outcome, Result
from reconciler.record.plan_file import to_json
from reconciler.record.reader import runs_on_record
from reconciler.record.receipt import Receipt
from reconciler.record.runs import ApplyRun

ADA = change("ada", after=values_of("ada", family="King"))
NEW = change("new", Action.CREATE)
PLAN = replace(plan_with(ADA, NEW), commit="a" * 40, config_digest="sha256:a")


def recorded(plans: Path, made_now: Any = None) -> ApplyRun:
    """The run of an apply that carried out ADA and was cut short, read back."""
    receipt = Receipt(plans / "one", PLAN, lambda: NOW, made_now=made_now)
    (plans / "one" / "plan.json").write_text(to_json(PLAN), "utf-8")
    receipt.finished(Outcome(ADA, Result.DONE))
    receipt.close({}, how="interrupted", left=1)
    (run,) = runs_on_record(plans, TARGET)
    return run


def test_an_apply_is_of_what_was_checked_out_and_not_of_what_was_reviewed(tmp_path: Path) -> None:
    run = recorded(tmp_path, replace(PLAN, commit="b" * 40, config_digest="sha256:b"))
    assert (run.commit, run.planned and run.planned.digest) == ("b" * 40, "sha256:b")


def test_a_receipt_from_before_takes_the_plans_word(tmp_path: Path) -> None:
    recorded(tmp_path)
    path = tmp_path / "one" / "receipt.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    del lines[0]["commit"], lines[0]["config_digest"]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    (run,) = runs_on_record(tmp_path, TARGET)
    assert (run.commit, run.planned and run.planned.digest) == ("a" * 40, "sha256:a")


def test_whom_a_plan_was_about_is_known_also_when_it_was_cut_short(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    assert run.settled({ADA.address})
    assert run.settled({"live:live-ada"}), "by the service's id"
    assert not run.settled({NEW.address}), "planned and not begun"
    assert run.settled({'user["else@example.com"]'}), "as desired already"


@pytest.mark.parametrize("key", ["created_at", "summary"])
def test_a_plan_that_says_less_settles_nobody_whom_it_did_not_reach(tmp_path: Path, key: str) -> None:
    recorded(tmp_path)
    path = tmp_path / "one" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: "nonsense"}), "utf-8")
    (run,) = runs_on_record(tmp_path, TARGET)
    assert run.planned is None
    assert run.settled({ADA.address})
    assert not run.settled({'user["else@example.com"]'})
