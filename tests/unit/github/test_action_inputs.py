from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.github.action_inputs import ANY, VARIABLES, read_action_inputs


def inputs(**given: str) -> dict[str, str]:
    return {VARIABLES[name.replace("_", "-")]: value for name, value in given.items()}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"command": "validate"}, ["validate", "--redact"]),
        ({"command": "import", "redact": "true"}, ["import", "entra", "--redact"]),
        ({"command": "drift", "redact": "false", "out": "d.json"}, ["drift", "--out=d.json"]),
        (
            {"command": "plan", "redact": "false", "state": "a b", "base": "--offline"},
            ["plan", "--state=a b", "--base=--offline"],
        ),
        (
            {"command": "apply", "redact": "false", "plan": "--x", "arguments": "--strict --now '2026-12-01 10:00'"},
            ["apply", "--strict", "--now", "2026-12-01 10:00", "--", "--x"],
        ),
    ],
)
def test_inputs_are_one_command_line(given: dict[str, str], line: list[str]) -> None:
    assert list(read_action_inputs(inputs(**given)).arguments) == line


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": ""}, "`command` is empty"),
        ({"command": "login"}, '`command` is "login"'),
        ({"command": "plan --sandbox"}, "`command` is"),
        ({"command": "plan", "state": "a\nb"}, "`state` has a line break"),
        ({"command": "plan", "arguments": "--offline\n--sandbox"}, "`arguments` has a line break"),
        ({"command": "plan", "out": "a\x1b[2J"}, "`out` has a line break or a control character"),
        ({"command": "plan", "arguments": "'"}, "`arguments` has a quote that does not end"),
        ({"command": "plan", "plan": "p.json"}, "`plan` does not go with the command plan"),
        ({"command": "apply", "out": "p.json"}, "`out` does not go with the command apply"),
        ({"command": "import", "base": "main"}, "`base` does not go with the command import"),
        ({"command": "plan", "redact": "no"}, "`redact` is"),
        ({"command": "plan", "accept-exit-codes": "all"}, "`accept-exit-codes` is"),
        ({"command": "plan", "accept-exit-codes": "3,5"}, "`accept-exit-codes` is"),
        ({"command": "plan", "accept-exit-codes": "256"}, "`accept-exit-codes` is"),
        ({"command": "apply", "accept-exit-codes": "any"}, "`accept-exit-codes` is"),
        ({"command": "apply", "accept-exit-codes": "5"}, "`accept-exit-codes` is"),
        ({"command": "plan", "timeout-seconds": "0"}, "`timeout-seconds` is"),
        ({"command": "plan", "timeout-seconds": "2m"}, "`timeout-seconds` is"),
    ],
)
def test_any_other_input_is_an_error(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_action_inputs(inputs(**given))
    assert said in raised.value.summary
    assert raised.value.detail


def test_names_are_hidden_unless_the_input_says_otherwise() -> None:
    assert "--redact" in read_action_inputs(inputs(command="plan", redact="")).arguments
    assert "--redact" not in read_action_inputs(inputs(command="plan", redact="false")).arguments


def test_exit_codes_that_do_not_fail_the_step() -> None:
    assert read_action_inputs(inputs(command="plan")).accepted == {0}
    assert read_action_inputs(inputs(command="import", accept_exit_codes="5")).accepted == {0, 5}
    assert read_action_inputs(inputs(command="plan", accept_exit_codes="any")).accepted == ANY
    assert read_action_inputs(inputs(command="apply", accept_exit_codes="3")).accepted == {0, 3}


def test_no_step_has_both_tokens() -> None:
    given = inputs(command="plan")
    read_action_inputs({**given, "GITHUB_TOKEN": "a", "RECONCILER_TOKEN": ""})
    with pytest.raises(UsageError, match="GITHUB_TOKEN and the service's token"):
        read_action_inputs({**given, "GITHUB_TOKEN": "a", "RECONCILER_TOKEN": "b"})
