"""The dates of credentials, for commands: read from settings.yaml, and as warnings of a plan or of `validate`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from reconciler.core.expiry import ConnectionCredential, assess_credentials, describe_findings
from reconciler.core.model import Diagnostic
from reconciler.desired.credentials import build_credentials
from reconciler.desired.directory import Directory
from reconciler.profiles import PROFILES


def read_credentials(state: Path) -> tuple[ConnectionCredential, ...]:
    """Return the credentials that settings.yaml alone implies; none if it is invalid, which other code reports."""
    settings = Directory(state).read_settings()
    return () if settings is None else build_credentials(settings, PROFILES[settings.value.target.profile])


def warn_of_expiry(credentials: Sequence[ConnectionCredential], today: date) -> tuple[Diagnostic, ...]:
    """Return the warnings of a plan that is made on the day `today` (UTC).

    The first days of a new token are not among them: a plan whose live users were read has shown that it works.
    """
    return describe_findings(assess_credentials(credentials, today, used=True))


def warn_of_past_dates(credentials: Sequence[ConnectionCredential], today: date) -> tuple[Diagnostic, ...]:
    """Return the warnings about dates before `today` (UTC)."""
    return describe_findings(
        finding for finding in assess_credentials(credentials, today, used=True) if finding.days_left < 0
    )
