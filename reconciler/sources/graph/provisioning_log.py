"""Read from Entra's provisioning log which account of the target belongs to which user.

https://learn.microsoft.com/graph/api/provisioningobjectsummary-list. The log keeps 30 days at most, and Graph answers
five requests for reports in ten seconds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from reconciler.core.identity import parse_identity
from reconciler.core.untrusted_values import parse_moment
from reconciler.errors import SourceError
from reconciler.sources.graph.client import GraphClient, encode_text
from reconciler.sources.graph.job import ProvisioningJob
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.permissions import Permission
from reconciler.sources.links import LinkEvent, LinkTable, build_links

LONGEST_WINDOW = timedelta(days=30)
"""How long Entra keeps the log (P1 and P2)."""
_PAGE = 999
_REQUESTS, _SECONDS = 5, 10.0
"""https://learn.microsoft.com/graph/throttling-limits: reports, for each app and tenant."""


class Pacer:
    """Waits so that no more requests are sent than Graph answers."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=_REQUESTS)

    def wait(self) -> None:
        """Wait until another request may be sent."""
        if len(self._sent) == _REQUESTS:
            seconds = self._sent[0] + _SECONDS - self._clock()
            if seconds > 0:
                self._sleep(seconds)
        self._sent.append(self._clock())


def read_links(
    graph: GraphClient,
    job: ProvisioningJob,
    since: datetime,
    *,
    pacer: Pacer | None = None,
    progress: Callable[[int], None] = lambda _events: None,
) -> LinkTable:
    """Read the events of a job since `since`, in UTC, and return the links that they show.

    `progress` is called with the number of events so far. Raises `SourceError` if the log cannot be read to its end.
    """
    graph.require([Permission.AUDIT_LOG])
    paced = pacer or Pacer()

    def report(events: int) -> None:
        progress(events)
        paced.wait()

    moment = f"{since:%Y-%m-%dT%H:%M:%SZ}"
    condition = f"jobId%20eq%20{encode_text(job.id)}%20and%20activityDateTime%20gt%20{moment}"
    path = f"/auditLogs/provisioning?$filter={condition}&$top={_PAGE}"
    paced.wait()
    found = graph.read_list(path, lambda row: _read_event(row, job), progress=report)
    return build_links(event for event in found.rows if event is not None)


def _read_event(row: Row, job: ProvisioningJob) -> LinkEvent | None:
    """Return what an event says about a link; None if it says nothing. Raises `SourceError` for another job's."""
    if row.get("jobId") != job.id:
        raise SourceError(
            "Microsoft Graph ignores the filter of the provisioning log: it lists events of other jobs",
            "Please report this.",
        )
    source, target = _node(row, "sourceIdentity"), _node(row, "targetIdentity")
    kind, status = _text(source, "identityType"), _text(_node(row, "provisioningStatusInfo"), "status")
    when = parse_moment(row.get("activityDateTime"))
    object_id, target_id = _text(source, "id"), parse_identity(target.get("id"))
    is_user = kind.casefold() in ("", "user")
    if not is_user or status.casefold() != "success" or not object_id or target_id is None or when is None:
        return None
    # The model has stagedDelete, examples of the documentation stageddelete.
    return LinkEvent(object_id.casefold(), target_id, _text(row, "provisioningAction").casefold(), when)


def _node(row: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = row.get(key)
    return found if isinstance(found, dict) else {}


def _text(row: Mapping[str, object], key: str) -> str:
    found = row.get(key)
    return found if isinstance(found, str) else ""
