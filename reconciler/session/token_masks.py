"""Let the runner of GitHub Actions hide tokens in its log: it knows secrets, not what a token store holds."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from reconciler.github.workflow_commands import format_command
from reconciler.scim.secret import Secret


def mask_tokens(environment: Mapping[str, str] = os.environ) -> Callable[[Collection[Secret]], None]:
    """Return a function that masks tokens, each once. It does nothing unless stderr goes to the runner itself.

    The command that masks a token holds it: written to a file or to another program, it would be the leak.
    """
    masked: set[str] = set()
    runs_in_actions = environment.get("GITHUB_ACTIONS") == "true"

    def mask(tokens: Collection[Secret]) -> None:
        new = {token.reveal() for token in tokens} - masked
        if not new or not runs_in_actions or not goes_to_runner():
            return
        masked.update(new)
        # Not stdout, which holds results and is often redirected.
        sys.stderr.write("".join(format_command("add-mask", token) + "\n" for token in sorted(new)))
        sys.stderr.flush()

    return mask


def goes_to_runner() -> bool:
    """Whether stderr is the pipe that the step began with: no file, not merged into stdout, not redirected."""
    with suppress(OSError, ValueError):
        own, output = os.fstat(sys.stderr.fileno()), os.fstat(sys.stdout.fileno())
        steps = Path(f"/proc/{os.getppid()}/fd/2").stat()
        pipe = (own.st_dev, own.st_ino)
        merged = pipe == (output.st_dev, output.st_ino)
        return stat.S_ISFIFO(own.st_mode) and not merged and pipe == (steps.st_dev, steps.st_ino)
    return False
