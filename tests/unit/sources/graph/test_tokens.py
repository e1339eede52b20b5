from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.jwt import make_jwt

from reconciler.errors import SourceError
from reconciler.scim.secret import Secret
from reconciler.sources.graph.access_token import GraphToken
from reconciler.sources.graph.tokens import Tokens

START = datetime(2026, 12, 1, tzinfo=UTC)
GRAPH = "https://graph.microsoft.com"
TENANT = "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Scripted:
    name = "a test"

    def __init__(self, clock: Clock, *, renewable: bool = True, **claims: Any) -> None:
        self.renewable = renewable
        self.acquired = 0
        self._clock, self._claims = clock, claims

    def acquire(self) -> GraphToken:
        self.acquired += 1
        return GraphToken(Secret(make_jwt(n=self.acquired, **self._claims)), self._clock.now + timedelta(hours=1))


def make(tenant: str = TENANT, **options: Any) -> tuple[Tokens, Scripted, Clock]:
    clock = Clock()
    credential = Scripted(clock, **options)
    return Tokens(credential, tenant=tenant, resource=GRAPH, now=clock), credential, clock


def test_a_token_is_renewed_before_it_expires() -> None:
    tokens, credential, clock = make()
    first = tokens.current()
    clock.now = START + timedelta(minutes=54)
    assert tokens.current() is first
    clock.now = START + timedelta(minutes=55)
    assert tokens.current() is not first
    assert credential.acquired == 2


def test_a_token_without_another_is_used_until_it_is_refused() -> None:
    tokens, credential, clock = make(renewable=False)
    first = tokens.current()
    clock.now = START + timedelta(hours=2)
    assert tokens.current() is first
    assert tokens.renew(first) is None
    assert credential.acquired == 1


def test_threads_whose_token_was_refused_renew_it_once() -> None:
    tokens, credential, _ = make()
    first = tokens.current()
    found: list[GraphToken | None] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.renew(first))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert credential.acquired == 2
    assert len({id(each) for each in found}) == 1


@pytest.mark.parametrize("audience", [GRAPH, f"{GRAPH}/", "00000003-0000-0000-c000-000000000000", None, ["x"]])
def test_a_token_is_for_graph(audience: object) -> None:
    make(aud=audience)[0].current()


def test_a_token_for_something_else_is_refused() -> None:
    with pytest.raises(SourceError, match=r'^the token from a test is for "https://management\.azure\.com/"$'):
        make(aud="https://management.azure.com/")[0].current()


def test_a_token_of_another_tenant_is_refused() -> None:
    make(tid=TENANT.upper())[0].current()
    make("contoso.com", tid="00000000-0000-0000-0000-000000000001")[0].current()
    with pytest.raises(SourceError, match="is of the tenant") as raised:
        make(tid="00000000-0000-0000-0000-000000000001")[0].current()
    assert TENANT in raised.value.detail


def test_no_text_shows_a_token() -> None:
    tokens, _, _ = make()
    token = tokens.current()
    assert token.secret.reveal() not in repr(token)
