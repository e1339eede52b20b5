"""Plans, diagnostics and outcomes as text, in Terraform's conventions. Pure: values in, one string out.

The summary line is an interface: tools read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.attribution import Part, parts
from reconciler.core.model import (
    REMOVALS,
    Action,
    Attributes,
    Attribution,
    Base,
    Change,
    Diagnostic,
    Guard,
    Outcome,
    Plan,
    Result,
    Severity,
    Value,
)
from reconciler.core.paths import short
from reconciler.core.profile import TargetProfile
from reconciler.core.text import line, plural, printable, quoted, redacted, shortened

_RED, _GREEN, _YELLOW, _CYAN, _GREY, _BOLD, _RESET = (
    "\x1b[31m",
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[36m",
    "\x1b[90m",
    "\x1b[1m",
    "\x1b[0m",
)


@dataclass(frozen=True, slots=True)
class Look:
    """An action's symbol, its colour, its words in the legend and in a heading."""

    symbol: str
    colour: str
    legend: str
    heading: str


LOOKS: dict[Action, Look] = {
    Action.CREATE: Look("+", _GREEN, "create", "will be created"),
    Action.UPDATE: Look("~", _YELLOW, "update in-place", "will be updated in-place"),
    Action.ADOPT: Look("&", _CYAN, "adopt: manage an account made by hand", "will be imported"),
    Action.REACTIVATE: Look("^", _GREEN, "reactivate", "will be reactivated"),
    Action.DEACTIVATE: Look("!", _RED, "deactivate", "will be DEACTIVATED"),
    Action.DELETE: Look("-", _RED, "destroy", "will be DESTROYED"),
}
"""Symbols and words of each action, in the order of the legend."""

FOR_READERS = (
    Action.DELETE,
    Action.DEACTIVATE,
    Action.CREATE,
    Action.ADOPT,
    Action.REACTIVATE,
    Action.UPDATE,
)
"""Removals first: they must be impossible to miss."""


@dataclass(frozen=True, slots=True)
class Words:
    """A list's heading, what it is called on one of its changes, and what it means, where that is not plain."""

    heading: str
    label: str
    meaning: str
    explained: str
    """The meaning, as the rest of the heading."""


LISTS = {
    Attribution.THIS_CHANGE_SET: Words("Changes of this change set", "this change set", "", ""),
    Attribution.ALREADY_PENDING: Words(
        "Already pending",
        "already pending",
        "Also without this change set: drift, or earlier changes that were not applied.",
        " without it (drift, or earlier changes that were not applied)",
    ),
    Attribution.EDITED_IN_TARGET: Words(
        "Edited in the target",
        "edited in the target",
        "By hand or by another tool, since an apply left it as desired.",
        " since an apply left it as desired, by hand or by another tool",
    ),
    Attribution.NOT_APPLIED: Words(
        "Not applied",
        "not applied",
        "Git or a date moved on since, or an apply failed or left it out.",
        " (git or a date moved on since, or an apply failed or left it out)",
    ),
    Attribution.UNTOLD: Words(
        "One or the other",
        "one or the other",
        "Edited in the target or not applied: nothing on record tells which.",
        ": nothing on record tells which",
    ),
}
"""Whose doing changes are, in words, in their order: what is to be looked at comes first."""
_MARKS = {
    Attribution.THIS_CHANGE_SET: LISTS[Attribution.ALREADY_PENDING].label,
    Attribution.EDITED_IN_TARGET: LISTS[Attribution.NOT_APPLIED].label,
}
"""What is said of `Change.pending` rows."""

_VERBS = {
    Action.ADOPT: ("import", "imported"),
    Action.CREATE: ("add", "added"),
    Action.UPDATE: ("change", "changed"),
    Action.REACTIVATE: ("reactivate", "reactivated"),
    Action.DEACTIVATE: ("deactivate", "deactivated"),
    Action.DELETE: ("destroy", "destroyed"),
}
"""The words of the summary line, before and after, in its order."""
_ALWAYS_COUNTED = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE})
"""Terraform's own kinds are told even when there are none."""
_ALWAYS_SHOWN = ("userName",)
_WIDEST = 60
"""Characters of a name, of a column of names."""
HIDDEN = "(hidden)"
NO_LONGER_PENDING = "without this change set these would be made, with it they are not"
CHANGES_NOTHING_TODAY = "dates to come, and people who come or go without being in scope"


