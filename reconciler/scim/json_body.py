"""Decode the JSON of an answer within bounds of memory."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec

MAX_VALUES = 1_000_000
"""Of one answer: a page of a thousand users has some 50,000. A few bytes of JSON can be 200 bytes of memory."""

_AT = re.compile(r"\(byte (\d{1,12})\)")
_decode = msgspec.json.Decoder().decode
_DECODED = "decoded"
ELSEWHERE = "elsewhere"
"""The extension of a request with a function that decodes the body of its answer elsewhere, and returns what it is
there; None: it is to be decoded here."""


class InvalidJsonError(ValueError):
    """A body is not JSON, or is nested too deeply."""


class TooManyValuesError(InvalidJsonError):
    """A body holds more than `MAX_VALUES`."""


def decode_json(content: bytes) -> Any:
    """Decode JSON. Of a key that occurs twice in an object, the last value counts, in every answer alike.

    Raises `InvalidJsonError`, which is `TooManyValuesError` for more than `MAX_VALUES`.
    """
    # Each value follows one of these, but for the outermost; a shorter body cannot hold so many.
    if len(content) > 2 * MAX_VALUES and sum(map(content.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise TooManyValuesError(f"the service's answer holds more than {MAX_VALUES:,} values")
    try:
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidJsonError(str(exc)) from exc


def locate_invalid_json(content: bytes) -> tuple[str, int | None]:
    """Return what is wrong with a body that is not JSON, and the number of the byte from 0, if that is known."""
    try:
        content.decode()
    except UnicodeDecodeError as exc:
        return "is not UTF-8", exc.start
    try:
        _decode(content)
    except RecursionError:
        return "it is nested too deeply", None
    except msgspec.ValidationError:
        return "it holds a number that is too large", None
    except msgspec.DecodeError as exc:
        found = _AT.search(str(exc))
        if found is not None:
            return "cannot be there", min(int(found[1]), len(content) - 1)
    return "it ends early, or holds a broken character", None


def decode_answer(response: httpx.Response) -> Any:
    """Decode the JSON of an answer, once however often this is called. Raises as `decode_json` does."""
    if _DECODED not in response.extensions:
        response.extensions[_DECODED] = decode_json(response.content)
    return response.extensions[_DECODED]


def decode_elsewhere(request: httpx.Request, response: httpx.Response) -> Any:
    """Return what the request's function returns for the answer, once however often this is called; None: nothing."""
    elsewhere = request.extensions.get(ELSEWHERE)
    if elsewhere is None:
        return None
    if ELSEWHERE not in response.extensions:
        response.extensions[ELSEWHERE] = elsewhere(response.content)
    return response.extensions[ELSEWHERE]
