"""Validate YAML nodes with a pydantic model; each error has its origin and a message about YAML, not Python."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.text import quote
from reconciler.desired.yaml_reader import Report, YamlMapping, locate

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LocatedModel(Generic[Model]):
    """A validated model with its YAML node, which knows the origins of its parts."""

    value: Model
    node: Any

    def at(self, *location: int | str) -> Origin | None:
        """Return the origin of the value at `location` (keys and indexes)."""
        return locate(self.node, location)


def validate(node: YamlMapping, model: type[Model], report: Report) -> LocatedModel[Model] | None:
    """Validate `node` as `model`; None if it is invalid, with each error reported at its origin."""
    nested = None in node.values() or YamlMapping in set(map(type, node.values()))
    try:
        return LocatedModel(model.model_validate(_drop_nulls(node) if nested else node), node)
    except ValidationError as exc:
        for problem in exc.errors(include_url=False):
            report(_diagnose(problem, node, model))
        return None


def _drop_nulls(node: YamlMapping) -> dict[str, Any]:
    """Drop keys without a value, at every level."""
    return {
        key: _drop_nulls(value) if isinstance(value, YamlMapping) else value
        for key, value in node.items()
        if value is not None
    }


def _diagnose(problem: ErrorDetails, node: YamlMapping, model: type[BaseModel]) -> Diagnostic:
    location = tuple(problem["loc"])
    kind = problem["type"]
    last = quote(str(location[-1])) if location else ""
    if kind == "extra_forbidden":
        known = _list_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        return error(f"unknown key {last}", f"{hint}Known keys: {', '.join(known)}.", locate(node, location, key=True))
    if kind == "missing":
        return error(f"{last} is missing", "Add it.", locate(node, location[:-1]))
    where = ".".join(str(step) for step in location if not _is_internal(step))
    message, hint = _format_error(problem)
    return error(f"{where}: {message}" if where else message, hint, locate(node, location))


_MAPPING = ("expected a mapping", "Write {key: value}, or indented `key: value` lines.")
_MESSAGES = {
    "int_parsing": ("expected a whole number", "Write digits, such as 10."),
    "int_type": ("expected a whole number", "Write digits, such as 10."),
    "float_parsing": ("expected a number", "Write digits, such as 10 or 2.5."),
    "float_type": ("expected a number", "Write digits, such as 10 or 2.5."),
    "greater_than_equal": ("expected {ge} or more", "Choose a larger number."),
    "less_than_equal": ("expected {le} or less", "Choose a smaller number."),
    "string_type": ("expected text", "Write a single value."),
    "string_too_short": ("expected text", "Write a value."),
    "string_pattern_mismatch": ("expected sha256: and 64 digits", "Copy the id that the plan prints."),
    "list_type": ("expected a list", "Write [one, two], or a line with a dash for each."),
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "value_error": ("{error}", ""),
}
"""Message and hint by pydantic's error type."""


def _format_error(problem: ErrorDetails) -> tuple[str, str]:
    context = problem.get("ctx", {})
    if problem["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        near = difflib.get_close_matches(str(problem["input"]), known, 1)
        return f"expected one of {', '.join(known)}", f"Did you mean {near[0]}?" if near else "Choose one of them."
    if problem["type"] in _MESSAGES:
        message, hint = _MESSAGES[problem["type"]]
        return message.format_map(context), hint
    return problem["msg"][0].lower() + problem["msg"][1:], ""


def _is_internal(step: int | str) -> bool:
    """Whether a step is the branch of a union, which pydantic adds to the location: `list[…]`, `constrained-str`."""
    return isinstance(step, str) and ("[" in step or step in ("str", "nullable"))


def _list_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """List the keys that the model knows at `location`."""
    current: type[BaseModel] = model
    for step in location:
        field_info = current.model_fields.get(str(step))
        if field_info is None:
            continue
        annotations = [field_info.annotation, *getattr(field_info.annotation, "__args__", ())]
        inner = next((item for item in annotations if isinstance(item, type) and issubclass(item, BaseModel)), None)
        current = inner or current
    return sorted(info.alias or name for name, info in current.model_fields.items())