@dataclass(frozen=True, slots=True)
class Style:
    """`colour`: ANSI colours. `redact`: no value and no name of a person. `longest`: characters of a value; 0: all.

    A message may be five times as long as a value.
    """

    colour: bool = False
    redact: bool = False
    longest: int = 0

    def paint(self, text: str, *codes: str) -> str:
        """`text` in colour, if colours are wanted."""
        return f"{''.join(codes)}{text}{_RESET}" if self.colour and text else text

    def words(self, text: str) -> str:
        """A message that quotes people's values."""
        return printable(self._cut(redacted(text) if self.redact else text, 5 * self.longest))

    def value(self, text: str) -> str:
        """A value of a person."""
        return HIDDEN if self.redact else quoted(self._cut(text, self.longest))

    def _cut(self, text: str, longest: int) -> str:
        return shortened(text, longest) if longest else text


# --- a plan -------------------------------------------------------------------


def render_plan(plan: Plan, profile: TargetProfile, style: Style, *, summary_only: bool = False) -> str:
    """The plan for a person. `summary_only`: a line for each user."""
    parts = [_offline(plan, style), render_diagnostics(plan.diagnostics, style)]
    if plan.changes:
        parts.append(_intro(plan, style))
        parts.append(_changes(plan, style, _as_lines if summary_only else _blocks))
        parts.append(_beside(plan, style))
        parts.append(f"{summary_lines(plan, style)}\n")
    elif is_unchanged(plan):
        parts.append(_no_changes(plan, profile, style))
        parts.append(_beside(plan, style))
    else:
        parts.append(style.paint("No changes can be planned.", _BOLD) + " See the messages above.\n")
        parts.append(_beside(plan, style))
    parts.append(_also(plan))
    parts.append(render_guards(plan, style))
    return "\n".join(part for part in parts if part)


def is_unchanged(plan: Plan) -> bool:
    """Whether there is nothing to do, rather than nothing that can be done."""
    return plan.complete and not plan.changes and not plan.tally.failed and not plan.tally.withheld


def summary_line(plan: Plan, style: Style) -> str:
    """`Plan: 2 to add, 1 to change, 1 to deactivate, 0 to destroy.`; kinds beyond Terraform's are left out when 0."""
    return f"{style.paint('Plan:', _BOLD)} {_to_do(plan.changes)}."


def summary_lines(plan: Plan, style: Style) -> str:
    """`summary_line`, after a line for each list where changes are told apart by whose doing they are."""
    lines = [f"{summary_of(part)}: {_to_do(part.changes)}." for part in apart(plan)]
    return "\n".join([*lines, summary_line(plan, style)])


def plan_title(plan: Plan, profile: TargetProfile) -> str:
    """The title of a page about the plan; an offline one must not be taken for one of the live service."""
    return f"Offline comparison, not with the live {profile.title}" if plan.offline else f"Plan for {profile.title}"


def _to_do(changes: Iterable[Change]) -> str:
    counts = Counter(change.action for change in changes)
    return _counted({action: counts[action] for action in Action}, "{count} to {present}")


def removal_line(plan: Plan) -> str:
    """`1 user will be DESTROYED, 2 users will be DEACTIVATED.`; "" when nobody is removed."""
    counts = [(plan.count(action), LOOKS[action].heading) for action in FOR_READERS if action in REMOVALS]
    told = ", ".join(f"{plural(count, 'user')} {heading}" for count, heading in counts if count)
    by = ", ".join(_removed(part) for part in apart(plan))
    return f"{told}{': ' if by else ''}{by}." if told else ""


def _removed(part: Part) -> str:
    by = "by " if part.attribution is Attribution.THIS_CHANGE_SET else ""
    return f"{sum(change.action in REMOVALS for change in part.changes):,} {by}{LISTS[part.attribution].label}"


def apart(plan: Plan) -> tuple[Part, ...]:
    """The lists of a plan of the live service that tells whose doing its changes are: offline there is but one."""
    return () if plan.offline else parts(plan)


def summary_of(part: Part) -> str:
    """What a list is called in the summary."""
    label = LISTS[part.attribution].label
    return label[:1].upper() + label[1:]


