"""Values that a spreadsheet has damaged: one finding for each kind and column, with its rows. Pure.

A value that is certainly wrong is never imported: the person is left as is. Where it says who the person is, the whole
file is refused. What only looks odd is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from reconciler.core.characters import find_deceptive_character
from reconciler.core.text import quote, shorten
from reconciler.sources.csv_file.cells import SPREADSHEET_BOOLEANS
from reconciler.sources.csv_file.columns import Column
from reconciler.sources.csv_file.dates import DATE_ATTRIBUTES
from reconciler.sources.csv_file.months import is_date, is_iso_date

IDENTITY = frozenset({"objectId", "userPrincipalName", "employeeId"})
"""What says who a person is, here and in most mappings."""
CODES = IDENTITY | {"costCenter", "division", "postalCode", "telephoneNumber", "mobile", "facsimileTelephoneNumber"}
"""Numbers and short codes, which spreadsheets take for numbers and dates."""
LONGEST_VALUE = 4_096
"""Characters. Entra has 1,024 at most."""
_SAMPLE = 60
_LINES = 5
_SEVERAL = 3


class Certainty(IntEnum):
    """How wrong a value is."""

    ODD = 0
    IN_IDENTITY = 1
    """Odd, and wrong where it says who the person is."""
    IN_CODES = 2
    """Odd, and wrong in numbers and codes."""
    WRONG = 3


@dataclass(frozen=True, slots=True)
class DamageKind:
    """`test`: whether a value has it. `column`: whether a column can. `text`: what these values are.

    `among`: only if all values of this form have it, and there are several. `single`: of one value alone, which says
    nothing about the rest of the file. `explain`: what a reader cannot see in a value; "" if nothing.
    """

    text: str
    detail: str
    certainty: Certainty
    test: Callable[[str], bool]
    column: Callable[[str], bool] = lambda _attribute: True
    among: re.Pattern[str] | None = None
    single: bool = False
    explain: Callable[[str], str] = lambda _value: ""

    def is_error(self, attribute: str, identity: frozenset[str]) -> bool:
        """Whether a value of the attribute must not be imported."""
        match self.certainty:
            case Certainty.WRONG:
                return True
            case Certainty.IN_CODES:
                return attribute in CODES or attribute in identity
            case Certainty.IN_IDENTITY:
                return attribute in identity
            case Certainty.ODD:
                return False


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a column: `rows` are positions in the table, in order."""

    kind: DamageKind
    column: Column
    rows: tuple[int, ...]
    sample: str


_AS_TEXT = "Format the column as Text in the spreadsheet before the data is opened or typed, and export it again."
_SHORTENED = re.compile(r"-?\d(?:[.,]\d+)?E[+-]\d{2,3}", re.IGNORECASE | re.ASCII)
_ERROR_VALUE = re.compile(
    r"#[¡¿]?[^\W\d_]{1,24}(?:/[^\W_]{1,4})?[!?]"
    r"|#[^\W\d_]/[^\W\d_]"
    r"|#(?:NV|NB|YOK|HIÁNYZIK|GETTING_DATA|REF|BEZUG|NAME|NOM|VALUE|WERT|VALEUR|NUM|ZAHL|NULL|SPILL|CALC|FIELD)|#####*"
    r"|(?:Err|Error|Erreur|Errore|Erro|Fehler|Fout|Fel|Błąd|Chyba|Hiba|Hata)\.? ?: ?\d{3}",
    re.IGNORECASE,
)
"""Excel's names in all its languages (`#REF!`, `#¿NOMBRE?`, `#DZIEL/0!`, `#N/D`), LibreOffice's `Err:502`."""
_DECIMAL = re.compile(r"\d+[.,]0+", re.ASCII)
_LONG_DIGITS = re.compile(r"\d{15}0+", re.ASCII)
_PLACEHOLDERS = frozenset({"null", "(null)", "nan", "none", "undefined", "n/a", "nil", "<null>", "[object object]"})
_FORMULA = re.compile(r"[=@]|[+-](?![\d( ]|$)")
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@.]+(?:\.[^\s@.]+)+")
_MAX_ADDRESS = 320
_CUT_LENGTHS = (255, 256)


def _is_mojibake(text: str) -> bool:
    """Whether UTF-8 was once read as Windows-1252, and saved."""
    if text.isascii() or not any(each in text for each in "ÃÂâÅÄ"):
        return False
    try:
        return len(text.encode("cp1252").decode()) < len(text)
    except UnicodeError:
        return False


def _is_no_address(text: str) -> bool:
    return len(text) > _MAX_ADDRESS or _ADDRESS.fullmatch(text) is None or find_deceptive_character(text) is not None


def _explain_character(text: str) -> str:
    found = find_deceptive_character(text)
    return f" with {found.text}" if found is not None else ""


def _is_user_name(attribute: str) -> bool:
    return attribute == "userPrincipalName"


def _is_no_date(attribute: str) -> bool:
    return attribute not in DATE_ATTRIBUTES


def _is_code(attribute: str) -> bool:
    return attribute in CODES


def _is_one_line(attribute: str) -> bool:
    return attribute != "streetAddress"


