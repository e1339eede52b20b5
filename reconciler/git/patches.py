"""Read the output of `git diff-tree --patch`: changed lines, each with its file and the blob that holds it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NEW_FILE = b"diff --git "
_HUNK = b"@@ "
_REGULAR = b"100"


@dataclass(slots=True)
class PatchedFile:
    """A file that a commit changed; `old` and `new` are blobs, `mode` that of git's trees.

    `path` is empty if it has characters that git quotes even with core.quotePath=false, such as a line break.
    """

    path: bytes = b""
    old: bytes = b""
    new: bytes = b""
    mode: bytes = b""

    @property
    def is_regular(self) -> bool:
        """Whether it is neither a link nor a submodule."""
        return self.mode.startswith(_REGULAR)

    def read_header(self, line: bytes) -> None:
        """Take over what a line before the first hunk says."""
        word, _, rest = line.removesuffix(b"\n").partition(b" ")
        if word == b"index":
            blobs, _, mode = rest.partition(b" ")
            self.old, _, self.new = blobs.partition(b"..")
            self.mode = mode or self.mode
        elif word in (b"new", b"deleted", b"old"):
            self.mode = rest.rpartition(b" ")[2]
        elif (word == b"---" and rest.startswith(b"a/")) or (word == b"+++" and rest.startswith(b"b/")):
            self.path = rest[2:].removesuffix(b"\t")  # after a name with a space


def read_patches(lines: Iterable[bytes]) -> Iterator[tuple[PatchedFile, bytes]]:
    """Yield each changed line, with its sign in front, and its file.

    `lines`: the output, cut into lines and perhaps into parts of these. Only the first part of a line is yielded.
    """
    file, in_header, is_start = PatchedFile(), False, True
    for line in lines:
        is_rest, is_start = not is_start, line.endswith(b"\n")
        if is_rest:
            continue  # the middle of a long line could look like a header
        if line.startswith(_NEW_FILE):
            file, in_header = PatchedFile(), True
        elif in_header:
            in_header = not line.startswith(_HUNK)
            if in_header:
                file.read_header(line)
        elif line[:1] in (b"+", b"-"):
            yield file, line
