"""When the credentials of a connection end: how many days are left, how urgent that is, and what to do.

The date of a credential is the day, in UTC, on which it stops working at an unknown hour. So it may be
refused on that day already, and on the day before where its service counts days in a time zone ahead of UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from reconciler.core.model import Diagnostic, Origin, warning
from reconciler.core.profile import NO_TOKEN_RULES, TokenRules
from reconciler.core.text import pluralize

THRESHOLDS = (60, 30, 14, 7, 1, 0)
"""Days before the end at which the next stage of warnings begins; 0 is the day itself and all days after it."""
WARNING_DAYS, _URGENT_DAYS = 14, 1
"""The stages at which a notice becomes a warning, and a warning urgent."""
LONG_USED_DAYS = 30
"""Days after the first ones from which it goes without saying that a token was used: runs would have failed."""


class CredentialKind(StrEnum):
    """What ends."""

    TOKEN = "token"  # noqa: S105 - a name
    CLIENT_SECRET = "client_secret"  # noqa: S105
    GRAPH_CREDENTIAL = "graph_credential"


class DateSource(StrEnum):
    """How the date of a credential is known."""

    DECLARED = "declared"
    """In settings.yaml."""
    COMPUTED = "computed"
    """From the declared day of issue, and how long such tokens last."""
    GRAPH = "graph"
    """Read from Microsoft Graph."""


class ExpiryLevel(StrEnum):
    """How urgent it is."""

    NOTICE = "notice"
    WARNING = "warning"
    URGENT = "urgent"


class ExpiryTopic(StrEnum):
    """What a finding is about."""

    END = "end"
    """The credential ends, or has ended."""
    FIRST_USE = "first_use"
    """The token was issued, and nothing shows that it is used."""


@dataclass(frozen=True, slots=True)
class ConnectionCredential:
    """A credential, without its value. `expires`: see above; None: not declared.

    `origin`: where `expires` is declared, or `issued` if it is computed from that. `rules`: what is known about tokens
    of this service. `others`: how many more credentials of this kind there are, if it was read.
    """

    kind: CredentialKind
    expires: date | None = None
    source: DateSource = DateSource.DECLARED
    origin: Origin | None = None
    issued: date | None = None
    issued_origin: Origin | None = None
    rules: TokenRules = NO_TOKEN_RULES
    others: int = 0

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return _TITLES[self.kind]


_TITLES = {
    CredentialKind.TOKEN: "the token",
    CredentialKind.CLIENT_SECRET: "the OAuth client secret",
    CredentialKind.GRAPH_CREDENTIAL: "the app registration's credential for Microsoft Graph",
}
_KINDS = frozenset(CredentialKind)


@dataclass(frozen=True, slots=True)
class ExpiryFinding:
    """What there is to say about a credential today. `message`: one clause, without a period at its end.

    `stage`: the threshold that was reached last. With topic, kind and date it is what a notification is about: as long
    as these are the same, it is no news. `days_left`: until it ends or must have been used; negative: since then.
    `way_out`: what to do, one line.
    """

    credential: ConnectionCredential
    topic: ExpiryTopic
    level: ExpiryLevel
    stage: int
    days_left: int
    message: str
    way_out: str

    @property
    def origin(self) -> Origin | None:
        """The place of the date in settings.yaml."""
        return self.credential.origin if self.topic is ExpiryTopic.END else self.credential.issued_origin


def assess_credentials(
    credentials: Iterable[ConnectionCredential], today: date, *, used: bool = False
) -> tuple[ExpiryFinding, ...]:
    """Return what there is to say about the credentials on the day `today` (UTC), the most urgent first.

    `used`: whether a request with the token was answered since it was issued (`is_proof_of_use`).
    """
    found = [
        finding
        for credential in credentials
        for finding in (_assess_end(credential, today), None if used else _assess_first_use(credential, today))
        if finding is not None
    ]
    return tuple(sorted(found, key=lambda finding: finding.days_left))


_CAUSE = "expiry"
_CAUSE_PATTERN = re.compile(rf"{_CAUSE}:([a-z_]+):([a-z_]+):([0-9]{{1,2}}):([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})?")


def describe_findings(findings: Iterable[ExpiryFinding]) -> tuple[Diagnostic, ...]:
    """Return the findings as warnings; their cause names topic, kind, stage and date, for `find_expiry`."""
    return tuple(
        replace(warning(finding.message, finding.way_out, finding.origin), cause=_format_cause(finding))
        for finding in findings
    )


def _format_cause(finding: ExpiryFinding) -> str:
    credential = finding.credential
    return f"{_CAUSE}:{finding.topic}:{credential.kind}:{finding.stage}:{credential.expires or ''}"


def find_expiry(diagnostics: Iterable[Diagnostic], *, most_days: int = THRESHOLDS[0]) -> tuple[Diagnostic, ...]:
    """Return the warnings of `describe_findings` among others, those whose stage is `most_days` or a later one."""
    found = ((item, _CAUSE_PATTERN.fullmatch(item.cause)) for item in diagnostics)
    return tuple(item for item, cause in found if cause is not None and int(cause[3]) <= most_days)


def describe_stage(item: Diagnostic) -> str:
    """Return what a warning of `find_expiry` is about, in words that stay the same until its next stage.

    They are made of nothing but the kind, the date and the threshold: they are safe in any document.
    """
    cause = _CAUSE_PATTERN.fullmatch(item.cause)
    title = _TITLES[CredentialKind(cause[2])] if cause is not None and cause[2] in _KINDS else "a credential"
    what = f"{title[0].upper()}{title[1:]}"
    if cause is None or cause[1] != ExpiryTopic.END or cause[4] is None:
        return f"{what} needs attention"
    left = {0: "is at its end", 1: "expires within a day"}.get(int(cause[3]), f"expires within {cause[3]} days")
    return f"{what} {left}: {cause[4]}"


def find_stage(days_left: int) -> int | None:
    """Return the threshold that was reached last; None: none yet."""
    reached = [threshold for threshold in THRESHOLDS if days_left <= threshold]
    return reached[-1] if reached else None


def count_days_left(credential: ConnectionCredential, today: date) -> int | None:
    """Return the days until the credential ends, negative after that; None: the end is not declared."""
    return (credential.expires - today).days if credential.expires is not None else None


def add_years(day: date, years: int) -> date:
    """Return the same day in another year, at most the last one that there is; of February 29 the 28th."""
    year = min(day.year + years, date.max.year)
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


# --- the end --------------------------------------------------------------------------------------


def _assess_end(credential: ConnectionCredential, today: date) -> ExpiryFinding | None:
    left = count_days_left(credential, today)
    stage = find_stage(left) if left is not None else None
    if left is None or stage is None:
        return None
    message = f"{credential.title} {describe_end(credential, today)}"
    return ExpiryFinding(
        credential, ExpiryTopic.END, _find_level(stage), stage, left, message, describe_renewal(credential)
    )


def _find_level(stage: int) -> ExpiryLevel:
    if stage <= _URGENT_DAYS:
        return ExpiryLevel.URGENT
    return ExpiryLevel.WARNING if stage <= WARNING_DAYS else ExpiryLevel.NOTICE


def describe_end(credential: ConnectionCredential, today: date) -> str:
    """Return `expires in 14 days, on 2027-05-01`, `expired on 2027-05-01, 3 days ago`, or the like."""
    left, expires = count_days_left(credential, today), credential.expires
    if left is None:
        return "expires on an unknown day"
    if left < 0:
        return f"expired on {expires}, {pluralize(-left, 'day')} ago"
    when = {0: "today", 1: "tomorrow"}.get(left, f"in {pluralize(left, 'day')}")
    return f"expires {when}, on {expires}"


def describe_renewal(credential: ConnectionCredential) -> str:
    """Return how a credential is replaced, in one line."""
    rules = credential.rules
    match credential.kind:
        case CredentialKind.TOKEN:
            makes = rules.renewal or "Make a new token at the service."
            issued = "" if rules.first_use_days.value is None else "target.token_issued and "
            return f"{makes} Replace RECONCILER_TOKEN where runs get it, then set {issued}target.token_expires."
        case CredentialKind.CLIENT_SECRET:
            makes = rules.secret_renewal or "Make a new client secret at the service."
            return (
                f"{makes} Replace RECONCILER_OAUTH_CLIENT_SECRET where runs get it, run `reconciler login`,"
                " then set target.client_secret_expires."
            )
        case CredentialKind.GRAPH_CREDENTIAL:
            return (
                "Add a second credential to the app registration in Microsoft Entra and replace AZURE_CLIENT_SECRET"
                " where runs get it, then set source.entra.credential_expires. Or use OIDC, which has no credential"
                " that expires."
            )


# --- the first use --------------------------------------------------------------------------------


def is_proof_of_use(credential: ConnectionCredential, worked: date) -> bool:
    """Whether a run that the service answered on the day `worked` shows that the token is used.

    A run on the day of issue does not: it may have been made with the token before it.
    """
    return credential.issued is None or worked > credential.issued


def count_days_to_use(credential: ConnectionCredential, today: date) -> int | None:
    """Return the days that are left to use the token for the first time, negative after that; None: no such rule."""
    allowed = credential.rules.first_use_days.value
    if credential.issued is None or allowed is None or today < credential.issued:
        return None
    return int(allowed) - (today - credential.issued).days


def _assess_first_use(credential: ConnectionCredential, today: date) -> ExpiryFinding | None:
    left = count_days_to_use(credential, today)
    if left is None or credential.issued is None or left < -LONG_USED_DAYS:
        return None
    days = credential.rules.first_use_days.value
    issued = f"the token was issued on {credential.issued}"
    if left < 0:
        message = f"{issued}, and is probably dead: no run on record used it within {days} days"
        way_out = "Run `reconciler check`: if the service refuses the token, make another one and use it at once."
        return ExpiryFinding(credential, ExpiryTopic.FIRST_USE, ExpiryLevel.URGENT, 0, left, message, way_out)
    # Whether the day of issue counts as one of the days is not known: so the date is that of the shorter reading.
    by = max(credential.issued + timedelta(days=int(days) - 1), today)
    message = f"{issued}, and works only if it is used within {days} days: no run on record has used it yet"
    way_out = f"Run `reconciler check` with it by {by}, and replace RECONCILER_TOKEN where runs get it."
    level = ExpiryLevel.URGENT if left <= _URGENT_DAYS else ExpiryLevel.WARNING
    return ExpiryFinding(credential, ExpiryTopic.FIRST_USE, level, int(days), left, message, way_out)
