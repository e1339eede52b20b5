"""Questions about the variables of the environment: their names, never their values."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Iterator, Mapping

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.session.checks.context import CheckContext
from reconciler.session.record_key import read_record_key

VARIABLES = frozenset({
    "RECONCILER_ALLOWED_HOSTS", "RECONCILER_CA_BUNDLE", "RECONCILER_CLUSTER_DSN",
    "RECONCILER_FLEET_TOKENS", "RECONCILER_GRAPH_TOKEN",
    "RECONCILER_GRAPH_URL",
    "RECONCILER_LOGIN_URL", "RECONCILER_NO_CACHE", "RECONCILER_NO_PROXY", "RECONCILER_OAUTH_AUTHORIZE_URL",
    "RECONCILER_OAUTH_CLIENT_ID", "RECONCILER_OAUTH_CLIENT_SECRET", "RECONCILER_OAUTH_TOKEN_URL", "RECONCILER_PROXY",
    "RECONCILER_RECORD_KEY", "RECONCILER_REQUESTS_PER_SECOND", "RECONCILER_SMTP_URL", "RECONCILER_TOKEN",
    "RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR", "RECONCILER_TOKEN_DOCUMENT", "RECONCILER_TOKEN_KEY",
    "RECONCILER_TOKEN_STORE", "RECONCILER_WEBHOOK_URL",
})  # fmt: skip
"""All that Reconciler reads and that have its name."""
_PREFIX = "RECONCILER_"
_NEAR = 0.8
"""Similarity of a name to the one that it misspells, in the measure of difflib."""
_LONGEST_NAME = 60
_MOST_NAMES = 20


def ask_environment(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the variables that are set are known, and whether those that the settings need are set.

    A variable without a value counts as not set: so a workflow passes a secret that does not exist.
    """
    found = sorted(name for name, value in context.environment.items() if name.startswith(_PREFIX) and value.strip())
    known, unknown = [name for name in found if name in VARIABLES], [name for name in found if name not in VARIABLES]
    facts = (("set", ", ".join(known)), ("unknown", len(unknown)))
    names = ", ".join(known) or f"no variable that begins with {_PREFIX} is set"
    if context.settings is not None and context.settings.record.values == "digest" and not context.workspace.sandbox:
        # Raises if there is none.
        read_record_key(context.environment)
    odd = (*_find_odd_hosts(context.environment), *_find_odd_exemptions(context.environment))
    advice = (*map(_describe_unknown, unknown[:_MOST_NAMES]), *odd)
    if unknown:
        what = f"{names}; not known: {format_names([shorten(name, _LONGEST_NAME) for name in unknown])}"
        yield Answer("environment", CheckVerdict.WARNING, what, advice, facts)
    elif advice:
        yield Answer("environment", CheckVerdict.WARNING, names, advice, facts)
    else:
        yield Answer("environment", CheckVerdict.OK, names, facts=facts)


def _describe_unknown(name: str) -> str:
    near = difflib.get_close_matches(name, VARIABLES, 1, cutoff=_NEAR)
    shown = quote(shorten(name, _LONGEST_NAME))
    return f"{shown} is not read. Did you mean {near[0]}?" if near else f"{shown} is not read: remove it."


def _find_odd_hosts(environment: Mapping[str, str]) -> list[str]:
    """Return what to do about entries of the allowed hosts that allow nothing; their values are not shown."""
    form = "write hosts as scim.example.com or scim.example.com:8443, without https:// and *."
    return _describe_odd(
        environment, "RECONCILER_ALLOWED_HOSTS", lambda each: "://" in each or "*" in each or " " in each, form
    )


def _find_odd_exemptions(environment: Mapping[str, str]) -> list[str]:
    """Return what to do about hosts without the proxy that are none; others that are wrong stop every connection."""
    form = "write addresses without a dot in front, one by one."
    return _describe_odd(environment, "RECONCILER_NO_PROXY", _is_domain_of_address, form)


def _is_domain_of_address(entry: str) -> bool:
    try:
        ipaddress.ip_address(entry.removeprefix(".").strip("[]"))
    except ValueError:
        return False
    return entry.startswith(".")


def _describe_odd(environment: Mapping[str, str], variable: str, is_odd: Callable[[str], bool], form: str) -> list[str]:
    entries = [entry.strip() for entry in environment.get(variable, "").split(",")]
    odd = [number for number, entry in enumerate(entries, 1) if is_odd(entry)]
    if not odd:
        return []
    which = f"{pluralize(len(odd), 'entry', 'entries')} of {variable} (the first is number {odd[0]})"
    return [f"{which} cannot match: {form}"]
