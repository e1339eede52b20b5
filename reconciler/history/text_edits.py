"""Collect replacements of parts of a text, and apply them at once: every other character stays."""

from __future__ import annotations

from reconciler.history.yaml_nodes import EditError, Node, ScalarNode, SequenceNode


class TextEdits:
    """Replacements, all at positions of the text as it was. `newline`: the line break of the file."""

    def __init__(self, text: str, newline: str) -> None:
        self.text = text
        self.newline = newline
        self._edits: list[tuple[int, int, str | list[str]]] = []

    def replace(self, start: int, end: int, new: str) -> None:
        """Replace `text[start:end]`."""
        self._edits.append((start, end, new))

    def remove(self, start: int, end: int) -> None:
        """Remove `text[start:end]`."""
        self._edits.append((start, end, ""))

    def insert(self, at: int, new: str) -> None:
        """Insert `new` before position `at`, after what was inserted there before."""
        self._edits.append((at, at, new))

    def insert_lines(self, at: int, lines: list[str]) -> None:
        """Insert lines, without line breaks, after the line of position `at`."""
        self._edits.append((self.next_line(at), self.next_line(at), lines))

    def apply(self) -> str:
        """Return the edited text. Raises `EditError` if two edits overlap."""
        pieces, done = [""], 0
        for start, end, new in sorted(self._edits, key=lambda edit: edit[:2]):
            if start < done:
                raise EditError("two edits are of the same text")
            pieces += filter(None, [self.text[done:start]])
            pieces.append(self._join(new, pieces[-1], start) if isinstance(new, list) else new)
            done = end
        return "".join([*pieces, self.text[done:]])

    def _join(self, lines: list[str], before: str, start: int) -> str:
        """Return lines with line breaks: one before them after a last line that has none, which the text keeps so."""
        is_open = start == len(self.text) and not self.text.endswith("\n")
        text = self.newline.join(lines)
        return (
            (self.newline if is_open and not before.endswith("\n") else "") + text + ("" if is_open else self.newline)
        )

    def line_start(self, at: int) -> int:
        """Return the start of the line of position `at`."""
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """Return the end of the line of position `at`, before its line break."""
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > at and self.text[end - 1] == "\r" else end

    def next_line(self, at: int) -> int:
        """Return the start of the line after that of position `at`; the end of the text if it is the last one."""
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end + 1

    def column(self, at: int) -> int:
        """Return how many characters are before position `at` in its line."""
        return at - self.line_start(at)

    def starts_line(self, at: int) -> bool:
        """Whether only spaces are before position `at` in its line."""
        return not self.text[self.line_start(at) : at].strip()

    def content_end(self, node: Node) -> int:
        """Return the end of the content of a node, without the blank lines and comments that follow a block."""
        if isinstance(node, ScalarNode):
            block = node.quotes in ("|", ">")
            return node.start + len(self.text[node.start : node.end].rstrip()) if block else node.end
        children = node.items[-1:] if isinstance(node, SequenceNode) else [value for _, value in node.pairs[-1:]]
        return node.end if node.is_flow or not children else self.content_end(children[0])
