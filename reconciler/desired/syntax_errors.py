"""Name the cause of a YAML syntax error where it is: libyaml reports what it expected, often lines later. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.text import escape_control, pluralize, quote, shorten

_MAX_LINES = 2_000
"""Lines that are searched for the quote or bracket that an error began with."""
ODD_SPACES = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff"
"""Characters, for a regular expression, that look like a blank or like nothing, and are no white space in YAML."""
_MARKER = re.compile(r"\s*(?:<{7}|\|{7}|={7}|>{7})(?=\s|$)")
_INDENTATION = re.compile(rf"[ \t{ODD_SPACES}]*")
_ODD_SPACE = re.compile(rf"[{ODD_SPACES}]")
_AFTER_MARK = re.compile(rf"(?:^|\s)(?:-|[\w.\"']+:)[ \t]*([\t{ODD_SPACES}])")
_NO_SPACE = re.compile(r"\s*(?:- +)?([\"']?)(?!https?:|urn:|mailto:)[A-Za-z][\w.-]*\1:(?=[^\s:])")
_NO_SPACE_IN_FLOW = re.compile(r"[{,]\s*[A-Za-z][\w.]*:(?=[^\s,}])")
_NO_SPACE_AFTER_DASH = re.compile(r"\s*-(?=[^\s-])")
_VALUE = re.compile(r"\s*(?:-\s+)*(?:[\"']?[\w.-]+[\"']?:\s+)?")
_FLOW_VALUE = re.compile(r"[{,]\s*[\w.]+:\s+([@`%*&!|>])")
_FLOW_ITEM = re.compile(r"[\[,]\s*([@`%])")
_KEY = re.compile(r"(?:- +)?[\w.\"'-]+\s*:(?:\s|$)")
_WORD = re.compile(r"(?:\s*- +)?\s*\S+")
_OPENING = re.compile(r"(?:^\s*|[:,\[{-]\s+|[\[{])([\"'])")
_CLOSED = {'"': re.compile(r'"(?:[^"\\]|\\.)*"'), "'": re.compile(r"'(?:[^']|'')*'")}
_AFTER_QUOTE = re.compile(r"\s*(?:$|[,\]}:]|\s#)")
_DASHES = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212", "\u2022")
"""Characters that look like the dash of a list item, and a bullet."""
_SMART = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_NAMES = frozenset({"userPrincipalName", "objectId", "name", "target"})
"""Keys that name an entry."""
_REST = "The rest of the file was not read."


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, 1-based."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ParserError:
    """What libyaml reports: the problem with its place, and the context with the place where that began."""

    problem: str
    at: Mark
    context: str = ""
    since: Mark | None = None


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """The cause of a syntax error, its place, and how to fix it."""

    summary: str
    detail: str
    at: Mark


def explain_syntax_error(text: str, error: ParserError) -> SyntaxProblem:
    """Return the most likely cause of a syntax error in `text`."""
    lines = _Lines(text.split("\n"))
    found = _search(lines, error)
    if found is not None:
        return SyntaxProblem(found.summary, f"{found.detail} {_REST}", found.at)
    what = ", ".join(part for part in (error.problem, error.context) if part)
    return SyntaxProblem(what, f"Fix the YAML syntax here; {_REST[0].lower()}{_REST[1:]}", error.at)


class _Lines:
    """The lines of a file by number, 1-based; beyond the end they are empty."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def __getitem__(self, number: int) -> str:
        return self._lines[number - 1].rstrip("\r") if 1 <= number <= len(self._lines) else ""

    def find_previous(self, number: int) -> int:
        """Return the number of the line before `number` that is neither blank nor a comment; 0 if there is none."""
        while number > 1:
            number -= 1
            if self[number].strip() and not self[number].lstrip().startswith("#"):
                return number
        return 0


def _search(lines: _Lines, error: ParserError) -> SyntaxProblem | None:
    """Search the lines near the error for each cause, the first line first."""
    for number in _list_near(lines, error):
        for check in _CHECKS:
            found = check(lines[number], number)
            if found is not None:
                return found
    return _find_unclosed_quote(lines, error) or _explain_by_kind(lines, error)


