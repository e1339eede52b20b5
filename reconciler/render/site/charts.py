"""The plots of the report site: accounts, changes and failures over time, as shapes for an SVG and rows for a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reconciler.core.plan import REMOVALS, Action, Result
from reconciler.record.runs import FAILURES, ApplyRun
from reconciler.record.timestamps import LONG_AGO

WIDTH, HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 24
_BARS = 48
"""Columns of a plot at most: each is a day, a week, a month or a year."""
_LINES = 3
_NEW = frozenset({Action.CREATE, Action.ADOPT, Action.REACTIVATE})
_DAYS_OF_WEEK = 7
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class ChartShape:
    """A rectangle of a bar. `tone`: its class."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class ChartColumn:
    """The bars of one period, and what they say."""

    label: str
    shapes: tuple[ChartShape, ...]


@dataclass(frozen=True, slots=True)
class GridLine:
    """A horizontal line with its number."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot. `rows`: the same as a table, with a number for each of `series` (tone and title).

    `line`: points of a line, "x,y x,y"; empty: there are only columns. `empty`: why there is nothing to plot.
    """

    id: str
    title: str
    period: str
    summary: str
    series: tuple[tuple[str, str], ...]
    grid: tuple[GridLine, ...] = ()
    dates: tuple[str, ...] = ()
    columns: tuple[ChartColumn, ...] = ()
    line: str = ""
    area: str = ""
    rows: tuple[tuple[str, tuple[int, ...]], ...] = ()
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """How time is divided. `begin`: returns the first day of the period of a day, `next`: that of the next one."""

    name: str
    begin: Callable[[date], date]
    next: Callable[[date], date]