def _counted(counts: Mapping[Action, int], form: str) -> str:
    """Numbers by action in the order of the summary line; `form` uses {count}, {present} and {past}."""
    return ", ".join(
        form.format(count=counts[action], present=present, past=past)
        for action, (present, past) in _VERBS.items()
        if action in _ALWAYS_COUNTED or counts[action]
    )


def for_readers(changes: Iterable[Change]) -> list[Change]:
    """Removals first, then by user."""
    place = {action: index for index, action in enumerate(FOR_READERS)}
    return sorted(changes, key=lambda change: (place[change.action], change.key.casefold(), change.key))


def _intro(plan: Plan, style: Style) -> str:
    legend = [
        f"  {style.paint(look.symbol, look.colour)} {look.legend}"
        for action, look in LOOKS.items()
        if plan.count(action)
    ]
    text = (
        "Reconciler compared the desired state with the live users and made the following\n"
        "execution plan. Actions are indicated with the following symbols:"
    )
    will = "Reconciler will perform the following actions:"
    if plan.offline:
        text = "Actions are indicated with the following symbols:"
        will = "With accounts just as the base desires them, Reconciler would perform the following actions:"
    return "\n".join([text, *legend, "", will, ""])


def _offline(plan: Plan, style: Style) -> str:
    """The heading of a plan that must not be taken for one of the live service."""
    if plan.base is None or not plan.offline:
        return ""
    head = style.paint(f"Offline: compared with {_base(plan.base)}, not with the live service.", _BOLD)
    return (
        f"{head}\nDrift, earlier changes that were not applied, and who has an account already do not show here.\n"
        "This cannot be applied.\n"
    )


def _base(base: Base) -> str:
    return f"{printable(str(base))} (the merge base of {printable(base.ref)} and HEAD)"


def _changes(plan: Plan, style: Style, show: Callable[[Iterable[Change], Style], str]) -> str:
    """All changes, in lists where they are told apart by whose doing they are."""
    shown = apart(plan)
    if not shown:
        return show(plan.changes, style)
    return "\n".join(
        f"{_part_heading(part, plan, style)}\n\n{show(part.changes, style) if part.changes else '  None.' + chr(10)}"
        for part in shown
    )


def _part_heading(part: Part, plan: Plan, style: Style) -> str:
    words = LISTS[part.attribution]
    base = f", since {_base(plan.base)}" if plan.base and part.attribution is Attribution.THIS_CHANGE_SET else ""
    return f"{style.paint(words.heading, _BOLD)}{words.explained}{base}:"


def _beside(plan: Plan, style: Style) -> str:
    """What this change set does besides the changes of the plan."""
    parts = []
    if plan.no_longer_pending:
        head = style.paint("No longer pending", _BOLD) + f" ({NO_LONGER_PENDING}):"
        parts.append(f"{head}\n\n{_as_lines(plan.no_longer_pending, style)}")
    if plan.changes_nothing_today:
        lines = "".join(f"  {line}\n" for line in later_lines(plan, style))
        parts.append(f"{style.paint('Changes nothing today', _BOLD)} ({CHANGES_NOTHING_TODAY}):\n\n{lines}")
    return "\n".join([*parts, notes] if (notes := render_notes(plan, style)) else parts)


def later_lines(plan: Plan, style: Style) -> list[str]:
    """One line for each edit that changes nothing today."""
    edits = plan.changes_nothing_today
    names = [HIDDEN if style.redact else style.value(edit.key) for edit in edits]
    width = min(max(map(len, names), default=0), _WIDEST)
    return [f"{name.ljust(width)}  {style.words(edit.detail)}" for name, edit in zip(names, edits, strict=True)]


def render_notes(plan: Plan, style: Style) -> str:
    """What is different from the base besides users."""
    if not plan.notes:
        return ""
    lines = [style.words(note) for note in plan.notes]
    return "\n".join(["Besides users, this change set changes:", *(f"  - {line}" for line in lines)]) + "\n"


def render_comparison(plan: Plan, style: Style) -> str:
    """An offline plan as one paragraph."""
    base = _base(plan.base) if plan.base is not None else "nothing"
    notes = [style.words(note) for note in plan.notes]
    if plan.changes_nothing_today:
        notes.insert(0, f"{plural(len(plan.changes_nothing_today), 'edit')} of users without an effect today")
    return " ".join(
        [f"Compared with {base}, not with the live service: {_to_do(plan.changes)}.", *(f"{note}." for note in notes)]
    )


