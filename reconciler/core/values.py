"""Parse and compare attribute values: one rule per attribute, used to match, diff, re-check and verify."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from reconciler.core.model import Value
from reconciler.core.profile import Attribute, Comparison
from reconciler.core.text import normalize, quote, shorten

_LONGEST_LABEL = 63
_BOOLEANS = {"true": True, "false": False}
# RFC 3966 §3: visual separators. E.123 and people use blanks as well.
_PHONE_SEPARATORS = re.compile(r"[-.()\s]+")


class InvalidValueError(ValueError):
    """A value of a type that the attribute cannot have."""


def parse_boolean(text: str) -> bool | None:
    """Parse a boolean in any case, as Entra writes it ("True"); None if `text` is none."""
    return _BOOLEANS.get(text.strip().casefold())


def is_text(attribute: Attribute) -> bool:
    """Whether values of `attribute` are strings."""
    return attribute.comparison is not Comparison.BOOLEAN


def parse_value(attribute: Attribute, raw: Any) -> Value | None:
    """Parse a raw JSON or YAML value as a value of `attribute`; None if unassigned.

    Services send booleans as strings and numbers for strings: both are accepted. Raises `InvalidValueError` if the type
    is wrong.
    """
    is_boolean = attribute.comparison is Comparison.BOOLEAN
    if raw.__class__ is str and not is_boolean:
        return normalize(raw) or None
    if raw is None or raw in ("", []):
        return None
    if is_boolean:
        return _parse_boolean_value(attribute, raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise InvalidValueError(f"{attribute.path} holds {type(raw).__name__}, not a string")


def _parse_boolean_value(attribute: Attribute, raw: Any) -> bool:
    value = raw if isinstance(raw, bool) else parse_boolean(raw) if isinstance(raw, str) else None
    if value is None:
        raise InvalidValueError(f"{attribute.path} holds {quote(shorten(str(raw), 40))}, neither true nor false")
    return value


def fold_case(name: str) -> str:
    """Fold a user name for comparison. Not `casefold`: strasse@ and straße@ are two mailboxes of two users."""
    text = name.strip()
    # As `normalize`, without a call for each of millions of names.
    return text.lower() if text.isascii() else normalize(text).lower()


def normalize_domain(domain: str) -> str:
    """Return a domain in the form in which the same domains are equal: folded, and its IDNA labels decoded.

    It is compared as a whole: a subdomain can be that of another organisation.
    """
    folded = unicodedata.normalize("NFKC", domain.strip()).lower().removesuffix(".")
    return ".".join(map(_decode_label, folded.split("."))) if "xn--" in folded else folded


def _decode_label(label: str) -> str:
    # RFC 1034 §3.1: a label has at most 63 characters. Decoding takes quadratic time.
    if not label.startswith("xn--") or len(label) > _LONGEST_LABEL:
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, OverflowError, ValueError):
        return label


def to_comparable(attribute: Attribute, value: Value | None) -> Value | None:
    """Return the comparable form of a value from `parse_value`: equal for values that are the same."""
    comparison = attribute.comparison
    if comparison is Comparison.EXACT or value.__class__ is not str:
        return value
    value = str(value)
    if comparison is Comparison.LOCALE:
        # en_US (Apple, POSIX) and en-US (RFC 5646) are one locale.
        return value.replace("_", "-").lower()
    if comparison is Comparison.PHONE:
        return _fold_phone_number(value)
    return value.lower() if value.isascii() else fold_case(value)


def _fold_phone_number(text: str) -> str:
    """Fold `tel:+49-30-1234` and `+49 (30) 1234` into one number; a text without digits is folded as any other."""
    number = _PHONE_SEPARATORS.sub("", text.lower().removeprefix("tel:"))
    return number if any(map(str.isdigit, number)) else fold_case(text)


def is_same_value(attribute: Attribute, one: Value | None, other: Value | None) -> bool:
    """Whether two values of `attribute` are the same."""
    return one == other or to_comparable(attribute, one) == to_comparable(attribute, other)


def differs_in_case(attribute: Attribute, one: Value | None, other: Value | None) -> bool:
    """Whether two values are the same but for their case, which a service may keep."""
    return attribute.comparison is Comparison.CASE_PRESERVING and one != other and is_same_value(attribute, one, other)


def is_same_form(attribute: Attribute, one: Value | None, other: Value | None) -> bool:
    """Whether two values differ in form at most: in case, white space, or what `is_same_value` ignores.

    The limit of what a service may make of a value that it was sent: anything else is another value.
    """
    return isinstance(one, str) and isinstance(other, str) and _to_form(attribute, one) == _to_form(attribute, other)


def _to_form(attribute: Attribute, value: str) -> str:
    folded = fold_case(str(to_comparable(attribute, value)))
    # Blanks in a user name may make another user's name.
    return folded if attribute.comparison is Comparison.CASE_PRESERVING else " ".join(folded.split())
