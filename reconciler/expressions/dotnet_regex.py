r"""Translate regular expressions of .NET to RE2, whose time is linear in the text for every pattern.

Syntax with another meaning in RE2 is rewritten (`(?<name>…)`, Unicode `\w` and `\d`, `\uXXXX`, .NET's group numbers);
syntax without an equivalent (look-around, back references, atomic groups, …) is rejected by name. Remaining
differences: `$` without `(?m)` does not match before a final line feed, and a repeat counts to 1,000 at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reconciler.expressions.value_types import EvaluationError, quote_value

MAX_PATTERN = 1_000
MAX_GROUPS = 32

_WORD = r"\p{L}\p{Mn}\p{Nd}\p{Pc}"
_SPACE = r"\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
_NOT_SPACE = (
    r"\x00-\x08\x0e-\x1f\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}"
    r"\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff}"
)
_CLASSES = {"w": _WORD, "d": r"\p{Nd}", "D": r"\P{Nd}", "s": _SPACE, "S": _NOT_SPACE}
_CATEGORY = re.compile(r"[pP]\{(?:L[ulmto]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cfo]?)\}")
_HEXADECIMAL = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_OCTAL = re.compile(r"0[0-7]{0,2}")
_NAME = re.compile(r"\?(?:<([A-Za-z_][A-Za-z0-9_]{0,40})>|'([A-Za-z_][A-Za-z0-9_]{0,40})')")
_FLAGS = re.compile(r"\?([ims]*(?:-[ims]+)?)([:)])")
_CONTROL = re.compile(r"c([A-Za-z])")
_LETTERS = {"a": 7, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_UNSUPPORTED = {
    "?=": "look-ahead",
    "?!": "look-ahead",
    "?<=": "look-behind",
    "?<!": "look-behind",
    "?>": "an atomic group",
    "?(": "a conditional group",
}


def translate(source: str) -> RegexTranslation:
    """Translate `source` to RE2's syntax. Raises `EvaluationError` for unsupported syntax; RE2 finds other errors."""
    if len(source) > MAX_PATTERN:
        raise EvaluationError(f"a regular expression of more than {MAX_PATTERN:,} characters")
    translation = RegexTranslation(source)
    translation.run()
    if len(translation.names) > MAX_GROUPS:
        raise EvaluationError(f"a regular expression with more than {MAX_GROUPS} groups")
    return translation


def _unsupported_error(what: str, pattern: str) -> EvaluationError:
    return EvaluationError(f"the regular expression {quote_value(pattern)} uses {what}, which is not supported")


