"""A certificate of a private authority for the servers of these tests, and the context that trusts it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.servers.graph.tls import make_certificate
from support.servers.smtp import SmtpFaults, SmtpService

from reconciler.scim.transport import trust


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("smtp"))


@pytest.fixture
def trusted(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return trust(certificate[0].read_text())


@pytest.fixture
def serve(certificate: tuple[Path, Path]) -> Iterator[Callable[..., SmtpService]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ExitStack() as stack:
        yield lambda **faults: stack.enter_context(SmtpService(context, SmtpFaults(**faults)))
