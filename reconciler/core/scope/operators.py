"""The operators of scoping filters: Entra's fourteen, and extensions. Each becomes a test of one assigned value.

`scope.filters` decides on unassigned values: nearly all operators are false on them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import date
from enum import Enum, StrEnum

from reconciler.core.scope.dates import NEVER, parse_day
from reconciler.core.text import quote, shorten
from reconciler.core.values import parse_boolean

TextTest = Callable[[str], bool]
DayTest = Callable[[date], bool]


class Operator(StrEnum):
    """Operators in Entra's spelling; those from IS_MEMBER_OF on are extensions."""

    AND = "&"
    NOT_AND = "!&"
    ENDS_WITH = "ENDS_WITH"
    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT EQUALS"
    GREATER_THAN = "Greater_Than"
    GREATER_THAN_OR_EQUALS = "Greater_Than_OR_EQUALS"
    INCLUDES = "Includes"
    IS_FALSE = "IS FALSE"
    IS_TRUE = "IS TRUE"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"
    REGEX_MATCH = "REGEX MATCH"
    NOT_REGEX_MATCH = "NOT REGEX MATCH"
    IS_MEMBER_OF = "IS MEMBER OF"
    IS_NOT_MEMBER_OF = "IS NOT MEMBER OF"
    DATE_BEFORE = "DATE BEFORE"
    DATE_ON_OR_BEFORE = "DATE ON OR BEFORE"
    DATE_AFTER = "DATE AFTER"
    DATE_ON_OR_AFTER = "DATE ON OR AFTER"


class Operand(Enum):
    """The kind of `value` that an operator takes."""

    NONE = "no value"
    TEXT = "text"
    INTEGER = "a whole number"
    PATTERN = "a regular expression"
    GROUP = "a group"
    DAY = "a date"


TEXT = frozenset(
    {Operator.AND, Operator.NOT_AND, Operator.ENDS_WITH, Operator.EQUALS, Operator.NOT_EQUALS, Operator.INCLUDES}
)
PATTERNS = frozenset({Operator.REGEX_MATCH, Operator.NOT_REGEX_MATCH})
INTEGERS = frozenset({Operator.GREATER_THAN, Operator.GREATER_THAN_OR_EQUALS})
MEMBERSHIP = frozenset({Operator.IS_MEMBER_OF, Operator.IS_NOT_MEMBER_OF})
DAYS = frozenset({Operator.DATE_BEFORE, Operator.DATE_ON_OR_BEFORE, Operator.DATE_AFTER, Operator.DATE_ON_OR_AFTER})
PRESENCE = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
BOOLEANS = frozenset({Operator.IS_TRUE, Operator.IS_FALSE})
AMBIGUOUS = frozenset({Operator.AND, Operator.NOT_AND})
EXTENSIONS = MEMBERSHIP | DAYS

_OPERANDS = {
    **dict.fromkeys(TEXT, Operand.TEXT),
    **dict.fromkeys(PATTERNS, Operand.PATTERN),
    **dict.fromkeys(INTEGERS, Operand.INTEGER),
    **dict.fromkeys(MEMBERSHIP, Operand.GROUP),
    **dict.fromkeys(DAYS, Operand.DAY),
    **dict.fromkeys(PRESENCE | BOOLEANS, Operand.NONE),
}


def classify_operand(operator: Operator) -> Operand:
    """Return the kind of `value` that `operator` takes."""
    return _OPERANDS[operator]


# --- names --------------------------------------------------------------------


def _normalize(text: str) -> str:
    """Fold case, spaces and underscores: exports and users differ in them."""
    return " ".join(text.replace("_", " ").upper().split())


_BY_KEY = {_normalize(operator): operator for operator in Operator}


def find_operator(text: str) -> Operator | None:
    """Find the operator that `text` names in any case; spaces and underscores are the same."""
    return _BY_KEY.get(_normalize(text))


def suggest_operator(text: str) -> Operator | None:
    """Suggest the operator that `text` may be a typo of."""
    near = difflib.get_close_matches(_normalize(text), _BY_KEY, 1)
    return _BY_KEY[near[0]] if near else None


