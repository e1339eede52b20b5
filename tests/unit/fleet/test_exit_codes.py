from __future__ import annotations

import itertools

import pytest

from reconciler.errors import ExitCode
from reconciler.fleet.exit_codes import fold_exit_codes

WORST_LAST = (0, 2, 3, 4, 5, 1, 130, 64)


@pytest.mark.parametrize(("better", "worse"), list(itertools.combinations(WORST_LAST, 2)))
def test_the_worst_code_counts_whatever_the_order(better: int, worse: int) -> None:
    assert fold_exit_codes([better, worse, better]) == fold_exit_codes([worse, better]) == worse


def test_without_tenants_all_is_well() -> None:
    assert fold_exit_codes([]) is ExitCode.OK


@pytest.mark.parametrize("code", [6, 77, -9, 255])
def test_a_code_that_no_command_has_is_a_failure(code: int) -> None:
    assert fold_exit_codes([0, code]) is ExitCode.ERROR
