"""Set fields of an entry or a document in place: a value is replaced, a key inserted or removed with its line.

Fields are flat: `lifecycle.expires` is the key `expires` in the mapping `lifecycle`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from reconciler.core.field_change import Field, JsonText
from reconciler.desired.key_order import (
    GROUP_KEYS,
    LIFECYCLE_KEYS,
    MAPPING_KEYS,
    MEMBER_KEYS,
    SCOPE_KEYS,
    USER_KEYS,
    KeyOrder,
)
from reconciler.desired.yaml_format import format_scalar, format_value
from reconciler.history.edits import DOCUMENT, GROUP, MAPPING, USER
from reconciler.history.text_edits import TextEdits
from reconciler.history.yaml_lists import edit_list, insert_flow, list_values, plan_members, plan_sequence, remove_flow
from reconciler.history.yaml_nodes import EditError, MappingNode, Node, ScalarNode, SequenceNode, parse_nodes

_HEADER_COMMENT = re.compile(r"[|>][0-9+-]*(\s+#[^\n\r]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_NUMBERS = frozenset({(MAPPING, ("match",)), (DOCUMENT, ("guards", "removals", "count"))})
"""The fields of mappings and documents that are numbers, of those that an import sets."""
_ORDERS = {
    (USER, ()): KeyOrder(USER_KEYS),
    (USER, ("lifecycle",)): KeyOrder(LIFECYCLE_KEYS),
    (GROUP, ()): KeyOrder(GROUP_KEYS),
    (MAPPING, ()): KeyOrder(MAPPING_KEYS),
    (GROUP, ("members",)): KeyOrder(MEMBER_KEYS),
    (DOCUMENT, ()): KeyOrder(SCOPE_KEYS),
    (DOCUMENT, ("assigned",)): KeyOrder(MEMBER_KEYS),
    (DOCUMENT, ("excluded",)): KeyOrder(MEMBER_KEYS),
}
"""The orders of keys by kind and section."""
_NO_ORDER = KeyOrder((None,))
_BOOLEANS = ("true", "false")
_EMPTY = frozenset({"", "~"})
_SECTIONS = {USER: frozenset({"lifecycle"}), GROUP: frozenset({"members"})}

Names = Mapping[str, str | None]
"""Case-folded name of an item of a list: the new name, or None if it is removed."""


class LiteralText(str):
    """A number or a boolean of settings, which is written without quotes."""

    __slots__ = ()


Tree = dict[str, "Field | Tree | None"]
"""Fields by key; those of a section are a tree of their own. None: the key is removed."""


@dataclass(frozen=True, slots=True)
class EntryStyle:
    """How the entries of one kind are written."""

    kind: str

    def is_section(self, key: str) -> bool:
        """Whether a key with a dot is one in the section `key`; else the dot is a part of an attribute's name."""
        return self.kind == DOCUMENT or key in _SECTIONS.get(self.kind, ())

    def order(self, path: tuple[str, ...]) -> KeyOrder:
        """Return the order of the keys in the section `path`; (): of the entry."""
        return _ORDERS.get((self.kind, path), _NO_ORDER)

    def format(self, path: tuple[str, ...], text: str, like: str = "") -> str:
        """Format the value of the field `path`. Numbers and booleans of the schema have no quotes."""
        if not like and self._is_literal(path, text):
            return text
        return format_value(text, like)

    def _is_literal(self, path: tuple[str, ...], text: str) -> bool:
        if isinstance(text, LiteralText):
            return True
        if self.kind != USER:
            return (self.kind, path) in _NUMBERS and _NUMBER.fullmatch(text) is not None
        if path[0] == "lifecycle":
            return text in _BOOLEANS or _DATE.fullmatch(text) is not None
        return path == ("accountEnabled",) and text in _BOOLEANS

    def build_tree(self, fields: Mapping[str, Field | None]) -> Tree:
        """Arrange flat fields by their sections."""
        tree: Tree = {}
        for path, value in fields.items():
            below, key = tree, path
            while "." in key and self.is_section(key.partition(".")[0]):
                section, _, key = key.partition(".")
                inner = below.setdefault(section, {})
                if not isinstance(inner, dict):
                    raise EditError(f"{section} is both a value and a section")
                below = inner
            below[key] = value
        return tree


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """The fields to set in one entry; None: removed. A list that is not one of a user may get any order.

    `names`: for lists by their last key, such as `users`: folded items that are renamed in place.
    """

    fields: Mapping[str, Field | None]
    names: Mapping[str, Names] = field(default_factory=dict)


def edit_fields(text: str, newline: str, kind: str, changes: Mapping[int, FieldEdit]) -> str:
    """Return a text with fields set: the whole or a part of a file of entries, by number, or a document, number 0.

    Raises `EditError` if it cannot be edited.
    """
    root = parse_nodes(text)
    nodes = root.items if isinstance(root, SequenceNode) and kind != DOCUMENT else [root]
    edits, style = TextEdits(text, newline), EntryStyle(kind)
    for number, change in changes.items():
        node = nodes[number] if number < len(nodes) else None
        if not isinstance(node, MappingNode):
            raise EditError("it is not a mapping")
        _MappingEdit(edits, style, (), change.names).edit(node, style.build_tree(change.fields))
    return edits.apply()


