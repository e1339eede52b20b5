"""A how-to guide, followed to the letter: its YAML and its commands, section by section, on the sandbox."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

from support.workspace import CommandResult, run

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^( *)```(sh|yaml)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_ON_THE_SERVICE = {"plan", "apply", "explain", "status", "export"}


class Guide:
    """A page, and the repository in the current directory in which it is followed."""

    def __init__(self, page: str) -> None:
        self._text = (DOCS / page).read_text("utf-8")

    def read(self, section: str, language: str) -> list[str]:
        """Return the blocks of code of a section, in order."""
        found = re.search(rf"^## {re.escape(section)}\n.*?(?=^## |\Z)", self._text, re.MULTILINE | re.DOTALL)
        assert found is not None, section
        return [textwrap.dedent(text) for _, kind, text in _BLOCK.findall(found[0]) if kind == language]

    def run(self, section: str) -> list[CommandResult]:
        """Run all commands of a section, each of which must be one of `reconciler`."""
        lines = [shlex.split(line) for text in self.read(section, "sh") for line in text.splitlines()]
        assert lines
        assert all(line[0] == "reconciler" for line in lines)
        return [run(_on_the_sandbox(line)) for line in lines]


def _on_the_sandbox(line: list[str]) -> list[str]:
    if line[1] not in _ON_THE_SERVICE or "plan.json" in line[2:3]:
        return line
    return [*line, "--sandbox", *(["--auto-approve"] if line[1] == "apply" else [])]
