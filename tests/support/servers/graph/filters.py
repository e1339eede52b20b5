"""`$filter` as far as clients of ours could send it: comparisons, `in`, `startswith`, `and`, `or`, parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from support.servers.graph.error_answers import GraphError, unsupported_query

Predicate = Callable[[Mapping[str, Any]], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<punctuation>[(),])"
    r"|(?P<word>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[A-Za-z_][\w/.]*|[0-9a-fA-F-]{36}|-?[0-9]+))"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "ge": lambda value, wanted: value is not None and value >= wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "le": lambda value, wanted: value is not None and value <= wanted,
}
"""Times are compared as text: all have one form."""
_ADVANCED = {"ne", "not", "endswith"}
_LIMIT = 15


def parse_filter(text: str, *, advanced: bool) -> Predicate:
    """Compile a filter; `ne` and the like need an advanced query."""
    tokens, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _invalid(text, position)
        tokens.append(match.group().strip())
        position = match.end()
    if not advanced and _ADVANCED & set(tokens):
        raise unsupported_query("Unsupported Query.")
    if tokens.count("or") >= _LIMIT:
        raise unsupported_query("Too many child clauses specified in search filter expression.")
    parser = _Parser(text, tokens)
    found = parser.either()
    if parser.tokens:
        raise _invalid(text, position)
    return found


def _invalid(text: str, position: int) -> GraphError:
    message = f"Invalid filter clause: Syntax error at position {position} in '{text}'."
    return GraphError(400, "BadRequest", message)


class _Parser:
    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text, self.tokens = text, tokens

    def take(self, *expected: str) -> str:
        if not self.tokens or (expected and self.tokens[0] not in expected):
            raise _invalid(self.text, len(self.text))
        return self.tokens.pop(0)

    def either(self) -> Predicate:
        parts = [self.both()]
        while self.tokens[:1] == ["or"]:
            self.take("or")
            parts.append(self.both())
        return lambda row: any(part(row) for part in parts)

    def both(self) -> Predicate:
        parts = [self.one()]
        while self.tokens[:1] == ["and"]:
            self.take("and")
            parts.append(self.one())
        return lambda row: all(part(row) for part in parts)

    def one(self) -> Predicate:
        word = self.take()
        if word == "(":
            inner = self.either()
            self.take(")")
            return inner
        if word == "not":
            negated = self.one()
            return lambda row: not negated(row)
        if word in {"startswith", "endswith"}:
            return self.call(word)
        return self.comparison(word)

    def call(self, word: str) -> Predicate:
        self.take("(")
        name = self.take()
        self.take(",")
        wanted = str(_literal(self.take())).casefold()
        self.take(")")
        test = str.startswith if word == "startswith" else str.endswith
        return lambda row: test(str(_value(row, name) or "").casefold(), wanted)

    def comparison(self, name: str) -> Predicate:
        operator = self.take(*_COMPARISONS, "in")
        if operator == "in":
            return self.membership(name)
        wanted, compare = _folded(_literal(self.take())), _COMPARISONS[operator]
        return lambda row: compare(_folded(_value(row, name)), wanted)

    def membership(self, name: str) -> Predicate:
        self.take("(")
        wanted = {_folded(_literal(self.take()))}
        while self.take(",", ")") == ",":
            wanted.add(_folded(_literal(self.take())))
        if len(wanted) > _LIMIT:
            raise unsupported_query("Too many child clauses specified in search filter expression.")
        return lambda row: _folded(_value(row, name)) in wanted


def _literal(token: str) -> Any:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return {"true": True, "false": False, "null": None}.get(token, token)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _value(row: Mapping[str, Any], name: str) -> Any:
    found: Any = row
    for part in name.split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
