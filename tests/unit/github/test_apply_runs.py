from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest

from reconciler.errors import StalePlanError
from reconciler.github import apply_runs
from reconciler.github.api import GitHub, Json
from reconciler.github.apply_runs import Applied, WorkflowRun, find_unapplied_runs, judge_run, refuse_after_later_runs

COMMIT = "c" * 40
BEGAN, KEPT, ENDED, LATER = (f"2026-12-01T08:0{minute}:00Z" for minute in range(4))
SETUP = {"Set up job": "success"}
CONFIRMED = {"Confirm that nothing was sent": "success"}


def listed_run(number: int = 4, **changes: Any) -> Json:
    identity = {"id": 100 + number, "run_number": number, "head_branch": "main", "head_sha": COMMIT}
    return {**identity, "event": "push", "status": "completed", "conclusion": "failure", **changes}


def job(steps: Mapping[str, str | None] | None = None, name: str = "apply", **changes: Any) -> Json:
    found = SETUP if steps is None else steps
    listed = [{"name": step, "status": "completed", "conclusion": how} for step, how in found.items()]
    return {"name": name, "steps": listed, "runner_id": 7, "started_at": BEGAN, "completed_at": ENDED, **changes}


def applying(outcome: str | None, *more: Mapping[str, str | None], **changes: Any) -> Json:
    """A job whose step Apply ended with `outcome`."""
    steps: dict[str, str | None] = {**SETUP, "Apply": outcome}
    for each in more:
        steps |= each
    return job(steps, **changes)


def line(event: str, **more: Any) -> Json:
    return {"format_version": "1.0", "time": BEGAN, "event": event, "plan_id": "sha256:" + "0" * 64, **more}


def receipt(*events: Json, run: str | None = "104/1", commit: str = COMMIT) -> bytes:
    named = {"run": run} if run is not None else {}
    started = line("apply_started", target="https://scim.example.com", profile="scim", commit=commit, **named)
    return "".join(f"{json.dumps(each)}\n" for each in (started, *events)).encode()


REQUEST = line("started", address="a", action="create")
COMPLETE, INTERRUPTED = line("apply_finished", how="complete"), line("apply_finished", how="interrupted", left=3)


def archive(*receipts: bytes, name: str = "2026-12-01-{}/receipt.jsonl") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("refusal.json", "{}")
        for number, content in enumerate(receipts):
            made.writestr(name.format(number), content)
    return file.getvalue()


def kept(**changes: Any) -> Json:
    return {"id": 9, "name": "plans", "expired": False, "created_at": KEPT, **changes}


class Hub:
    """A repository with runs, the jobs and artifacts of each, and one archive."""

    def __init__(
        self,
        runs: Sequence[Json] = (),
        jobs: Mapping[int, Sequence[Json]] | None = None,
        artifacts: Sequence[Json] = (),
        content: bytes = b"",
    ) -> None:
        self.runs, self.jobs, self.artifacts, self.content = runs, jobs or {}, artifacts, content
        self.asked: list[str] = []

    def items(self, path: str, _key: str | None = None, **query: Any) -> Iterator[Json]:
        self.asked.append(path)
        if path.endswith("/apply.yml/runs"):
            yield from self.runs
        elif path.endswith("/jobs"):
            assert query == {"filter": "all"}
            yield from self.jobs.get(int(path.split("/")[3]), ())
        else:
            yield from self.artifacts

    def download(self, _path: str) -> bytes:
        return self.content


def judge(*jobs: Json, artifacts: Sequence[Json] = (), content: bytes = b"", **changes: Any) -> Applied:
    """The verdict on run 4 with these jobs."""
    run = apply_runs.parse_run(listed_run(**changes))
    return judge_run(cast("GitHub", Hub((), {104: jobs}, artifacts, content)), run).applied


