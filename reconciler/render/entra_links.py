"""Render the link table of Entra's provisioning log, and what it says about matched accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.core.model import format_user_address
from reconciler.core.text import pluralize
from reconciler.render.style import BOLD, GREEN, RED, YELLOW, Style
from reconciler.sources.links import CheckedAccount, LinkTable, LinkVerdict

SHOWN = 50
"""Accounts of one kind that are shown without -v."""


def render_links_csv(table: LinkTable) -> str:
    """Render the table as CSV: objectId, id of the account, the last action, and when (UTC)."""
    lines = ["objectId,targetId,action,activityDateTime"]
    for object_id, event in table.links.items():
        cells = (object_id, event.target_id, event.action, f"{event.when:%Y-%m-%dT%H:%M:%SZ}")
        lines.append(",".join(map(_format_cell, cells)))
    return "\n".join(lines) + "\n"


def _format_cell(text: str) -> str:
    """Quote a cell that a reader of CSV, or a spreadsheet, would take for something else (RFC 4180)."""
    if text[:1] in ("=", "+", "-", "@"):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(each in text for each in ',"') else text


def render_links_json(table: LinkTable, checked: Sequence[CheckedAccount] | None) -> str:
    """Render the table, and the verdicts if accounts were checked, as JSON."""
    document: dict[str, object] = {
        "format_version": "1.0",
        "links": [
            {
                "objectId": object_id,
                "targetId": event.target_id,
                "action": event.action,
                "activityDateTime": f"{event.when:%Y-%m-%dT%H:%M:%SZ}",
            }
            for object_id, event in table.links.items()
        ],
    }
    if checked is not None:
        document["accounts"] = [
            {
                "user": each.account.name,
                "objectId": each.account.object_id,
                "targetId": each.account.target_id,
                "verdict": each.verdict.name.lower(),
                "linkedId": each.linked or None,
            }
            for each in checked
        ]
    return json.dumps(document, indent=2) + "\n"


def render_checked(checked: Sequence[CheckedAccount], since: datetime, style: Style, *, whole: bool = False) -> str:
    """Render what the log says about matched accounts: those that differ first. `whole`: all of them."""
    if not checked:
        nothing = "Nothing was verified: the plan matches no account at the target with a user."
        advice = "Check target.base_url in settings.yaml, and `match` in mappings.yaml."
        return f"{style.paint(nothing, BOLD, YELLOW)}\n{advice}\n"
    wrong = [each for each in checked if each.verdict not in (LinkVerdict.CONFIRMED, LinkVerdict.UNCONFIRMED)]
    unknown = [each for each in checked if each.verdict is LinkVerdict.UNCONFIRMED]
    confirmed = len(checked) - len(wrong) - len(unknown)
    lines = list(_render_list("Not the accounts that Entra made:", wrong, RED, style, whole=whole))
    lines += _render_list("Not in the log:", unknown, YELLOW, style, whole=whole)
    counts = (
        f"{pluralize(len(checked), 'account')} matched by the plan: {confirmed:,} confirmed, {len(wrong):,} not the"
        f" accounts that Entra made, {len(unknown):,} not in the log since {since:%Y-%m-%d}."
    )
    settled = not wrong and not unknown
    lines.append(style.paint(counts, BOLD, *([GREEN] if settled else [])))
    if wrong:
        lines.append("Do not apply before these are explained: the plan would change accounts of other users.")
    elif unknown:
        lines.append("The log keeps 30 days at most: users that Entra did not change since then are not in it.")
    return "\n".join(lines) + "\n"


def _render_list(
    head: str, accounts: Sequence[CheckedAccount], colour: str, style: Style, *, whole: bool
) -> Iterator[str]:
    if not accounts:
        return
    yield style.paint(head, colour)
    shown = accounts if whole else accounts[:SHOWN]
    for each in shown:
        address = style.message(format_user_address(each.account.name))
        linked = f" ({style.value(each.linked)})" if each.linked and each.linked != each.account.target_id else ""
        why = f": {each.verdict}{linked}" if each.verdict is not LinkVerdict.UNCONFIRMED else ""
        yield f"  {address}, account {style.value(each.account.target_id)}{why}"
    if len(accounts) > len(shown):
        yield f"  {len(accounts) - len(shown):,} more: -v shows them, --format json has all of them."
    yield ""
