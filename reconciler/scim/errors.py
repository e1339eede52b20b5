"""What went wrong on the wire, in words that people can act on. Decides nothing but the words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import msgspec

from reconciler.core.text import escape_control, quote, shorten
from reconciler.errors import TargetError

_BASE_URL = "Check target.base_url"
_decode = msgspec.json.Decoder().decode

# OpenSSL's X509_V_ERR_…: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_NOT_YET, _EXPIRED, _SELF_SIGNED, _SELF_SIGNED_ROOT, _NO_ISSUER, _NO_CHAIN, _OTHER_HOST, _OTHER_ADDRESS = (
    *(9, 10, 18, 19, 20, 21),
    *(62, 64),
)
_CERTIFICATE = {
    _NOT_YET: ("it is not valid yet", "Check the clock of this machine."),
    _EXPIRED: ("it has expired", "Check the clock of this machine; if it is right, the service must renew it."),
    _SELF_SIGNED: (
        "it is signed by itself",
        f"{_BASE_URL}: this is not how a public service identifies itself, so the token was not sent.",
    ),
    _OTHER_HOST: (
        "it belongs to another host",
        f"{_BASE_URL}: its host must be the one that the certificate names. The token was not sent.",
    ),
}
_CERTIFICATE[_SELF_SIGNED_ROOT] = _CERTIFICATE[_NO_ISSUER] = _CERTIFICATE[_NO_CHAIN] = (
    "nobody this machine trusts has signed it",
    "A proxy that opens TLS is not supported, because it would read the token: let this host past it.",
)
_CERTIFICATE[_OTHER_ADDRESS] = _CERTIFICATE[_OTHER_HOST]


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was accepted."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 §15.3

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people, whatever it calls itself."""
        return self.content[:1000].lstrip().startswith(b"<")

    def error(self) -> Mapping[str, object]:
        """The SCIM error in it (RFC 7644 §3.12); empty when there is none."""
        try:
            body = _decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}


