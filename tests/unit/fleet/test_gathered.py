from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import COMMIT, plan_id, write_result

from reconciler.errors import ExitCode, UsageError
from reconciler.fleet import gathered as module
from reconciler.fleet.gathered import Gathered, Wanted, check_verb_of_results, gather_results
from reconciler.fleet.result import to_json

WANTED = Wanted("plan", COMMIT, "17/10")


def gather(*directories: Path, expected: str = "acme beta", wanted: Wanted = WANTED) -> Gathered:
    return gather_results(directories, expected.split(), wanted)


def test_the_results_of_all_directories_are_one(tmp_path: Path) -> None:
    one = write_result(tmp_path / "1", "beta", counts={"create": 2})
    other = write_result(tmp_path / "2", "acme", counts={"create": 3, "delete": 1})
    found = gather(tmp_path / "1", tmp_path / "2")
    assert found == Gathered({"acme": other, "beta": one})
    assert (found.total, found.count("create", "delete"), found.failed, found.exit_code) == (2, 6, {}, ExitCode.OK)


def test_a_missing_result_is_a_failure(tmp_path: Path) -> None:
    write_result(tmp_path, "acme")
    found = gather(tmp_path)
    assert (found.missing, found.failed) == ({"beta": "no result"}, {"beta": "no result"})
    assert (found.total, found.exit_code) == (2, ExitCode.ERROR)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"verb": "apply"}, "the result is of the verb apply, not plan"),
        ({"commit": "f" * 40}, "the result is of another commit, ffffffffffff"),
        ({"run": "18/1"}, 'the result is of another run, "18/1"'),
        ({"run": "local"}, 'the result is of another run, "local"'),
    ],
)
def test_a_result_of_something_else_does_not_count(tmp_path: Path, fields: dict[str, Any], why: str) -> None:
    write_result(tmp_path, "acme", **fields)
    assert gather(tmp_path, expected="acme").failed == {"acme": f"{why}: it does not count"}


def test_results_of_another_verb_alone_are_an_error(tmp_path: Path) -> None:
    for name, verb in (("acme", "drift"), ("beta", "apply")):
        write_result(tmp_path / verb, name, verb=verb)
    with pytest.raises(UsageError, match="the results are of apply and drift, none is of plan"):
        check_verb_of_results(gather(tmp_path / "drift", tmp_path / "apply"), "plan")
    # As long as one counts, the others are missing ones: a shard could have left anything.
    write_result(tmp_path / "plan", "acme")
    check_verb_of_results(gather(tmp_path / "plan", tmp_path / "apply"), "plan")
    # Nothing at all is a run that failed.
    check_verb_of_results(gather(tmp_path), "plan")


def test_results_of_the_sandbox_and_of_targets_are_not_counted_together(tmp_path: Path) -> None:
    write_result(tmp_path / "1", "acme", sandbox=True)
    assert gather(tmp_path / "1").sandbox
    write_result(tmp_path / "2", "beta")
    assert not gather(tmp_path / "2").sandbox
    error = 'the result of "acme" is of the sandbox, that of "beta" of its target'
    with pytest.raises(UsageError, match=error):
        gather(tmp_path / "1", tmp_path / "2")
    # Also if only one of them would count.
    write_result(tmp_path / "2", "acme", run="17/2")
    with pytest.raises(UsageError, match=r"the result of \"acme\" is of the sandbox"):
        gather(tmp_path / "1", tmp_path / "2", expected="acme")


def test_a_result_in_the_folder_of_another_tenant_does_not_count(tmp_path: Path) -> None:
    write_result(tmp_path, "acme")
    (tmp_path / "acme").rename(tmp_path / "beta")
    why = "the result is about another tenant: it does not count"
    assert gather(tmp_path, expected="beta").failed == {"beta": why}


@pytest.mark.parametrize("content", ["", "{}", "[" * 4_000, "x" * 5_000, "null"])
def test_an_invalid_result_does_not_count(tmp_path: Path, content: str) -> None:
    write_result(tmp_path, "acme")
    (tmp_path / "acme/result.json").write_text(content)
    why = gather(tmp_path, expected="acme").failed["acme"]
    assert why.startswith("a result is")
    assert why.endswith(": it does not count")


def test_a_plan_that_is_not_that_of_the_result_does_not_count(tmp_path: Path) -> None:
    why = {"acme": "plan.json is not the plan of the result: it does not count"}
    write_result(tmp_path, "acme")
    (tmp_path / "acme/plan.json").write_text(f'{{"plan_id": "{plan_id(2)}"}}')
    assert gather(tmp_path, expected="acme").failed == why
    (tmp_path / "acme/plan.json").unlink()
    assert gather(tmp_path, expected="acme").failed == why


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    write_result(tmp_path / "elsewhere", "acme")
    here = tmp_path / "here"
    (here / "beta").mkdir(parents=True)
    (here / "acme").symlink_to(tmp_path / "elsewhere/acme")
    os.mkfifo(here / "beta/result.json")
    assert gather(here).missing == {"acme": "no result", "beta": "no result"}
    (here / "beta/result.json").unlink()
    (here / "beta/result.json").symlink_to(tmp_path / "elsewhere/acme/result.json")
    assert gather(here).missing["beta"] == "no result"


