from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import attribute

from reconciler.core.model import Value
from reconciler.core.profile import Comparison
from reconciler.core.values import (
    InvalidValueError,
    is_same_value,
    normalize_domain,
    parse_boolean,
    parse_value,
    to_comparable,
)

TEXT = attribute("title")
NAME = attribute("userName", Comparison.CASE_INSENSITIVE)
LOCALE = attribute("locale", Comparison.LOCALE)
PHONE = attribute("phoneNumbers.value", Comparison.PHONE)
ACTIVE = attribute("active", Comparison.BOOLEAN)


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("true", True), (" FALSE ", False), ("False", False), ("yes", None), ("1", None), ("", None)],
)
def test_booleans_are_read_in_any_case(text: str, value: bool | None) -> None:
    assert parse_boolean(text) is value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (None, None),
        ("", None),
        ([], None),
        ("   ", None),
        ("Ada", "Ada"),
        (" Ada ", "Ada"),
        ("e\u0301", "é"),
        (1001, "1001"),
        (0, "0"),
        ("false", "false"),
    ],
)
def test_a_text_is_read_normalised_and_unassigned_is_one_thing(raw: Any, value: Value | None) -> None:
    found = parse_value(TEXT, raw)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("raw", "value"),
    [(None, None), ("", None), ([], None), (True, True), (False, False), ("True", True), ("false", False)],
)
def test_a_boolean_may_come_as_a_string(raw: Any, value: bool | None) -> None:
    assert parse_value(ACTIVE, raw) is value


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (True, "title holds bool, not a string"),
        (1.5, "title holds float, not a string"),
        ({"value": "x"}, "title holds dict, not a string"),
        (["x"], "title holds list, not a string"),
        ({}, "title holds dict, not a string"),
    ],
)
def test_a_value_of_another_type_is_unreadable(raw: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_value(TEXT, raw)
    assert str(caught.value) == message


@pytest.mark.parametrize("raw", ["maybe", 1, 0, {"a": 1}, ["true"], "x" * 100_000])
def test_what_is_neither_true_nor_false_is_unreadable(raw: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"active holds .{1,80}, neither true nor false"):
        parse_value(ACTIVE, raw)


@pytest.mark.parametrize(
    ("of", "one", "other", "equal"),
    [
        (TEXT, "Ada", "Ada", True),
        (TEXT, "Ada", "ada", False),
        (TEXT, None, None, True),
        (TEXT, None, "Ada", False),
        (NAME, "Ada@Example.com", "ada@example.COM", True),
        (NAME, "straße@example.com", "STRASSE@example.com", False),
        (NAME, "ada@example.com", "bob@example.com", False),
        (NAME, "a_b", "a-b", False),
        (LOCALE, "en_US", "en-us", True),
        (LOCALE, "en_US", "en_GB", False),
        (LOCALE, "en", "en_US", False),
        (PHONE, "tel:+49-30-1234", "+49 (30) 1234", True),
        (PHONE, "TEL:+1.201.555.0123", "+1\u00a0201 555-0123", True),
        (PHONE, "tel:+49-30-1234;ext=5", "+49301234;EXT=5", True),
        (PHONE, "+49 30 1234", "+49 30 1235", False),
        (PHONE, "+49 30 1234", "030 1234", False),
        (PHONE, "+49 (0) 30 1234", "+49 30 1234", False),
        (PHONE, "tel:+49301234;ext=5", "+49301234", False),
        (PHONE, "tel:", "()", False),
        (PHONE, "n.a.", "na", False),
        (PHONE, "Reception", "reception", True),
        (ACTIVE, True, True, True),
        (ACTIVE, True, False, False),
        (ACTIVE, False, None, False),
    ],
)
def test_values_are_the_same_by_the_rule_of_their_attribute(
    of: Any, one: Value | None, other: Value | None, equal: bool
) -> None:
    assert is_same_value(of, one, other) is equal
    assert is_same_value(of, other, one) is equal
    assert (to_comparable(of, one) == to_comparable(of, other)) is equal


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Example.COM", "example.com", True),
        ("example.com.", " example.com ", True),
        ("b\u00fccher.example", "bu\u0308cher.example", True),
        ("xn--bcher-kva.example", "B\u00dcCHER.example", True),
        ("a.xn--bcher-kva.example", "xn--bcher-kva.example", False),
        ("xn--strae-oqa.de", "stra\u00dfe.de", True),
        ("strasse.de", "stra\u00dfe.de", False),
        ("mail.example.com", "example.com", False),
        ("ex\u0430mple.com", "example.com", False),
    ],
)
def test_domains_are_compared_whole_and_by_their_idna_labels(one: str, other: str, same: bool) -> None:
    assert (normalize_domain(one) == normalize_domain(other)) == same


@given(st.text() | st.text("xn-.0123456789az").map(lambda text: f"xn--{text}"))
def test_any_text_has_a_normal_form_as_a_domain(text: str) -> None:
    assert normalize_domain(text.upper()) is not None
