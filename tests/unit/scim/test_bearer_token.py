from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.scim.bearer_token import LONGEST_TOKEN, parse_bearer_token, parse_lifetime, parse_token


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token(kind: str) -> None:
    token = parse_bearer_token({"token_type": kind, "access_token": "abc"})
    assert token is not None
    assert token.reveal() == "abc"


@pytest.mark.parametrize("body", [{}, {"access_token": "abc"}, {"token_type": "mac", "access_token": "abc"}])
def test_another_type_is_no_bearer_token(body: dict[str, str]) -> None:
    assert parse_bearer_token(body) is None


@pytest.mark.parametrize("value", [None, 1, "", "a b", "a\nb", "ä", ["a"], "x" * (LONGEST_TOKEN + 1)])
def test_what_cannot_be_sent_is_no_token(value: object) -> None:
    assert parse_token(value) is None


def test_the_longest_token() -> None:
    assert parse_token("x" * LONGEST_TOKEN) is not None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(300, 300), ("300", 300), (300.0, 300), (0, None), (-1, None), (3601, None), ("x", None), (None, None)],
)
def test_a_lifetime(value: object, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert parse_lifetime(value, timedelta(hours=1)) == expected
