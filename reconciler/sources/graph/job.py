"""Read the provisioning job of an enterprise application: its state, its schema, and the settings next to it.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationjob; which settings are among the
secrets: https://learn.microsoft.com/entra/identity/app-provisioning/skip-out-of-scope-deletions. The secrets can hold
tokens that work: only the keys in `_READERS` are looked at, everything else is dropped before anything can show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from reconciler.core.text import format_names, quote, shorten
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import SourceError
from reconciler.scim.json_body import InvalidJsonError, decode_json
from reconciler.sources.graph.client import BETA, GraphClient, encode_segment
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.permissions import Permission
from reconciler.sources.job_settings import JobSettings

_SCIM = re.compile(r"scim|apple|customappsso", re.IGNORECASE)
"""In the template of a job that provisions by SCIM: appleBusinessManager, scim, customappsso."""
_LONGEST_ID = 256
_LONGEST_VALUE = 16 * 1024
_MAX_RECIPIENTS = 20
_MAX_THRESHOLD = 1_000_000
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_SEPARATOR = re.compile(r"[;,\s]+")
_ENTRA_FLAG = re.compile(r"\?aadoptscim\w*$", re.IGNORECASE)
_LEAVE_OUT = "Import without mappings and settings: leave both out of --with."


@dataclass(frozen=True, slots=True)
class ProvisioningJob:
    """A provisioning job. `schedule`, `status`, `quarantine`: Graph's words, escaped where they are shown; "" unknown.

    `application`: the object id of its enterprise application.
    """

    id: str
    application: str
    template: str = ""
    schedule: str = ""
    status: str = ""
    quarantine: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it provisions: a paused job has the schedule Disabled, and so has one that was never started."""
        return self.schedule.casefold() == "active" and self.status.casefold() not in ("paused", "notconfigured")


# --- the job -------------------------------------------------------------------


def read_job(graph: GraphClient, application: str, wanted: str | None = None) -> ProvisioningJob:
    """Read the job of an enterprise application that provisions by SCIM. `wanted`: its id, if there are several.

    Raises `SourceError` if there is none, or not one alone.
    """
    graph.require([Permission.SYNCHRONIZATION])
    path = f"/servicePrincipals/{encode_segment(application)}/synchronization/jobs"
    jobs = [job for job in graph.read_list(path, lambda row: _read_row(row, application)).rows if job.id]
    ids = format_names([shorten(job.id, 120) for job in jobs], 20)
    if wanted is not None:
        found = [job for job in jobs if job.id == wanted]
        if not found:
            raise SourceError(
                f"the application has no provisioning job {quote(shorten(wanted, 120))}", f"It has: {ids}."
            )
        return found[0]
    if not jobs:
        raise SourceError("the enterprise application has no provisioning job", _LEAVE_OUT)
    chosen = jobs if len(jobs) == 1 else [job for job in jobs if _SCIM.search(job.template)]
    if len(chosen) != 1:
        raise SourceError(
            f"the enterprise application has {len(jobs)} provisioning jobs", f"Choose one with --job: {ids}."
        )
    return chosen[0]


def _read_row(row: Row, application: str) -> ProvisioningJob:
    status = row.get("status")
    quarantine = status.get("quarantine") if isinstance(status, dict) else None
    return ProvisioningJob(
        _text(row, "id"),
        application,
        _text(row, "templateId"),
        _text(row.get("schedule"), "state"),
        _text(status, "code"),
        # A job that is not in quarantine can have an empty one, with the reason Unknown.
        _text(quarantine, "reason") if isinstance(quarantine, dict) and _is_quarantined(status) else "",
    )


def _is_quarantined(status: object) -> bool:
    return _text(status, "code").casefold() == "quarantine"


def _text(node: object, key: str) -> str:
    found = node.get(key) if isinstance(node, dict) else None
    return found if isinstance(found, str) and len(found) <= _LONGEST_ID else ""