def _begin_week(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_month(day: date) -> date:
    return date(day.year + day.month // _MONTHS, day.month % _MONTHS + 1, 1)


_PERIODS = (
    Period("day", lambda day: day, lambda day: day + timedelta(days=1)),
    Period("week", _begin_week, lambda day: day + timedelta(days=_DAYS_OF_WEEK)),
    Period("month", lambda day: day.replace(day=1), _next_month),
    Period("year", lambda day: day.replace(month=1, day=1), lambda day: date(day.year + 1, 1, 1)),
)


def choose_periods(days: Sequence[date]) -> tuple[Period, list[date]]:
    """Return the shortest period of which at most 48 cover `days`, and the first day of each."""
    period, begins = _PERIODS[0], list[date]()
    for period in _PERIODS:
        begins, day, last = [], period.begin(min(days)), max(days)
        while day <= last and len(begins) <= _BARS:
            begins.append(day)
            day = period.next(day)
        if len(begins) <= _BARS:
            break
    return period, begins[-_BARS:]


def draw_charts(runs: Iterable[ApplyRun]) -> list[Chart]:
    """Draw the plots of the applies on record, oldest first. Undated ones are left out."""
    dated = [run for run in runs if run.began > LONG_AGO]
    return [_draw_accounts(dated), _draw_changes(dated), _draw_failures(dated)]


# --- accounts ---------------------------------------------------------------------


def _draw_accounts(runs: Sequence[ApplyRun]) -> Chart:
    """Draw the numbers of accounts that applies noted: of the last apply in each period."""
    title, series = "Accounts", (("main", "active"), ("", "managed"))
    counts = {run.began.date(): run.settled.population for run in runs if run.settled is not None}
    if not counts:
        why = "No apply on record says how many accounts there were."
        return Chart("accounts", title, "", why, series, empty=why)
    period, begins = choose_periods(list(counts))
    known = {period.begin(day): found for day, found in sorted(counts.items())}
    points = [(day, known[day]) for day in begins if day in known]
    scale, grid = _scale(max(found.managed for _, found in points))
    places = {day: _center(number, len(begins)) for number, day in enumerate(begins)}
    drawn = [(places[day], scale(found.active)) for day, found in points]
    line = " ".join(f"{x:g},{y:g}" for x, y in drawn)
    floor = HEIGHT - _BOTTOM
    area = f"{drawn[0][0]:g},{floor} {line} {drawn[-1][0]:g},{floor}"
    last = points[-1][1]
    return Chart(
        "accounts",
        title,
        period.name,
        f"{last.active:,} active accounts of {last.managed:,} managed ones after the last apply that noted them.",
        series,
        grid,
        _mark_dates(begins),
        tuple(
            ChartColumn(f"{_label(day, period)}: {found.active:,} active", (ChartShape("dot", x, y, 0, 0),))
            for (day, found), (x, y) in zip(points, drawn, strict=True)
        ),
        line,
        area,
        tuple((_label(day, period), (found.active, found.managed)) for day, found in reversed(points)),
    )


# --- changes and failures ---------------------------------------------------------


def _draw_changes(runs: Sequence[ApplyRun]) -> Chart:
    series = (("good", "new or back"), ("main", "updated"), ("bad", "removed"))

    def count(run: ApplyRun) -> tuple[int, ...]:
        actions = Counter(each.action for each in run.attempts if each.result == Result.DONE)
        new, gone = sum(actions[each] for each in _NEW), sum(actions[each] for each in REMOVALS)
        return new, sum(actions.values()) - new - gone, gone

    return _draw_bars(("changes", "Changes made"), series, runs, count)


def _draw_failures(runs: Sequence[ApplyRun]) -> Chart:
    series = (("bad", "failed"), ("warn", "skipped or not started"))

    def count(run: ApplyRun) -> tuple[int, ...]:
        return run.count(*FAILURES), run.skipped + run.left

    return _draw_bars(("failures", "Failures"), series, runs, count)


def _draw_bars(
    names: tuple[str, str],
    series: tuple[tuple[str, str], ...],
    runs: Sequence[ApplyRun],
    count: Callable[[ApplyRun], tuple[int, ...]],
) -> Chart:
    identity, title = names
    if not runs:
        return Chart(identity, title, "", "No apply is on record.", series, empty="No apply is on record.")
    period, begins = choose_periods([run.began.date() for run in runs])
    sums = {day: [0] * len(series) for day in begins}
    for run in runs:
        found = sums.get(period.begin(run.began.date()))
        for number, value in enumerate(count(run) if found is not None else ()):
            found[number] += value  # type: ignore[index]
    totals = [sum(values) for values in zip(*sums.values(), strict=True)]
    said = ", ".join(f"{total:,} {label}" for total, (_, label) in zip(totals, series, strict=True))
    scale, grid = _scale(max(map(sum, sums.values())))
    columns = tuple(
        _stack(number, len(begins), f"{_label(day, period)}: {_say(values, series)}", (values, series), scale)
        for number, (day, values) in enumerate(sums.items())
        if any(values)
    )
    rows = tuple((_label(day, period), tuple(values)) for day, values in reversed(sums.items()) if any(values))
    summary = f"{said}, since {begins[0]}."
    return Chart(identity, title, period.name, summary, series, grid, _mark_dates(begins), columns, rows=rows)


def _say(values: Sequence[int], series: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{value:,} {label}" for value, (_, label) in zip(values, series, strict=True) if value)


def _stack(
    number: int,
    count: int,
    label: str,
    content: tuple[Sequence[int], Sequence[tuple[str, str]]],
    scale: Callable[[float], float],
) -> ChartColumn:
    step = (WIDTH - _LEFT - _RIGHT) / count
    width = min(step * 0.75, 28)
    x, below, shapes = _center(number, count) - width / 2, 0, []
    for value, (tone, _) in zip(*content, strict=True):
        if value:
            top = scale(below + value)
            shapes.append(ChartShape(tone, round(x, 1), top, round(width, 1), round(scale(below) - top, 1)))
            below += value
    return ChartColumn(label, tuple(shapes))


# --- axes -----------------------------------------------------------------------


def _center(number: int, count: int) -> float:
    step = (WIDTH - _LEFT - _RIGHT) / count
    return round(_LEFT + step * (number + 0.5), 1)


def _scale(largest: int) -> tuple[Callable[[float], float], tuple[GridLine, ...]]:
    """Return what places a value, and the lines of the grid: at round numbers, the last one not below `largest`."""
    step = _round_step(max(largest, 1))
    top = step * -(-max(largest, 1) // step)
    space = HEIGHT - _TOP - _BOTTOM

    def place(value: float) -> float:
        return round(HEIGHT - _BOTTOM - space * value / top, 1)

    return place, tuple(GridLine(place(value), f"{value:,}") for value in range(0, top + 1, step))


def _round_step(largest: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20 … of which at most three reach `largest`."""
    factor = 1
    while True:
        for digit in (1, 2, 5):
            if digit * factor * _LINES >= largest:
                return digit * factor
        factor *= 10


def _mark_dates(begins: Sequence[date]) -> tuple[str, ...]:
    """Return the first and the last day of the axis; one if they are the same."""
    return tuple(dict.fromkeys((begins[0].isoformat(), begins[-1].isoformat())))


def _label(day: date, period: Period) -> str:
    labels: Mapping[str, str] = {
        "day": day.isoformat(),
        "week": f"week of {day}",
        "month": f"{day:%Y-%m}",
        "year": f"{day:%Y}",
    }
    return labels[period.name]