# --- one run, by its steps ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "jobs",
    [
        [applying("success")],
        [applying("success"), applying("skipped")],
        [applying("skipped", CONFIRMED), applying("success", CONFIRMED)],
        [applying("success"), job({}, runner_id=None)],
    ],
    ids=["success", "then another attempt", "the second attempt", "then a cancelled attempt"],
)
@pytest.mark.parametrize("state", [("completed", "success"), ("completed", "failure"), ("queued", None)])
def test_a_run_applied_if_its_step_did_in_any_attempt(jobs: list[Json], state: tuple[str, str | None]) -> None:
    """Also one that is started again and waits: what it applied is in effect."""
    status, conclusion = state
    assert judge(*jobs, status=status, conclusion=conclusion) is Applied.YES


@pytest.mark.parametrize(
    "jobs",
    [
        [applying("skipped")],
        [applying("failure", CONFIRMED)],
        [applying("cancelled", CONFIRMED)],
        [job({}, runner_id=None)],
        [job({}, runner_id=0)],
        [job({"Set up job": "failure"})],
        [applying("skipped"), job({}, name="record", runner_id=None)],
        [applying("skipped"), job({**SETUP, "Send mail": "success"}, name="notify")],
    ],
    ids=["skipped", "failed", "cancelled", "never run", "no runner", "not set up", "no record", "another job"],
)
def test_a_run_whose_step_sent_nothing_has_not_applied(jobs: list[Json]) -> None:
    assert judge(*jobs) is Applied.NO


@pytest.mark.parametrize(
    "jobs",
    [
        [applying("failure")],
        [applying("cancelled")],
        [applying("timed_out")],
        [applying(None)],
        [applying("failure", {"Confirm that nothing was sent": "skipped"})],
        [applying("failure", {"Confirm that nothing was sent": "cancelled"})],
        [job()],
        [job({})],
        [job({"Set up job": None})],
        [job({**SETUP, "My apply": "failure"})],
        [applying("skipped"), job()],
        [applying("failure", CONFIRMED), applying("failure")],
    ],
    ids=str,
)
def test_a_run_that_may_have_applied_is_not_known(jobs: list[Json]) -> None:
    assert judge(*jobs) is Applied.UNKNOWN


@pytest.mark.parametrize("conclusion", ["cancelled", "skipped", "startup_failure"])
def test_a_run_that_was_cancelled_while_it_waited_has_not_applied(conclusion: str) -> None:
    assert judge(conclusion=conclusion) is Applied.NO


@pytest.mark.parametrize("conclusion", ["success", "failure", "timed_out", "", "new"])
def test_a_run_without_jobs_that_ended_otherwise_is_not_known(conclusion: str) -> None:
    assert judge(conclusion=conclusion) is Applied.UNKNOWN


@pytest.mark.parametrize("status", ["queued", "pending", "waiting", "requested"])
def test_a_run_that_waits_has_not_applied(status: str) -> None:
    assert judge(status=status, conclusion=None) is Applied.NO
    assert judge(job({}, runner_id=None), status=status, conclusion=None) is Applied.NO


def test_a_run_in_progress_may_apply_at_any_moment() -> None:
    assert judge(applying(None), status="in_progress", conclusion=None) is Applied.RUNNING
    assert judge(status="in_progress", conclusion=None) is Applied.RUNNING


# --- one run, by its artifact ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "receipts",
    [
        [receipt(REQUEST)],
        [receipt(COMPLETE)],
        [receipt(INTERRUPTED), receipt(REQUEST, INTERRUPTED)],
        [receipt(REQUEST, run="104/2")],
        [receipt(REQUEST, run=None)],
    ],
    ids=["a request", "complete", "the second receipt", "another attempt", "version 0.1"],
)
def test_a_failed_run_with_a_receipt_of_its_own_has_applied(receipts: list[bytes]) -> None:
    assert judge(applying("failure"), artifacts=[kept()], content=archive(*receipts)) is Applied.YES


