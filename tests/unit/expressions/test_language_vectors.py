"""Every example of Entra's documents that has one certain result."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.expressions.functions.registry import FUNCTIONS
from reconciler.expressions.language import Context, EvaluationError, IgnoreFlow, compile_expression

_DATA = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
VECTORS: list[dict[str, Any]] = _DATA["vectors"]
DIACRITICS: dict[str, str] = _DATA["without_diacritics"]


def name(vector: dict[str, Any]) -> str:
    return str(vector["function"])


def context_of(inputs: dict[str, Any]) -> Context:
    now = datetime.fromisoformat(inputs.get("$now", "2026-01-01T00:00:00Z"))
    taken = set(inputs.get("$taken", ()))
    return Context(now.astimezone(UTC), taken.__contains__, lambda _below: 0, creating=True)


def attributes_of(inputs: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in inputs.items() if not key.startswith("$") and value is not None}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


def written(expected: Any) -> Any:
    if isinstance(expected, list):
        return tuple(expected)
    return None if expected is None else str(expected)


@pytest.mark.parametrize("vector", VECTORS, ids=name)
def test_what_entra_documents(vector: dict[str, Any]) -> None:
    expression = compile_expression(vector["expression"])
    given = attributes_of(vector["inputs"]), context_of(vector["inputs"])
    if vector["expected"] == "<ESCROWED>":
        with pytest.raises(EvaluationError, match="no unique value"):
            expression.evaluate(*given)
        return
    expected = IgnoreFlow.ATTRIBUTE if vector["expected"] == "<IGNORED>" else written(vector["expected"])
    assert expression.evaluate(*given) == expected
    assert compile_expression(expression.text).evaluate(*given) == expected


@pytest.mark.parametrize(("letter", "bare"), DIACRITICS.items())
def test_entras_table_of_diacritics(letter: str, bare: str) -> None:
    assert compile_expression("NormalizeDiacritics([a])").evaluate({"a": letter}, context_of({})) == bare


def test_every_function_with_an_example_is_there() -> None:
    assert {vector["function"] for vector in VECTORS} <= set(FUNCTIONS)
