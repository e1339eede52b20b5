"""Read YAML from libyaml's event stream: scalars stay text, every key and value has its line and column.

A node-based loader takes ten to fifty times longer and decides types that only the schema should decide (`No`,
`0012`). Anchors, aliases, tags, second documents, duplicate keys and deep nesting are rejected as they occur, so that
no file can expand into more than it contains.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from _ruamel_yaml import CParser
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from reconciler.core.model import Diagnostic, Origin, error, warning
from reconciler.core.text import quote, shorten

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32
MAX_LINE = 65_536
MAX_DIAGNOSTICS = 50
"""Reported for one file at most."""

_UNUSUAL_BREAK = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]|\r(?!\n)")
_NOT_YAML = (YAMLError, UnicodeDecodeError)
_NO_VALUE = frozenset({"", "~"})
_SPECIAL = _NO_VALUE | {"null", "<<"}
"""Plain scalars that mean something other than their text, or might."""

Report = Callable[[Diagnostic], None]


class _StopReadingError(Exception):
    """The rest of the file is skipped; the reason has been reported."""


class YamlMapping(dict[str, Any]):
    """A mapping with the origins of its keys and values.

    Values are str, None (unassigned), YamlMapping or YamlSequence.
    """

    __slots__ = ("file", "key_marks", "mark", "value_marks")

    def __init__(self, file: str, mark: Any) -> None:
        super().__init__()
        self.file = file
        self.mark = mark
        self.key_marks: list[Any] = []
        self.value_marks: list[Any] = []

    @property
    def origin(self) -> Origin:
        """Where the mapping starts."""
        return _to_origin(self.file, self.mark)

    def key_origin(self, key: str) -> Origin:
        """Return the origin of `key`; the mapping's own if it has no such key."""
        return self._at(key, self.key_marks)

    def value_origin(self, key: str) -> Origin:
        """Return the origin of the value of `key`; the mapping's own if it has no such key."""
        return self._at(key, self.value_marks)

    def _at(self, key: str, marks: list[Any]) -> Origin:
        for candidate, mark in zip(self, marks, strict=True):
            if candidate == key:
                return _to_origin(self.file, mark)
        return self.origin


class YamlSequence(list[Any]):
    """A sequence with the origins of its items."""

    __slots__ = ("file", "item_marks", "mark")

    def __init__(self, file: str, mark: Any) -> None:
        super().__init__()
        self.file = file
        self.mark = mark
        self.item_marks: list[Any] = []

    @property
    def origin(self) -> Origin:
        """Where the sequence starts."""
        return _to_origin(self.file, self.mark)

    def item_origin(self, index: int) -> Origin:
        """Return the origin of item `index`."""
        return _to_origin(self.file, self.item_marks[index])


def locate(node: Any, location: tuple[int | str, ...], *, key: bool = False) -> Origin | None:
    """Return the origin of `location` (keys and indexes) in `node`, or of the nearest enclosing node that exists."""
    origin: Origin | None = getattr(node, "origin", None)
    for step in location:
        if isinstance(node, YamlMapping) and step in node:
            origin = node.key_origin(str(step)) if key else node.value_origin(str(step))
            node = node[str(step)]
        elif isinstance(node, YamlSequence) and isinstance(step, int) and step < len(node):
            origin = node.item_origin(step)
            node = node[step]
    return origin


def read_document(content: bytes, file: str, report: Report) -> Any:
    """Read the only document in `content`; None if it is empty or unreadable. Errors go to `report`."""
    reader = _Reader(content, file, report)
    try:
        reader.start()
        return reader.read_only_node()
    except _StopReadingError:
        return None
    except _NOT_YAML as exc:
        reader.report_syntax_error(exc)
        return None


def read_items(content: bytes, file: str, report: Report, if_empty: Callable[[], str] = str) -> Iterator[YamlMapping]:
    """Yield the mappings of a document that lists mappings, one at a time. Errors go to `report`.

    A file without a document, such as one cut to 0 bytes, is an error: `[]` is the empty list. `if_empty` returns the
    detail.
    """
    reader = _Reader(content, file, report)
    try:
        reader.start()
        yield from reader.read_items(if_empty)
    except _StopReadingError:
        return
    except _NOT_YAML as exc:
        reader.report_syntax_error(exc)


def _to_origin(file: str, mark: Any) -> Origin:
    """Return the origin of a mark of libyaml, which is 0-based."""
    return Origin(file, mark.line + 1, mark.column + 1)


