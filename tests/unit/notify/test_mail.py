"""A mail: its headers in full, and that no value adds one."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from support.builders import NOW
from support.untrusted_text import HOSTILE

from reconciler.notify.mail import build_mail


def headers(subject: str, text: str = "hello\n") -> dict[str, str]:
    mail = build_mail(subject, text, "bot@example.com", ["it@example.com", "ops@example.com"], thread="x", now=NOW)
    parsed = message_from_bytes(mail.as_bytes(), policy=policy.default)
    return {name: str(value) for name, value in parsed.items()}


def test_headers() -> None:
    found = headers("Drift is gone")
    assert found.pop("Message-ID").endswith("@example.com>")
    assert found["References"] == found["In-Reply-To"] == headers("Another")["References"]
    assert found.pop("References").startswith("<reconciler.")
    del found["In-Reply-To"]
    assert found == {
        "Subject": "Drift is gone",
        "From": "Reconciler <bot@example.com>",
        "To": "it@example.com, ops@example.com",
        "Date": f"{NOW:%a, %d %b %Y %H:%M:%S} +0000",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }


@pytest.mark.parametrize("value", [*HOSTILE.values(), "x\r\nBcc: eve@example.com\r\n\r\nbody", "é" * 5000])
def test_no_value_adds_a_header(value: str) -> None:
    found = headers(value, "hello\n")
    assert found.keys() == headers("x").keys()
    assert found["To"] == "it@example.com, ops@example.com"
    assert "\n" not in found["Subject"]
    assert len(found["Subject"]) < 3000


@pytest.mark.parametrize("length", [20, 60, *range(66, 82), 150, 200])
def test_a_subject_begins_in_its_first_line(length: int) -> None:
    """Filters look for how it begins; folded, the first line may be empty, and readers then find a blank first."""
    subject = ("[Reconciler] " + "Drift found " * 20)[: length - 1] + "x"
    mail = build_mail(subject, "hello\n" * 5, "bot@example.com", ["it@example.com"] * 20, thread="x", now=NOW)
    assert mail.as_bytes().startswith(f"Subject: {subject}\r\n".encode())
    assert message_from_bytes(mail.as_bytes(), policy=policy.default)["Subject"] == subject
    assert max(map(len, mail.as_bytes().split(b"\r\n"))) <= 250


def test_the_body_is_as_it_was_given() -> None:
    mail = build_mail("x", "Ärger\n.\nFrom here\n", "bot@example.com", ["it@example.com"], thread="x", now=NOW)
    assert mail.as_bytes().isascii()
    assert message_from_bytes(mail.as_bytes(), policy=policy.default).get_content().replace("\r\n", "\n") == (  # type: ignore[attr-defined]
        "Ärger\n.\nFrom here\n"
    )