def render_fields(kind: str, fields: Mapping[str, Field], newline: str, indent: str = "") -> str:
    """Render a new mapping in block style, its keys in their order; without a line break at the end."""
    style = EntryStyle(kind)
    return newline.join(_render_tree(style, (), style.build_tree(fields), indent))


def _render_tree(style: EntryStyle, path: tuple[str, ...], tree: Tree, indent: str) -> Iterator[str]:
    for key in _sort_keys(style, path, tuple(tree)):
        value = tree[key]
        if value.__class__ is str:
            yield f"{indent}{_format_key(key)}: {style.format((*path, key), _text(value))}"
        elif value is not None:
            yield from _render_pair(style, (*path, key), value, indent)


@lru_cache
def _sort_keys(style: EntryStyle, path: tuple[str, ...], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return keys in the order in which a new mapping has them. Most new entries of an import have the same keys."""
    order = style.order(path)
    return tuple(sorted(keys, key=lambda key: (order.rank(key), key)))


def _render_pair(style: EntryStyle, path: tuple[str, ...], value: Field | Tree, indent: str) -> Iterator[str]:
    key = _format_key(path[-1])
    if isinstance(value, dict):
        yield f"{indent}{key}:"
        yield from _render_tree(style, path, value, f"{indent}  ")
    elif isinstance(value, tuple):
        yield f"{indent}{key}:"
        yield from (f"{indent}  - {format_value(_text(each))}" for each in value)
    else:
        yield f"{indent}{key}: {style.format(path, _text(value))}"


_format_key = lru_cache(format_scalar)


def _text(value: str) -> str:
    if isinstance(value, JsonText):
        raise EditError("a mapping or a list of mappings cannot be written")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise EditError("a value has half of a character (a surrogate), which no file can hold")
    return value


class _MappingEdit:
    """The edit of one mapping and of those below it."""

    def __init__(self, edits: TextEdits, style: EntryStyle, path: tuple[str, ...], names: Mapping[str, Names]) -> None:
        self._edits = edits
        self._style = style
        self._path = path
        self._names = names

    def edit(self, node: MappingNode, tree: Tree) -> None:
        """Set the fields of `tree` in `node`."""
        removed: set[int] = set()
        added: Tree = {}
        for key, value in tree.items():
            number = node.find(key)
            if number < 0:
                if value is not None:
                    added[key] = value
            elif value is None and self._keeps_list(node.pairs[number][1]):
                self._set(node, number, ())
            elif value is None or self._is_emptied(node.pairs[number][1], value):
                removed.add(number)
            else:
                self._set(node, number, value)
        added = {key: value for key, value in added.items() if not isinstance(value, dict) or _is_assigned(value)}
        if not removed and not added:
            return
        if len(removed) == len(node.pairs) and not added:
            raise EditError("no key would be left")
        if node.is_flow:
            self._edit_flow(node, removed, added)
        else:
            self._edit_block(node, removed, added)

    def _is_emptied(self, node: Node, value: Field | Tree) -> bool:
        """Whether a section has no keys afterwards."""
        if not isinstance(value, dict) or _is_assigned(value):
            return False
        pairs = node.pairs if isinstance(node, MappingNode) else []
        return all(key.value in value and not self._keeps_list(each) for key, each in pairs)

    def _keeps_list(self, node: Node) -> bool:
        """Whether the key of a list stays, with an empty list: those of members and of the scope do."""
        return isinstance(node, SequenceNode) and self._style.kind != USER

    def _set(self, node: MappingNode, number: int, value: Field | Tree) -> None:
        key, old = node.pairs[number]
        path = (*self._path, key.value)
        if isinstance(value, dict) and isinstance(old, MappingNode) and old.pairs:
            _MappingEdit(self._edits, self._style, path, self._names).edit(old, value)
        elif isinstance(value, tuple) and isinstance(old, SequenceNode) and (old.items or node.is_flow or not value):
            texts, now = [_text(each) for each in value], list_values(old)
            names = self._names.get(key.value, {})
            change = plan_sequence(now, texts) if self._style.kind == USER else plan_members(now, texts, names)
            edit_list(self._edits, old, key.end, change)
        elif isinstance(value, str) and isinstance(old, ScalarNode):
            self._set_scalar(path, key, old, value)
        else:
            self._replace_value(node, number, value)

    def _set_scalar(self, path: tuple[str, ...], key: ScalarNode, old: ScalarNode, value: str) -> None:
        like = old.quotes if old.quotes in ("'", '"') else ""
        new = self._style.format(path, _text(value), like)
        if old.start == old.end:
            has_colon = self._edits.text[key.end : old.start].strip() == ":"
            self._edits.insert(old.start, f" {new}" if has_colon else f": {new}")
            return
        header = _HEADER_COMMENT.match(self._edits.text, old.start) if old.quotes in ("|", ">") else None
        comment = header.group(1) if header is not None else ""
        self._edits.replace(old.start, self._edits.content_end(old), new + comment)

    def _replace_value(self, node: MappingNode, number: int, value: Field | Tree) -> None:
        """Replace a value by one of another form: a text by a list, an empty section by a filled one."""
        key, old = node.pairs[number]
        edits, path = self._edits, (*self._path, key.value)
        end = edits.content_end(old)
        colon = edits.text.index(":", key.end)
        if node.is_flow:
            edits.replace(colon + 1, max(end, colon + 1), f" {self._format_flow(path, value)}")
            return
        first, *lines = _render_pair(self._style, path, value, " " * edits.column(key.start))
        new = first.partition(":")[2] if not lines else ""
        if "\n" in edits.text[colon:end]:
            edits.replace(colon + 1, end, edits.newline.join([new, *lines]))
        else:
            # What follows on the line is a comment, and stays there.
            edits.replace(colon + 1, max(end, colon + 1), new)
            if lines:
                edits.insert_lines(end, lines)

    # --- block style ------------------------------------------------------------

    def _edit_block(self, node: MappingNode, removed: set[int], added: Tree) -> None:
        edits = self._edits
        for key, _ in node.pairs[1:]:
            if not edits.starts_line(key.start):
                raise EditError("it has a key that is not at the start of its line")
        left = [number for number in range(len(node.pairs)) if number not in removed]
        indent = " " * edits.column(node.pairs[0][0].start)
        for at, keys in self._find_places(node, left, added).items():
            lines = [
                line for key in keys for line in _render_pair(self._style, (*self._path, key), added[key] or "", indent)
            ]
            if at >= 0:
                edits.insert_lines(edits.content_end(node.pairs[at][1]), lines)
            else:
                first = node.pairs[left[0]][0].start
                edits.insert(first, edits.newline.join(lines).removeprefix(indent) + edits.newline + indent)
        self._remove_lines(node, removed, left)

    def _find_places(self, node: MappingNode, left: list[int], added: Tree) -> dict[int, list[str]]:
        """Return the keys to add by the number of the pair after which they come."""
        if not left:
            raise EditError("no key would be left")
        order = self._style.order(self._path)
        keys = [node.pairs[number][0].value for number in left]
        places: dict[int, list[str]] = {}
        for key in sorted(added, key=lambda key: (order.rank(key), key)):
            place = order.find_place(key, keys)
            places.setdefault(left[place] if place >= 0 else -1, []).append(key)
        return places

    def _remove_lines(self, node: MappingNode, removed: set[int], left: list[int]) -> None:
        edits, leading = self._edits, 0
        first = node.pairs[0][0].start
        if not edits.starts_line(first):
            # The first key is on the line of the dash, which stays.
            leading = self._remove_leading(node, left[0], first)
        for number in removed:
            key, value = node.pairs[number]
            if number >= leading:
                edits.remove(edits.line_start(key.start), edits.next_line(edits.content_end(value)))

    def _remove_leading(self, node: MappingNode, count: int, first: int) -> int:
        """Remove the first `count` pairs, or the first one, up to comments that stay; return how many are done."""
        edits = self._edits
        ends = [edits.content_end(value) for _, value in node.pairs[:count]]
        starts = [key.start for key, _ in node.pairs[1 : count + 1]]
        if not count:
            return 0
        if any(edits.text[edits.next_line(end) : start].strip() for end, start in zip(ends, starts, strict=True)):
            edits.remove(len(edits.text[:first].rstrip(" ")), edits.line_end(ends[0]))
            return 1
        edits.remove(first, starts[-1])
        return count

    # --- flow style -------------------------------------------------------------

    def _edit_flow(self, node: MappingNode, removed: set[int], added: Tree) -> None:
        spans = [(key.start, max(value.end, key.end)) for key, value in node.pairs]
        left = [number for number in range(len(node.pairs)) if number not in removed]
        written: dict[int, list[str]] = {}
        order = self._style.order(self._path)
        keys = [node.pairs[number][0].value for number in left]
        for key in sorted(added, key=lambda key: (order.rank(key), key)):
            place = order.find_place(key, keys)
            text = f"{format_scalar(key)}: {self._format_flow((*self._path, key), added[key] or '')}"
            written.setdefault(left[place] if place >= 0 else -1, []).append(text)
        remove_flow(self._edits, spans, removed)
        insert_flow(self._edits, node.start + 1, spans, written, left)

    def _format_flow(self, path: tuple[str, ...], value: Field | Tree) -> str:
        if isinstance(value, dict):
            written = ((format_scalar(key), (*path, key), each) for key, each in value.items() if each is not None)
            return "{" + ", ".join(f"{key}: {self._format_flow(below, each)}" for key, below, each in written) + "}"
        if isinstance(value, tuple):
            return "[" + ", ".join(format_value(_text(each)) for each in value) + "]"
        return self._style.format(path, _text(value))


def _is_assigned(tree: Tree) -> bool:
    return any(_is_assigned(value) if isinstance(value, dict) else value is not None for value in tree.values())
