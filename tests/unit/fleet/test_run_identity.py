from __future__ import annotations

import pytest

from reconciler.fleet.run_identity import identify_run, is_same_run


@pytest.mark.parametrize(
    ("environment", "run"),
    [
        ({}, "local"),
        ({"GITHUB_RUN_ID": "17", "GITHUB_RUN_ATTEMPT": "2"}, "17/2"),
        ({"GITHUB_RUN_ID": "17"}, "17"),
        ({"GITHUB_RUN_ID": "x; rm"}, "local"),
        ({"CI_PIPELINE_ID": "4"}, "4"),
    ],
)
def test_the_ci_system_names_the_run(environment: dict[str, str], run: str) -> None:
    assert identify_run(environment) == run


def test_attempts_are_of_one_run_and_other_runs_are_not() -> None:
    assert is_same_run("17/1", "17/2")
    assert is_same_run("17/2", "17/2")
    assert not is_same_run("17/99999", "17/2")
    assert not is_same_run("17/x", "17/2")
    assert not is_same_run("17/1", "18/1")
    assert not is_same_run("17/1", "local")
