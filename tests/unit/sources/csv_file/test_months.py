"""Dates that spreadsheets make of codes."""

from __future__ import annotations

import pytest

from reconciler.sources.csv_file.months import became_date, is_date, is_iso_date


@pytest.mark.parametrize(
    "text",
    [
        *("2-Jan", "1-févr", "02.févr.", "1-lut", "01.paź", "1-fev", "1-fev-26", "1-mrt", "1. okt.", "1-feb."),
        *("1-máj", "1.márc", "01.Şub", "01.Eyl", "1-út".replace("út", "srp"), "1-led", "01.янв", "1-Φεβ", "janv-24"),
        *("1 septembre 2026", "01.02.2026", "1/2/2026"),
    ],
)
def test_dates_of_all_languages_are_recognised(text: str) -> None:
    assert is_date(text)


@pytest.mark.parametrize("text", ["1-abc", "10-SALES", "DUB-1", "2026", "1-2", "A-1", "12-may-1", "", "1.2.3"])
def test_other_codes_are_no_dates(text: str) -> None:
    assert not is_date(text)


def test_iso_dates_have_another_form() -> None:
    assert is_iso_date("2026-02-01")
    assert is_iso_date("2026-02-01 00:00:00")
    assert not is_iso_date("2026-0201")
    assert not is_iso_date("3026-02-01")


@pytest.mark.parametrize("text", ["2026-02-01", "1-Feb", "2-Jan", "01.02.2026", "1-xyz", "xyz-12"])
def test_a_code_that_became_a_date_is_known_by_its_numbers(text: str) -> None:
    assert became_date("1-12" if text == "xyz-12" else "1-2", text)


@pytest.mark.parametrize(("code", "text"), [("1-2", "3-Mar"), ("1-2", "1-3"), ("A", "1-Feb"), ("1-2", "Room 1")])
def test_other_changes_are_changes(code: str, text: str) -> None:
    assert not became_date(code, text)
