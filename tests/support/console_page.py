"""A page whose commands run in order, in one shell and one empty folder, with the edits that it shows in between.

Blocks of `console` have commands (`$ …`, continued by `> …`) and their output; blocks of `diff` name a file
(`+++ FILE`) and edit it: a line that starts with a space or `-` must be there, `+` is new. `make tutorial` writes the
output again.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
SECONDS = 60
BASH = ("bash", "--noprofile", "--norc")

_BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*(?:\n> .*)*)\n?", re.MULTILINE)
_EDITED = re.compile(r"\+\+\+ (\S+)\n")
_VARYING: Mapping[str, re.Pattern[str]] = {
    "ACCOUNT": re.compile(r"\bGN-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    "PLAN": re.compile(r"\bsha256:[0-9a-f]+\b"),
    "TIME": re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)?)?\b"),
    "DIRECTORY": re.compile(r"(?<=TIME-)[0-9a-f]{12}\b"),
    "COMMIT": re.compile(r"(?<![-\w])[0-9a-f]{7,40}(?![-\w])"),
    "FOLDER": re.compile(r"(?<![\w.])/(?:[\w.-]+/)+(?=people\b)"),
    "SECONDS": re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|seconds?|minutes?)\b"),
}
"""What differs between two runs: whole words only, so that no part of another word is taken for one."""


_AT_ONCE = re.compile(r"(?:^.*: \w+ complete \[.*\]\n)+", re.MULTILINE)
"""Accounts are written at once, in any order."""


def hide_varying(text: str) -> str:
    """Return a text with a name in place of each value that differs from run to run."""
    for name, pattern in _VARYING.items():
        text = pattern.sub(name, text)
    return _AT_ONCE.sub(lambda found: "".join(sorted(found[0].splitlines(keepends=True))), text)


class Shell:
    """One bash, whose folder, variables and jobs stay from command to command."""

    def __init__(
        self, line: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: int = SECONDS
    ) -> None:
        """Start it by a command line. `seconds`: what one command may take before the shell is killed."""
        self._bash = subprocess.Popen(
            [*line],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._seconds = seconds
        self.code = 0

    def run(self, command: str) -> str:
        """Run one command, and return what it printed; its exit code is `code`."""
        bash = self._bash
        assert bash.stdin is not None
        assert bash.stdout is not None
        # The next command sees the exit code of this one in `$?`.
        bash.stdin.write(f"(exit {self.code})\n{{ {command}\n}} </dev/null\nprintf '\\036%d\\n' $?\n")
        bash.stdin.flush()
        timer = Timer(self._seconds, self.close)
        timer.start()
        printed = ""
        try:
            for line in bash.stdout:
                before, mark, code = line.rpartition("\x1e")
                if mark:
                    self.code = int(code)
                    return printed + before
                printed += line
        finally:
            timer.cancel()
        raise AssertionError(f"the shell ended, or took more than {self._seconds} seconds: {command}\n{printed}")

    def close(self) -> None:
        """End the shell and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def open_shell(folder: Path) -> Iterator[Shell]:
    """Give a shell in a folder, which is its home as well."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }
    shell = Shell(BASH, folder, environment)
    try:
        yield shell
    finally:
        shell.close()


def edit(block: str, folder: Path) -> None:
    """Apply the edit that a block of `diff` shows to a file, or make the file."""
    head = _EDITED.match(block)
    assert head is not None, f"no file is named: {block}"
    path = folder / head[1]
    lines = block[head.end() :].splitlines(keepends=True)
    assert all(line[0] in " -+" for line in lines), block
    old, new = ("".join(line[1:] for line in lines if line[0] != left_out) for left_out in "+-")
    text = path.read_text("utf-8") if path.exists() else ""
    assert text.count(old) == 1 if old else not text, f"{head[1]} does not have these lines once:\n{old}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new) if old else new, "utf-8")


def _run_console(shell: Shell, block: str) -> str:
    parts = _COMMAND.split(block)
    assert not parts[0], f"no command before: {parts[0]}"
    written = ""
    for command, shown in zip(parts[1::2], parts[2::2], strict=True):
        assert shell.code == 0 or command == "echo $?", f"no `$ echo $?` after exit code {shell.code}:\n{written}"
        printed = shell.run(re.sub(r"^> ", "", command, flags=re.MULTILINE))
        printed = re.sub(r"[ \t]+$", "", printed, flags=re.MULTILINE)  # as .editorconfig wants it
        if printed and not printed.endswith("\n"):
            printed += "\n"
        same = hide_varying(printed).rstrip() == hide_varying(shown).rstrip()
        written += f"$ {command}\n{shown if same else printed}"
    return written


def follow(page: str, folder: Path) -> str:
    """Do all that a page says, in an empty folder; return the page with what its commands print now."""
    parts, end = [], 0
    with open_shell(folder) as shell:
        for block in _BLOCK.finditer(page):
            kind, text = block[1], block[2]
            if kind == "diff":
                edit(text, folder / "people")
            else:
                text = _run_console(shell, text)
            parts += [page[end : block.start(2)], text]
            end = block.end(2)
        assert shell.code == 0, "the last command failed"
    return "".join([*parts, page[end:]])


def main() -> None:
    """Write the output of the tutorial's commands again."""
    with tempfile.TemporaryDirectory() as folder:
        TUTORIAL.write_text(follow(TUTORIAL.read_text("utf-8"), Path(folder)), "utf-8")


if __name__ == "__main__":
    main()