@pytest.mark.parametrize(
    "receipts",
    [
        [],
        [receipt()],
        [receipt(INTERRUPTED)],
        [receipt(REQUEST, run="99/1")],
        [receipt(REQUEST, run="1040/1")],
        [receipt(REQUEST, run=None, commit="d" * 40)],
    ],
    ids=["none", "not begun", "interrupted", "another run", "a longer number", "an older commit"],
)
def test_a_failed_run_without_a_request_on_record_has_not_applied(receipts: list[bytes]) -> None:
    assert judge(applying("failure"), artifacts=[kept()], content=archive(*receipts)) is Applied.NO


@pytest.mark.parametrize(
    "artifact",
    [
        kept(expired=True),
        kept(name="plan"),
        kept(created_at=LATER),
        kept(created_at="2026-12-01T07:59:59Z"),
        kept(created_at="yesterday"),
        kept(created_at=None),
    ],
    ids=["expired", "another", "of another attempt", "of an earlier one", "undated", "without a time"],
)
def test_an_artifact_that_is_not_of_the_attempt_proves_nothing(artifact: Json) -> None:
    assert judge(applying("failure"), artifacts=[artifact], content=archive(receipt())) is Applied.UNKNOWN


def test_every_attempt_that_began_needs_its_artifact() -> None:
    second = applying("failure", started_at="2026-12-01T09:00:00Z", completed_at="2026-12-01T09:05:00Z")
    assert judge(applying("failure"), second, artifacts=[kept()], content=archive(receipt())) is Applied.UNKNOWN


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", archive(b"not json\n\n"), archive(b"[]\n")],
    ids=["empty", "no archive", "no receipt", "a list"],
)
def test_an_artifact_that_cannot_be_read_proves_nothing(content: bytes) -> None:
    assert judge(applying("failure"), artifacts=[kept()], content=content) is Applied.UNKNOWN


def test_names_in_an_archive_are_not_used() -> None:
    content = archive(receipt(REQUEST), name="../../{}/receipt.jsonl")
    assert judge(applying("failure"), artifacts=[kept()], content=content) is Applied.YES


def test_too_many_or_too_large_receipts_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive(receipt(), receipt())
    monkeypatch.setattr(apply_runs, "_MAX_RECEIPTS", 1)
    assert judge(applying("failure"), artifacts=[kept()], content=content) is Applied.UNKNOWN
    monkeypatch.setattr(apply_runs, "_MAX_RECEIPTS", 2)
    monkeypatch.setattr(apply_runs, "_MAX_BYTES", len(receipt()) + 1)
    assert judge(applying("failure"), artifacts=[kept()], content=content) is Applied.UNKNOWN


# --- later runs -----------------------------------------------------------------------------------


def later_runs(*runs: Json, jobs: Sequence[Json] = ()) -> list[WorkflowRun]:
    """Check run 3 against `runs`, which all have `jobs`."""
    own = listed_run(3, status="in_progress", conclusion=None)
    hub = Hub([*runs, own, listed_run(2)], {int(run["id"]): jobs for run in runs})
    return refuse_after_later_runs(cast("GitHub", hub), "apply.yml", "main", 3)


def refusal(*runs: Json, jobs: Sequence[Json] = ()) -> StalePlanError:
    with pytest.raises(StalePlanError) as refused:
        later_runs(*runs, jobs=jobs)
    return refused.value


def test_a_later_run_that_applied_is_in_the_way() -> None:
    found = refusal(listed_run(conclusion="success"), jobs=[applying("success")])
    assert found.summary == "run 4 of this workflow, for a later commit, has applied"
    assert found.detail.startswith("Nothing was changed. Re-run the newest run of this workflow instead")


def test_a_later_run_that_is_running_is_waited_for() -> None:
    found = refusal(listed_run(status="in_progress", conclusion=None))
    assert found.summary == "run 4 of this workflow, for a later commit, is running"
    assert found.detail == "Nothing was changed. Wait until that run has finished, then re-run this one."


def test_a_later_run_of_which_it_is_not_known_is_in_the_way() -> None:
    expected = (
        "run 4 of this workflow, for a later commit, may have applied: it began to apply and ended with failure, "
        "and its receipts are not available"
    )
    assert refusal(listed_run(), jobs=[applying("failure")]).summary == expected


