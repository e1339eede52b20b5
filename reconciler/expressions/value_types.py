"""The values of the expression language, their conversions and limits, and its errors.

Entra's language only has text: booleans are "True" and "False", numbers their digits, dates `M/d/yyyy h:mm:ss tt`.
Attributes may have several values. None is no value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

MAX_LENGTH = 10_000
"""Characters of an expression (Entra's own limit), of an attribute's value and of every intermediate result."""
MAX_VALUES = 1_000
MAX_TOTAL = 10 * MAX_LENGTH
"""Characters of all values of a multi-valued attribute together."""

Value: TypeAlias = str | tuple[str, ...] | None
Attributes: TypeAlias = Mapping[str, str | bool | tuple[str, ...]]


class ExpressionError(ValueError):
    """The expression is invalid; `position` is the 0-based offset of the error."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class EvaluationError(ValueError):
    """The expression has no result for this user; the message says why."""


class MappingTemplateError(ValueError):
    """The template is invalid; `line` is 1-based."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class IgnoreFlow(Enum):
    """A result that is not a value: leave the attribute, or the whole object, as it is in the target."""

    ATTRIBUTE = "attribute"
    OBJECT = "object"


class IgnoreFlowError(Exception):
    """Carries an `IgnoreFlow` out of nested calls: it becomes the result of the whole expression."""

    def __init__(self, directive: IgnoreFlow) -> None:
        super().__init__(directive.value)
        self.directive = directive


@dataclass(frozen=True, slots=True)
class Context:
    """What an expression may read apart from the user's attributes.

    `now` must have an offset. `taken`: whether a value is in use in the target (`SelectUniqueValue`). `random(n)`
    returns a number from 0 to n - 1, as `secrets.randbelow`. `creating`: the user does not exist in the target yet.
    """

    now: datetime
    taken: Callable[[str], bool]
    random: Callable[[int], int]
    creating: bool


Evaluator: TypeAlias = Callable[[Attributes, Context], Value]

TRUE, FALSE = "True", "False"
# Constant patterns with bounded repeats: hardly any backtracking.
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}(?:\.0{1,9})?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?")


def quote_value(text: object, longest: int = 40) -> str:
    """Return `text` for a message: shortened, and in double quotes that it cannot close."""
    shown = str(text)
    return json.dumps(shown if len(shown) <= longest else f"{shown[: longest - 1]}…", ensure_ascii=False)


def format_boolean(value: bool) -> str:
    """Return Entra's spelling of a boolean."""
    return TRUE if value else FALSE


def check_limits(value: Value) -> Value:
    """Return `value`. Raises `EvaluationError` if it exceeds the limits."""
    if value is None or (value.__class__ is str and len(value) <= MAX_LENGTH):
        return value
    if isinstance(value, str):
        check_length(len(value))
    elif len(value) > MAX_VALUES:
        raise EvaluationError(f"more than {MAX_VALUES:,} values")
    elif sum(map(len, value)) > MAX_TOTAL or any(len(each) > MAX_LENGTH for each in value):
        raise EvaluationError("the values are too long")
    return value


def check_length(length: int) -> None:
    """Raise `EvaluationError` if a text of `length` characters, not built yet, is too long."""
    if length > MAX_LENGTH:
        raise EvaluationError(f"a text of more than {MAX_LENGTH:,} characters")


def to_any(value: Value) -> Value:
    """Return any value unchanged."""
    return value


def to_text(value: Value) -> str | None:
    """Return one text, or None. Raises `EvaluationError` for several values.

    Entra's documents don't define its text functions for several values; here the expression must choose with Item or
    Join. (Only Trim is documented to work on each value.)
    """
    if value is None or value.__class__ is str:
        return value
    if len(value) == 1:
        return value[0]
    if not value:
        return None
    raise EvaluationError(f"{len(value)} values where one is needed: choose with Item, or Join them")


def to_values(value: Value) -> tuple[str, ...]:
    """Return all values; one text is one value."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


def to_integer(value: Value) -> int:
    """Return a whole number of at most 19 digits; Entra exports numbers as strings. Raises `EvaluationError`."""
    text = to_text(value)
    if text is None:
        raise EvaluationError("no value where a number is needed")
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        raise EvaluationError(f"{quote_value(text)} is not a whole number")
    return int(text.partition(".")[0])


def to_natural(value: Value) -> int:
    """Return a whole number from 0. Raises `EvaluationError`."""
    number = to_integer(value)
    if number < 0:
        raise EvaluationError(f"{quote_value(number)} is negative")
    return number


def to_position(value: Value) -> int:
    """Return a 1-based position. Raises `EvaluationError`."""
    number = to_integer(value)
    if number < 1:
        raise EvaluationError(f"positions start at 1, not {quote_value(number)}")
    return number


def parse_number(text: str) -> Decimal | None:
    """Parse `text` as a number; None if it is not one."""
    stripped = text.strip()
    return Decimal(stripped) if _NUMBER.fullmatch(stripped) else None


def to_truth(value: Value) -> bool:
    """Return a condition. No value and "" are false, "True" and "False" ignore case, numbers are true unless 0.

    Entra's documents don't define other texts; here they raise `EvaluationError`.
    """
    text = to_text(value)
    if not text:
        return False
    lowered = text.strip().lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    number = parse_number(text)
    if number is None:
        raise EvaluationError(f"{quote_value(text)} is neither true nor false")
    return number != 0
