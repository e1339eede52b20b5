"""A job that calls a reusable workflow of another repository, as GitHub resolves it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from support.workflow_action import read_inputs

_RANKS = {"none": 0, "read": 1, "write": 2}
_PINNED = re.compile(r"([\w-]+/[\w-]+)/\.github/workflows/([\w-]+\.yml)@([0-9a-f]{40})")


def parse_call(uses: str) -> tuple[str, str, str]:
    """Return repository, file name and commit of `uses`. A call is pinned: the called workflow gets secrets."""
    found = _PINNED.fullmatch(uses)
    assert found, f"not a workflow at a commit: {uses}"
    return found[1], found[2], found[3]


def read_call(
    call: Mapping[str, Any], called: Mapping[str, Any], environment: Mapping[str, str], text: Callable[[str], str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the inputs and secrets that a called workflow sees. `environment`: the secrets of its job's environment.

    A secret of the environment takes the place of one that the caller passes by the same name; without being passed it
    is empty. `text`: evaluates in the contexts of the caller.
    """
    trigger = called["on"]["workflow_call"]
    given = {name: text(str(value)) for name, value in call.get("with", {}).items()}
    passed, known = call.get("secrets", {}), trigger.get("secrets", {})
    assert isinstance(passed, Mapping), "secrets are passed by name"
    assert passed.keys() <= known.keys(), f"unknown secrets: {passed.keys() - known.keys()}"
    missing = [name for name, one in known.items() if one.get("required") and name not in passed]
    assert not missing, f"missing secrets: {missing}"
    secrets = {name: environment.get(name) or text(value) for name, value in passed.items()}
    return read_inputs(trigger, given, text), secrets


def check_permissions(call: Mapping[str, Any], called: Mapping[str, Any]) -> None:
    """Fail if any job of the called workflow asks for more than the calling job has: GitHub then starts none."""
    granted = call.get("permissions", {})
    for name, job in called["jobs"].items():
        for scope, level in job.get("permissions", called.get("permissions", {})).items():
            had = granted.get(scope, "none")
            assert _RANKS[level] <= _RANKS[had], f"{name} asks for {scope}: {level}, the caller has {had}"
