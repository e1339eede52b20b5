"""Compare drafted files of users with what is read in them, while they are validated: none is read twice for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.history.edits import USER, Entity
from reconciler.history.yaml_entries import build_entity


@dataclass(slots=True)
class _ExpectedFile:
    """The entries of one file. `check`: reads the file by itself; raises if it does not hold them."""

    entries: Sequence[Entity]
    check: Callable[[], None]
    seen: int = 0
    is_same: bool = True

    @property
    def is_proved(self) -> bool:
        """Whether exactly these entries were read, in this order."""
        return self.is_same and self.seen == len(self.entries)


class ReadBack:
    """The entries that drafted files should hold. A file that is not read as expected gets a read of its own."""

    def __init__(self) -> None:
        self._expected: dict[str, _ExpectedFile] = {}

    def expect(self, name: str, entries: Sequence[Entity], check: Callable[[], None]) -> None:
        """Expect a file to hold exactly these entries. `check` reads the file and raises if it does not."""
        self._expected[name] = _ExpectedFile(entries, check)

    def see(self, name: str, item: YamlMapping) -> None:
        """Compare the next entry of a file."""
        expected = self._expected.get(name)
        if expected is None:
            return
        place, expected.seen = expected.seen, expected.seen + 1
        if expected.is_same:
            wanted = expected.entries[place].fields if place < len(expected.entries) else None
            expected.is_same = build_entity(name, USER, item).fields == wanted

    def finish(self, *, is_valid: bool) -> None:
        """Check the files that were not read as expected. `is_valid`: the read found no error in the text of a file.

        Raises what `check` raises.
        """
        for expected in self._expected.values():
            if not (is_valid and expected.is_proved):
                expected.check()
