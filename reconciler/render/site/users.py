"""The users of the report site: the list of all, and pages with the details and the history of 100 each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from reconciler.core.text import escape_control, quote, redact_quoted, shorten
from reconciler.render.site.entries import site_entries
from reconciler.render.site.model import AccountState, SiteReport, SiteUser
from reconciler.render.site.pages import Pages
from reconciler.render.style import HIDDEN, Style

ON_A_PAGE = 100
_LONG = 200
_NO_VALUE = '<span class="none">(none)</span>'
STATES = {
    "failing": ("failing", "bad"),
    "account": ("account", "good"),
    "waiting": ("no account on record", "warn"),
    "unknown": ("account not known", "quiet"),
    "leaving": ("account, but not in scope", "warn"),
    "off": ("deactivated or deleted", "quiet"),
    "out": ("out of scope", "quiet"),
    "removed": ("removed from git", "quiet"),
}
"""What a user is listed as: label and tone."""


@dataclass(frozen=True, slots=True)
class SiteUserRow:
    """A user as the pages show it: every text is escaped for display, and redacted."""

    id: str
    page: str
    name: str
    state: str
    label: str
    tone: str
    why: str
    account: str
    file: str
    failing: str


def classify(user: SiteUser) -> str:
    """Return what the user is listed as: a key of `STATES`."""
    if user.failing is not None:
        return "failing"
    state = user.account.state
    if user.why.in_scope:
        known = {AccountState.ACTIVE: "account", AccountState.UNKNOWN: "unknown"}
        return known.get(state, "waiting")
    if user.removed:
        return "leaving" if state is AccountState.ACTIVE else "removed"
    out = {AccountState.ACTIVE: "leaving", AccountState.DEACTIVATED: "off", AccountState.DELETED: "off"}
    return out.get(state, "out")


def build_rows(users: Sequence[SiteUser], style: Style) -> Iterator[SiteUserRow]:
    """Yield the rows of the list. Redacted, users are told apart by their number."""
    for number, user in enumerate(users, 1):
        state = classify(user)
        label, tone = STATES[state]
        yield SiteUserRow(
            id=f"u{number}",
            page=name_page((number - 1) // ON_A_PAGE + 1),
            name=f"{HIDDEN} {number}" if style.redact else escape_control(shorten(user.key, _LONG)) or '""',
            state=state,
            label=label,
            tone=tone,
            why=describe_why(user, style),
            account=_describe_account(user),
            file="" if style.redact else escape_control(user.file),
            failing=_describe_failing(user, style),
        )


def name_page(number: int) -> str:
    """Return the name of a page with details: a number, never a name of a user."""
    return f"users-{number:04}.html"


def describe_why(user: SiteUser, style: Style) -> str:
    """Return why the user is in scope or out of it, with the group or filter that decides."""
    why = user.why
    text = escape_control(redact_quoted(why.text) if style.redact else why.text)
    parts = [text if why.in_scope or user.removed else f"out of scope: {text}"]
    *groups, _ = why.path or ("",)
    if groups:
        parts.append(f"through {HIDDEN if style.redact else ' → '.join(quote(each) for each in groups)}")
    if why.rule:
        place = f" ({escape_control(why.place)})" if why.place and not style.redact else ""
        parts.append(f"by the filter {HIDDEN if style.redact else quote(why.rule)}{place}")
    return ", ".join(parts)


def _describe_account(user: SiteUser) -> str:
    found = user.account
    when = f"{found.since:%Y-%m-%d %H:%M} UTC" if found.since is not None else ""
    match found.state:
        case AccountState.ACTIVE if found.unchanged:
            return f"has an account: nothing was left to change in the apply of {when}"
        case AccountState.ACTIVE:
            return f"has an account: last changed by an apply {when}"
        case AccountState.DEACTIVATED | AccountState.DELETED:
            return f"{found.state} by an apply {when}"
        case AccountState.NONE:
            return "no apply on record gave it an account"
        case _:
            return "not known: no complete apply is on record"


def _describe_failing(user: SiteUser, style: Style) -> str:
    failing = user.failing
    if failing is None:
        return ""
    message = "" if style.redact else f": {escape_control(shorten(failing.message, 2 * _LONG))}"
    return f"{escape_control(failing.action)} fails since {failing.first:%Y-%m-%d %H:%M} UTC{message}"


# --- pages ------------------------------------------------------------------------


def render_list(report: SiteReport, rows: Sequence[SiteUserRow], pages: Pages) -> Iterator[str]:
    """Render the list of all users."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    states = [(state, label, counts[state]) for state, (label, _) in STATES.items() if state in counts]
    removed = sum(user.removed for user in report.users)
    return pages.render(
        "users.html.j2",
        "users.html",
        title="Users",
        rows=rows,
        present=len(rows) - removed,
        removed=removed,
        states=states,
        unknown=report.unknown,
    )


def render_details(
    report: SiteReport, rows: Sequence[SiteUserRow], style: Style, pages: Pages
) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield each page of details by its name."""
    last = -(-len(rows) // ON_A_PAGE)
    for number in range(1, last + 1):
        name, first = name_page(number), (number - 1) * ON_A_PAGE
        part = range(first, min(first + ON_A_PAGE, len(rows)))
        shown = ((rows[each], report.users[each]) for each in part)
        users = [(row, _build_history(user, row.id, style), user.more) for row, user in shown]
        yield (
            name,
            pages.render(
                "user_details.html.j2",
                name,
                title=f"Users {first + 1:,} to {first + len(part):,}",
                users=users,
                before=name_page(number - 1) if number > 1 else "",
                after=name_page(number + 1) if number < last else "",
                unknown=report.unknown,
            ),
        )


def _build_history(user: SiteUser, anchor: str, style: Style) -> dict[str, Any]:
    """Return the history of a user: by attribute, the present value first, and what was not asked for by an edit."""
    events = list(site_entries([each for each in user.entries if each.edit is not None], style))
    others = list(site_entries([each for each in user.entries if each.edit is None], style))
    attributes: dict[str, list[tuple[int, list[str]]]] = {}
    for number, event in enumerate(events, 1):
        for row in (*event["rows"], *event["folded"]):
            attributes.setdefault(row["path"], []).append((number, row["after"]))
    shown = Markup("").join(_attribute(anchor, *item) for item in sorted(attributes.items()))
    return {"count": len(attributes), "attributes": shown, "events": events, "others": others}


def _attribute(anchor: str, path: str, values: Sequence[tuple[int, list[str]]]) -> Markup:
    """Return an attribute with its values, the present one first: there are hundreds of thousands of these."""
    parts = [f"<div><dt><bdi>{escape(path)}</bdi></dt>"]
    for place, (number, items) in enumerate(values):
        said = "".join(f'<bdi class="value">{escape(item)}</bdi>' for item in items)
        link = f'<a href="#{anchor}-{number}" aria-label="set by change {number}">{number}</a>'
        now = "" if place else ' class="now"'
        parts.append(f"<dd{now}>{said or _NO_VALUE} {link}</dd>")
    return Markup("".join([*parts, "</div>\n"]))  # noqa: S704 - every text is escaped above