@dataclass(slots=True)
class RegexTranslation:
    """A translation from .NET to RE2: the output, the group names, and whether a word boundary is used."""

    pattern: str
    at: int = 0
    out: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    boundary: bool = False

    def run(self) -> None:
        """Fill `out`, `names` and `boundary`."""
        while self.at < len(self.pattern):
            character = self.pattern[self.at]
            if character == "\\":
                self.at += 1
                self.out.append(self._translate_escape())
            elif character == "[":
                self.out.append(self._translate_class())
            elif character == "(":
                self.at += 1
                self.out.append(self._translate_group())
            else:
                self.out.append(character)
                self.at += 1

    def _translate_group(self) -> str:
        """Translate what follows an opening parenthesis, up to the group's content."""
        rest = self.pattern[self.at : self.at + 60]
        if not rest.startswith("?"):
            self.names.append(None)
            return "("
        if rest.startswith("?#"):
            end = self.pattern.find(")", self.at)
            if end < 0:
                raise EvaluationError(f"the regular expression {quote_value(self.pattern)} has an unterminated comment")
            self.at = end + 1
            return ""
        for start, what in _UNSUPPORTED.items():
            if rest.startswith(start):
                raise _unsupported_error(what, self.pattern)
        return self._translate_named_or_flags(rest)

    def _translate_named_or_flags(self, rest: str) -> str:
        named = _NAME.match(rest)
        if named:
            name = named[1] or named[2]
            if name in self.names:
                raise _unsupported_error(f"two groups named {name}", self.pattern)
            self.names.append(name)
            self.at += named.end()
            return "("
        flags = _FLAGS.match(rest)
        if flags is None:
            raise _unsupported_error(f"({rest[:3]}", self.pattern)
        self.at += flags.end()
        return f"({flags[0]}"

    def _translate_escape(self) -> str:
        """Translate an escape outside a class; `at` is after its backslash."""
        character = self.pattern[self.at : self.at + 1]
        if character in ("b", "B"):
            self.boundary = True
        if character and character in "bBAz":
            self.at += 1
            return f"\\{character}"
        if character and character in "wdDsS":
            self.at += 1
            return f"[{_CLASSES[character]}]"
        if character == "W":
            self.at += 1
            return f"[^{_WORD}]"
        if character == "k" or (character.isdigit() and character != "0"):
            raise _unsupported_error("a back reference", self.pattern)
        return self._translate_character()

    def _translate_character(self) -> str:
        """Translate an escape that stands for one character or category."""
        rest = self.pattern[self.at : self.at + 12]
        category = _CATEGORY.match(rest)
        if category:
            self.at += category.end()
            return f"\\{category[0]}"
        code, length = _parse_character_code(rest)
        if code is None:
            letter = rest[:1]
            if not letter:
                raise EvaluationError(f"the regular expression {quote_value(self.pattern)} ends in a backslash")
            if letter.isalnum():
                raise _unsupported_error(f"\\{letter}", self.pattern)
            code = ord(letter)
        self.at += length
        return f"\\x{{{code:x}}}"

    def _translate_class(self) -> str:
        """Translate a whole character class."""
        self.at += 1
        negated = self.pattern[self.at : self.at + 1] == "^"
        self.at += negated
        parts, not_word, opposites = self._read_members()
        if opposites:
            # Such as [\s\S]: everything, or negated nothing.
            return r"[^\x00-\x{10ffff}]" if negated else r"(?s:.)"
        if not not_word:
            return f"[{'^' if negated else ''}{''.join(parts)}]"
        if negated:
            raise _unsupported_error(
                r"\W in a class with ^ (name the characters instead, as in [\p{L}\p{Nd}])", self.pattern
            )
        others = f"[{''.join(parts)}]|" if parts else ""
        return f"(?:{others}[^{_WORD}])"

    def _read_members(self) -> tuple[list[str], bool, bool]:
        r"""Read the parts of a class up to its bracket; whether it has `\W`, and whether `\s\S`, `\d\D` or `\w\W`."""
        parts: list[str] = []
        sets: set[str] = set()
        start = self.at
        while True:
            character = self.pattern[self.at : self.at + 1]
            if not character:
                raise EvaluationError(
                    f"the regular expression {quote_value(self.pattern)} has an unterminated character class"
                )
            self.at += 1
            if character == "]" and self.at - 1 > start:
                break
            if character == "\\":
                parts.append(self._translate_member(sets))
            elif character == "[" and self.pattern[self.at - 2] == "-" and parts:
                raise _unsupported_error("subtraction of classes", self.pattern)
            else:
                # `-` stays unescaped: it may be a range.
                parts.append(character if character == "-" or character.isalnum() else f"\\x{{{ord(character):x}}}")
        opposites = any({low, low.upper()} <= sets for low in "wds")
        return [part for part in parts if part], "W" in sets, opposites

    def _translate_member(self, sets: set[str]) -> str:
        character = self.pattern[self.at : self.at + 1]
        if character and character in "wdDsSW":
            sets.add(character)
            self.at += 1
            return _CLASSES.get(character, "")
        if character == "b":
            self.at += 1
            return r"\x08"
        return self._translate_character()


def _parse_character_code(rest: str) -> tuple[int | None, int]:
    """Parse an escape of a character by number or letter; return its code, and the escape's length."""
    number = _HEXADECIMAL.match(rest)
    if number:
        return int(number[1] or number[2], 16), number.end()
    octal = _OCTAL.match(rest)
    if octal:
        return int(octal[0], 8), octal.end()
    control = _CONTROL.match(rest)
    if control:
        return ord(control[1].upper()) - 64, control.end()
    return _LETTERS.get(rest[:1]), 1
