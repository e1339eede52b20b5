"""A file of certificate authorities that are trusted in addition to the public ones."""

from __future__ import annotations

import binascii
import re
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.errors import ReconcilerError

VARIABLE = "RECONCILER_CA_BUNDLE"
MAX_BYTES = 4 * 1024 * 1024
"""The bundle of a whole operating system has 0.2 MB."""
_MAX_CERTIFICATES = 2_000
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_OPENSSL = re.compile(rb"-----BEGIN (TRUSTED|X509) CERTIFICATE-----")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"-\x00-\x00", b"\x00-\x00-")
"""How text in UTF-16 begins, which PowerShell writes by itself; without its mark, if it begins with a block."""
_DER = b"\x30"
"""The first byte of a certificate, or of a PKCS #12 file, in DER."""
_FORM = "It must have certificates in PEM: blocks that begin with -----BEGIN CERTIFICATE-----."


class CaBundleError(ReconcilerError):
    """The file in RECONCILER_CA_BUNDLE cannot be used: the message names the variable and says why. Exit code 1."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(f"{VARIABLE} {why}", detail)


@dataclass(frozen=True, slots=True)
class CaBundle:
    """Certificate authorities: their file, their certificates in PEM, and when the valid ones end, soonest first."""

    path: str
    pem: str = field(repr=False)
    ends: tuple[datetime, ...] = ()


def parse_ca_bundle(path: str, content: bytes, now: datetime) -> CaBundle:
    """Parse a file of authorities. Raises `CaBundleError` if it has none that is valid, or something else."""
    if _PRIVATE_KEY.search(content):
        raise CaBundleError(
            "names a file with a private key", "Remove the key: only the certificates of authorities belong there."
        )
    _check_form(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for number, block in enumerate(_split_blocks(content), 1):
        try:
            context.load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(block.decode("ascii")))
        except (ssl.SSLError, binascii.Error, ValueError) as exc:
            detail = "It is cut or changed: get the file again from those who run the authority."
            raise CaBundleError(f"names a file whose certificate {number} cannot be read", detail) from exc
    return _judge(path, context, now)


def _check_form(content: bytes) -> None:
    """Raise `CaBundleError` for certificates in forms that would be passed over."""
    if content.startswith(_UTF_16):
        detail = "Save it as ASCII or UTF-8: in PowerShell, with Set-Content -Encoding ascii."
        raise CaBundleError("names a file in UTF-16", detail)
    found = _OPENSSL.search(content)
    if found:
        detail = "That is a form of OpenSSL's own: openssl x509 -in FILE -out FILE.pem converts such a certificate."
        raise CaBundleError(f"names a file with {found[0].decode()}", detail)


def _split_blocks(content: bytes) -> list[bytes]:
    parts = content.split(_BEGIN)[1:]
    if not parts:
        if content.startswith(_DER):
            detail = "It may be in DER: openssl x509 -inform der -in FILE -out FILE.pem converts it to PEM."
            raise CaBundleError("names a file without a certificate in PEM", detail)
        raise CaBundleError("names a file without a certificate" if content.strip() else "names an empty file", _FORM)
    if len(parts) > _MAX_CERTIFICATES:
        raise CaBundleError(f"names a file with more than {_MAX_CERTIFICATES:,} certificates", _FORM)
    return [_BEGIN + part.partition(_END)[0] + _END if _END in part else part for part in parts]


def _judge(path: str, context: ssl.SSLContext, now: datetime) -> CaBundle:
    """Keep the authorities: what is the certificate of a server alone would end with it."""
    authorities = context.get_ca_certs()
    if not authorities:
        detail = "Name the certificate of the authority that issued it: it does not change when the server's does."
        raise CaBundleError("names a file with certificates of servers, and none of an authority", detail)
    spans = [(_parse_date(each["notBefore"]), _parse_date(each["notAfter"])) for each in authorities]
    ends = tuple(sorted(end for begin, end in spans if begin <= now <= end))
    if not ends:
        last = max(end for _, end in spans)
        if last < now:
            why = f"names a file whose authorities have all expired, the last on {last:%Y-%m-%d}"
            raise CaBundleError(why, "Get their new certificates. If this machine's clock is wrong, set it.")
        raise CaBundleError("names a file whose authorities are not valid yet", "Check the clock of this machine.")
    pem = "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True)))
    return CaBundle(path, pem, ends)


def _parse_date(text: object) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(text)), UTC)
