"""Shell completion: the options that install it, and completers of values.

Commands and options are Typer's to complete. Values are completed from the files of the desired state as text, so that
no key press waits for parsing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import completion

from reconciler.cli import lazy
from reconciler.core.text import quote
from reconciler.errors import UsageError

# Typer exports nothing of its completion.
_typer_completion: Any = completion
SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_RECONCILER_COMPLETE"
"""The variable by which a shell's script asks for completions."""
_PROGRAM = "reconciler"


def prepare_completion() -> None:
    """Let Typer answer a shell that asks for completions."""
    if VARIABLE in os.environ:
        # With Rich, Typer renders each description for zsh and fish as markup: 110 ms for each key press.
        sys.modules["rich"] = None  # type: ignore[assignment]
        _typer_completion.completion_init()


def _show_completion(wanted: bool) -> None:
    if wanted:
        shell = _find_shell("--show-completion")
        script = _typer_completion.get_completion_script(prog_name=_PROGRAM, complete_var=VARIABLE, shell=shell)
        sys.stdout.write(f"{script}\n")
        raise typer.Exit


def _install_completion(wanted: bool) -> None:
    if wanted:
        shell, file = _typer_completion.install(_find_shell("--install-completion"), _PROGRAM, VARIABLE)
        sys.stdout.write(f"Installed the completion of {shell} in {file}. Start a new shell to use it.\n")
        raise typer.Exit


def _find_shell(option: str) -> str:
    """Return the shell named after `option` on the command line, else the one that started this process.

    Typer has no options with an optional value. Raises `UsageError` for another shell, or if none is detected.
    """
    words = sys.argv[sys.argv.index(option) + 1 :] if option in sys.argv else []
    shell = words[0] if words else _typer_completion._get_shell_name()  # noqa: SLF001
    if shell in SHELLS:
        return str(shell)
    summary = f"there is no completion for {quote(shell)}" if shell else "the shell that runs this is not known"
    raise UsageError(summary, f"Name one of {', '.join(SHELLS)}, such as: {_PROGRAM} {option} {SHELLS[0]}")


InstallCompletion = Annotated[
    bool,
    typer.Option(
        "--install-completion",
        callback=_install_completion,
        is_eager=True,
        help="Install completion for this shell, or for bash, zsh or fish if named.",
    ),
]
ShowCompletion = Annotated[
    bool,
    typer.Option(
        "--show-completion",
        callback=_show_completion,
        is_eager=True,
        help="Print the completion script for this shell, or for bash, zsh or fish if named.",
    ),
]


def complete_from(*words: str) -> Callable[[str], list[str]]:
    """Return a completer of a value that is one of `words`."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def complete_users(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the userPrincipalName of a user of the desired state."""
    parameters: dict[str, Any] = ctx.params
    return lazy.find_user_keys(Path(parameters.get("state") or "desired-state"), incomplete)


def complete_guards(incomplete: str) -> list[str]:
    """Complete the name of a guard that can be approved."""
    return complete_from(*lazy.APPROVABLE_GUARDS)(incomplete)


def complete_profiles(incomplete: str) -> list[str]:
    """Complete the name of a target profile."""
    return complete_from(*lazy.PROFILES)(incomplete)
