"""Send a message to a webhook by HTTPS. Its address is a secret: anyone who knows it can write there.

Redirects are not followed, and the answer is not shown: only its status.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from reconciler.core.base_url import is_loopback, split_origin
from reconciler.errors import NotificationError, TargetError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.network import DIRECT, Network
from reconciler.scim.response_limits import (
    ACCEPT_ENCODING,
    SECONDS_LEFT,
    ResponseLimitTransport,
    UnreadableAnswerError,
)
from reconciler.scim.secret import Secret
from reconciler.scim.transport import USER_AGENT, Endpoint, PinnedTransport, open_connections

WEBHOOK_URL = "RECONCILER_WEBHOOK_URL"
TIMEOUT = 10.0
"""Seconds for a message with its answer."""
PAUSE = 1.0
"""Seconds before the only retry."""
_MAX_BYTES = 1024 * 1024
"""Of an answer."""
_LONGEST_URL = 4_000
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_FORM = "Copy it again from the service that receives the messages. Plain http is for this machine only."


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages are sent. `url`: all of it is the secret; `where`: its origin, which is not."""

    url: Secret
    where: Endpoint

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.where.host)


def parse_webhook_url(text: str) -> Webhook:
    """Parse the address of a webhook. Raises `NotificationError`, which repeats no part of it."""
    try:
        return _parse(text)
    except ValueError as exc:
        raise NotificationError(f"{WEBHOOK_URL} is not the address of a webhook: {exc}", _FORM) from None


def _parse(text: str) -> Webhook:
    if len(text) > _LONGEST_URL:
        raise ValueError(f"it has more than {_LONGEST_URL:,} characters")
    if not all("!" <= each <= "~" for each in text):
        raise ValueError("it has a blank, a control character or a letter that is not ASCII")
    if not text.casefold().startswith(("https://", "http://")):
        raise ValueError("it does not begin with https://")
    if "#" in text or "\\" in text or "@" in urlsplit(text).netloc:
        raise ValueError("it has a user, a fragment or a backslash")
    try:
        scheme, host, port = split_origin(text)
    except ValueError:
        raise ValueError("its host or its port is not valid") from None
    if scheme == "http" and not is_loopback(host):
        raise ValueError("it would send messages unencrypted")
    shown = f"[{host}]" if ":" in host else host
    return Webhook(Secret(text), Endpoint(scheme, host, port, f"{scheme}://{shown}:{port}"))


class WebhookClient:
    """Sends messages to one webhook, each once, and once more if it certainly was not accepted."""

    def __init__(
        self, webhook: Webhook, client: httpx.Client, sleep: Callable[[float], None], timeout: float = TIMEOUT
    ) -> None:
        self._webhook = webhook
        self._client = client
        self._sleep = sleep
        self._timeout = timeout

    def send(self, body: bytes) -> None:
        """Send one message. Raises `NotificationError`."""
        status = self._try(body, last=False)
        if status is None or status in _TRY_AGAIN:
            self._sleep(PAUSE)
            status = self._try(body, last=True)
        if status is None or not httpx.codes.is_success(status):
            raise _build_error(f"answered {status}{_explain_status(status)}")

    def _try(self, body: bytes, *, last: bool) -> int | None:
        """Send it; return the status of the answer, None if there is no connection. Raises `NotificationError`."""
        request = self._client.build_request(
            "POST",
            self._webhook.url.reveal(),
            content=body,
            headers={"Content-Type": "application/json"},
            extensions={SECONDS_LEFT: self._timeout},
        )
        try:
            return self._client.send(request).status_code
        except httpx.ConnectError as exc:
            if not last:
                return None
            raise self._explain(exc) from None
        except (httpx.TimeoutException, DeadlineExceededError):
            raise _build_error(f"does not answer within {self._timeout:g} seconds") from None
        except UnreadableAnswerError:
            raise _build_error("sends an answer that cannot be read") from None
        except httpx.HTTPError as exc:
            raise _build_error(f"does not answer ({type(exc).__name__})") from None
        except TargetError:
            raise _build_error("is not on one host") from None

    def _explain(self, exc: httpx.ConnectError) -> NotificationError:
        messages = ConnectionMessages(self._webhook.where.base_url, service="the webhook", check=f"Check {WEBHOOK_URL}")
        error, _ = messages.explain_no_connection(exc)
        return NotificationError(error.summary, error.detail)


@contextmanager
def open_webhook(
    webhook: Webhook,
    network: Network = DIRECT,
    *,
    sleep: Callable[[float], None] = time.sleep,
    timeout: float = TIMEOUT,
) -> Iterator[WebhookClient]:
    """Open a client that can reach the host of the webhook only, through the proxy if there is one."""
    connections = PinnedTransport(open_connections(network), webhook.where)
    transport = ResponseLimitTransport(connections, _MAX_BYTES, "the webhook's")
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPT_ENCODING}
    with httpx.Client(transport=transport, headers=headers, follow_redirects=False, trust_env=False) as client:
        yield WebhookClient(webhook, client, sleep, timeout)


def _build_error(what: str) -> NotificationError:
    return NotificationError(f"the webhook {what}", f"Check {WEBHOOK_URL}.")


def _explain_status(status: int | None) -> str:
    if status is not None and httpx.codes.is_redirect(status):
        return ", and redirects are not followed"
    return ""