def _list_near(lines: _Lines, error: ParserError) -> list[int]:
    """List the lines at which the cause probably is: the line of the error, the one before, and a key's without end."""
    numbers = {lines.find_previous(error.at.line), error.at.line}
    if error.since is not None and ("simple key" in error.context or "scalar" in error.context):
        numbers.add(error.since.line)
    return sorted(number for number in numbers if number)


# --- causes that one line shows -------------------------------------------------


def _find_marker(line: str, number: int) -> SyntaxProblem | None:
    found = _MARKER.match(line)
    if found is None:
        return None
    column = len(line) - len(line.lstrip()) + 1
    return SyntaxProblem(
        "an unresolved merge conflict", "Resolve it, and remove the conflict markers.", Mark(number, column)
    )


def _find_odd_space(line: str, number: int) -> SyntaxProblem | None:
    """Find a tab in the indentation, or a character that only looks like a blank in it, or after a colon or a dash."""
    indentation = _INDENTATION.match(line)
    blanks = indentation.group() if indentation else ""
    after = _AFTER_MARK.search(line)
    odd = _ODD_SPACE.search(blanks)
    column = odd.start() if odd else blanks.find("\t")
    if column < 0 and after and after[1] != "\t":
        column = after.start(1)
    if column < 0 and after and line[: after.start(1)].rstrip().endswith("-"):
        column = after.start(1)
    if column < 0:
        return None
    return SyntaxProblem(*describe_odd_space(line[column]), Mark(number, column + 1))


def describe_odd_space(character: str) -> tuple[str, str]:
    """Return summary and detail for a character that looks like a blank, or like nothing."""
    if character == "\t":
        return "a tab instead of spaces", "YAML is indented with spaces: replace the tab."
    if character == "\ufeff":
        return (
            "a byte order mark (U+FEFF) inside of the file",
            "Remove this invisible character: such files are often two that were joined.",
        )
    name = "a no-break space" if character in "\u00a0\u202f" else "an invisible or unusual space"
    return f"{name} (U+{ord(character):04X}) instead of a space", "Replace it with a space: it comes from copied text."


def _find_missing_space(line: str, number: int) -> SyntaxProblem | None:
    found = _NO_SPACE.match(line) or _NO_SPACE_IN_FLOW.search(line)
    if found is None:
        return None
    return SyntaxProblem("no space after the colon", "Write `key: value`.", Mark(number, found.end() + 1))


def find_missing_space(text: str) -> int | None:
    """Return the index of what follows the colon in `key:value`; None if `text` is something else."""
    found = _NO_SPACE.match(text)
    return found.end() if found else None


def _find_missing_space_after_dash(line: str, number: int) -> SyntaxProblem | None:
    found = _NO_SPACE_AFTER_DASH.match(line)
    if found is None or not _KEY.match(line[found.end() :]):
        return None
    return SyntaxProblem("no space after the dash", "Write `- key: value`.", Mark(number, found.end() + 1))


def _find_special_character(line: str, number: int) -> SyntaxProblem | None:
    """Find a value that begins with a character that has a meaning in YAML."""
    start = _VALUE.match(line)
    column = start.end() if start else 0
    if column >= len(line) or line[column] not in "@`%" or (line[column] == "%" and column == 0):
        flow = _FLOW_VALUE.search(line) or _FLOW_ITEM.search(line)
        if flow is None or flow[1] not in "@`%":
            return None
        column = flow.start(1)
    return _describe_special(line, Mark(number, column + 1))


def _describe_special(line: str, at: Mark) -> SyntaxProblem:
    character = line[at.column - 1]
    return SyntaxProblem(f"a value begins with {character}", "Put the value in double quotes.", at)


def _find_smart_quote(line: str, number: int) -> SyntaxProblem | None:
    start = _VALUE.match(line)
    column = start.end() if start else 0
    if not _SMART.match(line, column):
        flow = re.search(rf"[{{,]\s*[\w.]+:\s+({_SMART.pattern})", line)
        if flow is None:
            return None
        column = flow.start(1)
    return SyntaxProblem(*describe_smart_quote(line[column]), Mark(number, column + 1))


