"""Read YAML from libyaml's event stream: scalars stay text, every key and value has its line and column.

A node-based loader takes ten to fifty times longer and decides types that only the schema should decide (`No`,
`0012`). Anchors, aliases, tags, second documents, duplicate keys and deep nesting are rejected as they occur, so that
no file can expand into more than it contains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from sys import intern
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
from reconciler.desired.plain_entries import read_plain_entries
from reconciler.desired.syntax_errors import (
    Mark,
    ParserError,
    describe_repeated_key,
    explain_syntax_error,
    find_look_alike,
    find_missing_space,
)
from reconciler.desired.yaml_nodes import PlainMapping, YamlMapping, YamlSequence, to_origin
from reconciler.desired.yaml_text import check_text, has_look_alikes, locate_byte

MAX_DEPTH = 32
MAX_DIAGNOSTICS = 50
"""Reported for one file at most."""

_NOT_YAML = (YAMLError, UnicodeDecodeError)
_WRAPPERS = frozenset({"users", "people", "groups", "mappings"})
"""Keys under which the list of a file is written by mistake."""
_NO_VALUE = frozenset({"", "~"})
_SPECIAL = _NO_VALUE | {"null", "<<"}
"""Plain scalars that mean something other than their text, or might."""

Report = Callable[[Diagnostic], None]


class _StopReadingError(Exception):
    """The rest of the file is skipped; the reason has been reported."""


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


def read_mapping(content: bytes, file: str, report: Report, if_empty: Callable[[], str]) -> YamlMapping | None:
    """Read a document that is one mapping; None, with an error, for any other. `if_empty`: as for `read_items`."""
    is_reported = False

    def note(diagnostic: Diagnostic) -> None:
        nonlocal is_reported
        is_reported = True
        report(diagnostic)

    node = read_document(content, file, note)
    if isinstance(node, YamlMapping):
        return node
    if node is not None:
        detail = "Write `key: value` lines, without a dash before them."
        report(error("the file must be a mapping", detail, Origin(file, 1, 1)))
    elif not is_reported:
        report(error("the file is empty", if_empty(), Origin(file, 1, 1)))
    return None


def read_items(content: bytes, file: str, report: Report, if_empty: Callable[[], str] = str) -> Iterator[YamlMapping]:
    """Yield the mappings of a document that lists mappings, one at a time. Errors go to `report`.

    A file without a document, such as one cut to 0 bytes, is an error: `[]` is the empty list. `if_empty` returns the
    detail.
    """
    reader = _Reader(content, file, report)
    try:
        count = 0
        for item in reader.read_plain_items():
            if item is None:
                break
            count += 1
            yield item
        else:
            return
        reader.start()
        yield from islice(reader.read_items(if_empty), count, None)
    except _StopReadingError:
        return
    except _NOT_YAML as exc:
        reader.report_syntax_error(exc)


def _refuse_to_read() -> Any:
    raise AssertionError("call start() first")


class _Reader:
    def __init__(self, content: bytes, file: str, report: Report) -> None:
        self._file = file
        self._content = content
        self._report = report
        self._reported = 0
        self._nulls: list[Origin] = []
        self._is_text = False
        self._is_checked = False
        self._entry_depth = -1
        # Not a method: a cycle would keep the content until the collector runs, which may be after the last file.
        self._get: Callable[[], Any] = _refuse_to_read

    def _check(self) -> None:
        """Check what libyaml does not."""
        check_text(self._content, self._file, self._fail_at)
        self._is_checked = has_look_alikes(self._content)
        self._is_text = True

    def read_plain_items(self) -> Iterator[YamlMapping | None]:
        """Yield the plain entries; None if `read_items` has to read the rest."""
        self._check()
        if self._is_checked or not self._content.startswith((b"- ", b"#")):
            return iter((None,))
        return read_plain_entries(self._content.decode(), partial(PlainMapping, self._file))

    def start(self) -> None:
        """Check what libyaml does not, then open the document."""
        if not self._is_text:
            self._check()
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
        """Yield each mapping when what follows it can be read: an entry that a syntax error cuts off is none."""
        first = self._first
        if first.__class__ is StreamEndEvent or (first.__class__ is ScalarEvent and not first.value.strip()):
            self._fail_at(Origin(self._file, 1, 1), "the file is empty", if_empty())
        if first.__class__ is not SequenceStartEvent:
            self._fail_not_a_list(first)
        self._check_plain(first)
        self._entry_depth = 1
        event = self._get()
        while event.__class__ is not SequenceEndEvent:
            start, value = event, self._read_node(event, 1)
            event = self._get()
            if isinstance(value, YamlMapping):
                yield value
            elif start.__class__ is not AliasEvent:  # reported
                self._report_not_a_mapping(start, value)
        self._read_end()

    def _fail_not_a_list(self, event: Any) -> None:
        detail = "Start each entry with a dash: `- key: value`."
        if event.__class__ is MappingStartEvent:
            if event.flow_style:
                detail = "It is one JSON object. Keep only the list in it: begin with [ and end with ]."
            elif (key := self._get()).__class__ is ScalarEvent and key.value in _WRAPPERS:
                detail = f"Remove the line `{key.value}:`: the file is this list itself."
        self._fail(event, "the file must be a list", detail)

    def _report_not_a_mapping(self, event: Any, value: Any) -> None:
        after = find_missing_space(value) if isinstance(value, str) else None
        if after is None:
            self._report_error(event, "expected a mapping", "Each entry is a mapping: `- key: value`.")
            return
        at = to_origin(self._file, event.start_mark)
        summary, detail = "no space after the colon", "Write `- key: value`."
        self._report_error_at(Origin(at.file, at.line, at.column + after), summary, detail)

    def report_syntax_error(self, exc: Exception) -> None:
        """Report an error of libyaml."""
        mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
        position = getattr(exc, "position", None)
        if position is not None:
            # libyaml's reader counts bytes and has no lines.
            at = locate_byte(self._file, self._content, position)
            what, detail = "a control character", "Remove it: YAML is printable text."
        elif isinstance(exc, MarkedYAMLError) and mark is not None:
            since = exc.context_mark
            found = explain_syntax_error(
                self._content.decode("utf-8", "replace").removeprefix("\ufeff"),
                ParserError(
                    exc.problem or "",
                    Mark(mark.line + 1, mark.column + 1),
                    exc.context or "",
                    since and Mark(since.line + 1, since.column + 1),
                ),
            )
            what, detail = found.summary, found.detail
            at = Origin(self._file, found.at.line, found.at.column)
        else:
            what = shorten(str(exc).replace("\n", " "))
            at, detail = Origin(self._file, 1, 1), "Save the file as UTF-8 text."
        self._report(error(f"not YAML: {what}", detail, at))

    def _read_end(self) -> None:
        event = self._get()
        self._warn_nulls()
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
            detail = "Write the value out: aliases are not read. If it is text, put the value in double quotes."
            self._report_error(event, f"alias {name} is not allowed", detail)
            return None
        if depth >= MAX_DEPTH:
            detail = "No file of the desired state nests this deeply."
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep", detail)
        self._check_plain(event)
        return self._read_mapping(event, depth) if kind is MappingStartEvent else self._read_sequence(event, depth)

    def _read_mapping(self, start: Any, depth: int) -> YamlMapping:
        mapping = YamlMapping(self._file, start.start_mark)
        key_marks, value_marks, get = mapping.key_marks, mapping.value_marks, self._get
        twice: list[tuple[Any, str]] = []
        while (event := get()).__class__ is not MappingEndEvent:
            # Most of a large file is plain text: a call for each value would add a tenth to the time.
            plain = event.__class__ is ScalarEvent and event.ctag is event.anchor is None
            key = event.value if plain and event.value not in _SPECIAL else self._read_key(event, start, depth)
            value_event = get()
            if self._is_checked:
                self._check_look_alikes(event, key=True)
                self._check_look_alikes(value_event, key=False)
            plain = value_event.__class__ is ScalarEvent and value_event.ctag is value_event.anchor is None
            special = not plain or value_event.value in _SPECIAL
            value = self._read_node(value_event, depth + 1) if special else value_event.value
            if key is None:
                continue
            if key in mapping:
                twice.append((event, key))
                continue
            mapping[intern(key)] = value  # all entries have the same keys: one text for all
            key_marks.append(event.start_mark)
            value_marks.append(value_event.start_mark)
        if twice:
            self._report_twice(twice, mapping, depth)
        return mapping

    def _report_twice(self, twice: Sequence[tuple[Any, str]], mapping: YamlMapping, depth: int) -> None:
        """Report the first key that is given twice: if a dash is missing, all keys of an entry are."""
        event, key = twice[0]
        may_be_entry = depth == self._entry_depth and event.start_mark.line > mapping.mark.line
        repeated = [key for _, key in twice] if may_be_entry else []
        found = describe_repeated_key(key, mapping.key_origin(key).line, repeated, key == next(iter(mapping)))
        self._report_error(event, *found)

    def _read_sequence(self, start: Any, depth: int) -> YamlSequence:
        sequence = YamlSequence(self._file, start.start_mark)
        while (event := self._get()).__class__ is not SequenceEndEvent:
            if self._is_checked:
                self._check_look_alikes(event, key=False)
            sequence.append(self._read_node(event, depth + 1))
            sequence.item_marks.append(event.start_mark)
        return sequence

    def _read_key(self, event: Any, mapping: Any, depth: int) -> str | None:
        if event.__class__ is not ScalarEvent:
            self._fail_if_code(event, mapping)
            self._read_node(event, depth + 1)
            self._report_error(event, "a key must be plain text", "Write `key: value`.")
            return None
        if event.value == "<<" and event.implicit[0]:
            self._report_error(event, "merge key << is not allowed", "Write the keys out: merges are not read.")
            return None
        if event.tag is not None or event.anchor is not None:
            self._check_plain(event)
        return event.value  # type: ignore[no-any-return]

    def _fail_if_code(self, event: Any, mapping: Any) -> None:
        """Report a template or an expression without quotes, in which YAML sees mappings and lists."""
        start, at = mapping.start_mark, event.start_mark
        if event.__class__ is MappingStartEvent and (at.line, at.column) == (start.line, start.column + 1):
            detail = 'Put the template in double quotes: "{{ department }}".'
            self._fail(mapping, "{{ without quotes", detail)
        if event.__class__ is SequenceStartEvent and mapping.flow_style:
            detail = "If [ is a part of an expression, put the whole expression in single quotes."
            self._fail(event, "a list where a key is expected", detail)

    def _read_scalar(self, event: Any) -> str | None:
        """Return the text as written; None for the plain scalars without a value: empty, and `~`."""
        if event.tag is not None or event.anchor is not None:
            self._check_plain(event)
        value: str = event.value
        if event.implicit[0]:
            if value in _NO_VALUE:
                return None
            if value == "null":
                self._nulls.append(to_origin(self._file, event.start_mark))
        return value

    def _warn_nulls(self) -> None:
        if not self._nulls:
            return
        times = f", {len(self._nulls):,} times in this file" if len(self._nulls) > 1 else ""
        summary = f'null is read as the text "null"{times}'
        detail = 'For "no value" write ~ or leave the key out; for the text write "null" in quotes.'
        self._report(warning(summary, detail, self._nulls[0]))

    def _check_look_alikes(self, event: Any, *, key: bool) -> None:
        """Report characters that look like a space or a quote: the rest of the file is skipped."""
        found = find_look_alike(event.value, key=key) if event.__class__ is ScalarEvent and event.implicit[0] else None
        if found is not None:
            at = to_origin(self._file, event.start_mark)
            self._fail_at(Origin(at.file, at.line, at.column + found.index), found.summary, found.detail)

    def _check_plain(self, event: Any) -> None:
        """Report a tag or an anchor on `event`, then ignore it."""
        if event.tag is not None:
            name = quote(shorten(str(event.tag), 60))
            detail = "Remove it: tags are not read. If it is text, put the value in double quotes."
            self._report_error(event, f"tag {name} is not allowed", detail)
        if event.anchor is not None:
            detail = "Write values out: anchors are not read. If it is text, put the value in double quotes."
            self._report_error(event, f"anchor {quote(f'&{event.anchor}')} is not allowed", detail)

    def _report_error(self, event: Any, summary: str, detail: str) -> None:
        self._report_error_at(to_origin(self._file, event.start_mark), summary, detail)

    def _report_error_at(self, origin: Origin, summary: str, detail: str) -> None:
        self._report(error(summary, detail, origin))
        self._reported += 1
        if self._reported >= MAX_DIAGNOSTICS:
            self._report(error(f"more than {MAX_DIAGNOSTICS} errors; the rest of the file was not read", "", origin))
            raise _StopReadingError

    def _fail(self, event: Any, summary: str, detail: str) -> None:
        self._fail_at(to_origin(self._file, event.start_mark), summary, detail)

    def _fail_at(self, origin: Origin, summary: str, detail: str) -> Any:
        self._report(error(summary, detail, origin))
        raise _StopReadingError
