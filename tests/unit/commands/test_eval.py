from __future__ import annotations

import pytest
from support.builders import NOW
from support.recording_terminal import RecordingTerminal

from reconciler.commands.eval import run_eval
from reconciler.errors import ExitCode, UsageError


def evaluate(
    terminal: RecordingTerminal, expression: str, attributes: str = "{}", *, explain: bool = False
) -> ExitCode:
    return run_eval(expression, attributes, NOW, terminal, explain=explain)


def test_the_value_is_printed(terminal: RecordingTerminal) -> None:
    assert evaluate(terminal, 'Join("-", [givenName], "x")', '{"givenName": "Ada"}') is ExitCode.OK
    assert terminal.out == '"Ada-x"\n'


def test_explain_prints_every_subexpression(terminal: RecordingTerminal) -> None:
    evaluate(terminal, "ToUpper([givenName], )", '{"givenName": "Ada"}', explain=True)
    assert terminal.out.splitlines() == ['ToUpper([givenName], ) = "ADA"', '  [givenName] = "Ada"']


@pytest.mark.parametrize(
    ("attributes", "shown"), [('{"a": true}', '"True"'), ('{"a": null}', "(no value)"), ('{"a": 7}', '"7"')]
)
def test_json_values_become_attribute_values(terminal: RecordingTerminal, attributes: str, shown: str) -> None:
    evaluate(terminal, "[a]", attributes)
    assert terminal.out == f"{shown}\n"


def test_a_failing_evaluation_is_an_error(terminal: RecordingTerminal) -> None:
    assert evaluate(terminal, "CDate([day])", '{"day": "soon"}') is ExitCode.ERROR
    assert terminal.notes[0].startswith("Error: ")
    assert terminal.out == ""


def test_an_invalid_expression_is_marked_at_its_position(terminal: RecordingTerminal) -> None:
    with pytest.raises(UsageError, match="the expression cannot be used") as caught:
        evaluate(terminal, "Join(")
    assert caught.value.detail == "Join(\n     ^"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [("{", "--attributes is not JSON: "), ("[]", "--attributes is not a JSON object")],
)
def test_attributes_are_a_json_object(terminal: RecordingTerminal, attributes: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(terminal, "[a]", attributes)
