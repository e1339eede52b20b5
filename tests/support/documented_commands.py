"""The commands of `reconciler` in the documentation, page by page, as a reader would type them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
    if "decisions" not in path.parts
)
_FENCE = re.compile(r"^ *```(?:sh|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s(])(?:\.venv/bin/)?(reconciler (?:'[^']*'|\"[^\"]*\"|[^|>;&)#'\"\n])*)")
_ON_THE_SERVICE = frozenset(
    ("plan", "apply", "explain", "status", "export", "drift", "log", "report", "rollback", "check", "add")
)
_WITHOUT_A_SERVICE = frozenset(("--sandbox", "--offline"))


@dataclass(frozen=True, slots=True)
class DocumentedCommand:
    """A command, and the page that has it."""

    page: str
    line: str


def read_commands(page: str) -> list[DocumentedCommand]:
    """Return the commands of a page, in order."""
    text = (ROOT / page).read_text("utf-8")
    lines = [
        line.removeprefix("$ ")
        for block in _FENCE.findall(text)
        for line in re.sub(r" \\\n>? *", " ", block).splitlines()
        if not line.startswith("#")
    ]
    return [DocumentedCommand(page, found.strip()) for line in lines for found in _COMMAND.findall(line)]


def without_a_question(line: str) -> list[str]:
    """Return the words of a command, with the option that lets `apply` ask nothing."""
    words = shlex.split(line)
    if words[1] == "apply" and "--auto-approve" not in words and "plan.json" not in words[2:3]:
        words.append("--auto-approve")
    return words


def on_the_sandbox(line: str) -> list[str]:
    """Return the words of a command, with the options that let it run on the embedded service without a question."""
    words = without_a_question(line)
    verb = words[2] if words[1] == "fleet" else words[1]
    if (
        verb in _ON_THE_SERVICE
        and not _WITHOUT_A_SERVICE & set(words)
        and "plan.json" not in words
        and words[1:3] != ["fleet", "explain"]
    ):
        words.append("--sandbox")
    return words