class ErrorMessages:
    """The words for one service. `hints`: HTTP status -> what to check there, beyond what holds everywhere."""

    def __init__(self, base_url: str, token: str, hints: Mapping[int, str]) -> None:
        self._base_url = base_url
        self._token = token
        self._hints = hints

    def quote(self, text: str, limit: int) -> str:
        """The service's own words, in quotes: some services repeat the token in them, and some the user."""
        return quote(shorten(text.replace(self._token, "(token)"), limit))

    def said(self, answer: ServiceResponse) -> str:
        """What a SCIM error says about itself, after a colon; "" when it says nothing."""
        detail = answer.error().get("detail")
        return f": {self.quote(detail, 300)}" if isinstance(detail, str) and detail else ""

    def _hint(self, status: int) -> str:
        return f" {self._hints[status]}" if status in self._hints else ""

    # --- answers that concern every request -----------------------------------

    def session(self, answer: ServiceResponse) -> TargetError | None:
        """The error when an answer concerns every request, not only this one."""
        if 300 <= answer.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
            return self._redirect(answer)
        match answer.status:
            case httpx.codes.UNAUTHORIZED:
                way_out = "Check RECONCILER_TOKEN: expired, revoked, mistyped, or made for a different service?"
                return TargetError(
                    f"the service does not accept the token (401){self.said(answer)}", way_out + self._hint(401)
                )
            case httpx.codes.FORBIDDEN:
                if answer.is_page:
                    return TargetError(
                        "something in front of the service forbids the request (403, a web page)",
                        "A firewall or a proxy answers in its place: let this machine's requests through.",
                    )
                way_out = "Check what the token may do, and that the connection is active at the service."
                return TargetError(
                    f"the service forbids the request (403){self.said(answer)}", way_out + self._hint(403)
                )
            case httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
                return TargetError(
                    "a proxy in between asks for a password (407)",
                    "Proxies are not supported, because they could read the token: let this host past it.",
                )
        return None

    def _redirect(self, answer: ServiceResponse) -> TargetError:
        target = answer.headers.get("location", "")
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

    def no_service(self, answer: ServiceResponse) -> TargetError:
        """404 for the list of users."""
        if self._base_url.endswith("/v2/v2"):
            way_out = "The URL ends in /v2 twice: remove one."
        elif self._base_url.endswith("/Users"):
            way_out = "target.base_url must end before /Users."
        elif self._base_url.endswith("/v2"):
            way_out = "Apple's has no /v2 at its end, nor have some others: try without it."
        else:
            way_out = "Many services need /v2 at the end of their URL; Apple's has no /v2."
        summary = f"there is no SCIM service at {self._base_url}/Users (404){self.said(answer)}"
        return TargetError(summary, f"{_BASE_URL}. {way_out}{self._hint(404)}")

    def not_json(self, answer: ServiceResponse) -> TargetError:
        """A body that cannot be understood."""
        if answer.is_page:
            return TargetError(
                "the service answers with a web page instead of JSON",
                f"A login page or a proxy stands in between: {_BASE_URL[0].lower()}{_BASE_URL[1:]} and the token.",
            )
        if not answer.content.strip():
            return TargetError("the service answers with nothing instead of JSON", f"{_BASE_URL}.")
        start = answer.content[:1000].decode("utf-8", "replace").strip()
        return TargetError(
            "the service answers with something that is not JSON", f"It starts with: {self.quote(start, 60)}"
        )

    def refusal(self, answer: ServiceResponse) -> str:
        """One refused request."""
        if answer.is_page and answer.status in (502, 503, 504):
            return f"a proxy in front of the service answers for it ({answer.status}, a web page)"
        return f"the service refused it ({answer.status}){self.said(answer)}"

    # --- no answer ------------------------------------------------------------

    def no_answer(self, fault: Exception) -> str:
        """Why no usable answer came to a request that was sent."""
        match fault:
            case httpx.ReadTimeout():
                return "the service took too long to answer"
            case httpx.WriteTimeout() | httpx.WriteError():
                return "the connection broke while the request was sent"
            case httpx.ReadError() | httpx.RemoteProtocolError():
                return f"no whole answer came: {self._peer(fault)}"
            case httpx.DecodingError():
                return f"the answer's compression is broken: {self._peer(fault)}"
        return self._peer(fault)

    def cannot_connect(self, fault: Exception) -> tuple[TargetError, bool]:
        """Why there is no connection, and whether it is worth trying again: a certificate will not get better."""
        host = urlsplit(self._base_url).hostname or ""
        for cause in _causes(fault):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return self._certificate(cause), False
            if isinstance(cause, ssl.SSLError):
                way_out = f"{_BASE_URL}: does the service speak https on this port? A proxy may cut TLS off, too."
                return TargetError(f"no TLS connection to {host}: {_system(str(cause))}", way_out), False
            if isinstance(cause, socket.gaierror):
                way_out = f"{_BASE_URL} for a slip in the host, and the name servers (DNS) of this machine."
                return TargetError(f"the name {host} is not known: {_system(str(cause))}", way_out), True
            if isinstance(cause, ConnectionRefusedError):
                way_out = f"{_BASE_URL} and its port; the service may be down, or a firewall in between."
                return TargetError(f"{host} refuses the connection", way_out), True
        why = _system(str(fault) or type(fault).__name__)
        what = "it takes too long" if isinstance(fault, httpx.TimeoutException) else why
        way_out = f"{_BASE_URL}, the network and its firewall. Proxies from the environment are not used."
        return TargetError(f"cannot connect to {host}: {what}", way_out), True

    def _certificate(self, fault: ssl.SSLCertVerificationError) -> TargetError:
        why, way_out = _CERTIFICATE.get(fault.verify_code, ("", f"{_BASE_URL} and the clock of this machine."))
        why = f"{why} ({_system(fault.verify_message)})" if why else _system(fault.verify_message)
        return TargetError(f"the service's certificate is not accepted: {why}", way_out)

    def _peer(self, fault: BaseException) -> str:
        """A fault of HTTP, which may repeat what came."""
        return self.quote(str(fault), 160) if str(fault) else type(fault).__name__


def _system(text: str) -> str:
    """The words of this machine's libraries, who know nothing of people."""
    return escape_control(shorten(text, 160))


def _causes(fault: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while fault is not None and fault not in found:
        found.append(fault)
        fault = fault.__cause__ or fault.__context__
    return found
