import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOW, change, plan_with, values_of

from reconciler.core.model import error
from reconciler.core.plan import Action
from reconciler.errors import PlanFileError
from reconciler.record.attempts import Attempt
from reconciler.record.late_changes import LateChanges
from reconciler.record.late_plan import PackedPlan, PlanReader
from reconciler.record.plan_file import to_json
from reconciler.record.plan_record import to_record
from reconciler.record.plan_summary import read_plan_summary
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import ApplyRun, join_plan

ADA, BOB, NEW = change("ada", after=values_of("ada", family="King")), change("Bob"), change("new", Action.CREATE)
PLAN = replace(
    plan_with(ADA, BOB, NEW),
    commit="a" * 40,
    config_digest="sha256:d",
    diagnostics=(error("odd", "", None, 'user["Eve"]'), error("odd", "")),
)
REDACTOR = Redactor(b"k" * 32)


def attempt(address: str, result: str = "done", live_id: str | None = None) -> Attempt:
    return Attempt(address, "update", "", result, "", NOW, live_id)


def make_run(*attempts: Attempt, **fields: Any) -> ApplyRun:
    settled: dict[str, Any] = {"commit": None, **fields}
    return ApplyRun("x", "sha256:0", began=NOW, whole=True, attempts=attempts, **settled)


RUNS = (
    make_run(attempt(ADA.address), attempt(NEW.address, live_id="L9"), how="complete"),
    make_run(attempt(BOB.address, "failed"), attempt('user["gone"]'), how="interrupted", left=1),
    make_run(commit="b" * 40, config_digest="sha256:e"),
)


def write(directory: Path, content: str | bytes) -> Path:
    path = directory / "plan.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return path


def assert_joined_as_in_full(path: Path, runs: tuple[ApplyRun, ...] = RUNS) -> list[ApplyRun]:
    found = PlanReader().join(runs, path)
    plan = read_plan_summary(path)
    in_full = [join_plan(each, plan) for each in runs]
    assert found == in_full
    packed = PlanReader().pack(runs, path.read_bytes()) if path.exists() else None
    if packed is not None:
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(packed), type=PackedPlan)
        again = [PlanReader().join_packed(run, number, kept, path) for number, run in enumerate(runs)]
        assert again == in_full
        assert_same_answers(again, in_full)
    assert_same_answers(found, in_full)
    return found


def assert_same_answers(found: list[ApplyRun], in_full: list[ApplyRun]) -> None:
    keys = {key for each in in_full for key in (*each.changes, *(each.planned.changes if each.planned else ()))}
    for one, other in zip(found, in_full, strict=True):
        for key in (*keys, "live:none"):
            assert one.find([key]) == other.find([key])
            assert one.find_planned([key]) == other.find_planned([key])
            assert one.converged([key]) == other.converged([key])


@pytest.mark.parametrize("redactor", [NO_REDACTION, REDACTOR], ids=["full", "digests"])
def test_an_apply_is_joined_as_in_full(tmp_path: Path, redactor: Redactor) -> None:
    attempts = tuple(attempt(redactor.address(each.address)) for each in (ADA, NEW))
    found = assert_joined_as_in_full(write(tmp_path, to_record(PLAN, redactor)), (make_run(*attempts), *RUNS))
    assert all(isinstance(each.changes, LateChanges) for each in found)
    assert found[0].commit == "a" * 40
    assert len({id(each) for each in found[0].changes.values()}) == 2


def test_a_plan_is_not_read_again_for_other_users(tmp_path: Path) -> None:
    path = write(tmp_path, to_json(PLAN))
    found, _, _ = PlanReader().join(RUNS, path)
    path.unlink()
    assert found.find(['user["carl"]']) is None
    assert found.converged(['user["carl"]'])
    assert not found.converged(['user["eve"]'])


def test_a_plan_that_was_changed_since_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, to_json(PLAN))
    found, _, _ = PlanReader().join(RUNS, path)
    path.write_text(to_json(replace(PLAN, created_at=NOW - timedelta(1))))
    with pytest.raises(PlanFileError, match="was changed"):
        found.find([ADA.address])
    path.unlink()
    with pytest.raises(PlanFileError, match="there is no file"):
        found.find([ADA.address])


def test_without_a_plan_an_apply_still_counts(tmp_path: Path) -> None:
    assert_joined_as_in_full(tmp_path / "plan.json")


_ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


@given(st.data())
def test_any_edited_plan_is_joined_as_in_full(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    document = json.loads(to_json(PLAN))
    for _ in range(data.draw(st.integers(1, 3))):
        each: Any = document
        while isinstance(each, dict | list) and each:
            key = data.draw(st.sampled_from(sorted(each) if isinstance(each, dict) else range(len(each))))
            if not isinstance(each[key], dict | list) or data.draw(st.booleans()):
                if isinstance(each, dict) and data.draw(st.booleans()):
                    del each[key]
                else:
                    each[key] = data.draw(_ODD)
                break
            each = each[key]
    text = json.dumps(document, ensure_ascii=data.draw(st.booleans()))
    assert_joined_as_in_full(write(tmp_path_factory.mktemp("plan"), text))


@given(st.data())
def test_any_damaged_plan_is_joined_as_in_full(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(to_json(PLAN).encode())
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b'"', b"\\", b"\\u12", b",", b"}", b"\xff"]))
        )
        content[at : at + data.draw(st.integers(0, 2))] = piece
    assert_joined_as_in_full(write(tmp_path_factory.mktemp("plan"), bytes(content)))
