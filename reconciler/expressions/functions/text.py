"""Functions on texts. Unless stated otherwise, a source without a value gives no value.

Entra's documents don't define Append or Mid without a source; no value means that a missing name never gives half an
address. Positions count characters (.NET counts UTF-16 units, which can split an emoji). Len and Prepend are not in
Entra's reference: expressions in use call Len, and Graph lists Prepend with its parameters.
"""

from __future__ import annotations

from reconciler.expressions import casing
from reconciler.expressions.signature import Function, Parameter, optional_parameter
from reconciler.expressions.value_types import (
    MAX_VALUES,
    EvaluationError,
    Value,
    check_length,
    quote_value,
    to_any,
    to_integer,
    to_natural,
    to_position,
    to_text,
    to_values,
)

BINARY, TEXTUAL = "vbBinaryCompare", "vbTextCompare"


def append(source: str | None, suffix: str | None) -> str | None:
    """Return the source followed by the suffix. A suffix without a value is empty."""
    if source is None or suffix is None:
        return source
    check_length(len(source) + len(suffix))
    return source + suffix


def prepend(prefix: str | None, source: str | None) -> str | None:
    """Return the source after the prefix. A prefix without a value is empty."""
    if source is None or prefix is None:
        return source
    check_length(len(prefix) + len(source))
    return prefix + source


def concatenate(*parts: str | None) -> str:
    """Join the operands of `&`, documented for cloud sync only: as in Visual Basic, no value is an empty text."""
    given = [part for part in parts if part]
    check_length(sum(map(len, given)))
    return "".join(given)


def join(separator: str | None, *sources: tuple[str, ...]) -> str:
    """Join all values of all sources with the separator; empty ones are skipped.

    Entra's documents show that by an example only (`Join(", ", "", [surname], [givenName])` gives "Doe, John").
    """
    between = separator or ""
    values = [value for source in sources for value in source if value]
    check_length(sum(map(len, values)) + len(between) * max(0, len(values) - 1))
    return between.join(values)


def length(text: str | None) -> str:
    """Return the number of UTF-16 units, as .NET counts: an emoji has two. Without a text 0, as in Visual Basic."""
    return str(len((text or "").encode("utf-16-le", "surrogatepass")) // 2)


def left(text: str | None, count: int) -> str:
    """Return the first `count` characters: all if it is negative, "" without a text."""
    if text is None:
        return ""
    return text if count < 0 else text[:count]


def mid(source: str | None, start: int, length: int | None = None) -> str | None:
    """Return at most `length` characters from the 1-based `start`; by default the rest, as in cloud sync.

    Entra's documents don't define a start below 1 or a negative length; as in Visual Basic they are errors.
    """
    if source is None:
        return None
    return source[start - 1 :] if length is None else source[start - 1 : start - 1 + length]


def in_str(text: str | None, wanted: str | None, start: int | None = None, compare: str | None = None) -> str:
    """The 1-based position of `wanted` from `start` on, 0 if it is not there.

    Entra's documents don't name the default comparison; here, as in Visual Basic, case counts. No text is "".
    """
    first = 1 if start is None else start
    within, find = text or "", wanted or ""
    if compare == TEXTUAL:
        within, find = casing.lower(within), casing.lower(find)
    elif compare not in (None, BINARY):
        raise EvaluationError(f"{quote_value(compare or '')} is not {BINARY} or {TEXTUAL}")
    if not within or first > len(within):
        return "0"
    return str(within.find(find, first - 1) + 1)


def word(text: str | None, number: int, delimiters: str | None) -> str:
    """Return the word at the 1-based `number`, "" if there is none. Each character of `delimiters` ends a word.

    Entra's documents don't say whether there is an empty word between two delimiters (here: no), and whether a text
    without delimiters is a word (here: yes, the first).
    """
    if not text or number < 1:
        return ""
    if delimiters:
        text = text.translate(dict.fromkeys(map(ord, delimiters), delimiters[0]))
    words = [part for part in text.split(delimiters[0]) if part] if delimiters else [text]
    return words[number - 1] if number <= len(words) else ""


def split(source: str | None, delimiter: str | None) -> tuple[str, ...] | None:
    """Split at the delimiter and trim each part. Raises `EvaluationError` without a delimiter.

    Entra's only example, "PermissionSetOne, PermissionSetTwo" at ",", is trimmed. Empty parts stay.
    """
    if not delimiter:
        raise EvaluationError("Split needs a delimiter")
    if not source:
        return None
    if source.count(delimiter) >= MAX_VALUES:
        raise EvaluationError(f"more than {MAX_VALUES:,} values")
    return tuple(part.strip() for part in source.split(delimiter))


def strip_spaces(source: str | None) -> str | None:
    """Remove spaces: U+0020, the only one that Entra names."""
    return None if source is None else source.replace(" ", "")


def trim(value: Value) -> Value:
    """Remove white space at the ends of the value, or of each value."""
    if value is None:
        return None
    return value.strip() if isinstance(value, str) else tuple(each.strip() for each in value)


def _check_culture(name: str | None) -> str:
    if name and not casing.is_culture(name):
        raise EvaluationError(f'{quote_value(name)} is not a culture such as "en-US"')
    return name or ""


def to_lower(source: str | None, culture: str | None = None) -> str | None:
    """Return lower case; the culture matters for Turkish and Azeri."""
    return None if source is None else casing.lower(source, _check_culture(culture))


def to_upper(source: str | None, culture: str | None = None) -> str | None:
    """Return upper case; the culture matters for Turkish and Azeri."""
    return None if source is None else casing.upper(source, _check_culture(culture))


def pcase(source: str | None, separators: str | None = None) -> str | None:
    """Capitalise each word; see `casing.title`."""
    return None if source is None else casing.title(source, separators)


def normalize_diacritics(source: str | None) -> str | None:
    """Remove diacritics; see `casing.strip_diacritics`."""
    return None if source is None else casing.strip_diacritics(source)


def redact(value: Value) -> Value:
    """Return the value: only logs and explanations show "[Redact]" instead."""
    return value


_SOURCE = Parameter("source")
TEXT = (
    Function("Append", (_SOURCE, Parameter("suffix")), append),
    Function("Join", (Parameter("separator"), Parameter("source", to_values)), join, repeating=1),
    Function("Prepend", (Parameter("prefix"), _SOURCE), prepend),
    Function("Len", (Parameter("String"),), length),
    Function("Left", (Parameter("String"), Parameter("NumChars", to_integer)), left),
    Function("Mid", (_SOURCE, Parameter("start", to_position), optional_parameter("length", to_natural)), mid),
    Function(
        "InStr",
        (
            Parameter("value1"),
            Parameter("value2"),
            optional_parameter("start", to_position),
            optional_parameter("compareType", to_text, BINARY, TEXTUAL),
        ),
        in_str,
    ),
    Function("Word", (Parameter("String"), Parameter("WordNumber", to_integer), Parameter("Delimiters")), word),
    Function("Split", (_SOURCE, Parameter("delimiter")), split),
    Function("StripSpaces", (_SOURCE,), strip_spaces),
    Function("Trim", (Parameter("value", to_any),), trim),
    Function("ToLower", (_SOURCE, optional_parameter("culture")), to_lower),
    Function("ToUpper", (_SOURCE, optional_parameter("culture")), to_upper),
    Function("PCase", (_SOURCE, optional_parameter("wordSeparators")), pcase),
    Function("NormalizeDiacritics", (_SOURCE,), normalize_diacritics),
    Function("Redact", (Parameter("value", to_any),), redact),
)
