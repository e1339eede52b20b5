from __future__ import annotations

import json

import httpx
import pytest

from reconciler.scim import json_body
from reconciler.scim.json_body import (
    ELSEWHERE,
    MAX_VALUES,
    InvalidJsonError,
    TooManyValuesError,
    decode_answer,
    decode_elsewhere,
    decode_json,
    locate_invalid_json,
)


def test_json_is_decoded() -> None:
    assert decode_json(b' {"a": [1, 1.5, null, "\xc3\xa9"]} ') == {"a": [1, 1.5, None, "é"]}


def test_of_a_key_that_occurs_twice_the_last_value_counts() -> None:
    assert decode_json(b'{"id": "1", "id": "2"}') == {"id": "2"}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b" ", b"{", b"nul", b'{"a": 1}{', b"<html>", b"\xff", b'"\xed\xa0\x80"', b'{"a": "\\ud800"}'),
        *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"-", b"01", b"1.", b'"\x00"'),
        *(b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000),
    ],
)
def test_anything_else_is_an_error_in_words(content: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        decode_json(content)


@pytest.mark.parametrize("value", ["0", "{}", "[]", '{"a":0}', '""'])
def test_the_number_of_values_is_bounded(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "MAX_VALUES", 100)
    few = f"[{','.join([value] * 30)}]{' ' * 500}".encode()
    many = f"[{','.join([value] * 101)}]{' ' * 500}".encode()
    assert len(decode_json(few)) == 30
    with pytest.raises(TooManyValuesError, match=r"^the service's answer holds more than 100 values$"):
        decode_json(many)


def test_a_page_of_a_thousand_users_is_far_below_the_bound() -> None:
    user = {f"attribute{number}": {"value": "x", "type": "work"} for number in range(20)}
    content = json.dumps({"Resources": [user] * 1000}).encode()
    assert 10 * sum(map(content.count, (b",", b"[", b"{"))) < 10 * MAX_VALUES
    assert len(decode_json(content)["Resources"]) == 1000


def test_an_answer_is_decoded_once() -> None:
    answer = httpx.Response(200, content=b'{"a": 1}')
    first = decode_answer(answer)
    assert first == {"a": 1}
    assert decode_answer(answer) is first


@pytest.mark.parametrize("content", [b"", b"{"])
def test_an_answer_without_json_is_an_error_each_time(content: bytes) -> None:
    answer = httpx.Response(200, content=content)
    for _ in range(2):
        with pytest.raises(InvalidJsonError):
            decode_answer(answer)


@pytest.mark.parametrize("found", [None, "a page"])
def test_another_process_is_asked_once_for_an_answer(found: str | None) -> None:
    asked = []

    def elsewhere(content: bytes) -> str | None:
        asked.append(content)
        return found

    request, answer = httpx.Request("GET", "https://a.example"), httpx.Response(200, content=b"{}")
    assert decode_elsewhere(request, answer) is None
    request.extensions[ELSEWHERE] = elsewhere
    assert [decode_elsewhere(request, answer) for _ in range(2)] == [found] * 2
    assert asked == [b"{}"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"a": "b\xff"}', ("is not UTF-8", 8)),
        (b'{"a": NaN}', ("cannot be there", 6)),
        (b'{"a": 1}x', ("cannot be there", 8)),
        (b'{"a": ' + b"1" * 20_000 + b"}", ("it holds a number that is too large", None)),
        (b'{"a": ' + b"[" * 100_000, ("it is nested too deeply", None)),
        (b'{"a": "\\ud800"}', ("it ends early, or holds a broken character", None)),
        (b'{"a": ', ("it ends early, or holds a broken character", None)),
    ],
    ids=["UTF-8", "NaN", "more", "number", "deep", "surrogate", "cut"],
)
def test_the_place_where_a_body_is_not_json(content: bytes, found: tuple[str, int | None]) -> None:
    assert locate_invalid_json(content) == found
