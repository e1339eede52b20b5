from datetime import date, timedelta

import pytest
from support.site_reports import site_run

from reconciler.record.timestamps import LONG_AGO
from reconciler.render.site.charts import HEIGHT, WIDTH, choose_periods, draw_charts


@pytest.mark.parametrize(
    ("days", "name", "count"),
    [(0, "day", 1), (47, "day", 48), (60, "week", 10), (700, "month", 24), (9000, "year", 25)],
)
def test_time_is_divided_into_at_most_48_periods(days: int, name: str, count: int) -> None:
    last = date(2026, 11, 30)
    period, begins = choose_periods([last, last - timedelta(days=days)])
    assert (period.name, len(begins)) == (name, count)
    assert begins == sorted(begins)


def test_three_plots_with_the_numbers_as_rows() -> None:
    accounts, changes, failures = draw_charts([site_run(9), site_run(2, ("done", "failed", "failed")), site_run(1)])
    assert accounts.rows[0] == ("2026-11-30", (8, 9))
    assert changes.rows == (("2026-11-30", (0, 1, 0)), ("2026-11-29", (0, 1, 0)), ("2026-11-22", (0, 1, 0)))
    assert failures.rows == (("2026-11-29", (2, 0)),)
    assert changes.summary == "0 new or back, 3 updated, 0 removed, since 2026-11-22."
    assert [line.label for line in failures.grid] == ["0", "1", "2"]


def test_every_shape_is_inside_of_the_picture() -> None:
    for chart in draw_charts([site_run(days, ("done",) * (days % 7) + ("failed",)) for days in range(900, 0, -3)]):
        for shape in (shape for column in chart.columns for shape in column.shapes):
            assert shape.x >= 0
            assert shape.x + shape.width <= WIDTH
            assert shape.y >= 0
            assert shape.y + shape.height <= HEIGHT


def test_what_is_not_on_record_is_not_shown_as_zero() -> None:
    for runs in ([], [site_run(1, began=LONG_AGO)]):
        assert [chart.empty for chart in draw_charts(runs)] == [
            "No apply on record says how many accounts there were.",
            "No apply is on record.",
            "No apply is on record.",
        ]
    assert draw_charts([site_run(1, settled=None)])[0].empty
