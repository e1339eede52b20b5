"""Cells."""

from __future__ import annotations

import pytest

from reconciler.sources.csv_file.cells import clean_cell, has_hidden_characters, parse_boolean


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  Ada ", "Ada"),
        ("\u00a0Ada\u00a0Lovelace\u200b", "Ada Lovelace"),
        ("A\u0308rger", "Ärger"),
        ("O'Neil", "O'Neil"),
        ('="000123"', "000123"),
        ("=1+1", "=1+1"),
        ("1 Main St\r\nTown", "1 Main St\nTown"),
        ("\u202aada@example.com\u202c", "ada@example.com"),
        # A joiner inside of a word is a part of it, in Persian for one.
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\u200c", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    ],
)
def test_a_cell_is_trimmed_of_what_cannot_be_seen(written: str, read: str) -> None:
    assert clean_cell(written) == read


def test_only_invisible_characters_are_reported_as_such() -> None:
    assert [has_hidden_characters(text) for text in ("Ada ", "Zoë", "Zoë\u00a0M", "Zo\u200bë", "\u202aada\u202c")] == [
        False,
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("True", "yes", "WAHR", "VRAI", "Active", "はい")),
        *((text, False) for text in ("FALSE", "No", "FAUX", "Suspended", "Nein", "否")),
        *((text, None) for text in ("", "1", "maybe")),
    ],
)
def test_booleans_are_words_with_one_meaning(text: str, value: bool | None) -> None:
    assert parse_boolean(text) is value
