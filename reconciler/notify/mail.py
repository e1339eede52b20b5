"""Put a mail together: plain text, with headers that no value can add to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from reconciler.core.text import escape_control, shorten

_LONGEST_SUBJECT = 200
_LONGEST_LINE = 250
"""Of a header. RFC 5322 §2.1.1 asks for 78, and allows 998."""


def build_mail(
    subject: str, text: str, sender: str, recipients: Sequence[str], *, thread: str, now: datetime
) -> EmailMessage:
    """Return a mail. `thread`: the same for all mails about one topic of one target: clients show them together."""
    message = EmailMessage(policy=SMTP)
    domain = sender.rpartition("@")[2]
    root = f"<reconciler.{hashlib.sha256(thread.encode()).hexdigest()[:32]}@{domain}>"
    # EmailMessage refuses line breaks in a header; escaped, there are none to refuse.
    message["Subject"] = escape_control(shorten(subject, _LONGEST_SUBJECT))
    message["From"] = f"Reconciler <{sender}>"
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=domain)
    message["References"] = root
    message["In-Reply-To"] = root
    # RFC 3834: no out-of-office answers, and no loops. Exchange has a header of its own.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text, charset="utf-8", cte="quoted-printable")
    if message["Subject"].isascii():
        # Not folded: where it is a little too long, folding leaves the first line empty, and filters for its beginning
        # fail. The body is encoded by now, in short lines. Encoded words must be short, too.
        message.policy = SMTP.clone(max_line_length=_LONGEST_LINE)
    return message
