"""Messages for what goes wrong between the client and a service, with a next step each. Decides nothing else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import httpx

from reconciler.core.system_limits import advise, describe_os_error, is_exhaustion
from reconciler.core.text import escape_control, quote, shorten
from reconciler.errors import MachineLimitError, TargetError
from reconciler.scim.json_body import InvalidJsonError, decode_json

_BASE_URL = "Check target.base_url"

# OpenSSL's X509_V_ERR_…: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_NOT_YET, _EXPIRED, _SELF_SIGNED, _SELF_SIGNED_ROOT, _NO_ISSUER, _NO_CHAIN, _OTHER_HOST, _OTHER_ADDRESS = (
    *(9, 10, 18, 19, 20, 21),
    *(62, 64),
)
_CERTIFICATE = {
    _NOT_YET: ("it is not valid yet", "Check the clock of this machine."),
    _EXPIRED: ("it has expired", "Check the clock of this machine; if it is right, the service must renew it."),
    _SELF_SIGNED: (
        "it is self-signed",
        f"{_BASE_URL}: this is not how a public service identifies itself, so the token was not sent.",
    ),
    _OTHER_HOST: (
        "it belongs to another host",
        f"{_BASE_URL}: its host must be the one that the certificate names. The token was not sent.",
    ),
}
_CERTIFICATE[_SELF_SIGNED_ROOT] = _CERTIFICATE[_NO_ISSUER] = _CERTIFICATE[_NO_CHAIN] = (
    "no authority that this machine trusts has signed it",
    "A proxy that decrypts TLS is not supported, because it could read the token: exempt this host from it.",
)
_CERTIFICATE[_OTHER_ADDRESS] = _CERTIFICATE[_OTHER_HOST]


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


class ErrorMessages:
    """Messages about one service. `hints`: HTTP status -> what to check there, in addition to the general advice."""

    def __init__(self, base_url: str, token: str, hints: Mapping[int, str]) -> None:
        self._base_url = base_url
        self._token = token
        self._hints = hints

    def _quote(self, text: str, limit: int) -> str:
        """Quote text of the service. The token is replaced: some services repeat it."""
        return quote(shorten(text.replace(self._token, "(token)"), limit))

    def _format_detail(self, response: httpx.Response) -> str:
        """Return the detail of a SCIM error after a colon; "" if it has none."""
        detail = read_scim_error(response).get("detail")
        return f": {self._quote(detail, 300)}" if isinstance(detail, str) and detail else ""

    def _format_hint(self, status: int) -> str:
        return f" {self._hints[status]}" if status in self._hints else ""

    # --- answers that concern every request -----------------------------------

    def explain_rejection(self, response: httpx.Response) -> TargetError | None:
        """Return the error of an answer that concerns every request, not only this one; None for any other answer."""
        if 300 <= response.status_code < 400:  # noqa: PLR2004 - RFC 9110 §15.4
            return self._explain_redirect(response)
        match response.status_code:
            case httpx.codes.UNAUTHORIZED:
                next_step = "Check RECONCILER_TOKEN: expired, revoked, mistyped, or made for a different service?"
                return TargetError(
                    f"the service does not accept the token (401){self._format_detail(response)}",
                    next_step + self._format_hint(401),
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
                    "a proxy requires authentication (407)",
                    "Proxies are not supported, because they could read the token: exempt this host from them.",
                )
        return None

    def _explain_redirect(self, response: httpx.Response) -> TargetError:
        target = response.headers.get("location", "")
        try:
            host = urlsplit(target).hostname
        except ValueError:
            host = None
        where = self._quote(target, 120) if target else "somewhere else"
        own = urlsplit(self._base_url).hostname
        other = f" It points to the host {self._quote(host, 80)}." if host and host != own else ""
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
        return TargetError(
            "the service answers with something that is not JSON", f"It starts with: {self._quote(start, 60)}"
        )

    def describe_refusal(self, response: httpx.Response) -> str:
        """Return why the service refused one request, for the reader."""
        if is_web_page(response) and response.status_code in (502, 503, 504):
            return f"a proxy in front of the service answers for it ({response.status_code}, a web page)"
        return f"the service refused it ({response.status_code}){self._format_detail(response)}"

    # --- no answer ------------------------------------------------------------

    def describe_no_answer(self, exc: Exception) -> str:
        """Return why a request that was sent got no usable answer."""
        match exc:
            case httpx.ReadTimeout():
                return "the service took too long to answer"
            case httpx.WriteTimeout() | httpx.WriteError():
                return "the connection broke while the request was sent"
            case httpx.ReadError() | httpx.RemoteProtocolError():
                return f"the answer is incomplete: {self._quote_error(exc)}"
            case httpx.DecodingError():
                return f"the answer's compression is broken: {self._quote_error(exc)}"
        return self._quote_error(exc)

    def explain_no_answer(self, exc: Exception) -> TargetError:
        """Explain that the service does not answer, for requests that can be repeated."""
        summary = f"the service does not answer: {self.describe_no_answer(exc)}"
        return TargetError(summary, "Check the connection and the state of the service.")

    def explain_no_connection(self, exc: Exception) -> tuple[TargetError, bool]:
        """Return why there is no connection, and whether that may pass: an invalid certificate does not."""
        host = urlsplit(self._base_url).hostname or ""
        causes = _list_causes(exc)
        exhausted = _find_exhaustion(causes)
        if exhausted is not None:
            summary = f"cannot connect to {host}: {describe_os_error(exhausted)}"
            return MachineLimitError(summary, advise(exhausted, "")), False
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return self._explain_certificate(cause), False
            if isinstance(cause, ssl.SSLError):
                next_step = f"{_BASE_URL}: does the service speak https on this port? A proxy may cut TLS off, too."
                return TargetError(f"no TLS connection to {host}: {_shorten_error(str(cause))}", next_step), False
            if isinstance(cause, socket.gaierror):
                next_step = f"{_BASE_URL} for a typo in the host name, and the DNS servers of this machine."
                return TargetError(
                    f"the host name {host} cannot be resolved: {_shorten_error(str(cause))}", next_step
                ), True
            if isinstance(cause, ConnectionRefusedError):
                next_step = f"{_BASE_URL} and its port; the service may be down, or a firewall in between."
                return TargetError(f"{host} refuses the connection", next_step), True
        why = _shorten_error(str(exc) or type(exc).__name__)
        what = "timed out" if isinstance(exc, httpx.TimeoutException) else why
        next_step = f"{_BASE_URL}, the network and its firewall. Proxies from the environment are not used."
        return TargetError(f"cannot connect to {host}: {what}", next_step), True

    def _explain_certificate(self, exc: ssl.SSLCertVerificationError) -> TargetError:
        why, next_step = _CERTIFICATE.get(exc.verify_code, ("", f"{_BASE_URL} and the clock of this machine."))
        why = f"{why} ({_shorten_error(exc.verify_message)})" if why else _shorten_error(exc.verify_message)
        return TargetError(f"the service's certificate is not accepted: {why}", next_step)

    def _quote_error(self, exc: BaseException) -> str:
        """Quote an error of the HTTP library: it may repeat what was received."""
        return self._quote(str(exc), 160) if str(exc) else type(exc).__name__


def _shorten_error(text: str) -> str:
    """Shorten a message of a library of this machine, which holds no data of users."""
    return escape_control(shorten(text, 160))


def _find_exhaustion(causes: Iterable[BaseException]) -> OSError | None:
    """Return why this machine can open no connection; None if that is not the reason."""
    for cause in causes:
        if isinstance(cause, OSError) and is_exhaustion(cause):
            return cause
        if isinstance(cause, socket.gaierror):
            # A resolver that can open no socket reports that the host does not exist.
            try:
                socket.socket().close()
            except OSError as exc:
                return exc if is_exhaustion(exc) else None
    return None


def _list_causes(exc: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exc is not None and exc not in found:
        found.append(exc)
        exc = exc.__cause__ or exc.__context__
    return found
