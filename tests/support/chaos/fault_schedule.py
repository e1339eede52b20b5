"""Faults drawn from a seed for each logical request, so that the order of threads does not matter."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """A fault of one request. "After": the service has carried it out."""

    REFUSED = "connection refused"
    RESET_BEFORE = "reset before the service sees it"
    RESET_AFTER = "reset after"
    DELAY = "delay"
    BUSY_SECONDS = "429 with seconds"
    BUSY_DATE = "429 with a date"
    ERROR_BEFORE = "500 before"
    ERROR_AFTER = "500 after"
    UNAVAILABLE_BEFORE = "503 before"
    UNAVAILABLE_AFTER = "503 after"
    TRUNCATED = "truncated body"
    NOT_JSON = "wrong JSON"
    HTML = "a web page"
    REDIRECT = "redirect"
    KILL_BEFORE = "kill -9 before the service sees it"
    KILL_AFTER = "kill -9 after"


KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
FAULTS = tuple(fault for fault in Fault if fault not in KILLS)
_ENDS_A_RUN = frozenset({Fault.NOT_JSON, Fault.HTML, Fault.REDIRECT})
"""For a read, and the redirect for a write too: at one in fifty of these, no list would ever be read to its end."""
_TEMPT = (Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.UNAVAILABLE_AFTER, Fault.TRUNCATED, Fault.RESET_BEFORE)
"""Faults that could make a client create a user twice, or report a creation that failed: planted in creates."""
_LAST = 8
"""After this many attempts a request gets no fault, which bounds the number of runs."""


@dataclass(frozen=True, slots=True)
class Step:
    """A logical request: operation, user and attempt number, counted over all runs."""

    name: str
    """`create PERSON`, `patch PERSON`, `delete PERSON`, `read PERSON`, `find FILTER`, `page STARTINDEX`."""
    attempt: int

    @property
    def writes(self) -> bool:
        return self.name.partition(" ")[0] in {"create", "patch", "delete"}


@dataclass(slots=True)
class Schedule:
    """Faults by seed: `rate` of all requests, each kind at least once where it is planted, and `kills` kills."""

    seed: int
    rate: float = 0.0
    planted: dict[Step, Fault] = field(default_factory=dict)
    kills: dict[str, Fault] = field(default_factory=dict)
    """Names of steps at whose next attempt the client is killed, once each."""

    def draw(self, step: Step) -> Fault | None:
        if step in self.planted:
            return self.planted[step]
        # Text as seed: the same everywhere, unlike hash().
        chance = random.Random(f"{self.seed}/{step.name}/{step.attempt}")  # noqa: S311
        if step.attempt > _LAST or chance.random() >= self.rate:
            return None
        return chance.choice(_drawn(writes=step.writes))


def _drawn(*, writes: bool) -> Sequence[Fault]:
    unwanted = {Fault.REDIRECT} if writes else _ENDS_A_RUN
    return [fault for fault in FAULTS if fault not in unwanted]


def storm(seed: int, rate: float, writes: Collection[str], reads: Collection[str], kills: int) -> Schedule:
    """Return a schedule: faults in `rate` of all requests, each kind at least once per write and read, and `kills`.

    `writes` and `reads` are names of steps that every run makes.
    """
    chance = random.Random(f"{seed}/storm")  # noqa: S311
    creates = {name for name in writes if name.startswith("create ")}
    others = [fault for fault in FAULTS if fault not in _TEMPT]
    struck = [*chance.sample(sorted(creates), len(_TEMPT)), *chance.sample(sorted(set(writes) - creates), len(others))]
    dying = chance.sample(sorted(set(writes) - set(struck)), kills)
    planted = [
        *zip(struck, [*_TEMPT, *others], strict=True),
        *zip(chance.sample(sorted(reads), len(FAULTS)), FAULTS, strict=True),
    ]
    return Schedule(
        seed,
        rate,
        {Step(name, 1): fault for name, fault in planted},
        {name: KILLS[turn % 2] for turn, name in enumerate(dying)},
    )
