from __future__ import annotations

import pytest

from reconciler.core.identity import MAX_ID, parse_identity

USABLE = [
    "7",
    "a",
    "A",
    "0",
    "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11",
    "ada@example.com",
    "a b",
    "a+b=",
    "...",
    ".a",
    "é",
    "~",
]
UNUSABLE = [
    *("", ".", "..", "a/b", "../Groups/1", "a\\b", "7?x=1", "7#x", "%2e%2e", "a%2fb", "100%"),
    *("\n", "7\n", "7\x00", "\x1b[2J", "7\u202e", "\ud800", "7\u2028", "x" * (MAX_ID + 1)),
    *(None, True, False, 1.5, float("nan"), [], ["7"], {}, {"value": "7"}, -1, 2**64, 10**5000, b"7"),
]


@pytest.mark.parametrize("identity", USABLE)
def test_an_id_that_is_one_segment_of_a_path_is_kept_as_it_is(identity: str) -> None:
    assert parse_identity(identity) == identity


@pytest.mark.parametrize(
    "identity", UNUSABLE, ids=lambda each: ascii(each)[:20] if not isinstance(each, int) else "number"
)
def test_anything_else_is_no_id(identity: object) -> None:
    assert parse_identity(identity) is None


def test_a_number_is_the_id_of_its_digits() -> None:
    assert (parse_identity(12), parse_identity(0)) == ("12", "0")