def read_job_schema(graph: GraphClient, job: ProvisioningJob) -> bytes:
    """Read the synchronization schema of a job, as the portal exports it."""
    path = f"/servicePrincipals/{encode_segment(job.application)}/synchronization/jobs/{encode_segment(job.id)}/schema"
    return msgspec.json.encode(graph.get(path))


# --- the settings next to it ----------------------------------------------------


def read_job_settings(graph: GraphClient, application: str) -> JobSettings:
    """Read the settings that Entra keeps among the secrets. Raises `SourceError`; no message holds a value of them."""
    graph.require([Permission.SYNCHRONIZATION])
    path = f"/servicePrincipals/{encode_segment(application)}/synchronization/secrets"
    rows = graph.read_list(path, _keep_allowed, version=BETA).rows
    settings = JobSettings()
    seen: set[str] = set()
    for key, value in (row for row in rows if row is not None):
        if key in seen:
            raise _refuse(key, "is there twice")
        seen.add(key)
        if value:
            settings = _READERS[key](settings, value)
    return settings


def _keep_allowed(row: Row) -> tuple[str, str] | None:
    """Return key and value of a setting; None for everything else, whose value is not looked at."""
    key = row.get("key")
    if not isinstance(key, str) or key not in _READERS:
        return None
    value = row.get("value")
    if value is None:
        return key, ""
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
        raise _refuse(key, "is no text, or too long")
    return key, value.strip()


def _refuse(key: str, why: str) -> SourceError:
    return SourceError(
        f"the setting {key} of the provisioning job cannot be used: it {why}",
        "Nothing was written. Correct it in Entra, or leave settings out of --with.",
    )


def _read_flag(key: str, value: str) -> bool:
    found = {"true": True, "false": False}.get(value.casefold())
    if found is None:
        raise _refuse(key, "is neither true nor false")
    return found


def _read_sync(settings: JobSettings, value: str) -> JobSettings:
    return replace(settings, sync="all" if _read_flag("SyncAll", value) else "assigned")


def _read_skip(settings: JobSettings, value: str) -> JobSettings:
    return replace(settings, skip_out_of_scope=_read_flag("SkipOutOfScopeDeletions", value))


def _read_address(settings: JobSettings, value: str) -> JobSettings:
    return replace(settings, base_url=_ENTRA_FLAG.sub("", value).rstrip("/"))


def _read_notifications(settings: JobSettings, value: str) -> JobSettings:
    """Read the JSON in this setting. `Recipients` and `DeleteThresholdValue` are not documented."""
    key = "SyncNotificationSettings"
    try:
        found = decode_json(value.encode())
    except (InvalidJsonError, ValueError):
        raise _refuse(key, "is not JSON") from None  # the cause would quote it
    if not isinstance(found, dict):
        raise _refuse(key, "is no JSON object")
    return replace(settings, recipients=_find_recipients(found, key), deletion_threshold=_find_threshold(found, key))


def _find_recipients(found: Mapping[str, Any], key: str) -> tuple[str, ...]:
    given = found.get("Recipients")
    if found.get("Enabled") is False or not given:
        return ()
    parts = [part for part in _SEPARATOR.split(given) if part] if isinstance(given, str) else []
    if not parts or len(parts) > _MAX_RECIPIENTS or not all(map(_ADDRESS.fullmatch, parts)):
        raise _refuse(key, "has recipients that are no e-mail addresses, or too many")
    return tuple(dict.fromkeys(parts))


def _find_threshold(found: Mapping[str, Any], key: str) -> int | None:
    if found.get("DeleteThresholdEnabled") is not True:
        return None
    value = parse_count(found.get("DeleteThresholdValue"), _MAX_THRESHOLD)
    if value is None:
        raise _refuse(key, "has a deletion threshold that is no number")
    return value


_READERS: Mapping[str, Callable[[JobSettings, str], JobSettings]] = {
    "SyncAll": _read_sync,
    "SkipOutOfScopeDeletions": _read_skip,
    "SyncNotificationSettings": _read_notifications,
    "BaseAddress": _read_address,
}
"""The settings that are read, and how. Nothing else of the secrets is."""
