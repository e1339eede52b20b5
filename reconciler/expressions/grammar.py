r"""The grammar of expressions: parse texts to trees, and format trees as texts.

Attributes `[name]`, strings in double quotes with `\\` and `\"` (any other backslash is literal: Entra's guides write
"\+(?<code>…)"), numbers, `&HF`, bare keywords, calls with omitted arguments, one comparison, and the `&` of Entra's
cloud sync. The parser is LALR: linear in the length of the text, without recursion.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import UnexpectedEOF

from reconciler.expressions.value_types import MAX_LENGTH, ExpressionError

MAX_DEPTH = 50

_GRAMMAR = r"""
?start: comparison
?comparison: joined | joined OPERATOR joined -> compare
?joined: value | value ("&" value)+ -> concatenation
?value: STRING -> string | NUMBER -> number | ATTRIBUTE -> attribute | NAME -> keyword | call
call: NAME "(" slot ("," slot)* ")"
slot: comparison |

OPERATOR: "<>" | "<=" | ">=" | "=" | "<" | ">"
STRING: /"(?:[^"\\]|\\.)*"/s
ATTRIBUTE: /\[[^\[\]"\r\n]*\]/
NUMBER.2: /&H[0-9A-Fa-f]{1,15}|-?[0-9]{1,19}(?:\.[0-9]{1,19})?/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[ \t\r\n\xa0]+/
"""


@dataclass(frozen=True, slots=True)
class Omitted:
    """An omitted argument: nothing between two commas."""

    position: int = field(default=0, compare=False)
    depth: int = field(default=0, compare=False)
    text: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class String:
    """A string constant; `value` has no quotes and escapes."""

    value: str
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The string with quotes and escapes."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written; `&HF` is hexadecimal."""

    text: str
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)

    @property
    def value(self) -> str:
        """The value of the number: its decimal digits."""
        return str(int(self.text.removeprefix("&H"), 16)) if self.text.startswith("&H") else self.text


@dataclass(frozen=True, slots=True)
class AttributeReference:
    """A source attribute."""

    name: str
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The attribute in brackets."""
        return f"[{self.name}]"


@dataclass(frozen=True, slots=True)
class Keyword:
    """A bare word such as vbBinaryCompare."""

    name: str
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The word."""
        return self.name


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of two values by `=`, `<>`, `<`, `<=`, `>` or `>=`."""

    operator: str
    left: Node
    right: Node
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Values joined by `&`."""

    parts: tuple[Node, ...]
    position: int = field(default=0, compare=False)
    depth: int = field(default=1, compare=False)


Node: TypeAlias = Omitted | String | Number | AttributeReference | Keyword | Call | Compare | Concatenation


def list_children(node: Node) -> tuple[Node, ...]:
    """List the child nodes of `node`, in order."""
    match node:
        case Call():
            return node.arguments
        case Compare():
            return (node.left, node.right)
        case Concatenation():
            return node.parts
        case _:
            return ()


def _check_depth(position: int, below: tuple[Node, ...]) -> int:
    depth = 1 + max((node.depth for node in below), default=0)
    if depth > MAX_DEPTH:
        raise ExpressionError(f"calls nest deeper than {MAX_DEPTH}", position)
    return depth


def _find_position(token: Token) -> int:
    return token.start_pos or 0


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    def string(self, token: Token) -> Node:
        return String(re.sub(r'\\([\\"])', r"\1", token[1:-1]), _find_position(token))

    def number(self, token: Token) -> Node:
        return Number(str(token), _find_position(token))

    def attribute(self, token: Token) -> Node:
        name = token[1:-1].strip()
        if not name:
            raise ExpressionError("the brackets contain no attribute name", _find_position(token))
        return AttributeReference(name, _find_position(token))

    def keyword(self, token: Token) -> Node:
        return Keyword(str(token), _find_position(token))

    def slot(self, node: Node | None = None) -> Node:
        return Omitted() if node is None else node

    def call(self, name: Token, *arguments: Node) -> Node:
        # `Now()` has one empty slot: no argument.
        given = () if len(arguments) == 1 and isinstance(arguments[0], Omitted) else arguments
        return Call(str(name), given, _find_position(name), _check_depth(_find_position(name), given))

    def compare(self, left: Node, operator: Token, right: Node) -> Node:
        return Compare(
            str(operator), left, right, _find_position(operator), _check_depth(_find_position(operator), (left, right))
        )

    def concatenation(self, *parts: Node) -> Node:
        return Concatenation(parts, parts[0].position, _check_depth(parts[0].position, parts))


@functools.cache
def _parser() -> Lark:
    # Built on first use, to keep the import fast.
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder())


def parse(source: str) -> Node:
    """Parse `source` to a tree. Raises `ExpressionError` with the position of the error."""
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH:,} characters", MAX_LENGTH)
    if not source.strip():
        raise ExpressionError("the expression is empty")
    try:
        # With a transformer, the parser returns the result of `_Builder`.
        tree: Node = _parser().parse(source)  # type: ignore[assignment]
    except UnexpectedInput as exc:
        raise _to_expression_error(source, exc) from None
    return tree


def _to_expression_error(source: str, exc: UnexpectedInput) -> ExpressionError:
    if isinstance(exc, UnexpectedCharacters):
        position = exc.pos_in_stream or 0
        return ExpressionError(_describe_character(source, position), position)
    token = exc.token if isinstance(exc, UnexpectedToken) else None
    if token is None or token.type == "$END" or isinstance(exc, UnexpectedEOF):
        return ExpressionError("the expression ends too early: is a parenthesis missing?", len(source))
    word = str(token)
    if word.upper() in ("AND", "OR", "NOT", "XOR"):
        return ExpressionError(f"{word} is not an operator: nest IIF instead", _find_position(token))
    if word.startswith('"'):
        message = 'a string here: is a comma missing, or the \\ before a " inside a string?'
        return ExpressionError(message, _find_position(token))
    return ExpressionError(f"{word[:40]} is not allowed here", _find_position(token))


_CHARACTERS = {
    '"': "the string that starts here has no closing quote",
    "[": "the attribute name that starts here has no closing bracket",
    "(": "parentheses only hold the arguments of a function",
    "'": "strings use double quotes",
    "“": 'a typographic quote: strings use "straight" quotes',
    "”": 'a typographic quote: strings use "straight" quotes',
    "+": "there is no arithmetic; texts are joined with Append or Join",
}


def _describe_character(source: str, position: int) -> str:
    character = source[position]
    return _CHARACTERS.get(character, f"{character!r} is not allowed here")


def format_tree(node: Node) -> str:
    """Return the canonical text of a tree; parsing it gives the same tree."""
    match node:
        case Call():
            return f"{node.name}({', '.join(map(format_tree, node.arguments))})"
        case Compare():
            return f"{format_tree(node.left)} {node.operator} {format_tree(node.right)}"
        case Concatenation():
            return " & ".join(map(format_tree, node.parts))
        case _:
            return node.text
