"""The grammar of SCIM filters (RFC 7644 §3.4.2.2): text to `core.scope.scim_filter` trees.

It accepts more than the RFC's grammar: any white space between tokens or none where they are still apart, the
`enterprise:` alias, and `emails[type eq "work"].value` as an attribute path. LALR: time and memory grow with the
length of the text and nothing recurses.
"""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import replace
from typing import TypeAlias

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args

from reconciler.core import paths
from reconciler.core.scope.scim_filter import (
    OPERATORS,
    AndFilter,
    ComparisonFilter,
    ElementFilter,
    Filter,
    FilterValue,
    NotFilter,
    OrFilter,
    PresenceFilter,
)

MAX_LENGTH = 2_000
MAX_DEPTH = 20

_GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction | conjunction (OR conjunction)+ -> join_or
?conjunction: term | term (AND term)+ -> join_and
?term: path PRESENT -> presence
    | path OPERATOR literal -> comparison
    | ATTRIBUTE "[" disjunction "]" -> element
    | NOT "(" disjunction ")" -> negation
    | LPAR disjunction ")" -> group
path: ATTRIBUTE -> path
    | ATTRIBUTE "[" disjunction "]" SUB_ATTRIBUTE -> element_path
literal: STRING -> string | NUMBER -> number | CONSTANT -> constant

OR.2: /or(?![A-Za-z0-9$_:.-])/i
AND.2: /and(?![A-Za-z0-9$_:.-])/i
NOT.2: /not(?![A-Za-z0-9$_:.-])/i
PRESENT.2: /pr(?![A-Za-z0-9$_:.-])/i
OPERATOR.2: /(?:eq|ne|co|sw|ew|gt|ge|lt|le)(?![A-Za-z0-9$_:.-])/i
CONSTANT.2: /(?:true|false|null)(?![A-Za-z0-9$_:.-])/i
NUMBER.2: /-?[0-9]+(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?(?![A-Za-z0-9$_:.-])/
STRING: /"(?:[^"\\]|\\.)*"/s
LPAR: "("
ATTRIBUTE: /[A-Za-z0-9$_:.-]+/
SUB_ATTRIBUTE.2: /\.[A-Za-z$][A-Za-z0-9_$-]*/
%ignore /\s+/
"""
_WORD = re.compile(r"[A-Za-z0-9$_:.-]+|.", re.DOTALL)
_CONSTANTS = {"true": True, "false": False, "null": None}


class FilterError(ValueError):
    """The text is not a filter; `position` is the 0-based index of the character at fault."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


_Part: TypeAlias = tuple[Filter, int]
"""A filter, and how deep parentheses and brackets nest in it."""


def _locate(token: Token) -> int:
    return token.start_pos or 0


def _deepen(depth: int, token: Token) -> int:
    if depth >= MAX_DEPTH:
        raise FilterError(f"nested more than {MAX_DEPTH} levels deep", _locate(token))
    return depth + 1


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, _Part]):
    def join_or(self, *parts: _Part | Token) -> _Part:
        filters, depth = _split(parts)
        return OrFilter(filters), depth

    def join_and(self, *parts: _Part | Token) -> _Part:
        filters, depth = _split(parts)
        return AndFilter(filters), depth

    def group(self, opening: Token, inner: _Part) -> _Part:
        return inner[0], _deepen(inner[1], opening)

    def negation(self, keyword: Token, inner: _Part) -> _Part:
        return NotFilter(inner[0]), _deepen(inner[1], keyword)

    def element(self, name: Token, inner: _Part) -> _Part:
        path, depth = _parse_multi_valued(name), _deepen(inner[1], name)
        if _has_element_filter(inner[0]):
            raise FilterError("brackets cannot contain brackets", _locate(name))
        return ElementFilter(path, inner[0]), depth

    def presence(self, path: paths.Path, _operator: Token) -> _Part:
        return PresenceFilter(path), 0

    def comparison(self, path: paths.Path, operator: Token, value: FilterValue) -> _Part:
        return ComparisonFilter(path, operator.casefold(), value), 0

    def path(self, name: Token) -> paths.Path:
        return _parse_path(name)

    def element_path(self, name: Token, inner: _Part, sub: Token) -> paths.Path:
        path = _parse_multi_valued(name)
        conditions = _to_conditions(inner[0])
        if not conditions:
            example = f'{name}[type eq "work"]{sub}'
            raise FilterError(f"{sub} can only follow comparisons with eq, such as {example}", _locate(sub))
        try:
            return replace(path, filter=paths.order_conditions(conditions), sub=sub[1:])
        except paths.PathError as exc:
            raise FilterError(str(exc), _locate(name)) from exc

    def string(self, token: Token) -> str:
        try:
            # Not strict: a tab or a line break may be written as it is.
            value: str = json.loads(token, strict=False)
        except json.JSONDecodeError as exc:
            position = token.rfind("\\", 0, exc.pos + 1)
            raise FilterError("invalid JSON escape: write \\\\ for a backslash", _locate(token) + position) from None
        return value

    def number(self, token: Token) -> int | float:
        value = float(token)
        if not math.isfinite(value):
            raise FilterError("the number is too large", _locate(token))
        return value if re.search("[.Ee]", token) else int(token)

    def constant(self, token: Token) -> bool | None:
        return _CONSTANTS[token.casefold()]