def test_a_conclusion_cannot_forge_a_line() -> None:
    for forged in ("a\n::error::b", "`](https://example.com)", "c" * 99):
        found = refusal(listed_run(conclusion=forged), jobs=[applying("failure")])
        assert "it began to apply and ended with an unknown conclusion, and" in found.summary


def test_a_deleted_run_is_in_the_way() -> None:
    """Anyone with write access can delete a run: a number that is missing says so."""
    found = refusal(listed_run(5, conclusion="cancelled"))
    assert found.summary == "the later run 4 of this workflow was deleted, and it may have applied"


@pytest.mark.parametrize(
    "changes", [{"event": "pull_request"}, {"event": ""}, {"head_branch": "mine"}, {"conclusion": "cancelled"}]
)
def test_a_run_that_cannot_have_applied_is_not_in_the_way(changes: Mapping[str, Any]) -> None:
    later_runs(listed_run(**changes))


def test_later_runs_that_have_not_applied_are_returned_and_older_ones_not_asked_for() -> None:
    hub = Hub([listed_run(4), listed_run(3), listed_run(2), listed_run(1)], {104: [applying("skipped")]})
    found = refuse_after_later_runs(cast("GitHub", hub), "apply.yml", "main", 3)
    assert [(run.number, run.commit) for run in found] == [(4, COMMIT)]
    assert hub.asked == ["/actions/workflows/apply.yml/runs", "/actions/runs/104/jobs"]


def test_a_commit_that_is_none_is_not_known() -> None:
    assert [run.commit for run in later_runs(listed_run(conclusion="cancelled", head_sha="HEAD\n"))] == [""]


def test_a_number_without_end_does_not_hang() -> None:
    assert re.match("the later run 4 ", refusal(listed_run(10**18, conclusion="cancelled")).summary)


# --- runs that never applied ----------------------------------------------------------------------


def unapplied(hub: Hub, before: int | None = None) -> list[tuple[int, str]]:
    found = find_unapplied_runs(cast("GitHub", hub), "apply.yml", "main", before)
    return [(run.number, why) for run, why in found]


def test_runs_since_the_last_one_that_applied_are_found() -> None:
    runs = [listed_run(6), listed_run(5, conclusion="cancelled"), listed_run(4), listed_run(3)]
    hub = Hub(runs, {106: [applying("success")], 104: [applying("skipped")], 103: [applying("success")]})
    assert unapplied(hub, before=6) == [(5, "was cancelled before it applied"), (4, "failed before it applied")]
    assert unapplied(hub) == [], "the last one applied"


def test_runs_that_wait_or_belong_to_others_are_left_out() -> None:
    runs = [listed_run(6, status="queued", conclusion=None), listed_run(5, event="pull_request"), listed_run(4)]
    assert unapplied(Hub(runs, {104: [applying("success")]})) == []


def test_a_run_while_provisioning_was_off_did_not_apply_and_is_listed() -> None:
    off = applying("skipped", {apply_runs.OFF_STEP: "success"})
    on = applying("skipped", {apply_runs.OFF_STEP: "skipped"})
    hub = Hub([listed_run(5, conclusion="success"), listed_run(4, conclusion="failure")], {105: [off], 104: [on]})
    assert [(run.number, why) for run, why in find_unapplied_runs(cast("GitHub", hub), "apply.yml", "main", None)] == [
        (5, "did not apply: provisioning was off"),
        (4, "failed before it applied"),
    ]
    assert judge(off, conclusion="success") is Applied.NO


def test_a_run_that_may_have_applied_is_listed_with_the_reason() -> None:
    ((number, why),) = unapplied(Hub([listed_run()], {104: [applying("failure")]}))
    assert (number, why) == (4, "began to apply and ended with failure, and its receipts are not available")


def test_the_search_ends_after_twenty_runs() -> None:
    hub = Hub([listed_run(number, conclusion="cancelled") for number in range(50, 0, -1)])
    assert len(unapplied(hub)) == 19
    assert len(hub.asked) == 21