class _Reader:
    def __init__(self, content: bytes, file: str, report: Report) -> None:
        self._file = file
        self._content = content
        self._report = report
        self._reported = 0
        self._get = self._start

    def _start(self) -> Any:
        raise AssertionError("call start() first")

    def start(self) -> None:
        """Check what libyaml does not, then open the document."""
        _check_text(self._content, self._file, self._fail_at)
        parser = CParser(self._content)
        self._get = parser.get_event
        event = self._get()
        while event.__class__ in (StreamStartEvent, DocumentStartEvent):
            if event.__class__ is DocumentStartEvent and event.tags:
                self._report_error(event, "%TAG directives are not read", "Remove the line.")
            event = self._get()
        self._first = event

    def read_only_node(self) -> Any:
        if self._first.__class__ is StreamEndEvent:
            return None
        value = self._read_node(self._first, 0)
        self._read_end()
        return value

    def read_items(self, if_empty: Callable[[], str]) -> Iterator[YamlMapping]:
        first = self._first
        if first.__class__ is StreamEndEvent or (first.__class__ is ScalarEvent and not first.value.strip()):
            self._fail_at(Origin(self._file, 1, 1), "the file is empty", if_empty())
        if first.__class__ is not SequenceStartEvent:
            self._fail(first, "the file must be a list", "Start each entry with a dash: `- key: value`.")
        self._check_plain(first)
        while (event := self._get()).__class__ is not SequenceEndEvent:
            value = self._read_node(event, 1)
            if isinstance(value, YamlMapping):
                yield value
            elif event.__class__ is not AliasEvent:  # reported
                self._report_error(event, "expected a mapping", "Each entry is a mapping: `- key: value`.")
        self._read_end()

    def report_syntax_error(self, exc: Exception) -> None:
        """Report an error of libyaml."""
        mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
        position = getattr(exc, "position", None)
        if position is not None:
            # libyaml's reader counts bytes and has no lines.
            at = _locate_byte(self._file, self._content, position)
            what, detail = "a control character", "Remove it: YAML is printable text."
        elif isinstance(exc, MarkedYAMLError) and mark is not None:
            what = ", ".join(part for part in (exc.problem, exc.context) if part)
            at = Origin(self._file, mark.line + 1, mark.column + 1)
            detail = "Fix the YAML syntax here; the rest of the file was not read."
            if "unexpected ':'" in what:
                detail = "Put the value in double quotes. The rest of the file was not read."
        else:
            what = shorten(str(exc).replace("\n", " "))
            at, detail = Origin(self._file, 1, 1), "Save the file as UTF-8 text."
        self._report(error(f"not YAML: {what}", detail, at))

    def _read_end(self) -> None:
        event = self._get()
        while event.__class__ is DocumentEndEvent:
            event = self._get()
        if event.__class__ is not StreamEndEvent:
            self._fail(event, "more than one document in the file", "Keep one document: remove the line `---`.")

    def _read_node(self, event: Any, depth: int) -> Any:
        kind = event.__class__
        if kind is ScalarEvent:
            return self._read_scalar(event)
        if kind is AliasEvent:
            name = quote(f"*{event.anchor}")
            self._report_error(event, f"alias {name} is not allowed", "Write the value out: aliases are not read.")
            return None
        if depth >= MAX_DEPTH:
            detail = "No file of the desired state nests this deeply."
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep", detail)
        self._check_plain(event)
        return self._read_mapping(event, depth) if kind is MappingStartEvent else self._read_sequence(event, depth)

    def _read_mapping(self, start: Any, depth: int) -> YamlMapping:
        mapping = YamlMapping(self._file, start.start_mark)
        key_marks, value_marks, get = mapping.key_marks, mapping.value_marks, self._get
        while (event := get()).__class__ is not MappingEndEvent:
            # Most of a large file is plain text: a call for each value would add a tenth to the time.
            plain = event.__class__ is ScalarEvent and event.ctag is event.anchor is None
            key = event.value if plain and event.value not in _SPECIAL else self._read_key(event, depth)
            value_event = get()
            plain = value_event.__class__ is ScalarEvent and value_event.ctag is value_event.anchor is None
            special = not plain or value_event.value in _SPECIAL
            value = self._read_node(value_event, depth + 1) if special else value_event.value
            if key is None:
                continue
            if key in mapping:
                first = mapping.key_origin(key)
                self._report_error(
                    event, f"key {quote(key)} is given twice", f"Keep one of them; the first is on line {first.line}."
                )
                continue
            mapping[key] = value
            key_marks.append(event.start_mark)
            value_marks.append(value_event.start_mark)
        return mapping

    def _read_sequence(self, start: Any, depth: int) -> YamlSequence:
        sequence = YamlSequence(self._file, start.start_mark)
        while (event := self._get()).__class__ is not SequenceEndEvent:
            sequence.append(self._read_node(event, depth + 1))
            sequence.item_marks.append(event.start_mark)
        return sequence

    def _read_key(self, event: Any, depth: int) -> str | None:
        if event.__class__ is not ScalarEvent:
            self._read_node(event, depth + 1)
            self._report_error(event, "a key must be plain text", "Write `key: value`.")
            return None
        if event.value == "<<" and event.implicit[0]:
            self._report_error(event, "merge key << is not allowed", "Write the keys out: merges are not read.")
            return None
        if event.tag is not None or event.anchor is not None:
            self._check_plain(event)
        return event.value  # type: ignore[no-any-return]

    def _read_scalar(self, event: Any) -> str | None:
        """Return the text as written; None for the plain scalars without a value: empty, and `~`."""
        if event.tag is not None or event.anchor is not None:
            self._check_plain(event)
        value: str = event.value
        if event.implicit[0]:
            if value in _NO_VALUE:
                return None
            if value == "null":
                self._warn_null(event)
        return value

    def _warn_null(self, event: Any) -> None:
        at = _to_origin(self._file, event.start_mark)
        self._report(
            warning(
                'null is read as the text "null"',
                'For "no value" write ~ or leave the key out; for the text write "null" in quotes.',
                at,
            )
        )

    def _check_plain(self, event: Any) -> None:
        """Report a tag or an anchor on `event`, then ignore it."""
        if event.tag is not None and event.tag != "!":
            name = quote(shorten(str(event.tag), 60))
            self._report_error(event, f"tag {name} is not allowed", "Remove it: tags are not read.")
        if event.anchor is not None:
            name = quote(f"&{event.anchor}")
            self._report_error(event, f"anchor {name} is not allowed", "Write values out: anchors are not read.")

    def _report_error(self, event: Any, summary: str, detail: str) -> None:
        self._report_error_at(_to_origin(self._file, event.start_mark), summary, detail)

    def _report_error_at(self, origin: Origin, summary: str, detail: str) -> None:
        self._report(error(summary, detail, origin))
        self._reported += 1
        if self._reported >= MAX_DIAGNOSTICS:
            self._report(error(f"more than {MAX_DIAGNOSTICS} errors; the rest of the file was not read", "", origin))
            raise _StopReadingError

    def _fail(self, event: Any, summary: str, detail: str) -> None:
        self._fail_at(_to_origin(self._file, event.start_mark), summary, detail)

    def _fail_at(self, origin: Origin, summary: str, detail: str) -> Any:
        self._report(error(summary, detail, origin))
        raise _StopReadingError


