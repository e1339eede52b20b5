"""Messages about a read that failed: which one, how often it was tried, and when to try again."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import httpx

from reconciler.core.text import pluralize
from reconciler.scim.request_names import is_first_page, name_request
from reconciler.scim.retry import Tries


def describe_failed_read(request: httpx.Request, tries: Tries | None, now: datetime) -> str:
    """Return which read failed and how often it was tried, in parentheses after a blank; "" for a write.

    A user read by id and the first page are not named: the message around it does. `now`: by this machine, in UTC.
    """
    if request.method != "GET" or tries is None:
        return ""
    parts = [name_request(request)] if request.url.path.endswith("/Users") and not is_first_page(request.url) else []
    if tries.number > 1:
        parts.append(f"{tries.number} tries in {pluralize(round(tries.elapsed), 'second')}")
    if tries.asked is not None:
        seconds = pluralize(math.ceil(tries.asked), "second")
        parts.append(f"it asks to wait {seconds}, until {format_time(now, tries.asked)}")
    return f" ({', '.join(parts)})" if parts else ""


def advise_next_run(tries: Tries | None, now: datetime) -> str:
    """Return when to run the command again, in a sentence."""
    if tries is None or tries.asked is None:
        return "Run the same command again when the service works."
    return f"Run the same command again after {format_time(now, tries.asked)}: a read does not wait that long."


def format_time(now: datetime, seconds: float) -> str:
    """Format the time that is `seconds` after `now`, which is in UTC: with the day if it is another one."""
    then = now + timedelta(seconds=math.ceil(seconds))
    return f"{then:%H:%M:%S} UTC" if then.date() == now.date() else f"{then:%Y-%m-%d %H:%M:%S} UTC"
