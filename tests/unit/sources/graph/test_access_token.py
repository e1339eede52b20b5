from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.jwt import make_jwt

from reconciler.sources.graph.access_token import LONGEST_TOKEN, read_claims


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_claims_of_a_token() -> None:
    assert read_claims(make_jwt(sub="repo:acme/people:ref:refs/heads/mäin", roles=["A"])) == {
        "sub": "repo:acme/people:ref:refs/heads/mäin",
        "roles": ["A"],
    }


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        f"a.{segment(b'[]')}.c",
        f"a.{segment(b'{')}.c",
        f"a.{segment(b'{}')[:2]}!{segment(b'{}')[2:]}.c",
        f"a.{segment(bytes([255]))}.c",
        f"a.{segment(b'[' * 9000)}.c",
        make_jwt(long="x" * LONGEST_TOKEN),
        "a.é.c",
    ],
)
def test_a_token_without_claims(token: str) -> None:
    assert read_claims(token) is None


@given(st.text(max_size=40), st.binary(max_size=60))
def test_no_token_raises(text: str, content: bytes) -> None:
    read_claims(text)
    read_claims(f"{text}.{segment(content)}.{text}")