def _locate_byte(file: str, content: bytes, offset: int) -> Origin:
    """Return the origin of the byte at `offset`; columns count characters."""
    start = content.rfind(b"\n", 0, offset) + 1
    column = len(content[start:offset].decode("utf-8", "replace")) + 1
    return Origin(file, content.count(b"\n", 0, offset) + 1, column)


def _check_text(content: bytes, file: str, fail: Callable[[Origin, str, str], Any]) -> None:
    if len(content) > MAX_BYTES:
        fail(Origin(file, 1, 1), f"larger than {MAX_BYTES // 1024 // 1024} MiB", "Split the file.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as exc:
        fail(_locate_byte(file, content, exc.start), "not UTF-8 text", "Save the file as UTF-8.")
    # YAML 1.1 breaks lines at these, editors do not: every later line number would be wrong.
    odd = _UNUSUAL_BREAK.search(content)
    if odd is not None:
        at = _locate_byte(file, content, odd.start())
        fail(at, "an unusual line break (U+0085, U+2028, U+2029 or a lone carriage return)", "Remove it or use \\n.")
    for number, text in enumerate(content.split(b"\n"), start=1):
        if len(text) > MAX_LINE:
            fail(Origin(file, number, 1), f"a line longer than {MAX_LINE:,} bytes", "Break the line.")