# --- values as text ------------------------------------------------------------

_MAX_DIGITS = 19
"""Enough for a 64-bit number; int() refuses thousands of digits."""
_INTEGER = re.compile(rf"[+-]?[0-9]{{1,{_MAX_DIGITS}}}")


def parse_integer(text: str) -> int | None:
    """Parse a whole number; None if `text` is none."""
    if text.isdigit() and text.isascii() and len(text) <= _MAX_DIGITS:
        return int(text)  # the common form, in a third of the time
    stripped = text.strip()
    return int(stripped) if _INTEGER.fullmatch(stripped) else None


class UnreadableValueError(ValueError):
    """An operator cannot judge a value: neither true nor false would be right. The message follows the attribute."""


def _reject(text: str, why: str) -> UnreadableValueError:
    return UnreadableValueError(f"holds {quote(shorten(text, 40))}, which is {why}")


# --- tests --------------------------------------------------------------------

_TEXT_TESTS: dict[Operator, Callable[[str], TextTest]] = {
    Operator.EQUALS: lambda value: lambda text: text == value,
    Operator.NOT_EQUALS: lambda value: lambda text: text != value,
    Operator.INCLUDES: lambda value: lambda text: value in text,
    Operator.ENDS_WITH: lambda value: lambda text: text.endswith(value),
    # Entra's documentation: the attribute's value exists in the clause's value.
    Operator.AND: lambda value: lambda text: text in value,
    Operator.NOT_AND: lambda value: lambda text: text not in value,
}


def build_text_test(operator: Operator, value: str, *, ignore_case: bool = False) -> TextTest:
    """Build a test of one of `TEXT`: exact, character by character, or with both sides in lower case."""
    if not ignore_case:
        return _TEXT_TESTS[operator](value)
    test = _TEXT_TESTS[operator](value.lower())
    return lambda text: test(text.lower())


def build_pattern_test(operator: Operator, matches: TextTest) -> TextTest:
    """Build a test of one of `PATTERNS`; `matches`: whether the entire text matches."""
    return matches if operator is Operator.REGEX_MATCH else lambda text: not matches(text)


def build_integer_test(operator: Operator, bound: int) -> TextTest:
    """Build a test of one of `INTEGERS`; it raises `UnreadableValueError` if the text is no whole number."""
    least = bound + (operator is Operator.GREATER_THAN)

    def test(text: str) -> bool:
        number = parse_integer(text)
        if number is None:
            raise _reject(text, "not a whole number")
        return number >= least

    return test


def build_boolean_test(operator: Operator) -> TextTest:
    """Build a test of one of `BOOLEANS`; it raises `UnreadableValueError` if the text is neither True nor False."""
    wanted = operator is Operator.IS_TRUE

    def test(text: str) -> bool:
        found = parse_boolean(text)
        if found is None:
            raise _reject(text, "neither True nor False")
        return found is wanted

    return test


_DAY_TESTS: dict[Operator, Callable[[date], DayTest]] = {
    Operator.DATE_BEFORE: lambda bound: lambda found: found < bound,
    Operator.DATE_ON_OR_BEFORE: lambda bound: lambda found: found <= bound,
    Operator.DATE_AFTER: lambda bound: lambda found: found > bound,
    Operator.DATE_ON_OR_AFTER: lambda bound: lambda found: found >= bound,
}


def build_day_test(operator: Operator, bound: date) -> DayTest:
    """Build a test of one of `DAYS`."""
    return _DAY_TESTS[operator](bound)


def build_day_text_test(operator: Operator, bound: date, *, zero_is_never: bool = False) -> TextTest:
    """Build a test of one of `DAYS` on text; it raises `UnreadableValueError` if the text is not a date.

    `zero_is_never`: 0 is later than every day.
    """
    compare = build_day_test(operator, bound)

    def test(text: str) -> bool:
        found = NEVER if zero_is_never and text.strip() == "0" else parse_day(text)
        if found is None:
            raise _reject(text, "not a date such as 2027-12-31")
        return compare(found)

    return test