def _blocks(changes: Iterable[Change], style: Style) -> str:
    return "\n".join(render_change(change, style) for change in for_readers(changes))


def _as_lines(changes: Iterable[Change], style: Style) -> str:
    return "\n".join(render_lines(for_readers(changes), style)) + "\n"


def render_change(change: Change, style: Style) -> str:
    """One change with its rows."""
    look = LOOKS[change.action]
    lines = [render_heading(change, style)]
    reasons = why(change, style)
    if reasons:
        lines.append(f"  # ({reasons})")
    lines += [f"  # {said}" for said in history(change, style)]
    lines.append(f"  {style.paint(look.symbol, look.colour)} user {_name(change, style)} {{")
    lines += _rows(change, style)
    lines.append("    }")
    return "\n".join(lines) + "\n"


def render_heading(change: Change, style: Style) -> str:
    """The line above a change: whom it is about, and what will be done."""
    heading = LOOKS[change.action].heading
    words = style.paint(heading, _BOLD, _RED) if change.action in REMOVALS else heading
    return f"  # {style.paint(_address(change, style), _BOLD)} {words}"


def why(change: Change, style: Style) -> str:
    """Why, and where it is written. For a plain update the rows say why."""
    parts = [] if change.action is Action.UPDATE else [style.words(change.detail)]
    if change.temporary_user_name is not None:
        parts.append(f"users exchange names: goes through {style.value(change.temporary_user_name)}")
    if change.origin is not None and not style.redact:
        parts.append(style.words(str(change.origin)))
    return ", ".join(parts)


def history(change: Change, style: Style) -> list[str]:
    """What the record says of it, a sentence each."""
    return [style.words(said) for said in change.history]


def _address(change: Change, style: Style) -> str:
    return f"user[{_name(change, style)}]"


def _name(change: Change, style: Style) -> str:
    return f'"id:{printable(change.live_id or "new")}"' if style.redact else style.value(change.key)


def _rows(change: Change, style: Style) -> Iterator[str]:
    before, after = change.before, change.after
    changed = {row.path for row in change.attribute_changes()}
    paths = sorted(changed | {path for path in _ALWAYS_SHOWN if path in before and path in after}, key=short)
    width = max((len(printable(short(path))) for path in paths), default=0)
    for path in paths:
        key = printable(short(path)).ljust(width)
        if path in changed:
            mark = style.paint(f" # {mark_of(change)}", _GREY) if path in change.pending else ""
            yield _row(key, before, after, path, style) + mark
        else:
            yield f"        {key} = {render_value(after[path], style)}"
    hidden = len(before.keys() & after.keys() - changed - set(paths))
    if hidden:
        noun = plural(hidden, "unchanged attribute")
        yield f"        {style.paint(f'# ({noun} hidden)', _GREY)}"


def mark_of(change: Change) -> str:
    """What is said of its pending rows."""
    return _MARKS.get(change.attribution, "") if change.attribution is not None else ""


def _row(key: str, before: Attributes, after: Attributes, path: str, style: Style) -> str:
    if path not in before:
        return f"      {style.paint('+', _GREEN)} {key} = {render_value(after[path], style)}"
    value = f"{key} = {render_value(before[path], style)}"
    if path not in after:
        return f"      {style.paint('-', _RED)} {value} {style.paint('-> null', _GREY)}"
    arrow = style.paint("->", _YELLOW)
    return f"      {style.paint('~', _YELLOW)} {value} {arrow} {render_value(after[path], style)}"


