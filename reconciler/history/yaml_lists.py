"""Edit lists in place: single items are replaced, inserted and removed in the style that the list has."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.values import fold_case
from reconciler.desired.yaml_format import format_value
from reconciler.history.text_edits import TextEdits
from reconciler.history.yaml_nodes import EditError, ScalarNode, SequenceNode

_COMMA = re.compile(r"[ \t]*,[ \t]*")
_WIDTH = 120
_NO_VALUE = ("", "~")

Span = tuple[int, int]


@dataclass(slots=True)
class ListChange:
    """The change of a list, by the numbers of its items.

    `inserted`: new texts by the number of the item after which they come, -1: before the first.
    """

    renamed: dict[int, str] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    inserted: dict[int, list[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.renamed or self.removed or self.inserted)


def plan_members(
    old: Sequence[str | None], wanted: Sequence[str], names: Mapping[str, str | None] | None = None
) -> ListChange:
    """Plan the change of a list whose order means nothing. New items come to their place if it is sorted, else last.

    `old`: None for an item without a value, which stays. `names`: items by folded text that are renamed in place.
    """
    change, left = ListChange(), Counter(wanted)
    result = [_rename(each, names or {}) for each in old]
    for number, (before, after) in enumerate(zip(old, result, strict=True)):
        if before is None:
            continue
        if after is None or not left[after]:
            change.removed.add(number)
            continue
        left[after] -= 1
        if after != before:
            change.renamed[number] = after
    new = [each for each in wanted if left[each] > 0 and not left.subtract([each])]
    keys = [fold_case(each) for each in old if each is not None]
    if len(keys) == len(old) and keys == sorted(keys):
        for each in sorted(new, key=fold_case):
            change.inserted.setdefault(bisect_right(keys, fold_case(each)) - 1, []).append(each)
    elif new:
        change.inserted[len(old) - 1] = new
    return change


def _rename(item: str | None, names: Mapping[str, str | None]) -> str | None:
    return item if item is None else names.get(fold_case(item), item)


def plan_sequence(old: Sequence[str | None], wanted: Sequence[str]) -> ListChange:
    """Plan the change of a list whose order counts."""
    change, at = ListChange(), 0
    places: dict[str, list[int]] = {}
    for index, each in enumerate(wanted):
        places.setdefault(each, []).append(index)
    anchor = -1
    for number, item in enumerate(old):
        if item is None:
            continue
        place = next((each for each in places.get(item, ()) if each >= at), None)
        if place is None:
            change.removed.add(number)
            continue
        if place > at:
            change.inserted[anchor] = list(wanted[at:place])
        anchor, at = number, place + 1
    if at < len(wanted):
        change.inserted[anchor] = list(wanted[at:])
    return change


def list_values(node: SequenceNode) -> list[str | None]:
    """Return the texts of a list; None for an item without a value. Raises `EditError` for mappings and lists in it."""
    values: list[str | None] = []
    for item in node.items:
        if not isinstance(item, ScalarNode):
            raise EditError("it is a list of mappings or lists")
        values.append(None if not item.value or (not item.quotes and item.value in _NO_VALUE) else item.value)
    return values


def edit_list(edits: TextEdits, node: SequenceNode, key_end: int, change: ListChange) -> None:
    """Carry out a change. `key_end`: where the key of the list ends."""
    for number, text in change.renamed.items():
        item = node.items[number]
        if isinstance(item, ScalarNode):
            edits.replace(item.start, item.end, format_value(text, item.quotes))
    left = [number for number in range(len(node.items)) if number not in change.removed]
    inserted = _move_to_survivors(change, left)
    if node.is_flow:
        spans = [(item.start, item.end) for item in node.items]
        remove_flow(edits, spans, change.removed)
        written = {at: [format_value(each) for each in texts] for at, texts in inserted.items()}
        insert_flow(edits, node.start + 1, spans, written, left)
    else:
        _edit_block(edits, node, change.removed, inserted, left)
        if not left and not inserted:
            edits.insert(edits.text.index(":", key_end) + 1, " []")


def _move_to_survivors(change: ListChange, left: Iterable[int]) -> dict[int, list[str]]:
    """Return what is inserted by the number of the item before it that stays; -1: before the first that stays."""
    anchors = [-1, *left]
    inserted: dict[int, list[str]] = {}
    for at, texts in sorted(change.inserted.items()):
        inserted.setdefault(anchors[bisect_right(anchors, at) - 1], []).extend(texts)
    return inserted


# --- blocks -------------------------------------------------------------------


def _edit_block(
    edits: TextEdits, node: SequenceNode, removed: set[int], inserted: Mapping[int, list[str]], left: Sequence[int]
) -> None:
    dashes = [_find_dash(edits, item.start) for item in node.items]
    for number in removed:
        edits.remove(edits.line_start(dashes[number]), edits.next_line(edits.content_end(node.items[number])))
    indent = " " * edits.column(dashes[0])
    for at, texts in inserted.items():
        lines = [f"{indent}- {format_value(each)}" for each in texts]
        if at >= 0:
            edits.insert_lines(edits.content_end(node.items[at]), lines)
        else:
            first = edits.line_start(dashes[left[0]]) if left else edits.next_line(edits.content_end(node.items[-1]))
            edits.insert(first, "".join(line + edits.newline for line in lines))


def _find_dash(edits: TextEdits, at: int) -> int:
    dash = edits.text.rfind("-", edits.line_start(at), at)
    if dash < 0 or not edits.starts_line(dash) or edits.text[dash + 1 : at].strip():
        raise EditError("it is a list with an item that is not on the line of its dash")
    return dash


# --- brackets and braces -------------------------------------------------------------


def remove_flow(edits: TextEdits, spans: Sequence[Span], removed: set[int]) -> None:
    """Remove elements of a flow list or mapping with one of the commas next to each."""
    for number in sorted(removed):
        start, end = spans[number]
        comma = _COMMA.match(edits.text, end)
        if comma is not None:
            end = comma.end()
        elif number and number - 1 not in removed:
            start = _find_comma_before(edits.text, edits.line_start(start), start)
        if edits.starts_line(start) and not _strip_comment(edits.text[end : edits.line_end(end)]):
            start, end = edits.line_start(start), edits.next_line(end)
        edits.remove(start, end)


def _find_comma_before(text: str, line_start: int, start: int) -> int:
    """Return the start of the comma before an element on its line, with the spaces around it; else `start`."""
    before = text[line_start:start].rstrip(" \t")
    if not before.endswith(","):
        return start
    kept = before[:-1]
    return line_start + len(kept.rstrip(" \t") if kept.strip() else kept)


def _strip_comment(rest: str) -> str:
    rest = rest.strip()
    return "" if rest.startswith("#") else rest


def insert_flow(
    edits: TextEdits, inside: int, spans: Sequence[Span], inserted: Mapping[int, Sequence[str]], left: Sequence[int]
) -> None:
    """Insert elements, as they are written, after those with these numbers, which stay; -1: before the first.

    `inside`: the position after the opening bracket; `left`: the numbers of all elements that stay.
    """
    has_own_lines = len(left) > 1 and all(edits.starts_line(spans[number][0]) for number in left)
    grown: dict[int, int] = {}
    for at, texts in sorted(inserted.items()):
        if at < 0 and left:
            start = spans[left[0]][0]
            separator = f",{edits.newline}{' ' * edits.column(start)}" if has_own_lines else ", "
            edits.insert(start, "".join(each + separator for each in texts))
        elif at < 0:
            _insert_in_line(edits, inside, texts, grown, is_first=True)
        elif has_own_lines:
            _insert_lines(edits, spans[at], texts)
        else:
            _insert_in_line(edits, spans[at][1], texts, grown)


def _insert_lines(edits: TextEdits, span: Span, texts: Sequence[str]) -> None:
    """Insert elements on lines of their own, after the comment of the element before them."""
    start, end = span
    line = f"{edits.newline}{' ' * edits.column(start)}"
    comma = _COMMA.match(edits.text, end)
    after = comma.end() if comma is not None else end
    if _strip_comment(edits.text[after : edits.line_end(after)]):
        edits.insert(end, "".join(f",{line}{each}" for each in texts))
    elif comma is not None:
        edits.insert(edits.line_end(after), "".join(f"{line}{each}," for each in texts))
    else:
        edits.insert(end, ",")
        edits.insert(edits.line_end(after), ",".join(line + each for each in texts))


def _insert_in_line(
    edits: TextEdits, at: int, texts: Sequence[str], grown: dict[int, int], *, is_first: bool = False
) -> None:
    """Insert elements in a line, which is broken where it becomes too long. `grown`: the length of lines so far."""
    start = edits.line_start(at)
    line = edits.text[start : edits.line_end(at)]
    indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
    length = grown.get(start, len(line))
    for number, each in enumerate(texts):
        separator = "" if is_first and not number else ", "
        length += len(separator) + len(each)
        if length > _WIDTH and separator:
            separator, length = f",{edits.newline}{indent}", len(indent) + len(each)
        edits.insert(at, separator + each)
    grown[start] = length
