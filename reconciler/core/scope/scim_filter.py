"""SCIM filters (RFC 7644 §3.4.2.2), compiled once and run over live resources: the ownership predicate."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.core import paths
from reconciler.core.model import Resource

Predicate = Callable[[Resource], bool]

_MAX_LENGTH = 2_000
_MAX_DEPTH = 20
_TOKEN = re.compile(
    r"""\s*(?:(?P<paren>[()])
        |(?P<string>"(?:[^"\\]|\\.)*")
        |(?P<word>[A-Za-z0-9$_:.-]+(?:\[[^\]]*\](?:\.[A-Za-z]+)?)?))""",
    re.VERBOSE,
)
_CASE_EXACT = frozenset({"id", "externalid", "meta.version"})


class FilterError(ValueError):
    """The text is not a filter; `position` is the 0-based place in it."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    position: int

    @property
    def word(self) -> str:
        return self.text.casefold()


def compile_filter(text: str) -> Predicate:
    """A predicate over resources; raises `FilterError`. Knows eq ne co sw ew pr gt ge lt le, and, or, not, ( )."""
    if len(text) > _MAX_LENGTH:
        raise FilterError(f"the filter is longer than {_MAX_LENGTH:,} characters", _MAX_LENGTH)
    parser = _Parser(_tokens(text), len(text))
    predicate = parser.any_of(0)
    parser.end()
    return predicate


def attribute_names(text: str) -> tuple[str, ...]:
    """The names of the top-level attributes that a filter, which compiles, looks at; extension attributes left out."""
    parser = _Parser(_tokens(text), len(text))
    parser.any_of(0)
    return tuple(parser.names)


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].lstrip()
            raise FilterError(f"cannot read {rest[:20]!r}", len(text) - len(rest))
        tokens.append(_Token(match.group().strip(), match.start() + len(match.group()) - len(match.group().lstrip())))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent; `or` binds weaker than `and`, `and` weaker than `not` (RFC 7644 §3.4.2.2)."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._next = 0
        self._end = end
        self.names: list[str] = []

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _Token("", self._end)

    def _take(self) -> _Token:
        token = self._peek()
        self._next += 1
        return token

    def end(self) -> None:
        token = self._peek()
        if token.text:
            raise FilterError(f"expected and, or or the end, found {token.text!r}", token.position)

    def any_of(self, depth: int) -> Predicate:
        parts = [self._all_of(depth)]
        while self._peek().word == "or":
            self._take()
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else lambda resource: any(part(resource) for part in parts)

    def _all_of(self, depth: int) -> Predicate:
        parts = [self._one(depth)]
        while self._peek().word == "and":
            self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda resource: all(part(resource) for part in parts)

    def _one(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            raise FilterError("nested too deeply", self._peek().position)
        token = self._take()
        if token.word == "not":
            inner = self._group(depth)
            return lambda resource: not inner(resource)
        if token.text == "(":
            self._next -= 1
            return self._group(depth)
        return self._comparison(token)

    def _group(self, depth: int) -> Predicate:
        opening = self._take()
        if opening.text != "(":
            raise FilterError("expected (", opening.position)
        inner = self.any_of(depth + 1)
        closing = self._take()
        if closing.text != ")":
            raise FilterError("expected )", closing.position)
        return inner

    def _comparison(self, token: _Token) -> Predicate:
        try:
            path = paths.parse(token.text)
        except paths.PathError as fault:
            raise FilterError(str(fault), token.position) from fault
        operator = self._take()
        read = _values_of(path)
        if path.urn is None:
            self.names.append(path.attribute)
        if operator.word == "pr":
            return lambda resource: any(_is_present(value) for value in read(resource))
        compare = _OPERATORS.get(operator.word)
        if compare is None:
            known = ", ".join([*_OPERATORS, "pr"])
            raise FilterError(f"{operator.text!r} is no operator; there are {known}", operator.position)
        exact = path.unfiltered.casefold() in _CASE_EXACT
        value = _folded(_literal(self._take()), exact)
        if operator.word == "ne":
            # Of several values none may be equal: "everybody who is no admin".
            return lambda resource: all(_folded(found, exact) != value for found in read(resource) or [None])
        return lambda resource: any(compare(_folded(found, exact), value) for found in read(resource) or [None])


def _values_of(path: paths.Path) -> Callable[[Resource], list[Any]]:
    """All values of a path: several where an attribute on the way is multi-valued (RFC 7644 §3.4.2.2)."""
    read, sub = paths.compile_reader(path), path.sub
    if sub is None or path.filter is not None:
        return lambda resource: _flat(read(resource))
    whole = paths.compile_reader(paths.Path(path.urn, path.attribute))

    def values(resource: Resource) -> list[Any]:
        found = whole(resource)
        return [paths.get(each, sub) for each in found] if isinstance(found, list) else _flat(read(resource))

    return values


def _flat(found: Any) -> list[Any]:
    """The values of a whole attribute: those of its elements where it has some."""
    if isinstance(found, list):
        return [paths.get(each, "value") if isinstance(each, dict) else each for each in found]
    return [] if found is None else [found]


def _is_present(value: Any) -> bool:
    return value not in (None, "", [], {}) and not (isinstance(value, str) and not value.strip())


def _literal(token: _Token) -> Any:
    if token.text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])
    if token.word in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[token.word]
    if re.fullmatch(r"-?\d+(\.\d+)?", token.text):
        return float(token.text)
    raise FilterError(f'{token.text!r} is no value: write "{token.text}" in double quotes', token.position)


def _folded(value: Any, exact: bool) -> Any:
    return value if exact or not isinstance(value, str) else value.casefold()


def _text_pair(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, other: isinstance(one, str) and isinstance(other, str) and test(one, other)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(one: Any, other: Any) -> bool:
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
        texts = isinstance(one, str) and isinstance(other, str)
        return (numbers or texts) and test(one, other)

    return compare


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "co": _text_pair(lambda one, other: other in one),
    "sw": _text_pair(str.startswith),
    "ew": _text_pair(str.endswith),
    "gt": _ordered(lambda one, other: one > other),
    "ge": _ordered(lambda one, other: one >= other),
    "lt": _ordered(lambda one, other: one < other),
    "le": _ordered(lambda one, other: one <= other),
}
