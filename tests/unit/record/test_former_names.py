from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.builders import change, plan_with, values_of

from reconciler.core.plan import Action, Plan
from reconciler.record.former_names import FormerNames
from reconciler.record.plan_file import to_json
from reconciler.record.plan_record import to_record
from reconciler.record.receipt import directory_for
from reconciler.record.recorded_accounts import RecordedAccount
from reconciler.record.redaction import Redactor

LEFT = plan_with(change("ada", Action.DEACTIVATE))
ADA = {"name.givenName": "Ada", "name.familyName": "Lovelace"}


def keep(plans: Path, plan: Plan, content: str | None = None) -> Path:
    directory = directory_for(plans, plan)
    directory.mkdir(parents=True)
    path = directory / "plan.json"
    path.write_text(to_json(plan) if content is None else content, "utf-8")
    return path


def left(by: str, live_id: str = "live-ada") -> RecordedAccount:
    return RecordedAccount(live_id, removed_by=by)


def test_the_names_are_those_of_the_plan_that_removed_the_account(tmp_path: Path) -> None:
    keep(tmp_path, LEFT)
    names = FormerNames(tmp_path)
    assert names(left(LEFT.plan_id)) == ADA
    assert names(left(LEFT.plan_id, "live-bob")) == {}


def test_an_account_that_was_activated_and_deactivated_again_is_as_before(tmp_path: Path) -> None:
    before = {**values_of("ada"), "active": False, "name.givenName": "Zoe"}
    undone = plan_with(change("ada", Action.REACTIVATE, before=before))
    keep(tmp_path, undone)
    assert FormerNames(tmp_path)(left(undone.plan_id)) == {**ADA, "name.givenName": "Zoe"}


def test_a_plan_is_read_once(tmp_path: Path) -> None:
    path = keep(tmp_path, LEFT)
    names = FormerNames(tmp_path)
    names(left(LEFT.plan_id))
    path.unlink()
    assert names(left(LEFT.plan_id)) == ADA


def test_digests_are_no_names(tmp_path: Path) -> None:
    keep(tmp_path, LEFT, to_record(LEFT, Redactor(b"k" * 40)))
    assert FormerNames(tmp_path)(left(LEFT.plan_id)) == {}


def edited(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("Lovelace", "King"), "utf-8")


def of_another_plan(path: Path) -> None:
    path.write_text(to_json(plan_with(change("ada", Action.DEACTIVATE, before=values_of("ada", given="Zoe")))), "utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        edited,
        of_another_plan,
        lambda path: path.write_text("{", "utf-8"),
        lambda path: path.write_text(json.dumps([1]), "utf-8"),
        lambda path: path.write_bytes(b"\xff\x00"),
    ],
)
def test_a_plan_that_is_not_the_one_says_nothing(damage: object, tmp_path: Path) -> None:
    damage(keep(tmp_path, LEFT))  # type: ignore[operator]
    assert FormerNames(tmp_path)(left(LEFT.plan_id)) == {}


@pytest.mark.parametrize("by", ["", "sha256:", "sha256:../../../../", "sha256:************", "*" * 12, "x" * 9999])
def test_an_id_of_any_text_reads_nothing_else(by: str, tmp_path: Path) -> None:
    keep(tmp_path, LEFT)
    assert FormerNames(tmp_path)(left(by)) == {}


@pytest.mark.parametrize("value", [True, "x" * 513])
def test_a_value_that_is_no_name_is_left_out(value: str | bool, tmp_path: Path) -> None:
    plan = plan_with(change("ada", Action.DEACTIVATE, after={**values_of("ada"), "name.givenName": value}))
    keep(tmp_path, plan)
    assert FormerNames(tmp_path)(left(plan.plan_id)) == {"name.familyName": "Lovelace"}
