"""Ask for the encoding of a file that is not UTF-8: one word of it in each reading, and what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.text import quote, shorten
from reconciler.errors import ReconcilerError, SourceError
from reconciler.sources.csv_file.options import CsvOptions
from reconciler.sources.csv_file.table import read_table

CANDIDATES = {
    "windows-1252": "Windows, Western Europe and America",
    "mac-roman": "Excel for Mac",
    "windows-1250": "Windows, Central Europe",
    "cp850": "MS-DOS, Western Europe",
    "windows-1251": "Windows, Cyrillic",
    "windows-1253": "Windows, Greek",
    "windows-1254": "Windows, Turkish",
    "shift_jis": "Japanese",
    "gb18030": "Chinese",
    "cp949": "Korean",
}
"""In the order in which they are shown, by how often spreadsheets write them."""
_MOST_READINGS = 5
_MOST_WORDS = 200
_SAMPLE = 1 << 20
"""Bytes in which words are looked for."""
_LONGEST_WORD = 40


def ask_encoding(content: bytes, name: str, options: CsvOptions) -> SourceError:
    """Return the error that asks. The word comes from an imported column: never from a password."""
    line, valid = _find_first_invalid(content)
    if valid is not None:
        detail = (
            f"Line {valid} is UTF-8, line {line} is not. It may be put together from two files.",
            "Save both as UTF-8, and put them together again.",
        )
        return SourceError(f"{name}:{line}: the file is in two encodings", "\n".join(detail))
    possible = [encoding for encoding in CANDIDATES if _is_possible(content, encoding)]
    summary = f"{name}:{line}: not UTF-8, and the file does not say which encoding it is in"
    sample = content[: content.rfind(b"\n", 0, _SAMPLE) + 1] if len(content) > _SAMPLE else content
    readings = _compare_readings({encoding: sample.decode(encoding) for encoding in possible}, name, options)
    lines = [f"  {quote(word)}  --encoding {encoding}  ({CANDIDATES[encoding]})" for word, encoding in readings]
    asked = ["Say the one in which names are right, such as:", *lines] if lines else []
    other = "Or save the file as UTF-8: in Excel, Save As, CSV UTF-8 (comma delimited)."
    return SourceError(summary, "\n".join([*(asked or ["Say it: --encoding windows-1252, for example."]), other]))


def _find_first_invalid(content: bytes) -> tuple[int, int | None]:
    """Return the first line that is not UTF-8, and the first with other letters than ASCII that is, if there is one."""
    invalid = valid = None
    for number, line in enumerate(content.splitlines(), start=1):
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            invalid = invalid or number
        else:
            valid = valid or number
        if invalid and valid:
            break
    return invalid or 1, valid


def _is_possible(content: bytes, encoding: str) -> bool:
    """Whether the file can be text in an encoding."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _compare_readings(texts: dict[str, str], name: str, options: CsvOptions) -> list[tuple[str, str]]:
    """Return one word in each different reading, with its encoding: the word that tells most of them apart."""
    words = {encoding: list(_list_words(text, name, options)) for encoding, text in texts.items()}
    # In a multi-byte encoding, a byte of a letter can be a quote or delimiter, so that there are other cells.
    length = len(words.get("windows-1252") or next(iter(words.values()), []))
    words = {encoding: found for encoding, found in words.items() if found and len(found) == length}
    best: list[tuple[str, str]] = []
    for number in range(min(length, _MOST_WORDS)):
        readings: dict[str, str] = {}
        for encoding, found in words.items():
            readings.setdefault(found[number], encoding)
        if len(readings) > len(best):
            best = list(readings.items())
    likely = [each for each in best if all(letter.isascii() or letter.isalpha() for letter in each[0])]
    return [(shorten(word, _LONGEST_WORD), encoding) for word, encoding in (likely or best)[:_MOST_READINGS]]


def _list_words(text: str, name: str, options: CsvOptions) -> Iterator[str]:
    """Return the cells of imported columns with other letters than ASCII; none if the table cannot be read."""
    try:
        table = read_table(text, name, replace(options, encoding=None))
    except ReconcilerError:  # what is wrong with the table is reported once it can be read
        return
    for row in table.rows:
        yield from (cell.strip() for cell in row.cells if not cell.isascii())
