"""Messages for what goes wrong between the client and a service, with a next step each. Decides nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from reconciler.errors import TargetError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.json_body import InvalidJsonError, decode_json, locate_invalid_json
from reconciler.scim.secret import SentTokens
from reconciler.scim.token_source import FixedToken

_BASE_URL = "Check target.base_url"
_NOT_JSON = "the service answers with something that is not JSON"


def is_web_page(response: httpx.Response) -> bool:
    """Whether the answer is an HTML page, regardless of its media type."""
    return response.content[:1000].lstrip().startswith(b"<")


def read_scim_error(response: httpx.Response) -> Mapping[str, object]:
    """Return the SCIM error in an answer (RFC 7644 §3.12); empty if there is none."""
    try:
        body = decode_json(response.content)
    except InvalidJsonError:
        return {}
    return body if isinstance(body, dict) else {}


class ErrorMessages(ConnectionMessages):
    """Messages about one service.

    `hints`: HTTP status -> what to check there, in addition to the general advice. `check_token`: the advice of the
    token's source.
    """

    def __init__(
        self, base_url: str, sent: SentTokens, hints: Mapping[int, str], check_token: str = FixedToken.advice
    ) -> None:
        super().__init__(base_url, service="the service", check=_BASE_URL, sent=sent)
        self._check_token = check_token
        self._base_url = base_url
        self._hints = hints

    def _format_detail(self, response: httpx.Response) -> str:
        """Return the detail of a SCIM error after a colon; "" if it has none."""
        detail = read_scim_error(response).get("detail")
        return f": {self.quote(detail, 300)}" if isinstance(detail, str) and detail else ""

    def _format_hint(self, status: int) -> str:
        return f" {self._hints[status]}" if status in self._hints else ""

    # --- answers that concern every request -----------------------------------

    def explain_rejection(self, response: httpx.Response) -> TargetError | None:
        """Return the error of an answer that concerns every request, not only this one; None for any other answer."""
        if 300 <= response.status_code < 400:  # noqa: PLR2004 - RFC 9110 §15.4
            return self._explain_redirect(response)
        match response.status_code:
            case httpx.codes.UNAUTHORIZED:
                return TargetError(
                    f"the service does not accept the token (401){self._format_detail(response)}",
                    self._check_token + self._format_hint(401),
                )
            case httpx.codes.FORBIDDEN:
                if is_web_page(response):
                    return TargetError(
                        "something in front of the service forbids the request (403, a web page)",
                        "A firewall or a proxy answers in its place: allow this machine's requests there.",
                    )
                next_step = "Check what the token may do, and that the connection is active at the service."
                return TargetError(
                    f"the service forbids the request (403){self._format_detail(response)}",
                    next_step + self._format_hint(403),
                )
            case httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
                return TargetError(
                    "a proxy in front of the service requires authentication (407)",
                    "This is not the proxy of RECONCILER_PROXY: ask those who run the service.",
                )
        return None

    def _explain_redirect(self, response: httpx.Response) -> TargetError:
        target = response.headers.get("location", "")
        try:
            host = urlsplit(target).hostname
        except ValueError:
            host = None
        where = self.quote(target, 120) if target else "somewhere else"
        own = urlsplit(self._base_url).hostname
        other = f" It points to the host {self.quote(host, 80)}." if host and host != own else ""
        return TargetError(
            f"the service redirects to {where}",
            f"Redirects are not followed with a token: correct target.base_url.{other}",
        )

    def explain_missing_service(self, response: httpx.Response) -> TargetError:
        """Explain a 404 for the list of users."""
        if self._base_url.endswith("/v2/v2"):
            next_step = "The URL ends in /v2 twice: remove one."
        elif self._base_url.endswith("/Users"):
            next_step = "target.base_url must end before /Users."
        elif self._base_url.endswith("/v2"):
            next_step = "Apple's has no /v2 at its end, nor have some others: try without it."
        else:
            next_step = "Many services need /v2 at the end of their URL; Apple's has no /v2."
        summary = f"there is no SCIM service at {self._base_url}/Users (404){self._format_detail(response)}"
        return TargetError(summary, f"{_BASE_URL}. {next_step}{self._format_hint(404)}")

    def explain_invalid_json(self, response: httpx.Response) -> TargetError:
        """Explain a body that is not JSON."""
        if is_web_page(response):
            return TargetError(
                "the service answers with a web page instead of JSON",
                f"A login page or a proxy answers in its place: {_BASE_URL[0].lower()}{_BASE_URL[1:]} and the token.",
            )
        if not response.content.strip():
            return TargetError(
                "the service answers with nothing instead of JSON",
                "If it answered other requests, run the same command again. Else check target.base_url.",
            )
        start = response.content[:1000].decode("utf-8", "replace").strip()
        shown = f"It starts with: {self.quote(start, 60)}"
        return TargetError(f"{_NOT_JSON}{self._locate(response.content)}", shown)

    def _locate(self, content: bytes) -> str:
        """Return where a body is not JSON, after a colon; "" if it does not even begin as JSON."""
        if not content.lstrip().startswith((b"{", b"[")):
            return ""
        what, place = locate_invalid_json(content)
        return f": {what}" if place is None else f": byte {place + 1:,} of {len(content):,} {what}"

    def describe_refusal(self, response: httpx.Response) -> str:
        """Return why the service refused one request, for the reader."""
        if is_web_page(response) and response.status_code in (502, 503, 504):
            return f"a proxy in front of the service answers for it ({response.status_code}, a web page)"
        return f"the service refused it ({response.status_code}){self._format_detail(response)}"
