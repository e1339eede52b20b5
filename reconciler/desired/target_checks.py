"""Check the domains and the address of the target for what is written there by mistake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from reconciler.core.base_url import suggest_host
from reconciler.core.model import error, warning
from reconciler.core.profile import TargetProfile
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_reader import Report

_NOT_FOUND = 404
_SEPARATORS = re.compile(r"[\s,;|]+")


def check_domains(settings: LocatedModel[schema.Settings], report: Report) -> Sequence[str]:
    """Report items of target.domains that are no domains, and return the domains; none of them if one is wrong.

    With a wrong item, every user would be outside of the verified domains.
    """
    wrong = False
    for index, item in enumerate(settings.value.target.domains):
        form = _correct_domain(item)
        if form is not None:
            summary = f"target.domains: {quote(shorten(item, 80))} is not a domain"
            report(error(summary, f"Write {form}.", settings.at("target", "domains", index)))
            wrong = True
    return [] if wrong else settings.value.target.domains


def _correct_domain(item: str) -> str | None:
    """Return how to write what is meant by an item that is no domain; None if it is one."""
    parts = [part for part in _SEPARATORS.split(item.strip()) if part]
    found = [_strip(part) for part in parts]
    if len(found) > 1:
        return f"each domain as an item of its own: [{', '.join(shorten(each, 80) for each in found[:3])}]"
    if not found or not found[0]:
        return "a domain such as example.com"
    if found[0] == parts[0]:
        return None
    more = "; each subdomain is an item of its own" if parts[0].startswith("*.") else ""
    return f"{shorten(found[0], 80)}{more}"


def _strip(part: str) -> str:
    """Return the domain in a URL, an address, `@example.com` or `*.example.com`."""
    host = part.partition("://")[2] or part
    return re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2].removeprefix("*").lstrip(".")


def check_address(settings: LocatedModel[schema.Settings], profile: TargetProfile, report: Report) -> None:
    """Warn about an address that resembles the profile's own, but is another host or not the SCIM base."""
    parts = urlsplit(settings.value.target.base_url)
    host, origin = (parts.hostname or "").casefold(), settings.at("target", "base_url")
    near = suggest_host(host, profile.hosts)
    if near is not None:
        report(
            warning(
                f"target.base_url: the host {quote(shorten(host, 80))} looks like {near}",
                f"Did you mean {near}?",
                origin,
            )
        )
    elif host in profile.hosts and not parts.path.rstrip("/").endswith("/scim"):
        report(warning("target.base_url does not end with /scim", profile.refusal_hints.get(_NOT_FOUND, ""), origin))
