"""Render a run of a fleet as Markdown: the one comment of a pull request, or the summary of a step.

Each part has a share of the space, and the shares together are below the limit, whatever names and messages there are.
External text is in code only, and so are the names of tenants: a name can look like a commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core.text import pluralize, shorten
from reconciler.render.fitting import count_fitting, measure
from reconciler.render.fleet_view import FleetView, Note, Problem, RemovedUsers, TenantRow
from reconciler.render.style import Style
from reconciler.render.templating import Markdown, Templates, code_span, fenced

LIMIT = 60_000
"""Bytes of UTF-8, below GitHub's 65,536 characters so that a workflow can add lines."""
MARKER = "<!-- reconciler:fleet"
"""The beginning of the first line; it is the only HTML comment."""
MOST_ROWS = 30
_LONGEST = 200
"""Characters of a message or a name."""
_MOST_NAMES = 20
_PROBLEMS, _USERS, _GUARDS = 30_000, 8_000, 8_000
"""Bytes of a part. The table has at most 5,000, and everything else together less than 8,000."""


def render_fleet_markdown(view: FleetView, style: Style) -> str:
    """Render the run in at most `LIMIT` bytes: removals first, who failed, and the tenants that matter most."""
    style = replace(style, colour=False, longest=_LONGEST)
    noteworthy = [row for row in view.rows if not row.is_quiet]
    problems = list(_list_problems(view.problems, style))
    guards = [
        f"- {code_span(guard.guard)}: {_say(guard.found, style)}. {_say(guard.way_on, style)}" for guard in view.guards
    ]
    users = [_removed(each, style) for each in view.removed_users]
    text = Templates(None).markdown(
        "fleet.md.j2",
        title=Markdown(view.title),
        summary=Markdown(view.summary),
        removals=Markdown(view.removals),
        trouble=Markdown(view.trouble),
        problems=Markdown("\n".join(problems)),
        guards=Markdown("\n".join(guards[: count_fitting(guards, _GUARDS)])),
        users=Markdown("\n".join(users[: count_fitting(users, _USERS)])),
        table=Markdown("\n".join(_table(noteworthy[:MOST_ROWS], view))),
        rest=Markdown(_count_rest(noteworthy[MOST_ROWS:], len(view.rows) - len(noteworthy), view)),
        notes=[Markdown(_note(note)) for note in view.notes],
        steps=[(Markdown(step.text), fenced("\n".join(step.lines), step.language)) for step in view.steps],
        facts=[(Markdown(label), shorten(value, _LONGEST)) for label, value in view.facts],
    )
    return f"{MARKER}-{view.verb} -->\n{text}"


def _say(text: str, style: Style) -> str:
    """Return a message of the program in which names of tenants, groups and files can be."""
    return code_span(shorten(style.message(text), 2 * _LONGEST))


def _list_problems(problems: Sequence[Problem], style: Style) -> Iterator[str]:
    """Yield a line for each reason, which gets its share of the space for names; the last line counts the rest."""
    space = _PROBLEMS
    for number, problem in enumerate(problems):
        line = _problem(problem, space // (len(problems) - number), style)
        space -= measure(line)
        if space < 0:
            left = problems[number:]
            tenants = pluralize(sum(len(each.names) for each in left), "tenant")
            yield f"- and {tenants} for {pluralize(len(left), 'other reason')}"
            return
        yield line


def _problem(problem: Problem, share: int, style: Style) -> str:
    """Return the line of a reason, with as many names as have space in its share, but one at least."""
    reason = f", {_say(problem.reason, style)}" if problem.reason else ""
    names = [code_span(name) for name in problem.names]
    # A name is followed by a comma and a space.
    shown = max(1, count_fitting([f"{name}," for name in names], share - measure(reason) - 60))
    more = f" and {len(names) - shown:,} more" if shown < len(names) else ""
    return f"- **{len(names):,} {problem.label}**{reason}: {', '.join(names[:shown])}{more}"


def _removed(removed: RemovedUsers, style: Style) -> str:
    more = f" and {removed.more:,} more" if removed.more else ""
    users = ", ".join(code_span(style.value(user)) for user in removed.users)
    return f"- {code_span(removed.tenant)} removes {users}{more}"


def _table(rows: Sequence[TenantRow], view: FleetView) -> Iterator[str]:
    if not rows:
        return
    heads = ("tenant", "state", *view.words.columns, "failed")
    yield f"| {' | '.join(heads)} |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for row in rows:
        removed = f"**{row.removed:,}**" if row.removed else ""
        numbers = (removed, *(f"{count:,}" if count else "" for count in (row.created, row.changed, row.failed)))
        yield f"| {code_span(row.name)} | {row.label} | {' | '.join(numbers)} |"


def _count_rest(left: Sequence[TenantRow], quiet: int, view: FleetView) -> str:
    """Return what the table leaves out, as counts."""
    parts = []
    if left:
        numbers = (sum(row.removed for row in left), sum(row.created for row in left), sum(row.changed for row in left))
        users = ", ".join(f"{number:,} {word}" for number, word in zip(numbers, view.words.columns, strict=True))
        parts.append(f"{pluralize(len(left), 'more tenant')} not shown here: {users}.")
    if quiet:
        parts.append(f"{pluralize(quiet, 'tenant')} {view.words.same}.")
    return " ".join(parts)


def _note(note: Note) -> str:
    shown = ", ".join(map(code_span, note.names[:_MOST_NAMES]))
    if len(note.names) > _MOST_NAMES:
        shown += f" and {len(note.names) - _MOST_NAMES:,} more"
    text = f"{note.head}: {shown}." if shown else note.head
    return f"{text} {note.tail}".rstrip()