def test_other_tenants_are_counted_and_other_names_are_nothing(tmp_path: Path) -> None:
    write_result(tmp_path, "acme")
    write_result(tmp_path, "gamma")
    (tmp_path / "Not a tenant").mkdir()
    (tmp_path / "file").write_text("")
    found = gather(tmp_path, expected="acme")
    assert (list(found.results), found.ignored) == (["acme"], 1)


def test_of_two_results_the_later_attempt_counts_then_the_worse(tmp_path: Path) -> None:
    write_result(tmp_path / "1", "acme", exit_code=1, run="17/9")
    write_result(tmp_path / "2", "acme", run="17/10")
    for order in ("12", "21"):
        assert gather(*(tmp_path / each for each in order), expected="acme").failed == {}
    write_result(tmp_path / "3", "acme", exit_code=5, run="17/10", error="2 users failed")
    for order in ("23", "32", "123"):
        found = gather(*(tmp_path / each for each in order), expected="acme")
        assert found.failed == {"acme": "2 users failed"}


def test_of_two_results_of_one_attempt_the_one_that_began_later_counts(tmp_path: Path) -> None:
    write_result(tmp_path / "1", "acme", exit_code=5, run="17/10", began=100)
    write_result(tmp_path / "2", "acme", run="17/10", began=101)
    for order in ("12", "21"):
        assert gather(*(tmp_path / each for each in order), expected="acme").failed == {}
    write_result(tmp_path / "3", "acme", exit_code=1, run="17/10", began=102)
    for order in ("123", "321"):
        assert gather(*(tmp_path / each for each in order), expected="acme").failed == {"acme": "exit code 1"}


def test_an_earlier_attempt_never_wins_whenever_it_says_that_it_began(tmp_path: Path) -> None:
    write_result(tmp_path / "1", "acme", run="17/9", began=999)
    write_result(tmp_path / "2", "acme", exit_code=5, run="17/10", began=100)
    assert gather(tmp_path / "1", tmp_path / "2", expected="acme").failed == {"acme": "exit code 5"}


@pytest.mark.parametrize("code", [0, 5])
def test_a_result_of_the_future_leaves_the_tenant_without_one(tmp_path: Path, code: int) -> None:
    # Neither is a success believed nor a failure forgotten because of a wrong clock.
    write_result(tmp_path / "1", "acme", run="17/10", exit_code=5 - code, began=1_000)
    write_result(tmp_path / "2", "acme", run="17/10", exit_code=code, began=1_001)
    wanted = Wanted("plan", COMMIT, "17/10", until=1_000)
    for order in ("12", "21"):
        found = gather(*(tmp_path / each for each in order), expected="acme", wanted=wanted)
        assert found.results == {}
        assert found.failed["acme"].startswith("a result began in the future: correct the clock of that machine")


def test_the_exit_code_is_the_worst(tmp_path: Path) -> None:
    write_result(tmp_path, "acme", exit_code=3)
    write_result(tmp_path, "beta", exit_code=5)
    found = gather(tmp_path)
    assert (found.failed, found.exit_code) == ({"acme": "exit code 3", "beta": "exit code 5"}, ExitCode.PARTIAL)


def test_what_is_no_directory_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file or directory"):
        gather(tmp_path / "absent")
    with pytest.raises(UsageError, match="more than 1,024 directories"):
        gather(*[tmp_path] * 1_025)
    monkeypatch.setattr(module, "_MAX_ENTRIES", 1)
    write_result(tmp_path, "acme")
    write_result(tmp_path, "beta")
    with pytest.raises(UsageError, match="has more than 1 entries"):
        gather(tmp_path)


@pytest.mark.parametrize("verb", ["plan", "drift"])
def test_the_counts_of_a_result_have_to_be_those_of_its_plan(tmp_path: Path, verb: str) -> None:
    """Else an artifact could say that a plan removes no user, and guards and reviewers would believe it."""
    wanted = Wanted(verb, COMMIT, "17/10")
    honest = write_result(tmp_path, "acme", verb=verb, counts={"delete": 4, "unchanged": 1})
    assert gather(tmp_path, expected="acme", wanted=wanted).results == {"acme": honest}
    (tmp_path / "acme/result.json").write_text(to_json(replace(honest, counts={"unchanged": 5})))
    found = gather(tmp_path, expected="acme", wanted=wanted)
    assert found.failed == {"acme": "the counts are not those of plan.json: it does not count"}


def test_the_expected_names_are_looked_up_not_searched(tmp_path: Path) -> None:
    class Names(list[str]):
        def __contains__(self, _name: object) -> bool:
            raise AssertionError("each of 20,000 results would be compared with 20,000 names")

    result = write_result(tmp_path, "acme")
    assert gather_results([tmp_path], Names(["acme", "acme"]), WANTED) == Gathered({"acme": result})
