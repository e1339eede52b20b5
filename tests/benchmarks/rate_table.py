"""How well the adaptive rate uses limits, by simulation: `PYTHONPATH=. python tests/benchmarks/rate_table.py`.

For each service and pause: the share of the limit used and the share refused, for 3,000 requests (1,500 updates) and
for 200, from the first to the last; the limit of a service with a number of requests at once is what these can do.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable
from functools import partial

from reconciler.scim.adaptive_rate import AdaptiveRate
from tests.support.rate_simulation import PAUSES, Bucket, Concurrent, LimitedService, Noisy, Simulation, Window

LIMITS = (25, 100, 500)
LATENCIES = (0.005, 0.05, 0.2)
SERVICES: dict[str, Callable[[float], LimitedService]] = {
    "bucket, none": lambda limit: Bucket(limit, 0.02 * limit),
    "bucket, 0.3 s": lambda limit: Bucket(limit, 0.3 * limit),
    "bucket, 1 s": lambda limit: Bucket(limit, limit),
    "bucket, 10 s": lambda limit: Bucket(limit, 10 * limit),
    "window, 1 s": Window,
    "window, 1 min": lambda limit: Window(limit, 60),
    "bucket, 1 s, 1 % noise": lambda limit: Noisy(0.01, random.Random(7), Bucket(limit, limit)),  # noqa: S311
}
SHOWN = ("no Retry-After", "Retry-After: 1")


def measure(
    build: Callable[[], LimitedService], limit: float, work: int, pause: str, latency: float
) -> tuple[float, float]:
    used, refused = [], []
    for seed in range(3):
        client = Simulation(build(), PAUSES[pause], latency, seed).run(50 * work / limit + 300, work)[0]
        used.append(client.taken / client.last / limit)
        refused.append(client.refused / (client.taken + client.refused))
    return statistics.median(used), statistics.median(refused)


def row(name: str, limit: float, latency: float, build: Callable[[], LimitedService], most: float) -> None:
    cells = []
    for pause in SHOWN:
        for work in (3000, 200):
            used, refused = measure(build, most, work, pause, latency)
            cells.append(f"{used:5.0%} {refused:5.1%}")
    print(f"| {name} | {limit:g} | {latency * 1000:g} | " + " | ".join(cells) + " |", flush=True)  # noqa: T201


def main() -> None:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, build in SERVICES.items():
        if only not in name:
            continue
        for limit in LIMITS:
            for latency in LATENCIES:
                # What 32 requests at once can do.
                most = min(limit, 0.95 * AdaptiveRate.MAX_IN_FLIGHT / latency)
                row(name, limit, latency, partial(build, limit), most)
    for most in (1, 3, 5, 10):
        if only in "concurrent":
            for latency in (0.05, 0.2):
                row("concurrent", most, latency, partial(Concurrent, most), most / (latency + 0.001))


if __name__ == "__main__":
    main()