def render_value(value: Value, style: Style) -> str:
    """One value as Terraform shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return style.value(value)


def render_lines(changes: Sequence[Change], style: Style) -> list[str]:
    """One line for each user: what happens, to whom, which attributes."""
    width = min(max((len(_name(change, style)) for change in changes), default=0), _WIDEST)
    verbs = max((len(change.action.value) for change in changes), default=0)
    lines = []
    for change in changes:
        look = LOOKS[change.action]
        what = in_short(change, style)
        verb = style.paint(change.action.value.ljust(verbs), look.colour)
        symbol = style.paint(look.symbol, look.colour)
        lines.append(f"  {symbol} {verb}  {_name(change, style).ljust(width)}  {what}".rstrip())
    return lines


def in_short(change: Change, style: Style) -> str:
    """Why somebody is removed, or which attributes change; "" for a new user."""
    return style.words(change.detail) if change.action in REMOVALS else printable(", ".join(_changed_names(change)))


def _changed_names(change: Change) -> list[str]:
    if change.action is Action.CREATE:
        return []
    marks = dict.fromkeys(change.pending, f" ({mark_of(change)})")
    return [short(row.path) + marks.get(row.path, "") for row in change.attribute_changes()]


def _no_changes(plan: Plan, profile: TargetProfile, style: Style) -> str:
    if plan.offline:
        rest = style.paint("The desired users are those of the base.", _BOLD)
        return f"{style.paint('No changes.', _BOLD, _GREEN)} {rest}\n"
    rest = f"{profile.title} matches the desired state."
    head = f"{style.paint('No changes.', _BOLD, _GREEN)} {style.paint(rest, _BOLD)}"
    users = plural(plan.tally.managed, "managed user")
    return (
        f"{head}\n\nReconciler has compared {users} with the desired state and found no differences, so no changes\n"
        "are needed.\n"
    )


def _also(plan: Plan) -> str:
    lines = untouched(plan)
    return "".join(f"  {said}\n" for said in lines)


def untouched(plan: Plan) -> list[str]:
    """What the plan does not touch, where a reader could wonder: a sentence each."""
    tally = plan.tally
    account = "account of the base" if plan.offline else "live account"
    notes = [
        (tally.unmanaged, account, "is", "are", f"not managed: never touched{_appeared(plan)}"),
        (tally.kept, account, "stays", "stay", "although not desired (lifecycle: keep)"),
        (tally.failed, "user", "has", "have", "mistakes: left untouched, see above"),
    ]
    return [
        f"{plural(count, noun)} {one if count == 1 else many} {rest}."
        for count, noun, one, many, rest in notes
        if count
    ]


def _appeared(plan: Plan) -> str:
    before = plan.drift.unmanaged if plan.drift is not None else None
    if before is None or before == plan.tally.unmanaged:
        return ""
    return f" ({before:,} when the last apply was planned)"


def render_guards(plan: Plan, style: Style) -> str:
    """The guards that did not pass, and the way out."""
    failed = [guard for guard in plan.guards if not guard.passed]
    if not failed:
        return ""
    lines = [_guard(guard, style, offline=plan.offline) for guard in failed]
    if plan.blocked and not plan.offline:
        lines += ["", style.paint("This plan is blocked: nothing will be written.", _BOLD, _RED), *way_out(plan)]
    return "\n".join(lines) + "\n"


def _guard(guard: Guard, style: Style, *, offline: bool) -> str:
    message = style.words(guard.message)
    if guard.approved:
        return f"{style.paint('Approved:', _BOLD, _YELLOW)} {message}"
    word = "Blocked:"
    if offline:
        word = "Would be blocked until approved:" if guard.approvable else "Would be blocked:"
    return f"{style.paint(word, _BOLD, _RED)} {message}"


def way_out(plan: Plan) -> list[str]:
    """How a blocked plan can be applied all the same, in lines."""
    if any(guard.blocks and not guard.approvable for guard in plan.guards):
        return ["It cannot be approved as it is: remove the cause."]
    removals = plan.count(*REMOVALS)
    return [
        "If it is what you want, approve exactly this plan, in settings.yaml:",
        "",
        "  approvals:",
        f'    - {{plan: "{plan.plan_id}", removals: {removals}, until: {plan.expires_at:%Y-%m-%d}, reason: "…"}}',
        "",
        f"or by hand, with one more flag for `reconciler apply`: --approve {plan.plan_id}",
    ]


# --- diagnostics ----------------------------------------------------------------


def render_diagnostics(diagnostics: Sequence[Diagnostic], style: Style) -> str:
    """The diagnostics, each with its place, the line itself and a way out; of one file not without end."""
    seen: Counter[tuple[str, Severity]] = Counter()
    shown = []
    for item in diagnostics:
        kind = (item.origin.file if item.origin else "", item.severity)
        seen[kind] += item.origin is not None
        if seen[kind] <= _MANY:
            shown.append(item)
    return "\n".join(_diagnostic(item, style) for item in (*shown, *_not_shown(seen)))


_MANY = 50
"""Diagnostics of one file and severity: a wrong mapping is a mistake of everybody."""


def _not_shown(seen: Mapping[tuple[str, Severity], int]) -> Iterator[Diagnostic]:
    for (file, severity), count in seen.items():
        more = count - _MANY
        if more > 0:
            said = f"{plural(more, f'more {severity.value}')} in {file} {'is' if more == 1 else 'are'} not shown"
            yield Diagnostic(severity, said, "Correct those above first. A plan in JSON names them all.")


def _diagnostic(item: Diagnostic, style: Style) -> str:
    is_error = item.severity is Severity.ERROR
    head = style.paint("Error:" if is_error else "Warning:", _BOLD, _RED if is_error else _YELLOW)
    told = diagnosed(item, style)
    lines = [f"{head} {style.paint(told.summary, _BOLD)}"]
    if told.place:
        lines += ["", f"  {told.place}{':' if item.origin else ''}"]
    lines += [f"  {told.source}"] if told.source else []
    lines += ["", f"  {told.detail}"] if told.detail else []
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A diagnostic's parts, each fit to be shown; "" where there is none."""

    summary: str
    place: str
    source: str
    detail: str


