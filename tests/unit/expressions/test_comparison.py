import pytest
from support.expressions import evaluate

from reconciler.expressions.language import (
    Result,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('IIF([missing] <> "x", "y", "n")', "n"),
        ('IIF([empty] = "", "y", "n")', "n"),
        ('IIF([name] <> "", "y", "n")', "y"),
        ('IIF([name] = "josé", "y", "n")', "n"),
        ('IIF([zeros] = "12", "y", "n")', "n"),
        ('IIF([zeros] = 12, "y", "n")', "y"),
        ('IIF([number] > "9", "y", "n")', "y"),
        ('IIF([number] <= 10, "y", "n")', "y"),
        ('IIF([number] < 9.5, "y", "n")', "n"),
        ('IIF([name] >= "Jane", "y", "n")', "y"),
        ('IIF([yes] = "True", "y", "n")', "y"),
        ('IIF(CDate("2026-03-02") > Now(), "y", "n")', "y"),
        ('IIF(CDate("2025-12-31") > Now(), "y", "n")', "n"),
    ],
)
def test_a_comparison_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


def test_dates_between_functions_may_not_exist_either() -> None:
    for source in ('IIF("13/1/2021 1:00:00 AM" > Now(), "y", "n")', 'IIF("1/1/2021 13:00:00 AM" > Now(), "y", "n")'):
        assert evaluate(source) == "n"
