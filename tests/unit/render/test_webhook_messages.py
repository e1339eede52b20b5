"""The three formats: the same content, and nothing in it that mentions, links or formats."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support.notifications import RUN_URL, failure, message
from support.untrusted_text import HOSTILE

from reconciler.desired.recipients import WebhookFormat
from reconciler.notify.event import Event
from reconciler.render.notification_document import notification_document
from reconciler.render.webhook_messages import render_webhook

ATTACKS = {
    **HOSTILE,
    "channel": "<!channel> <!here|x> <@U123> <#C1>",
    "link": "<https://evil.example|click> & [x](https://evil.example)",
    "mention": "@channel @here @Everyone @all",
    "markdown": "**b** _i_ ~s~ `c` # h\n- l\n> q",
    "at": "<at>Ada</at>",
    "huge": "x" * 100_000,
}


def render(which: WebhookFormat, event: Event, **context: Any) -> Any:
    body = render_webhook(message(event, **context), which)
    assert body.isascii()
    assert len(body) < 28 * 1024
    return json.loads(body)


def test_json_is_the_document() -> None:
    assert render(WebhookFormat.JSON, failure()) == notification_document(message())


def test_slack_gets_the_text() -> None:
    found = render(WebhookFormat.SLACK, failure(names=("<!channel> & *ada* @Channel",)), names=True)
    assert found == {
        "text": message(failure(names=("x",)), names=True).text.replace(
            "  - x\n", "  - &lt;!channel&gt; &amp; *ada* @\\u{200b}Channel\n"
        ),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_teams_gets_a_card_without_markdown() -> None:
    found = render(WebhookFormat.TEAMS, failure())
    (attachment,) = found["attachments"]
    card = attachment["content"]
    assert (found["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the run", "url": RUN_URL}]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    texts = [block["inlines"][0]["text"] for block in card["body"]]
    assert texts[:3] == [message().subject, "Apply incomplete.", "Target:    Apple Business Manager"]
    assert all(block["inlines"][0]["type"] == "TextRun" for block in card["body"])
    assert "actions" not in render(WebhookFormat.TEAMS, failure(), run_url="")["attachments"][0]["content"]


@pytest.mark.parametrize("which", WebhookFormat)
@pytest.mark.parametrize("value", ATTACKS.values(), ids=ATTACKS)
def test_a_hostile_name_changes_one_text_only(value: str, which: WebhookFormat) -> None:
    hostile = render(which, failure(names=(value,)), names=True)
    assert shape(hostile) == shape(render(which, failure(names=("ada",)), names=True))
    if which is WebhookFormat.SLACK:
        assert not re.search(r"[<>]|@(channel|here|everyone|all)\b|&(?!amp;|lt;|gt;)", hostile["text"], re.IGNORECASE)


def shape(found: Any) -> Any:
    """A document without its texts, each text as the number of its lines."""
    if isinstance(found, dict):
        return {key: shape(value) for key, value in found.items()}
    if isinstance(found, list):
        return [shape(each) for each in found]
    return found.count("\n") if isinstance(found, str) else found
