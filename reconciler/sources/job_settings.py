"""The settings of Entra's provisioning job, and the edit of settings.yaml that takes them over. Pure.

Only what makes the desired state do as Entra does is taken over. A setting that git has and Entra has not stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.base_url import DEFAULT_PORTS, canonicalize_base_url, hide_secrets, split_origin
from reconciler.core.field_change import Field
from reconciler.core.text import pluralize, quote, shorten
from reconciler.history.edits import DOCUMENT, Entity
from reconciler.sources.import_plan import EntryEdit

FILE = "settings.yaml"
OUT_OF_SCOPE, REMOVALS, RECIPIENTS = "lifecycle.out_of_scope", "guards.removals.count", "notifications.on_failure"
_BASE_URL = "target.base_url"
_MAILTO = "mailto:"
_DEFAULT_REMOVALS = 10


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What the secrets of a provisioning job say, without its credentials. None: the job does not say.

    `sync`: "all" or "assigned". `deletion_threshold`: only if it is switched on. `recipients`: e-mail addresses.
    `base_url`: without Entra's own flag.
    """

    sync: str | None = None
    skip_out_of_scope: bool | None = None
    deletion_threshold: int | None = None
    recipients: tuple[str, ...] = ()
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class SettingsEdit:
    """The edit of settings.yaml, if there is one, and what readers must know."""

    edit: EntryEdit | None
    notes: tuple[str, ...]


def edit_settings(job: JobSettings, current: Entity) -> SettingsEdit:
    """Return the edit of settings.yaml, `current`, that takes over the settings of a job."""
    wanted = {**current.fields, **_list_values(job, current.fields)}
    edit = EntryEdit(current, Entity(DOCUMENT, FILE, wanted, FILE)) if wanted != current.fields else None
    return SettingsEdit(edit, tuple(_list_notes(job, current.fields)))


def _list_values(job: JobSettings, held: Mapping[str, Field]) -> Mapping[str, Field]:
    """Return the fields to set."""
    found: dict[str, Field] = {}
    if job.skip_out_of_scope:
        found[OUT_OF_SCOPE] = "keep"
    if job.deletion_threshold is not None:
        found[REMOVALS] = str(job.deletion_threshold)
    there = _list_recipients(held)
    known = {each.casefold() for each in there}
    missing = [each for each in (f"{_MAILTO}{name}" for name in job.recipients) if each.casefold() not in known]
    if missing:
        found[RECIPIENTS] = (*there, *missing)
    return found


def _list_recipients(held: Mapping[str, Field]) -> tuple[str, ...]:
    value = held.get(RECIPIENTS, ())
    return value if isinstance(value, tuple) else (value,)


def _list_notes(job: JobSettings, held: Mapping[str, Field]) -> Iterator[str]:
    if job.skip_out_of_scope is False and held.get(OUT_OF_SCOPE) == "keep":
        yield (
            f"Entra's job deprovisions users who leave the scope; {OUT_OF_SCOPE} in settings.yaml is keep, and stays:"
            " an import takes no accounts away."
        )
    limit = held.get(REMOVALS)
    before = int(limit) if isinstance(limit, str) and limit.isascii() and limit.isdigit() else _DEFAULT_REMOVALS
    if job.deletion_threshold is not None and job.deletion_threshold > before:
        yield (
            f"Entra's deletion threshold of {job.deletion_threshold:,} lets more removals pass than settings.yaml did"
            f" ({before:,}). guards.removals.percent still applies."
        )
    if job.base_url is not None:
        yield from _compare_addresses(job.base_url, held.get(_BASE_URL))


def _compare_addresses(job: str, here: object) -> Iterator[str]:
    if isinstance(here, str) and canonicalize_base_url(job) != canonicalize_base_url(here):
        yield (
            f"Entra's job provisions to {_describe_host(job)}, and {_BASE_URL} is"
            f" {quote(shorten(hide_secrets(here), 120))}. It stays: check that both are the same service before you"
            " apply."
        )


def _describe_host(url: str) -> str:
    """Return scheme and host of an address. The setting can hold a key anywhere else: it is one of Entra's secrets."""
    try:
        scheme, host, port = split_origin(url)
    except ValueError:
        return "an address that is not a URL"
    shown = f"[{host}]" if ":" in host else host
    return f"another address at {scheme}://{shown}{'' if port == DEFAULT_PORTS[scheme] else f':{port}'}"


def describe_job_settings(job: JobSettings) -> str:
    """Return one line that says what was read, for readers: no addresses and no credentials."""
    parts = [
        f"sync: {job.sync or 'not said'}",
        f"users out of scope: {_describe_skipping(job.skip_out_of_scope)}",
        "deletion threshold: " + (f"{job.deletion_threshold:,}" if job.deletion_threshold is not None else "none"),
        pluralize(len(job.recipients), "recipient"),
    ]
    return f"Entra's provisioning job: {', '.join(parts)}."


def _describe_skipping(skip: bool | None) -> str:
    if skip is None:
        return "not said"
    return "kept" if skip else "deprovisioned"
