"""Questions about the token: is there one, and does the service accept it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import httpx

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.planning.clock import explain_clock
from reconciler.core.text import pluralize
from reconciler.errors import ReconcilerError, TargetError
from reconciler.scim.client import ScimClient
from reconciler.scim.errors import is_web_page
from reconciler.scim.json_body import InvalidJsonError, decode_json
from reconciler.scim.list_response import parse_page
from reconciler.scim.read_budget import TimeOverError
from reconciler.scim.retry import parse_retry_after
from reconciler.scim.retry_transport import utc_now
from reconciler.scim.token_source import FixedToken
from reconciler.session.checks.context import CheckContext
from reconciler.session.checks.oauth import ask_stored_tokens
from reconciler.session.connection import AnswerBounds, Connection, explain_refusals, open_client
from reconciler.session.expiry import read_credentials
from reconciler.session.rate_cap import read_rate_cap
from reconciler.session.tenant_token import TOKEN_VARIABLE, fetch_token, find_token_variable

_ONE_USER = {"startIndex": "1", "count": "1"}
"""Of GET /Users: the cheapest request that every SCIM service answers."""
_QUOTES = "\"'"
_SAMPLES = 3
_SLOW = 2.0
"""Seconds for one request, above which an apply takes noticeably long."""
_NO_SCIM = "Check target.base_url: this is not how a SCIM service answers."
_BOUNDS = AnswerBounds(read_seconds=10.0, max_bytes=16 * 1024 * 1024)


def ask_token(context: CheckContext) -> Iterator[Answer]:
    """Ask whether there is a token, and whether it can be one."""
    if context.workspace.sandbox:
        yield Answer("token", CheckVerdict.OK, "the sandbox has its own")
        return
    if context.settings is not None and context.settings.target.auth == "oauth":
        yield from ask_stored_tokens(context)
        return
    variable = find_token_variable(context.environment)
    token = fetch_token(context.settings.target.tenant if context.settings is not None else None, context.environment)
    context.secrets.append(token)
    if context.endpoint is not None and context.profile is not None:
        hints = context.profile.refusal_hints
        cap = read_rate_cap(context.endpoint.base_url, context.environment)
        connection = Connection(context.endpoint, FixedToken(token, variable), hints, context.network, cap=cap)
        credentials = read_credentials(context.workspace.state)
        context.connection = explain_refusals(connection, credentials, context.now.date())
    yield _describe_token(token.reveal(), variable)


def _describe_token(token: str, variable: str) -> Answer:
    """Say that the token is there, and what is odd about it, without showing any of it."""
    facts = (("kind", "token"),)
    found = f"{variable} is set" if variable == TOKEN_VARIABLE else f"{variable} has a token"
    odd = ""
    if token[0] in _QUOTES and token[-1] == token[0]:
        odd = "is in quotation marks, which are sent with it"
    elif token.startswith(("$", "{", "<")):
        odd = "looks like a placeholder"
    if odd:
        which = "" if variable == TOKEN_VARIABLE else "which "
        advice = ("Set it to the token alone.",)
        return Answer("token", CheckVerdict.WARNING, f"{found}, {which or 'but '}{odd}", advice, facts)
    return Answer("token", CheckVerdict.OK, found, facts=facts)


def ask_access(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the service accepts the token, how long it takes to answer, and what time it is there."""
    if context.connection is None:
        return
    opened = open_client(context.connection, writes=False, budget=context.budget, bounds=_BOUNDS)
    context.client = client = context.resources.enter_context(opened)
    yield _judge(client, client.ask("/Users", _ONE_USER))
    yield _measure(client)
    yield _compare_clocks(client)


def _judge(client: ScimClient, response: httpx.Response) -> Answer:
    """Return that the token is accepted. Raises `TargetError` if the answer does not show it."""
    error = _explain(client, response)
    if error is not None:
        raise error
    try:
        body = decode_json(response.content)
    except InvalidJsonError as exc:
        raise client.messages.explain_invalid_json(response) from exc
    if not isinstance(body, dict):
        raise TargetError("the service answers with JSON that is not an object", _NO_SCIM)
    try:
        total = parse_page(body).total
    except TargetError as exc:
        raise TargetError(exc.summary, exc.detail or _NO_SCIM) from exc
    users = "" if total is None else f": it lists {pluralize(total, 'user')}"
    return Answer("access", CheckVerdict.OK, f"the service accepts the token{users}", facts=(("users", total),))


def _explain(client: ScimClient, response: httpx.Response) -> ReconcilerError | None:
    """Return why an answer is none; None if it is a success."""
    if response.is_success:
        return None
    messages = client.messages
    if response.status_code == httpx.codes.NOT_FOUND and not is_web_page(response):
        return messages.explain_missing_service(response)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        seconds = parse_retry_after(response.headers.get("retry-after"), utc_now())
        wait = "Wait a few minutes" if seconds is None else f"It asks to wait for {pluralize(round(seconds), 'second')}"
        return TargetError(messages.describe_refusal(response), f"{wait}, then run this again.")
    rejection = messages.explain_rejection(response)
    return rejection or TargetError(messages.describe_refusal(response), "Check the state of the service.")


def _measure(client: ScimClient) -> Answer:
    """Time a few more requests; the first also opened the connection."""
    times: list[float] = []
    refused = 0
    for _ in range(_SAMPLES):
        began = time.perf_counter()
        try:
            refused += not client.ask("/Users", _ONE_USER).is_success
        except TimeOverError:
            if not times:
                raise
            break
        times.append(time.perf_counter() - began)
    median = statistics.median(times)
    facts = (("milliseconds", round(median * 1000)), ("slowest", round(max(times) * 1000)), ("requests", len(times)))
    summary = f"{round(median * 1000):,} ms for a request, the slowest of {len(times)} {round(max(times) * 1000):,} ms"
    if refused:
        advice = ("The service may limit requests; an apply waits and sends them again.",)
        return Answer("request_time", CheckVerdict.WARNING, f"{summary}; not all were accepted", advice, facts)
    if median > _SLOW:
        advice = (f"An apply sends a few requests for each change: 1,000 changes may take {median * 50:,.0f} minutes.",)
        return Answer("request_time", CheckVerdict.WARNING, summary, advice, facts)
    return Answer("request_time", CheckVerdict.OK, summary, facts=facts)


def _compare_clocks(client: ScimClient) -> Answer:
    offset = client.clock_offset
    facts = (("seconds_ahead", None if offset is None else round(offset.total_seconds())),)
    found = explain_clock(offset, client.unreadable_date)
    if found is None:
        return Answer("clock", CheckVerdict.OK, "this machine and the service agree on the time", facts=facts)
    advice = ("Changes that depend on a date may come early or late: set the clock, or synchronize it (NTP).",)
    return Answer("clock", CheckVerdict.WARNING, found, advice, facts)
