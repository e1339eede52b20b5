"""Recipients of notifications in settings.yaml: `mailto:ADDRESS`, and `webhook:FORMAT` for RECONCILER_WEBHOOK_URL.

Destinations come from the environment only. If settings.yaml could name a URL or a mail server, then so could a pull
request, and it would choose who is notified about the users of the organisation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from reconciler.core.model import error
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_reader import Report

MAX_RECIPIENTS = 20
"""Of one list."""
_LONGEST = 254
"""Characters of an address (RFC 5321 §4.5.3.1.3, without the angle brackets)."""
_LOCAL = r"(?!\.)(?!.*\.\.)[A-Za-z0-9!#$&'*+/=^_`{|}~.-]{1,64}(?<!\.)"
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(\.{_LABEL})*")
_WHY = "settings.yaml says who is notified; where messages are sent comes from the environment alone."


class WebhookFormat(StrEnum):
    """What the receiver behind RECONCILER_WEBHOOK_URL understands."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A recipient of mail."""

    address: str


Recipient: TypeAlias = Mailbox | WebhookFormat


class RecipientError(ValueError):
    """A text names no recipient: the message says why, as what follows it in a sentence; `hint` what to write."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def is_mail_address(text: str) -> bool:
    """Return whether `text` is one ASCII address `local@domain`, without quotes, comments or a display name."""
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def parse_recipient(text: str) -> Recipient:
    """Parse one recipient. Raises `RecipientError`."""
    scheme, colon, rest = text.partition(":")
    match scheme.casefold() if colon else "":
        case "mailto":
            return _parse_address(rest)
        case "webhook":
            return _parse_format(rest)
        case "http" | "https":
            raise RecipientError("is a URL", f"Write webhook:json, and set RECONCILER_WEBHOOK_URL. {_WHY}")
        case "smtp" | "smtps":
            raise RecipientError(
                "is a mail server", f"Write mailto:it@example.com, and set RECONCILER_SMTP_URL. {_WHY}"
            )
        case "" if is_mail_address(text):
            raise RecipientError("has no scheme", f"Write mailto:{shorten(text, 80)}.")
    known = ", ".join(f"webhook:{each}" for each in WebhookFormat)
    raise RecipientError("is no recipient", f"Write mailto:it@example.com or one of {known}. {_WHY}")


def _parse_address(address: str) -> Mailbox:
    if not is_mail_address(address):
        # `mailto:a@x?bcc=b@x` (RFC 6068) and %0A could add recipients or headers.
        hint = "Write mailto: and one address, such as mailto:it@example.com, without a list, headers or % escapes."
        raise RecipientError("is not one mail address", hint)
    return Mailbox(address)


def _parse_format(name: str) -> WebhookFormat:
    try:
        return WebhookFormat(name)
    except ValueError:
        known = ", ".join(f"webhook:{each}" for each in WebhookFormat)
        raise RecipientError("names no format", f"Write one of {known}. {_WHY}") from None


def _show(text: str) -> str:
    """Quote a recipient; of a URL, which may itself be a secret, its scheme only."""
    before, slashes, _ = text.partition("//")
    return quote(shorten(f"{before}//…" if slashes else text, 80))


LISTS = ("on_failure", "on_quarantine", "on_drift", "on_expiry", "on_import")


def find_recipients(settings: schema.NotificationSettings, name: str) -> tuple[Recipient, ...]:
    """Return the recipients of one of `LISTS`, each once; those of `on_failure` if the list is absent.

    Invalid ones are left out: they are errors of settings.yaml, and must not keep the others from being notified.
    """
    listed: Sequence[str] | None = getattr(settings, name)
    found: dict[Recipient, None] = {}
    for text in (settings.on_failure if listed is None else listed)[:MAX_RECIPIENTS]:
        try:
            found[parse_recipient(text)] = None
        except RecipientError:
            continue
    return tuple(found)


def check_recipients(settings: LocatedModel[schema.Settings], report: Report) -> None:
    """Report recipients that are none, lists that are too long, and webhooks of two formats."""
    formats: dict[WebhookFormat, None] = {}
    for name in LISTS:
        items: Sequence[str] = getattr(settings.value.notifications, name) or ()
        if len(items) > MAX_RECIPIENTS:
            summary = f"notifications.{name}: {len(items):,} recipients are more than {MAX_RECIPIENTS}"
            hint = "Write the address of a group of people instead."
            report(error(summary, hint, settings.at("notifications", name)))
            continue
        for index, text in enumerate(items):
            origin = settings.at("notifications", name, index)
            try:
                found = parse_recipient(text)
            except RecipientError as exc:
                report(error(f"notifications.{name}: {_show(text)} {exc}", exc.hint, origin))
                continue
            if isinstance(found, WebhookFormat):
                formats[found] = None
                if len(formats) > 1 and found is not next(iter(formats)):
                    summary = f"notifications.{name}: webhook:{found} and webhook:{next(iter(formats))}"
                    hint = "RECONCILER_WEBHOOK_URL is one address, which understands one format: write that one."
                    report(error(summary, hint, origin))
