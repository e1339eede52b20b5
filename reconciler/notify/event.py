"""What notifications are about: events, each with the state that it found. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CALM = "calm"
"""The state in which there is nothing to say about a topic."""


class EventKind(StrEnum):
    """What an event is about. Each kind has its own recipients and its own rate limit."""

    FAILURE = "failure"
    QUARANTINE = "quarantine"
    DRIFT = "drift"
    EXPIRY = "expiry"
    IMPORT = "import"
    TEST = "test"


class EventCause(StrEnum):
    """Why something is not as it should be, as a class: the words of the service are not quoted, they name people."""

    NONE = "none"
    REFUSED = "refused"
    """The service could not be reached, refused all requests, or its answers cannot be trusted."""
    USERS_FAILED = "users_failed"
    """Some users could not be planned or applied."""
    BLOCKED = "blocked"
    """A guard blocked the plan or the import."""
    DISCONNECTED = "disconnected"
    """The guard `disconnect` blocked the plan: nearly all accounts that applies left active are gone."""
    STALE = "stale"
    """The reviewed plan was not what would be done."""
    TIME_LIMIT = "time_limit"
    INVALID_STATE = "invalid_state"
    """The desired state has errors."""
    ERROR = "error"
    """Anything else that ended the run."""
    FAILURE_SHARE = "failure_share"
    """Too large a share of the changes failed (`guards.failures`)."""
    FAILURE_COUNT = "failure_count"
    """Too many changes failed (`guards.failures`)."""
    EDITED_IN_TARGET = "edited_in_target"
    EXPIRES = "expires"
    FIRST_USE = "first_use"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Count:
    """How many users had one action and one result, such as 3 creates that failed; `action` or `result` may be ""."""

    action: str
    result: str
    users: int


@dataclass(frozen=True, slots=True)
class Event:
    """What one run found about one topic.

    `subject`: the topic within the kind, such as `apply`, or `token/end`; "" if the kind has one only. `state`: a
    stable key: the same one is no news, and `CALM` is that nothing is wrong. `silent`: the state is kept, and no
    message is sent. `names`: addresses of users, left out unless the settings ask for them. `facts`, `advice`: this
    program's own words, one sentence each, without a value of a user, of the service or of a file.
    """

    kind: EventKind
    state: str
    at: datetime
    subject: str = ""
    cause: EventCause = EventCause.NONE
    counts: tuple[Count, ...] = ()
    names: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    days_left: int | None = None
    silent: bool = False

    @property
    def is_calm(self) -> bool:
        """Whether nothing is wrong."""
        return self.state == CALM