def _split(parts: tuple[_Part | Token, ...]) -> tuple[tuple[Filter, ...], int]:
    """Return the joined filters without the keywords between them, and their depth."""
    found = [part for part in parts if not isinstance(part, Token)]
    return tuple(part for part, _ in found), max(depth for _, depth in found)


def _to_conditions(tree: Filter) -> list[paths.Condition]:
    """Return the conditions that an element must meet; empty if the filter is more than comparisons with eq."""
    match tree:
        case ComparisonFilter(paths.Path(None, key, None, None), "eq", str() | bool() as value):
            return [(key, value)]
        case AndFilter(parts):
            found = [_to_conditions(part) for part in parts]
            return [condition for each in found for condition in each] if all(found) else []
    return []


def _has_element_filter(tree: Filter) -> bool:
    match tree:
        case PresenceFilter() | ComparisonFilter():
            return tree.path.filter is not None
        case ElementFilter():
            return True
        case NotFilter():
            return _has_element_filter(tree.filter)
        case AndFilter() | OrFilter():
            return any(map(_has_element_filter, tree.parts))


def _parse_path(name: Token) -> paths.Path:
    try:
        return paths.parse(str(name))
    except paths.PathError as exc:
        raise FilterError(str(exc), _locate(name)) from exc


def _parse_multi_valued(name: Token) -> paths.Path:
    path = _parse_path(name)
    if path.sub is not None:
        raise FilterError(
            f"{str(name)!r} is a sub-attribute: brackets follow an attribute such as emails", _locate(name)
        )
    return path


@functools.cache
def _load_parser() -> Lark:
    # On first use: an import should not build tables.
    return Lark(_GRAMMAR, parser="lalr", transformer=_TreeBuilder())


def parse_filter(text: str) -> Filter:
    """Parse a SCIM filter. Raises `FilterError` if it is malformed, too long or nested too deeply."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"the filter is longer than {MAX_LENGTH:,} characters", MAX_LENGTH)
    try:
        # With a transformer in the parser, what comes out is what `_TreeBuilder` returned.
        part: _Part = _load_parser().parse(text)  # type: ignore[assignment]
    except UnexpectedInput as exc:
        raise _explain(text, exc) from None
    return part[0]


def _explain(text: str, exc: UnexpectedInput) -> FilterError:
    at_end = isinstance(exc, UnexpectedToken) and exc.token.type == "$END"
    position = len(text) if at_end else exc.pos_in_stream or 0
    found = _WORD.match(text, position)
    accepted: set[str] = exc.interactive_parser.accepts()  # type: ignore[no-untyped-call]
    return FilterError(_explain_word(found[0] if found else "", accepted), position)


def _explain_word(word: str, accepted: set[str]) -> str:
    shown = repr(word[:40]) if word else "the end"
    if "STRING" in accepted:
        if word == '"':
            return "the string that starts here has no closing quote"
        hint = f': write "{word[:40]}" in double quotes' if len(word) > 1 else ""
        return f"expected a value, found {shown}{hint}"
    if "OPERATOR" in accepted:
        return f"expected an operator, found {shown}; operators are {', '.join([*OPERATORS, 'pr'])}"
    if "ATTRIBUTE" in accepted:
        return f"expected an attribute such as userName, found {shown}"
    if accepted == {"LPAR"}:
        return f"expected '(' after 'not', found {shown}"
    closing = next(sign for name, sign in _CLOSING.items() if name in accepted)
    return f"expected 'and', 'or' or {closing}, found {shown}"


_CLOSING = {"RPAR": "')'", "RSQB": "']'", "$END": "the end"}
