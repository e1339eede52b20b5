"""Recipients of notifications: one address or one format each, never a destination."""

from __future__ import annotations

import json

import pytest

from reconciler.core.model import Diagnostic
from reconciler.desired import schema
from reconciler.desired.recipients import (
    LISTS,
    Mailbox,
    WebhookFormat,
    check_recipients,
    find_recipients,
    is_mail_address,
    parse_recipient,
)
from reconciler.desired.validation import LocatedModel, validate
from reconciler.desired.yaml_reader import read_document

TARGET = "target: {profile: apple-business-manager, base_url: 'https://federation.apple.com/feeds/business/scim'}"


def settings(notifications: str) -> LocatedModel[schema.Settings]:
    text = f"{TARGET}\nnotifications:\n{notifications}\n"
    found: list[Diagnostic] = []
    located = validate(read_document(text.encode(), "settings.yaml", found.append), schema.Settings, found.append)
    assert located is not None
    assert not found
    return located


def problems(notifications: str) -> list[tuple[str, str, str]]:
    found: list[Diagnostic] = []
    check_recipients(settings(notifications), found.append)
    return [(str(each.origin), each.summary, each.detail) for each in found]


@pytest.mark.parametrize(
    "address", ["it@example.com", "it+apple@sub.example.com", "o'hara@example.com", "root@localhost"]
)
def test_one_address(address: str) -> None:
    assert parse_recipient(f"mailto:{address}") == parse_recipient(f"MAILTO:{address}") == Mailbox(address)


@pytest.mark.parametrize(
    "text",
    [
        "it@example.com?subject=x",
        "it@example.com?bcc=eve@example.com",
        "it@example.com%0abcc:eve@example.com",
        "it@example.com\r\nBcc: eve@example.com",
        "it@example.com\n",
        "it@example.com,eve@example.com",
        "it@example.com;eve@example.com",
        "it@example.com eve@example.com",
        "<it@example.com>",
        "IT <it@example.com>",
        '"it"@example.com',
        "it@@example.com",
        "it@exa_mple.com",
        "it@-example.com",
        "it@example.com.",
        ".it@example.com",
        "i..t@example.com",
        "it.@example.com",
        "it@exämple.com",
        "it\u202e@example.com",
        "it@[127.0.0.1]",
        "it",
        "",
        f"{'a' * 65}@example.com",
        f"it@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}",
    ],
)
def test_what_is_not_exactly_one_address_is_an_error_at_its_item(text: str) -> None:
    assert not is_mail_address(text)
    ((place, summary, hint),) = problems(f"  on_failure: ['mailto:a@b.example', {json.dumps('mailto:' + text)}]")
    assert place == "settings.yaml:3:38"
    assert summary.startswith("notifications.on_failure: ")
    assert summary.endswith(" is not one mail address")
    assert "\n" not in summary
    assert hint == (
        "Write mailto: and one address, such as mailto:it@example.com, without a list, headers or % escapes."
    )


@pytest.mark.parametrize(
    ("text", "summary", "hint"),
    [
        ("it@example.com", "has no scheme", "Write mailto:it@example.com."),
        ("https://hooks.example.com/T0/secret", "is a URL", "and set RECONCILER_WEBHOOK_URL. settings.yaml says who"),
        ("smtp://u:p@mail.example.com", "is a mail server", "and set RECONCILER_SMTP_URL. settings.yaml says who"),
        ("webhook:https://hooks.example.com", "names no format", "Write one of webhook:json, webhook:slack, webhook:"),
        ("webhook:", "names no format", "Write one of webhook:json"),
        ("webhook:JSON", "names no format", "Write one of webhook:json"),
        ("slack://T0/B0", "is no recipient", "Write mailto:it@example.com or one of webhook:json"),
        ("tel:123", "is no recipient", "Write mailto:it@example.com or one of webhook:json"),
        ("Nobody", "is no recipient", "Write mailto:it@example.com or one of webhook:json"),
    ],
)
def test_what_is_no_recipient_says_where_destinations_come_from(text: str, summary: str, hint: str) -> None:
    shown = f"{text.partition('//')[0]}//…" if "//" in text else text
    ((place, said, advice),) = problems(f"  on_drift:\n    - {json.dumps(text)}")
    assert place == "settings.yaml:4:7"
    assert said == f'notifications.on_drift: "{shown}" {summary}'
    assert hint in advice


def test_a_list_has_a_limit() -> None:
    many = ", ".join(f"'mailto:a{number}@example.com'" for number in range(21))
    assert problems(f"  on_expiry: [{many}]") == [
        (
            "settings.yaml:3:14",
            "notifications.on_expiry: 21 recipients are more than 20",
            "Write the address of a group of people instead.",
        )
    ]
    assert len(find_recipients(settings(f"  on_expiry: [{many}]").value.notifications, "on_expiry")) == 20


def test_one_webhook_understands_one_format() -> None:
    assert problems("  on_failure: ['webhook:slack']\n  on_drift: ['webhook:slack']") == []
    assert problems("  on_failure: ['webhook:slack']\n  on_drift: ['webhook:json', 'webhook:slack']") == [
        (
            "settings.yaml:4:14",
            "notifications.on_drift: webhook:json and webhook:slack",
            "RECONCILER_WEBHOOK_URL is one address, which understands one format: write that one.",
        )
    ]


def test_an_absent_list_is_that_of_failures_and_an_empty_one_is_empty() -> None:
    items = "['mailto:a@b.example', 'webhook:teams', nonsense, 'mailto:a@b.example']"
    found = settings(f"  on_failure: {items}\n  on_import: []")
    default = (Mailbox("a@b.example"), WebhookFormat.TEAMS)
    lists = {name: find_recipients(found.value.notifications, name) for name in LISTS}
    assert lists == dict.fromkeys(LISTS, default) | {"on_import": ()}
