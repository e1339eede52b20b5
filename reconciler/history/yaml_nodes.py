"""Parse YAML into nodes that know where their text is, so that single values are edited in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from _ruamel_yaml import CParser
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.core.text import quote

_BOM = "\ufeff"


class EditError(Exception):
    """A file cannot be edited this way; the message says why. `entry`: the name of the entry that cannot, if known."""

    def __init__(self, reason: str, entry: str = "") -> None:
        super().__init__(f"{quote(entry)}: {reason}" if entry else reason)
        self.reason = reason
        self.entry = entry


@dataclass(slots=True)
class ScalarNode:
    """A scalar: `text[start:end]` is how it is written. `quotes`: ' or ", | or > of a block, "" for none."""

    start: int
    end: int
    value: str
    quotes: str


@dataclass(slots=True)
class SequenceNode:
    """A sequence. `is_flow`: written with brackets."""

    start: int
    end: int
    is_flow: bool
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MappingNode:
    """A mapping: keys and values in order. `is_flow`: written with braces."""

    start: int
    end: int
    is_flow: bool
    pairs: list[tuple[ScalarNode, Node]] = field(default_factory=list)

    def find(self, key: str) -> int:
        """Return the number of a key; -1 if there is none."""
        return next((at for at, (each, _) in enumerate(self.pairs) if each.value == key), -1)

    def get(self, key: str) -> Node | None:
        """Return the value of a key."""
        at = self.find(key)
        return self.pairs[at][1] if at >= 0 else None

    @property
    def keys(self) -> list[str]:
        """The keys in order."""
        return [key.value for key, _ in self.pairs]


Node = ScalarNode | SequenceNode | MappingNode


def parse_nodes(text: str) -> Node | None:
    """Return the nodes of a document; None if it is empty. `text` has no byte order mark.

    Raises `EditError` for what is not edited: anchors, aliases, tags, keys that are not text, text that is not YAML.
    """
    if text.startswith(_BOM):
        raise AssertionError("offsets would be those of the text without its byte order mark")
    try:
        parser = CParser(text.encode())
        event = parser.get_event()
        while event.__class__ not in _CONTENT:
            if event.__class__ is StreamEndEvent:
                return None
            event = parser.get_event()
        return _parse(parser.get_event, event)
    except (YAMLError, ValueError, RecursionError) as exc:
        raise EditError("it is not YAML that can be edited") from exc


_CONTENT = (ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent, DocumentEndEvent)


def _parse(get: Any, event: Any) -> Node:
    kind = event.__class__
    if kind is AliasEvent or event.anchor is not None or event.tag is not None:
        raise EditError("it has an anchor, an alias or a tag")
    start = event.start_mark.index
    if kind is ScalarEvent:
        return ScalarNode(start, event.end_mark.index, event.value, event.style or "")
    if kind is SequenceStartEvent:
        sequence = SequenceNode(start, start, bool(event.flow_style))
        while (event := get()).__class__ is not SequenceEndEvent:
            sequence.items.append(_parse(get, event))
        sequence.end = event.end_mark.index
        return sequence
    mapping = MappingNode(start, start, bool(event.flow_style))
    while (event := get()).__class__ is not MappingEndEvent:
        key = _parse(get, event)
        if not isinstance(key, ScalarNode):
            raise EditError("it has a key that is not text")
        mapping.pairs.append((key, _parse(get, get())))
    mapping.end = event.end_mark.index
    return mapping
