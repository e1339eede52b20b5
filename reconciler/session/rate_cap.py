"""The request rate that all processes of a machine share for one address: RECONCILER_REQUESTS_PER_SECOND.

A fleet sets the variable for the processes of its tenants (`caps.requests_per_second`); it can also be set for commands
that run at the same time without a fleet. The address counts, not the tenant: it is the service's limit.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.base_url import canonicalize_base_url
from reconciler.errors import ReconcilerError
from reconciler.record.lock import find_lock_directory, open_lock
from reconciler.scim.shared_rate import FASTEST, SLOWEST, SharedRate

RATE_VARIABLE = "RECONCILER_REQUESTS_PER_SECOND"
_NUMBER = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class RateCap:
    """The most requests per second to an address, and the file in which its processes share them."""

    path: Path
    per_second: float


def read_requests_per_second(environment: Mapping[str, str] = os.environ) -> float | None:
    """Return the variable's rate; None if it is not set. Raises `ReconcilerError` if it is no rate."""
    text = environment.get(RATE_VARIABLE, "").strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text) or not SLOWEST <= float(text) <= FASTEST:
        raise ReconcilerError(
            f"{RATE_VARIABLE} is not a number of requests per second",
            f"Set it to a number from {SLOWEST} to {FASTEST:,.0f}, such as 25, or unset it for no common limit.",
        )
    return float(text)


def hand_down_rate(per_second: float | None, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variable for the processes of a fleet whose cap is `per_second`: the lower one of both counts.

    Empty without a cap. Raises `ReconcilerError` as `read_requests_per_second`.
    """
    rates = [rate for rate in (per_second, read_requests_per_second(environment)) if rate is not None]
    return {RATE_VARIABLE: f"{min(max(min(rates), SLOWEST), FASTEST):.3f}"} if rates else {}


def read_rate_cap(base_url: str, environment: Mapping[str, str] = os.environ) -> RateCap | None:
    """Return the cap of an address; None if there is none. Raises `ReconcilerError`."""
    per_second = read_requests_per_second(environment)
    if per_second is None:
        return None
    key = canonicalize_base_url(base_url).casefold()
    name = f"rate-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    return RateCap(find_lock_directory(environment) / name, per_second)


@contextmanager
def open_rate_cap(cap: RateCap | None) -> Iterator[SharedRate | None]:
    """Open the file of a cap; None without one. Raises `ReconcilerError` if it cannot be used."""
    if cap is None:
        yield None
        return
    with closing(SharedRate(open_lock(cap.path), cap.per_second)) as shared:
        yield shared