KINDS: Sequence[DamageKind] = (
    DamageKind(
        "error values of a spreadsheet",
        "The formula that should give the value has failed. Fix it in the spreadsheet, and export it again.",
        Certainty.WRONG,
        lambda text: ("#" in text or ":" in text) and _ERROR_VALUE.fullmatch(text) is not None,
    ),
    DamageKind(
        "numbers that a spreadsheet has shortened, so that digits are lost",
        _AS_TEXT,
        Certainty.WRONG,
        lambda text: _SHORTENED.fullmatch(text) is not None,
    ),
    DamageKind(
        "values with a character that was lost in another encoding (U+FFFD)",
        "Export the file again, as UTF-8.",
        Certainty.WRONG,
        lambda text: "\ufffd" in text,
    ),
    DamageKind(
        "values with control characters or changed text direction",
        "No name has them. Type the value again without them.",
        Certainty.WRONG,
        lambda text: not text.isprintable() and _FORBIDDEN.search(text) is not None,
        single=True,
    ),
    DamageKind(
        "values with a line break",
        "Only streetAddress may have several lines. Is a quote missing in the rows before?",
        Certainty.WRONG,
        lambda text: "\n" in text,
        _is_one_line,
        single=True,
    ),
    DamageKind(
        f"values longer than {LONGEST_VALUE:,} characters",
        "No directory has such values. Is a quote missing in the rows before?",
        Certainty.WRONG,
        lambda text: len(text) > LONGEST_VALUE,
        single=True,
    ),
    DamageKind(
        "values that are not user names of the form ada@example.com",
        "A user name has one @, a domain, no spaces, and letters of one script in each part.",
        Certainty.WRONG,
        _is_no_address,
        _is_user_name,
        single=True,
        explain=_explain_character,
    ),
    DamageKind(
        "dates, which is what spreadsheets make of values such as 1-2",
        _AS_TEXT,
        Certainty.IN_CODES,
        is_date,
        _is_no_date,
    ),
    DamageKind(
        "dates such as 2026-02-01, which is what programs make of values such as 1-2",
        _AS_TEXT,
        Certainty.IN_CODES,
        is_iso_date,
        _is_code,
    ),
    DamageKind(
        "numbers with decimals, which is what programs make of whole numbers",
        "Export the column as text, and import it again.",
        Certainty.IN_CODES,
        lambda text: _DECIMAL.fullmatch(text) is not None,
        among=re.compile(r"\d[\d.,]*", re.ASCII),
    ),
    DamageKind(
        "numbers that end in zeros from the 16th digit on, where spreadsheets lose digits",
        _AS_TEXT,
        Certainty.IN_CODES,
        lambda text: _LONG_DIGITS.fullmatch(text) is not None,
        among=re.compile(r"\d{16,}", re.ASCII),
    ),
    DamageKind(
        "placeholders for a missing value",
        "Leave the cell empty if there is no value.",
        Certainty.IN_IDENTITY,
        lambda text: text.casefold() in _PLACEHOLDERS,
    ),
    DamageKind(
        "text that was read in another encoding than UTF-8, and saved",
        "Export the file again, as UTF-8, and do not save it from a program that shows such characters.",
        Certainty.IN_IDENTITY,
        _is_mojibake,
    ),
    DamageKind(
        "values of 255 or 256 characters, where some programs cut them off",
        "Compare one of them with the system that it comes from.",
        Certainty.IN_IDENTITY,
        lambda text: len(text) in _CUT_LENGTHS,
    ),
    DamageKind(
        "booleans of a spreadsheet",
        "The value is imported as text. Is it the right column?",
        Certainty.IN_IDENTITY,
        lambda text: text in SPREADSHEET_BOOLEANS,
    ),
    DamageKind(
        "formulas for a spreadsheet",
        "They are imported as text. A spreadsheet that opens an export of these users would run them.",
        Certainty.ODD,
        lambda text: _FORMULA.match(text) is not None,
    ),
)
"""Errors first. A value is reported once: under the first kind that it has."""


def find_damage(column: Column, values: Sequence[str]) -> list[Damage]:
    """Return what is wrong with the values of a column. Looks at each different value once."""
    different = set(values) - {""}
    kinds = [kind for kind in KINDS if kind.column(column.attribute) and _is_possible(kind, different)]
    verdicts: dict[str, DamageKind | None] = {"": None}
    found: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if value not in verdicts:
            verdicts[value] = next((kind for kind in kinds if kind.test(value)), None)
        kind = verdicts[value]
        if kind is not None:
            found.setdefault(kind.text, []).append(row)
    by_text: Mapping[str, DamageKind] = {kind.text: kind for kind in kinds}
    return [
        Damage(by_text[text], column, tuple(rows), _show(by_text[text], values[rows[0]]))
        for text, rows in found.items()
    ]


def _show(kind: DamageKind, value: str) -> str:
    return f"{quote(shorten(value, _SAMPLE))}{kind.explain(value)}"


def _is_possible(kind: DamageKind, values: Iterable[str]) -> bool:
    """Whether all values of the form that the kind is about have it."""
    if kind.among is None:
        return True
    formed = [value for value in values if kind.among.fullmatch(value)]
    return len(formed) >= _SEVERAL and all(map(kind.test, formed))


def format_lines(lines: Sequence[int]) -> str:
    """Return `Line 4.` or `Lines 4, 9, 12, 20, 31 and 204 more.`."""
    shown = ", ".join(map(str, lines[:_LINES]))
    more = f" and {len(lines) - _LINES:,} more" if len(lines) > _LINES else ""
    return f"Line{'' if len(lines) == 1 else 's'} {shown}{more}."
