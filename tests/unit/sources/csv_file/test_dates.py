"""Dates."""

from __future__ import annotations

import pytest
from support.csv_files import diagnostics, people, refusal

from reconciler.sources.csv_file.dates import parse_date

HEADER = "userPrincipalName,employeeHireDate\n"


@pytest.mark.parametrize(
    ("text", "order", "value"),
    [
        ("2024-02-03", "iso", "2024-02-03"),
        ("2024-02-03T00:00:00Z", "dmy", "2024-02-03T00:00:00Z"),
        ("2024-02-30", "iso", None),
        ("20240203", "iso", None),
        ("0024-02-03", "iso", None),
        ("9024-02-03T00:00:00Z", "iso", None),
        ("03.02.2024", "iso", None),
        ("03.02.2024", "dmy", "2024-02-03"),
        ("3. 2. 2024", "dmy", "2024-02-03"),
        ("2/3/2024", "mdy", "2024-02-03"),
        ("2/3/2024 0:00", "mdy", "2024-02-03"),
        ("2/3/2024 12:30", "mdy", None),
        ("2/3/24", "mdy", None),
        ("31.04.2024", "dmy", None),
        ("3.2/2024", "dmy", None),
        ("45325", "dmy", None),
        ("03.02.0024", "dmy", None),
        ("٣.٢.٢٠٢٤", "dmy", None),
    ],
)
def test_only_iso_dates_are_read_without_an_order(text: str, order: str, value: str | None) -> None:
    assert parse_date(text, order) == value


def test_the_order_of_local_dates_is_asked_for() -> None:
    summary, detail = refusal(f"{HEADER}a@x.com,\nb@x.com,03.02.2024\nc@x.com,2024-01-01\n")
    assert summary == 'staff.csv:3:2: which is the day in "03.02.2024" (employeeHireDate)?'
    assert detail.splitlines() == [
        "Say it:",
        "  --dates dmy  reads it as 2024-02-03",
        "  --dates mdy  reads it as 2024-03-02",
        "Or write dates as 2024-02-03 in the file, which every program reads the same.",
    ]


def test_an_order_that_cannot_read_all_dates_is_shown_as_such() -> None:
    _, detail = refusal(f"{HEADER}a@x.com,03.02.2024\nb@x.com,25.02.2024\n")
    assert '--dates mdy  cannot read "25.02.2024"' in detail


def test_people_whose_date_cannot_be_read_are_left_as_they_are() -> None:
    text = f"{HEADER}a@x.com,2/3/2024\nb@x.com,25/2/2024\nc@x.com,45325\nd@x.com,\n"
    assert people(text, dates="mdy") == [
        {"userPrincipalName": "a@x.com", "employeeHireDate": "2024-02-03"},
        {"userPrincipalName": "d@x.com"},
    ]
    assert diagnostics(text, dates="mdy") == [
        'error staff.csv:3:2 column employeeHireDate: values that are not dates, such as "25/2/2024" (2 values)'
    ]


def test_columns_without_dates_are_not_asked_about() -> None:
    assert people("userPrincipalName,department\na@x.com,03.02.2024\n")[0]["department"] == "03.02.2024"
