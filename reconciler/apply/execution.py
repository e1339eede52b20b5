"""What an apply needs in addition to the plan: the service, the record, and how to read a user."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from reconciler.apply.creation_lookups import CreationLookups
from reconciler.core.model import AttributeMapping, Attributes
from reconciler.core.plan import Action, Outcome
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.profile import TargetProfile
from reconciler.record.recorded_accounts import RecordedAccounts
from reconciler.record.runs import Quarantine

WORKERS = 32
MAX_SENDS = 3
"""How often a write whose answer is lost is sent, each time after reading shows that nothing happened."""


class UserService(Protocol):
    """What the executor needs of a SCIM client."""

    def get_user(self, identity: str) -> dict[str, Any] | None: ...
    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]: ...
    def create_user(
        self, body: Mapping[str, Any], *, is_absent: Callable[[], bool] | None = None
    ) -> dict[str, Any] | None: ...
    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None: ...
    def delete_user(self, identity: str) -> None: ...
    def supports_patch(self) -> bool | None: ...


class ReceiptWriter(Protocol):
    """Where events are written before anything else happens."""

    def started(
        self,
        address: str,
        action: Action,
        live_id: str | None,
        attributes: list[str],
        original_user_name: str | None,
        *,
        before: Attributes | None,
        last_modified: str | None,
    ) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...
    def quarantined(self, why: Quarantine) -> None: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """What an apply needs in addition to the plan.

    `reader` reads all mapped attributes (`verification.reads_everything`).
    """

    service: UserService
    record: ReceiptWriter
    reader: LiveReader
    mappings: Sequence[AttributeMapping]
    profile: TargetProfile
    on_outcome: Callable[[Outcome], None]
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the run is to end: requests in flight are finished, no others are started."""
    sleep: Callable[[float], None] = time.sleep
    workers: int = WORKERS
    relinks: bool = False
    """Whether an approval lets the plan clear or change the externalId of an account."""
    lost: bool = False
    """Whether an approval lets the plan make accounts again although nearly all on record are gone."""
    on_habit: Callable[[str], None] = lambda _sentence: None
    """Called with each habit of the service that the run learns, once."""
    creations: CreationLookups = field(default_factory=CreationLookups)
    """Decides which names of new users are looked up."""
    recorded: RecordedAccounts = field(default_factory=RecordedAccounts)
    """The accounts on record, for what the service does not show."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_wait: Callable[[str, float], None] = lambda _what, _seconds: None
    """Called before a wait for the service, with what is awaited and for how many seconds at most."""
    admission: Callable[[], AbstractContextManager[object]] = nullcontext
    """Entered around each change; waits until the service can take one more (`RateLimiter.admission`)."""