def diagnosed(item: Diagnostic, style: Style) -> Diagnosed:
    """What may be told of a diagnostic."""
    where = [f"on {style.words(str(item.origin))}"] if item.origin else []
    if style.redact:
        return Diagnosed(style.words(item.summary), "".join(where), "", "")
    if item.address:
        where.append(f"in {style.words(item.address)}")
    source = ""
    if item.origin is not None and item.source_line is not None:
        source = f"{item.origin.line:>4}: {style.words(item.source_line)}"
    return Diagnosed(style.words(item.summary), ", ".join(where), source, line(style.words(item.detail)))


# --- an apply ---------------------------------------------------------------------

_STOPPED = "not started: the run was stopped"
_ING = {
    Action.CREATE: "Creation complete",
    Action.UPDATE: "Modifications complete",
    Action.ADOPT: "Import complete",
    Action.REACTIVATE: "Reactivation complete",
    Action.DEACTIVATE: "Deactivation complete",
    Action.DELETE: "Destruction complete",
}


def render_outcome(outcome: Outcome, style: Style) -> str:
    """One line for one finished change."""
    address = style.paint(_address(outcome.change, style), _BOLD)
    if outcome.result is Result.DONE:
        note = f" ({printable(outcome.message)})" if outcome.message else ""
        return f"{address}: {_ING[outcome.change.action]} [id={printable(outcome.live_id or '')}]{note}"
    word = {
        Result.FAILED: "FAILED",
        Result.NOT_IN_EFFECT: "NOT IN EFFECT",
        Result.UNKNOWN: "UNKNOWN",
        Result.SKIPPED: "Skipped",
    }[outcome.result]
    message = HIDDEN if style.redact else printable(outcome.message)
    return f"{address}: {style.paint(word, _BOLD, _RED)}: {message}"


def was_not_started(outcome: Outcome) -> bool:
    """Whether the run ended before this change: many are alike, and one line says it."""
    return outcome.result is Result.SKIPPED and outcome.message in ("not started: interrupted", _STOPPED)


def render_report(outcomes: Sequence[Outcome], style: Style) -> str:
    """The end of an apply, counted from what happened."""
    done = [item.change.action for item in outcomes if item.result is Result.DONE]
    shown = _counted({action: done.count(action) for action in Action}, "{count} {past}")
    missing = [item for item in outcomes if item.result is not Result.DONE]
    unstarted = [item for item in missing if was_not_started(item)]
    if not missing:
        return f"{style.paint('Apply complete!', _BOLD, _GREEN)} Users: {shown}.\n"
    lines = [f"{style.paint('Apply incomplete:', _BOLD, _RED)} Users: {shown}; {len(missing)} not done:", ""]
    lines += [f"  {render_outcome(item, style)}" for item in missing if not was_not_started(item)]
    if unstarted:
        lines.append(f"  {plural(len(unstarted), 'change')} {printable(unstarted[0].message)}")
    lines += ["", "Run the same command again for what is left: nothing is done twice."]
    return "\n".join(lines) + "\n"
