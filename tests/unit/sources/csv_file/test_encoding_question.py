"""The question about the encoding."""

from __future__ import annotations

import pytest
from support.csv_files import people, refusal

from reconciler.sources.csv_file import encoding_question as module

HEADER = "userPrincipalName;surname;Password\r\n"
GERMAN = f"{HEADER}a@example.com;Groß;Geheimnis-ß\r\nb@example.com;Jürgens;x\r\n"
POLISH = f"{HEADER}a@example.com;Łukasz;x\r\n"
CYRILLIC = f"{HEADER}a@example.com;Иванов;x\r\n"
JAPANESE = f"{HEADER}a@example.com;山田;x\r\n"


@pytest.mark.parametrize(
    ("text", "encoding", "word"),
    [
        (GERMAN, "windows-1252", "Groß"),
        (GERMAN, "mac-roman", "Jürgens"),
        (GERMAN, "cp850", "Groß"),
        (POLISH, "windows-1250", "Łukasz"),
        (CYRILLIC, "windows-1251", "Иванов"),
        (JAPANESE, "shift_jis", "山田"),
    ],
)
def test_the_true_reading_is_among_those_shown_and_can_be_typed(text: str, encoding: str, word: str) -> None:
    content = text.encode(encoding)
    summary, detail = refusal(content)
    assert summary == "staff.csv:2: not UTF-8, and the file does not say which encoding it is in"
    assert f'"{word}"  --encoding {encoding}  (' in detail
    assert len(detail.splitlines()) <= 8
    assert word in [person["surname"] for person in people(content, encoding=encoding)]


def test_a_password_is_never_the_word_that_is_shown() -> None:
    text = "userPrincipalName;Password\r\na@example.com;Geheimnis-ß\r\n"
    summary, detail = refusal(text.encode("cp1252"))
    assert "Geheimnis" not in summary + detail
    assert "--encoding windows-1252" in detail


def test_words_of_a_large_file_are_found_at_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAMPLE", len(GERMAN.encode("cp1252")) + 10)
    _, detail = refusal(GERMAN.encode("cp1252") + b"c@example.com;x;x\r\n" * 100)
    assert '"Groß"  --encoding windows-1252' in detail


def test_two_encodings_in_one_file_are_no_question() -> None:
    content = HEADER.encode() + "a@example.com;Groß;x\r\n".encode() + "b@example.com;Groß;x\r\n".encode("cp1252")
    assert refusal(content) == (
        "staff.csv:3: the file is in two encodings",
        (
            "Line 2 is UTF-8, line 3 is not. It may be put together from two files.\n"
            "Save both as UTF-8, and put them together again."
        ),
    )


def test_a_table_that_cannot_be_read_yet_is_asked_about_without_a_word() -> None:
    _, detail = refusal("Größe\r\n1\r\n".encode("cp1252"))
    assert detail.startswith("Say it: --encoding windows-1252, for example.\nOr save the file as UTF-8")


def test_readings_that_are_no_letters_are_not_shown_beside_one_that_is() -> None:
    _, detail = refusal(f"{HEADER}a@example.com;Łódź;x\r\n".encode("cp1250"))
    assert '"Łódź"  --encoding windows-1250' in detail
    assert "£" not in detail
