"""The mappings and sequences of a YAML file, with the origin of every key, value and item."""

from __future__ import annotations

from typing import Any

from reconciler.core.model import Origin
from reconciler.desired.plain_entries import PlainMark, mark_keys, mark_values


class YamlMapping(dict[str, Any]):
    """A mapping with the origins of its keys and values.

    Values are str, None (unassigned), YamlMapping or YamlSequence.
    """

    __slots__ = ("file", "key_marks", "mark", "value_marks")

    marks_follow = False
    """Whether the marks follow from the line and the keys: entries with the same keys look the same."""

    def __init__(self, file: str, mark: Any) -> None:
        super().__init__()
        self.file = file
        self.mark = mark
        self.key_marks: list[Any] = []
        self.value_marks: list[Any] = []

    @property
    def origin(self) -> Origin:
        """Where the mapping starts."""
        return to_origin(self.file, self.mark)

    def key_origin(self, key: str) -> Origin:
        """Return the origin of `key`; the mapping's own if it has no such key."""
        return self._at(key, self.key_marks)

    def value_origin(self, key: str) -> Origin:
        """Return the origin of the value of `key`; the mapping's own if it has no such key."""
        return self._at(key, self.value_marks)

    def _at(self, key: str, marks: list[Any]) -> Origin:
        for candidate, mark in zip(self, marks, strict=True):
            if candidate == key:
                return to_origin(self.file, mark)
        return self.origin


class PlainMapping(YamlMapping):
    """An entry that `plain_entries` has read: its marks follow from its line and its keys."""

    __slots__ = ()

    marks_follow = True

    def __init__(self, file: str, line: int) -> None:
        dict.__init__(self)
        self.file = file
        self.mark = PlainMark(line, 2)

    @property
    def key_marks(self) -> list[Any]:  # type: ignore[override]
        """The marks of the keys."""
        return mark_keys(self.mark.line, list(self))

    @property
    def value_marks(self) -> list[Any]:  # type: ignore[override]
        """The marks of the values."""
        return mark_values(self.mark.line, list(self))


class LayeredMapping(YamlMapping):
    """A mapping whose keys come from several files; it starts where the mapping of the last of them does.

    Keys without a value are left out: a layer that gives none inherits it.
    """

    __slots__ = ("_origins",)

    def __init__(self, *layers: YamlMapping) -> None:
        """Merge mappings, those that override others last: mappings by key, everything else as a whole."""
        super().__init__(layers[-1].file, layers[-1].mark)
        self._origins: dict[str, tuple[Origin, Origin]] = {}
        for layer in layers:
            for key, value in layer.items():
                if value is not None:
                    below = self.get(key)
                    both = isinstance(value, YamlMapping) and isinstance(below, YamlMapping)
                    self[key] = LayeredMapping(below, value) if both else value  # type: ignore[arg-type]
                    self._origins[key] = (layer.key_origin(key), layer.value_origin(key))

    def key_origin(self, key: str) -> Origin:
        """Return the origin of `key` in the last file that has it; the mapping's own if none has."""
        return self._origins[key][0] if key in self._origins else self.origin

    def value_origin(self, key: str) -> Origin:
        """Return the origin of the value of `key`; the mapping's own if it has no such key."""
        return self._origins[key][1] if key in self._origins else self.origin

    def add(self, key: str, value: Any, key_origin: Origin, value_origin: Origin) -> None:
        """Add a key with its origins."""
        self[key] = value
        self._origins[key] = (key_origin, value_origin)

    def remove(self, key: str) -> Any:
        """Remove `key` and return its value; None if it has no such key."""
        self._origins.pop(key, None)
        return self.pop(key, None)


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
        return to_origin(self.file, self.mark)

    def item_origin(self, index: int) -> Origin:
        """Return the origin of item `index`."""
        return to_origin(self.file, self.item_marks[index])


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


def to_origin(file: str, mark: Any) -> Origin:
    """Return the origin of a mark of libyaml, which is 0-based."""
    return Origin(file, mark.line + 1, mark.column + 1)
