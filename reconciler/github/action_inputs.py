"""The inputs of the action (action.yml): which command line they mean. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.text import quote, shorten
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import UsageError

_COMMANDS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "plan": (("plan",), frozenset({"out", "base"})),
    "apply": (("apply",), frozenset({"plan"})),
    "drift": (("drift",), frozenset({"out"})),
    "import": (("import", "entra"), frozenset()),
    "validate": (("validate",), frozenset({"out", "base"})),
}
"""By the input `command`: the words of the command line, and the inputs that not every command has."""
PLANNING = frozenset({"plan", "drift"})
"""Commands whose input `out` is a saved plan."""
VARIABLES = {
    name: f"INPUT_{name.upper().replace('-', '_')}"
    for name in (
        *("command", "state", "plan", "out", "base", "redact", "arguments"),
        *("log", "accept-exit-codes", "timeout-seconds"),
    )
}
"""By input: the variable in which the action passes it."""
_LONGEST = 7 * 24 * 3600
ANY = frozenset(range(256))


@dataclass(frozen=True, slots=True)
class ActionRun:
    """What one use of the action runs.

    `accepted`: exit codes that do not fail the step. `timeout`: seconds until the command is asked to end; None: never.
    """

    command: str
    arguments: tuple[str, ...]
    out: str
    log: str
    accepted: frozenset[int]
    timeout: int | None


def read_action_inputs(environment: Mapping[str, str]) -> ActionRun:
    """Read the inputs from the variables of the step. Raises `UsageError` for any that is not as documented."""
    if environment.get("GITHUB_TOKEN") and environment.get("RECONCILER_TOKEN"):
        raise UsageError(
            "the step has GITHUB_TOKEN and the service's token",
            "No step needs both. Remove GITHUB_TOKEN from the `env` of the step, the job and the workflow.",
        )
    given = {name: environment.get(variable, "").strip() for name, variable in VARIABLES.items()}
    for name, value in given.items():
        if not value.isprintable():
            raise UsageError(f"the input `{name}` has a line break or a control character", "Write it in one line.")
    command = given["command"]
    if command not in _COMMANDS:
        raise UsageError(f"the input `command` is {_show(command)}", f"Use one of {', '.join(_COMMANDS)}.")
    words, has = _COMMANDS[command]
    for name in ("plan", "out", "base"):
        if given[name] and name not in has:
            raise UsageError(f"the input `{name}` does not go with the command {command}", "Remove it.")
    return ActionRun(
        command,
        (*words, *_list_options(given)),
        given["out"],
        given["log"],
        _read_exit_codes(command, given["accept-exit-codes"]),
        _read_timeout(given["timeout-seconds"]),
    )


def _list_options(given: Mapping[str, str]) -> Iterator[str]:
    """Yield options as one word each, so that no value can be another option; the plan to apply comes last."""
    for name in ("state", "out", "base"):
        if given[name]:
            yield f"--{name}={given[name]}"
    if given["redact"] not in ("", "true", "false"):
        raise UsageError(f"the input `redact` is {_show(given['redact'])}", "Use true or false.")
    if given["redact"] != "false":
        yield "--redact"
    try:
        yield from shlex.split(given["arguments"])
    except ValueError as exc:
        raise UsageError("the input `arguments` has a quote that does not end", "Close the quote.") from exc
    if given["plan"]:
        yield from ("--", given["plan"])


def _read_exit_codes(command: str, text: str) -> frozenset[int]:
    if command == "apply":
        if text not in ("", "3"):
            raise UsageError(
                f"the input `accept-exit-codes` is {_show(text)}",
                "Of an apply only 3 can be accepted: a guard blocks the plan, and nothing was sent.",
            )
    elif text == "any":
        return ANY
    codes = [parse_count(word) for word in text.split()]
    known = frozenset(code for code in codes if code is not None and code in ANY)
    if len(known) != len(codes):
        raise UsageError(
            f"the input `accept-exit-codes` is {_show(text)}", "Write different numbers from 1 to 255, or any."
        )
    return known | {0}


def _read_timeout(text: str) -> int | None:
    if not text:
        return None
    seconds = parse_count(text)
    if seconds is None or not 0 < seconds <= _LONGEST:
        raise UsageError(f"the input `timeout-seconds` is {_show(text)}", f"Write a number from 1 to {_LONGEST}.")
    return seconds


def _show(value: str) -> str:
    return quote(shorten(value, 50)) if value else "empty"
