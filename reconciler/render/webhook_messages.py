"""Render a notification as the body of a webhook: JSON, Slack or Teams. Nothing in it can mention, link or format.

ASCII JSON: what is escaped cannot control or hide anything on the way.
"""

from __future__ import annotations

import re
from typing import Any, assert_never

from reconciler.core.text import escape_control, to_ascii_json
from reconciler.desired.recipients import WebhookFormat
from reconciler.render.notification import NotificationText
from reconciler.render.notification_document import notification_document

_MENTION = re.compile(r"@(?=(?:channel|here|everyone|all)\b)", re.IGNORECASE)
"""Receivers that imitate Slack look for these words anywhere in the text."""
_LONGEST_BLOCK = 12_000
"""Characters of a message to Slack or Teams, whose limits are 40,000 characters and 28 KB."""


def render_webhook(found: NotificationText, which: WebhookFormat) -> bytes:
    """Return the body of a request to a webhook."""
    match which:
        case WebhookFormat.JSON:
            content = notification_document(found)
        case WebhookFormat.SLACK:
            content = _to_slack(found)
        case WebhookFormat.TEAMS:
            content = _to_teams(found)
        case _:  # pragma: no cover
            assert_never(which)
    return to_ascii_json(content).encode("ascii")


def _to_slack(found: NotificationText) -> dict[str, Any]:
    """Slack's incoming webhook. `&`, `<` and `>` are all that must be escaped; `mrkdwn` off, `*` and `_` are text."""
    text = _MENTION.sub("@\\\\u{200b}", found.text[:_LONGEST_BLOCK])
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}


def _to_teams(found: NotificationText) -> dict[str, Any]:
    """An Adaptive Card, as the webhooks of Teams' workflows take it. A TextRun has no Markdown, a TextBlock does."""
    lines = found.text[:_LONGEST_BLOCK].rstrip("\n").split("\n")
    body = [
        _to_block(found.subject, weight="bolder", size="medium"),
        *(_to_block(line) for line in lines if line.strip("- ")),
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if found.context.run_url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the run", "url": found.context.run_url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _to_block(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": escape_control(text), **style}]}
