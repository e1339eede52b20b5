"""The credentials of a connection, by the dates in settings.yaml, and what is wrong with these dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from reconciler.core.expiry import ConnectionCredential, CredentialKind, DateSource, add_years
from reconciler.core.model import Diagnostic, error, warning
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize
from reconciler.desired import schema
from reconciler.desired.source_settings import EntraSource
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_reader import Report

_TOLERANCE = timedelta(days=3)
"""How much longer than documented a token may last before its date is doubted: a day may be counted differently."""
_LONGEST_YEAR = timedelta(days=366)


def build_credentials(
    settings: LocatedModel[schema.Settings], profile: TargetProfile
) -> tuple[ConnectionCredential, ...]:
    """Return the credentials that the settings imply, those without a date too."""
    found = [_build_token(settings, profile)]
    if settings.value.target.auth == "oauth":
        found = [_build_client_secret(settings, profile)]
    if settings.value.source.entra is not None:
        found.append(_build_graph_credential(settings, settings.value.source.entra))
    return tuple(found)


def _build_token(settings: LocatedModel[schema.Settings], profile: TargetProfile) -> ConnectionCredential:
    target, rules = settings.value.target, profile.token_rules
    expires, source, origin = target.token_expires, DateSource.DECLARED, settings.at("target", "token_expires")
    issued, issued_origin = target.token_issued, settings.at("target", "token_issued")
    if expires is None and issued is not None and rules.years.value is not None:
        expires, source, origin = add_years(issued, int(rules.years.value)), DateSource.COMPUTED, issued_origin
    return ConnectionCredential(CredentialKind.TOKEN, expires, source, origin, issued, issued_origin, rules)


def _build_client_secret(settings: LocatedModel[schema.Settings], profile: TargetProfile) -> ConnectionCredential:
    return ConnectionCredential(
        CredentialKind.CLIENT_SECRET,
        settings.value.target.client_secret_expires,
        origin=settings.at("target", "client_secret_expires"),
        rules=profile.token_rules,
    )


def _build_graph_credential(settings: LocatedModel[schema.Settings], entra: EntraSource) -> ConnectionCredential:
    return ConnectionCredential(
        CredentialKind.GRAPH_CREDENTIAL,
        entra.credential_expires,
        origin=settings.at("source", "entra", "credential_expires"),
    )


# --- the dates ------------------------------------------------------------------------------------


def check_dates(settings: LocatedModel[schema.Settings], profile: TargetProfile, today: date, report: Report) -> None:
    """Report dates that cannot be meant, at their lines: warnings, and an error if the token ends before its issue.

    That a date is in the past is no mistake in it: `assess_credentials` tells that the credential has expired.
    """
    for found in (
        *_check_order(settings),
        *_check_use(settings),
        *_check_issue(settings, today),
        *_check_token_length(settings, profile, today),
        *_check_secret_length(settings, profile, today),
    ):
        report(found)


def _check_order(settings: LocatedModel[schema.Settings]) -> Iterator[Diagnostic]:
    issued, expires = settings.value.target.token_issued, settings.value.target.token_expires
    if issued is not None and expires is not None and expires <= issued:
        yield error(
            f"target.token_expires, {expires}, must be later than target.token_issued, {issued}",
            "Are the two dates swapped?" if expires < issued else "Write the day on which the token expires.",
            settings.at("target", "token_expires"),
        )


def _check_use(settings: LocatedModel[schema.Settings]) -> Iterator[Diagnostic]:
    """Yield dates of credentials that are not used: nothing would warn of them."""
    target = settings.value.target
    other = {"oauth": ("token_issued", "token_expires"), "token": ("client_secret_expires",)}
    for name in other[target.auth]:
        if getattr(target, name) is not None:
            yield warning(
                f"target.{name} has no effect with target.auth: {target.auth}",
                "Remove it, or correct target.auth.",
                settings.at("target", name),
            )


def _check_issue(settings: LocatedModel[schema.Settings], today: date) -> Iterator[Diagnostic]:
    """Yield an issue in the future. Tomorrow is today in time zones ahead of UTC."""
    issued = settings.value.target.token_issued
    if issued is not None and issued > today + timedelta(days=1):
        yield warning(
            f"target.token_issued, {issued}, is in the future",
            "Write the day on which the token was made.",
            settings.at("target", "token_issued"),
        )


def _check_token_length(
    settings: LocatedModel[schema.Settings], profile: TargetProfile, today: date
) -> Iterator[Diagnostic]:
    target, years = settings.value.target, profile.token_rules.years.value
    if target.token_expires is None or years is None:
        return
    if target.token_issued is not None:
        last, since = add_years(target.token_issued, int(years)) + _TOLERANCE, f"its issue on {target.token_issued}"
    else:
        last, since = today + int(years) * _LONGEST_YEAR, f"today, {today}"
    if target.token_expires > last:
        length = pluralize(int(years), "year")
        yield warning(
            f"target.token_expires, {target.token_expires}, is more than {length} after {since}",
            f"{profile.title}'s tokens last {length}: look the date up there.",
            settings.at("target", "token_expires"),
        )


def _check_secret_length(
    settings: LocatedModel[schema.Settings], profile: TargetProfile, today: date
) -> Iterator[Diagnostic]:
    expires, days = settings.value.target.client_secret_expires, profile.token_rules.client_secret_days.value
    if expires is not None and days is not None and (expires - today).days > int(days):
        yield warning(
            f"target.client_secret_expires, {expires}, is more than {int(days)} days after today, {today}",
            f"{profile.title}'s client secrets last a year at most: look the date up there.",
            settings.at("target", "client_secret_expires"),
        )
