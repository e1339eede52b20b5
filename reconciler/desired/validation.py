"""What YAML holds, validated by a model: each mistake at its place, in the words of people who write YAML."""

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
class Located(Generic[Model]):
    """A validated model with the YAML it came from, for the places of its parts."""

    value: Model
    node: Any

    def at(self, *location: int | str) -> Origin | None:
        """Where the value at `location` (keys and indexes) is written."""
        return locate(self.node, location)


def validated(node: YamlMapping, model: type[Model], report: Report) -> Located[Model] | None:
    """The model that `node` fills; None when it does not: then each mistake is reported at its place."""
    nested = None in node.values() or YamlMapping in set(map(type, node.values()))
    try:
        return Located(model.model_validate(_without_nulls(node) if nested else node), node)
    except ValidationError as fault:
        for mistake in fault.errors(include_url=False):
            report(_diagnostic(mistake, node, model))
        return None


def _without_nulls(node: YamlMapping) -> dict[str, Any]:
    """A key without a value is as good as absent, at every level."""
    return {
        key: _without_nulls(value) if isinstance(value, YamlMapping) else value
        for key, value in node.items()
        if value is not None
    }


def _diagnostic(mistake: ErrorDetails, node: YamlMapping, model: type[BaseModel]) -> Diagnostic:
    location = tuple(mistake["loc"])
    kind = mistake["type"]
    last = quote(str(location[-1])) if location else ""
    if kind == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        return error(f"unknown key {last}", f"{hint}Known here: {', '.join(known)}.", locate(node, location, key=True))
    if kind == "missing":
        return error(f"{last} is missing", "Add it.", locate(node, location[:-1]))
    where = ".".join(str(step) for step in location if not _is_internal(step))
    message, way_out = _explained(mistake)
    return error(f"{where}: {message}" if where else message, way_out, locate(node, location))


_MAPPING = ("expected a mapping", "Write {key: value}, or indented `key: value` lines.")
_WORDS = {
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
"""What is wrong and what to do by pydantic's type of mistake, in the words of people who write YAML."""


def _explained(mistake: ErrorDetails) -> tuple[str, str]:
    context = mistake.get("ctx", {})
    if mistake["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        near = difflib.get_close_matches(str(mistake["input"]), known, 1)
        return f"expected one of {', '.join(known)}", f"Did you mean {near[0]}?" if near else "Choose one of them."
    if mistake["type"] in _WORDS:
        message, way_out = _WORDS[mistake["type"]]
        return message.format_map(context), way_out
    return mistake["msg"][0].lower() + mistake["msg"][1:], ""


def _is_internal(step: int | str) -> bool:
    """Pydantic names the branch of a union in the location: `list[…]`, `constrained-str`."""
    return isinstance(step, str) and ("[" in step or step in ("str", "nullable"))


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the model knows at `location`."""
    current: type[BaseModel] = model
    for step in location:
        field_info = current.model_fields.get(str(step))
        if field_info is None:
            continue
        annotations = [field_info.annotation, *getattr(field_info.annotation, "__args__", ())]
        inner = next((item for item in annotations if isinstance(item, type) and issubclass(item, BaseModel)), None)
        current = inner or current
    return sorted(info.alias or name for name, info in current.model_fields.items())
