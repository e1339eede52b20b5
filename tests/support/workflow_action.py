"""A composite action: its inputs as GitHub gives them, and its steps. Stricter than GitHub, which only warns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_KEYS = {"name", "id", "if", "shell", "env", "run"}


def read_inputs(action: Mapping[str, Any], given: Mapping[str, str], text: Callable[[str], str]) -> dict[str, str]:
    """Return all inputs, with the defaults of those that were not given. `text`: evaluates a default."""
    known = action.get("inputs", {})
    assert given.keys() <= known.keys(), f"unknown inputs: {given.keys() - known.keys()}"
    missing = [name for name, one in known.items() if one.get("required") and name not in given]
    assert not missing, f"missing inputs: {missing}"
    return {name: given.get(name, text(str(one.get("default", "")))) for name, one in known.items()}


def list_steps(action: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the steps, all of which are scripts."""
    assert action["runs"]["using"] == "composite"
    steps: Sequence[Mapping[str, Any]] = action["runs"]["steps"]
    for step in steps:
        assert step.keys() <= _KEYS, f"not supported: {step.keys() - _KEYS}"
        assert step["shell"] == "bash", "a composite action names its shell"
    return steps
