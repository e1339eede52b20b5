"""Messages for requests that get no answer, of a SCIM service or another one. Decides nothing else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import httpx

from reconciler.core.system_limits import advise, describe_os_error, is_exhaustion
from reconciler.core.text import escape_control, quote, shorten
from reconciler.errors import MachineLimitError, TargetError
from reconciler.scim.proxy_transport import TunnelError, TunnelStep
from reconciler.scim.secret import SentTokens
from reconciler.scim.tunnel_messages import explain_tunnel

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
        "{check}: this is not how a public service identifies itself, so the token was not sent.",
    ),
    _OTHER_HOST: (
        "it belongs to another host",
        "{check}: its host must be the one that the certificate names. The token was not sent.",
    ),
}
_CERTIFICATE[_SELF_SIGNED_ROOT] = _CERTIFICATE[_NO_ISSUER] = _CERTIFICATE[_NO_CHAIN] = (
    "no authority that this machine trusts has signed it",
    (
        "A private authority can be named in RECONCILER_CA_BUNDLE. If a proxy decrypts TLS on the way, exempt this\n"
        "host from that: with its authority in RECONCILER_CA_BUNDLE the proxy can read the token."
    ),
)
_CERTIFICATE[_OTHER_ADDRESS] = _CERTIFICATE[_OTHER_HOST]


class ConnectionMessages:
    """Messages about the connection to one service.

    `service`: its name in a sentence. `check`: where its address is set, as `Check target.base_url`. `sent`: the tokens
    that the service may repeat and no message shows.
    """

    def __init__(self, base_url: str, *, service: str, check: str, sent: SentTokens | None = None) -> None:
        self._host = urlsplit(base_url).hostname or ""
        self._service = service
        self._check = check
        self._sent = sent or SentTokens()

    def quote(self, text: str, limit: int) -> str:
        """Quote text of the service. Tokens are replaced: some services repeat them."""
        return quote(shorten(self._sent.hide(text), limit))

    def describe_no_answer(self, exc: Exception) -> str:
        """Return why a request that was sent got no usable answer."""
        match exc:
            case httpx.ReadTimeout():
                return f"{self._service} took too long to answer"
            case httpx.WriteTimeout() | httpx.WriteError():
                return "the connection broke while the request was sent"
            case httpx.ReadError() | httpx.RemoteProtocolError():
                return f"the answer is incomplete: {self._quote_error(exc)}"
            case httpx.DecodingError():
                return f"the answer's compression is broken: {self._quote_error(exc)}"
        return self._quote_error(exc)

    def explain_no_answer(self, exc: Exception) -> TargetError:
        """Explain that the service does not answer, for requests that can be repeated."""
        summary = f"{self._service} does not answer: {self.describe_no_answer(exc)}"
        return TargetError(summary, "Check the connection and the state of the service.")

    def explain_no_connection(self, exc: Exception) -> tuple[TargetError, bool]:
        """Return why there is no connection, and whether that may pass: an invalid certificate does not."""
        host = self._host
        causes = _list_causes(exc)
        exhausted = _find_exhaustion(causes)
        if exhausted is not None:
            summary = f"cannot connect to {host}: {describe_os_error(exhausted)}"
            return MachineLimitError(summary, advise(exhausted, "")), False
        if isinstance(exc, TunnelError):
            return self._explain_tunnel(exc, causes)
        return self._explain_direct(exc, causes)

    def _explain_direct(self, exc: Exception, causes: Sequence[BaseException]) -> tuple[TargetError, bool]:
        host, advice = self._host, _join_notes(causes)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return self._explain_certificate(cause), False
            if isinstance(cause, ssl.SSLError):
                next_step = f"{self._check}: does the service speak https on this port? A proxy may cut TLS off, too."
                return TargetError(f"no TLS connection to {host}: {_shorten_error(str(cause))}", next_step), False
            if isinstance(cause, socket.gaierror):
                next_step = f"{self._check} for a typo in the host name, and the DNS servers of this machine.{advice}"
                return TargetError(
                    f"the host name {host} cannot be resolved: {_shorten_error(str(cause))}", next_step
                ), True
            if isinstance(cause, ConnectionRefusedError):
                next_step = f"{self._check} and its port; the service may be down, or a firewall in between.{advice}"
                return TargetError(f"{host} refuses the connection", next_step), True
        why = _shorten_error(str(exc) or type(exc).__name__)
        what = "timed out" if isinstance(exc, httpx.TimeoutException) else why
        next_step = f"{self._check}, the network and its firewall.{advice}"
        return TargetError(f"cannot connect to {host}: {what}", next_step), True

    def _explain_tunnel(self, exc: TunnelError, causes: Sequence[BaseException]) -> tuple[TargetError, bool]:
        for cause in causes:
            if exc.step is TunnelStep.SERVICE_TLS and isinstance(cause, ssl.SSLCertVerificationError):
                return self._explain_certificate(cause), False
        return explain_tunnel(exc, self._host, causes)

    def _explain_certificate(self, exc: ssl.SSLCertVerificationError) -> TargetError:
        why, next_step = _CERTIFICATE.get(exc.verify_code, ("", "{check} and the clock of this machine."))
        why = f"{why} ({_shorten_error(exc.verify_message)})" if why else _shorten_error(exc.verify_message)
        return TargetError(
            f"{self._service}'s certificate is not accepted: {why}", next_step.replace("{check}", self._check)
        )

    def _quote_error(self, exc: BaseException) -> str:
        """Quote an error of the HTTP library: it may repeat what was received."""
        return self.quote(str(exc), 160) if str(exc) else type(exc).__name__


def _shorten_error(text: str) -> str:
    """Shorten a message of a library of this machine, which holds no data of users."""
    return escape_control(shorten(text, 160))


def _join_notes(causes: Iterable[BaseException]) -> str:
    """Return what the transports below noted about the connection (`BaseException.add_note`), after a line break."""
    return "".join(f"\n{note}" for cause in causes for note in getattr(cause, "__notes__", ()))


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