def describe_smart_quote(character: str) -> tuple[str, str]:
    """Return summary and detail for a typographic quotation mark where YAML wants a quote."""
    return f"a typographic quote (U+{ord(character):04X})", "Replace it with \" or ': YAML has no other quotes."


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A character in a plain scalar that looks like a space or a quote; `index`: of the character."""

    index: int
    summary: str
    detail: str


def find_look_alike(text: str, *, key: bool) -> LookAlike | None:
    """Return what makes a plain scalar another one than it looks like.

    Odd spaces around a key; around a value they do not matter, values are stripped. Typographic quotes around either.
    """
    if key:
        for index in (0, len(text) - 1):
            if _ODD_SPACE.match(text, index):
                return LookAlike(index, *describe_odd_space(text[index]))
    if len(text) > 1 and _SMART.match(text) and _SMART.match(text, len(text) - 1):
        return LookAlike(0, *describe_smart_quote(text[0]))
    return None


def describe_repeated_key(key: str, first: int, repeated: Sequence[str], begins: bool) -> tuple[str, str]:
    """Return summary and detail for a key that is given twice; `first`: the line of the first one.

    `repeated`: all such keys of an entry; empty where no entry can begin. `begins`: the key is the first of the entry.
    To keep one of two names would make one entry of two: with a name or several keys, a dash is missing.
    """
    summary, shown = f"key {quote(key)} is given twice", f"`- {shorten(escape_control(key), 40)}: …`"
    if repeated and (key in _NAMES or len(set(repeated)) > 1):
        detail = f"The first is on line {first}, so another entry begins here or just above. "
        detail += f"Write a dash before its first key, such as {shown}."
        return f"a dash is missing: {summary} in one entry", detail
    if repeated and begins:
        return summary, f"If a new entry begins here, write a dash before it: {shown}."
    return summary, f"Keep one of them; the first is on line {first}."


def _find_text_after_quote(line: str, number: int) -> SyntaxProblem | None:
    """Find a quoted value that ends before its line does: 'O'Hara'."""
    for start, end in _list_quoted(line):
        if end is not None and not _AFTER_QUOTE.match(line, end):
            column = end + len(line[end:]) - len(line[end:].lstrip())
            detail = "Quote the whole value. Inside of single quotes, an apostrophe is written twice: 'O''Hara'."
            if line[start] == '"':
                detail = 'Quote the whole value. Inside of double quotes, a quote is written \\".'
            return SyntaxProblem("text after the closing quote", detail, Mark(number, column + 1))
    return None


def _list_quoted(line: str) -> Iterator[tuple[int, int | None]]:
    """Yield the start and the end of each quoted value of a line; the end is None for one that is not closed."""
    position = 0
    while (opening := _OPENING.search(line, position)) is not None:
        start = opening.start(1)
        closed = _CLOSED[line[start]].match(line, start)
        yield start, closed.end() if closed else None
        if closed is None:
            return
        position = closed.end()


_CHECKS: tuple[Callable[[str, int], SyntaxProblem | None], ...] = (
    _find_marker,
    _find_odd_space,
    _find_missing_space,
    _find_missing_space_after_dash,
    _find_smart_quote,
    _find_special_character,
    _find_text_after_quote,
)


# --- causes that the kind of the error shows ------------------------------------


def _find_unclosed_quote(lines: _Lines, error: ParserError) -> SyntaxProblem | None:
    since = error.since.line if error.since is not None else error.at.line
    for number in range(max(since, error.at.line - _MAX_LINES), error.at.line + 1):
        start = next((start for start, end in _list_quoted(lines[number]) if end is None), None)
        if start is not None and not lines[number].lstrip().startswith("#"):
            quote = lines[number][start]
            detail = f"Close it: {quote}value{quote}."
            if quote == "'":
                detail += " A value with an apostrophe goes in double quotes."
            return SyntaxProblem("a quote that is not closed", detail, Mark(number, start + 1))
    return None


def _explain_by_kind(lines: _Lines, error: ParserError) -> SyntaxProblem | None:
    problem, at, since = error.problem, error.at, error.since
    if "escape character" in problem or "hexdecimal" in problem:
        detail = "Write it twice: \\\\, or put the value in single quotes."
        return SyntaxProblem("a backslash in double quotes", detail, at)
    if since is not None and "parsing a flow" in error.context:
        return _explain_flow(lines, error, since)
    if since is not None and "scanning a" in error.context:
        return _explain_scanned(lines, error, since)
    here = lines[at.line][at.column - 1 : at.column]
    if here in ("-", "?") and "not allowed" in problem:
        detail = "Put the value in double quotes. The first dash of a list goes on the next line."
        return SyntaxProblem(f"a value begins with {here}", detail, at)
    if here in ("}", "]"):
        return SyntaxProblem(f"a {here} too many", "Remove it, or open what it closes.", at)
    return _explain_indentation(lines, error)


