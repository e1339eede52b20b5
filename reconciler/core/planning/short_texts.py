"""Short texts by number, without an object for each: 16 bytes and the text itself, which may be on a disk."""

from __future__ import annotations

from reconciler.core.planning.blocks import Blob, Numbers, OpenBlock

_LENGTH_BITS = 24
_LONGEST = (1 << _LENGTH_BITS) - 1


class ShortTexts:
    """Texts by number."""

    def __init__(self, open_block: OpenBlock | None = None) -> None:
        self._content = Blob(open_block)
        self._places = Numbers("Q", open_block)
        """Where each text starts, and its length in the last bits."""
        self._long: dict[int, str] = {}

    def put(self, number: int, text: str) -> None:
        """Keep the text of a number; one that it had before is forgotten."""
        self._places.grow(number + 1)
        encoded = text.encode("utf-8", "surrogatepass")
        self._long.pop(number, None)
        if len(encoded) > _LONGEST:
            self._long[number] = text
            return
        self._places[number] = self._content.append(encoded) << _LENGTH_BITS | len(encoded)

    def get(self, number: int) -> str:
        """Return the text of a number that has one."""
        if number in self._long:
            return self._long[number]
        place = self._places[number]
        return self._content.read(place >> _LENGTH_BITS, place & _LONGEST).decode("utf-8", "surrogatepass")
