"""Certificates of test servers: a private authority, and certificates that are wrong in one way each."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

_DAY = timedelta(days=1)


class PrivateAuthority:
    """An authority that this machine does not trust; its certificate is `pem`."""

    def __init__(self, name: str = "Example Corp") -> None:
        self._authority = trustme.CA(organization_name=name)
        self.pem = self._authority.cert_pem.bytes().decode()

    def write(self, folder: Path, name: str = "authority.pem") -> Path:
        """Write the authority's certificate: a value of RECONCILER_CA_BUNDLE."""
        path = folder / name
        path.write_text(self.pem)
        return path

    def serve(self, *hosts: str, age: timedelta = _DAY, life: timedelta = 2 * _DAY) -> ssl.SSLContext:
        """Return the TLS of a server at `hosts`. `age`: since when its certificate is valid, `life`: how long."""
        certificate = self.issue(*hosts, age=age, life=life)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context

    def issue(self, *hosts: str, age: timedelta = _DAY, life: timedelta = 2 * _DAY) -> trustme.LeafCert:
        """Issue a certificate; see `serve`."""
        begin = datetime.now(UTC) - age
        return self._authority.issue_cert(*hosts, not_before=begin, not_after=begin + life)

    def serve_expired(self, *hosts: str) -> ssl.SSLContext:
        """Return the TLS of a server whose certificate has expired."""
        return self.serve(*hosts, age=3 * _DAY)

    def serve_early(self, *hosts: str) -> ssl.SSLContext:
        """Return the TLS of a server whose certificate is not valid yet."""
        return self.serve(*hosts, age=-_DAY)


@cache
def private_authority() -> PrivateAuthority:
    """Return one authority for all tests of a process: making a key takes a while."""
    return PrivateAuthority()