def _explain_scanned(lines: _Lines, error: ParserError, since: Mark) -> SyntaxProblem | None:
    """Explain a scalar, an anchor, an alias or a key that is not what it looks like."""
    line = lines[since.line]
    if "unexpected ':'" in error.problem:
        url = lines[error.at.line].startswith("://", error.at.column - 1)
        detail = "Put the value in double quotes." + (" A domain is written without https://." if url else "")
        return SyntaxProblem("a colon in the value", detail, error.at)
    if "simple key" in error.context:
        item = _explain_list_item(lines, since.line)
        if item is not None:
            return item
        word = _WORD.match(line)
        column = word.end() + 1 if word else since.column
        return SyntaxProblem("no colon after the key", "Write `key: value`.", Mark(since.line, column))
    return _describe_special(line, since) if line[since.column - 1 : since.column] in (*"&*!|>",) else None


def _explain_list_item(lines: _Lines, number: int) -> SyntaxProblem | None:
    """Explain a line after a list item that is no item: its dash is missing, or is another character."""
    line, before = lines[number].lstrip(" "), lines[lines.find_previous(number)]
    at = Mark(number, len(lines[number]) - len(line) + 1)
    if line[:1] in _DASHES and line[1:2] == " ":
        return SyntaxProblem(f"a dash of another kind (U+{ord(line[0]):04X})", "Write the list item with -.", at)
    if before.lstrip().startswith("- ") and len(before) - len(before.lstrip(" ")) == at.column - 1:
        return SyntaxProblem("no dash before the list item", "Write `- value`, as in the line before.", at)
    return None


def _explain_flow(lines: _Lines, error: ParserError, since: Mark) -> SyntaxProblem:
    opening = lines[since.line][since.column - 1 : since.column]
    closing = {"{": "}", "[": "]"}.get(opening, opening)
    line = lines[error.at.line]
    if error.at.line > since.line and len(line) - len(line.lstrip()) < since.column:
        return SyntaxProblem(f"a {opening} that is not closed", f"Close it with {closing}.", since)
    if error.at.line > since.line:
        return SyntaxProblem("no comma before this line", f"End the line before with a comma, or {closing}.", error.at)
    detail = "Put the value in single quotes, if this is a part of it. Otherwise a comma is missing before it."
    where = f"between {opening} and {closing}" if opening else "here"
    return SyntaxProblem(f"text that is not expected {where}", detail, error.at)


def _explain_indentation(lines: _Lines, error: ParserError) -> SyntaxProblem | None:
    """Explain a line that is indented differently, or a value that has a colon."""
    line = lines[error.at.line]
    indent = len(line) - len(line.lstrip(" "))
    before = lines[lines.find_previous(error.at.line)]
    dashes = len(before) - len(before.lstrip(" "))
    if line.lstrip().startswith("- ") and before.lstrip().startswith("- ") and indent != dashes:
        return _describe_indentation(Mark(error.at.line, indent + 1), indent, dashes, "Items of one list")
    key = _KEY.match(before.lstrip())
    expected = len(before) - len(before.lstrip(" ")) + (2 if before.lstrip().startswith("- ") else 0)
    if "mapping values" in error.problem:
        if indent > expected and key is not None:
            return _describe_indentation(Mark(error.at.line, indent + 1), indent, expected)
        detail = "Put the value in double quotes: a colon and a space begin a value."
        return SyntaxProblem("a colon in the value", detail, error.at)
    if error.at.column == indent + 1 and _KEY.match(line.lstrip()) and indent != expected:
        return _describe_indentation(error.at, indent, expected)
    if "did not find expected key" in error.problem:
        detail = "Put the whole value in double quotes."
        return SyntaxProblem("text after the end of the value", detail, error.at)
    return None


def _describe_indentation(at: Mark, indent: int, expected: int, what: str = "Keys of one mapping") -> SyntaxProblem:
    detail = f"{what} begin in the same column. The line before has {pluralize(expected, 'space')}."
    return SyntaxProblem(f"indented by {pluralize(indent, 'space')} instead of {expected}", detail, at)
