"""Services with limits, and clients that send as `AdaptiveRate` lets them, in simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.scim.adaptive_rate import AdaptiveRate, LearnedRate

CLIENT_SECONDS = 0.0012
"""What a request takes of the client's one processor."""
Pause = Callable[[float], float | None]
"""Retry-After of a refusal at a time, in seconds."""
PAUSES: dict[str, Pause] = {
    "no Retry-After": lambda _now: None,
    "Retry-After: 0": lambda _now: 0.0,
    "Retry-After: 1": lambda _now: 1.0,
    "a date, of whole seconds": lambda now: 1.0 + (int(now) + 1 - now),
}


class LimitedService(Protocol):
    """A service with a limit."""

    def takes(self, now: float, busy: int) -> bool:
        """Whether a request is accepted while `busy` others are being answered."""


@dataclass
class Bucket:
    """`limit` tokens a second, at most `size` of them kept."""

    limit: float
    size: float
    at: float = 0.0

    def __post_init__(self) -> None:
        self.size = max(self.size, 1.0)
        self.tokens = self.size

    def takes(self, now: float, busy: int) -> bool:
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.limit)
        self.at = now
        took = self.tokens >= 1
        self.tokens -= took
        return took


@dataclass
class Window:
    """`limit` requests a second, counted in windows of so many `seconds` of the clock."""

    limit: float
    seconds: float = 1.0
    number: int = -1
    count: int = 0

    def takes(self, now: float, busy: int) -> bool:
        if int(now / self.seconds) != self.number:
            self.number, self.count = int(now / self.seconds), 0
        self.count += 1
        return self.count <= self.limit * self.seconds


@dataclass
class Concurrent:
    """At most `most` requests at once."""

    most: int

    def takes(self, now: float, busy: int) -> bool:
        return busy < self.most


@dataclass
class Noisy:
    """Refuses a share of all requests, whatever `service` (None: accepts all) says of the others."""

    share: float
    chance: random.Random
    service: LimitedService | None = None

    def takes(self, now: float, busy: int) -> bool:
        if self.chance.random() < self.share:
            return False
        return self.service is None or self.service.takes(now, busy)


@dataclass
class Client:
    """One run: its rate, and what was counted of it."""

    rate: AdaptiveRate
    work: float
    taken: int = 0
    refused: int = 0
    last: float = 0.0
    in_flight: int = 0
    waiting: int = 0
    misses: int = 0
    refused_at: float = -1.0
    free_at: float = 0.0
    """When its processor is free."""


@dataclass
class Simulation:
    """A service that `clients` use; `latency`: seconds of an answer, spread by a third."""

    service: LimitedService
    pause: Pause = PAUSES["no Retry-After"]
    latency: float = 0.006
    seed: int = 1
    busy: int = 0
    events: list[tuple[float, int, str, float, Client]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311
        self.order = itertools.count()

    def run(self, seconds: float, *works: float, rates: Sequence[AdaptiveRate] = ()) -> list[Client]:
        """Run a client for each of `works`, requests to be accepted, for `seconds` at most."""
        rates = rates or [AdaptiveRate(LearnedRate()) for _ in works]
        clients = [Client(rate, work) for rate, work in zip(rates, works, strict=True)]
        for client in clients:
            for _ in range(int(min(AdaptiveRate.MAX_IN_FLIGHT, client.work))):
                self.add(0.0, "try", 0.0, client)
        while self.events and self.events[0][0] <= seconds:
            now, _, what, sent_at, client = heapq.heappop(self.events)
            match what:
                case "try":
                    self.try_to_send(client, now)
                case "serve":
                    took = self.service.takes(now, self.busy)
                    self.busy += took
                    answer = self.draw_latency() if took else 0.001
                    self.add(now + answer, "served" if took else "refused", sent_at, client)
                case "served":
                    self.busy -= 1
                    self.add(now, "taken", sent_at, client)
                case _:
                    self.receive(client, now, sent_at, what)
        return clients

    def draw_latency(self) -> float:
        return self.latency * (0.7 + 0.6 * self.chance.random())

    def add(self, when: float, what: str, sent_at: float, client: Client) -> None:
        heapq.heappush(self.events, (when, next(self.order), what, sent_at, client))

    def try_to_send(self, client: Client, now: float) -> None:
        if client.taken + client.in_flight >= client.work:
            return
        if client.in_flight >= int(client.rate.in_flight_limit):
            client.waiting += 1
            return
        if (more := client.rate.seconds_to_wait(now)) > 1e-9:
            self.add(now + more, "try", 0.0, client)
            return
        client.rate.record_sent(now)
        client.in_flight += 1
        client.free_at = max(client.free_at, now) + CLIENT_SECONDS
        self.add(client.free_at, "serve", now, client)

    def receive(self, client: Client, now: float, sent_at: float, what: str) -> None:
        client.in_flight -= 1
        if what == "taken":
            client.taken, client.misses, client.last = client.taken + 1, 0, now
            client.rate.record_accepted(now, sent_at)
        else:
            client.refused += 1
            if sent_at > client.refused_at:
                client.misses, client.refused_at = client.misses + 1, now
            seconds = max(self.pause(now) or 0.0, 0.2 * 2 ** (client.misses - 1)) * (1 + 0.1 * self.chance.random())
            client.rate.record_refused(now, sent_at, seconds, busy=True)
        client.waiting += 1
        for _ in range(min(client.waiting, int(client.rate.in_flight_limit) - client.in_flight)):
            client.waiting -= 1
            self.add(now, "try", 0.0, client)
