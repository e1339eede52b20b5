"""Validate YAML nodes with a pydantic model; each error has its origin and a message about YAML, not Python."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.text import quote
from reconciler.desired.schema_values import NOT_BOOLEAN, StrictModel
from reconciler.desired.syntax_errors import find_missing_space
from reconciler.desired.yaml_nodes import LayeredMapping, YamlMapping, locate
from reconciler.desired.yaml_reader import Report

Model = TypeVar("Model", bound=BaseModel)
_MAPPINGS = frozenset({YamlMapping, LayeredMapping})


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
    nested = None in node.values() or not _MAPPINGS.isdisjoint(map(type, node.values()))
    try:
        return LocatedModel(model.model_validate(drop_nulls(node) if nested else node), node)
    except ValidationError as exc:
        for found in _pair_misnamed(exc.errors(include_url=False), node, model):
            report(found)
        return None


def validate_part(node: YamlMapping, model: type[BaseModel], report: Report) -> None:
    """Report what is wrong with `node`, a part of a `model`: keys that are missing may be in another part.

    Those of the elements of lists may not.
    """
    try:
        model.model_validate(drop_nulls(node))
    except ValidationError as exc:
        problems = [
            each
            for each in exc.errors(include_url=False)
            if each["type"] != "missing" or any(isinstance(step, int) for step in each["loc"])
        ]
        for found in _pair_misnamed(problems, node, model):
            report(found)


def _pair_misnamed(problems: Sequence[ErrorDetails], node: YamlMapping, model: type[BaseModel]) -> Iterator[Diagnostic]:
    """Yield the errors. One unknown key next to one that is missing is one error: it is that key, misnamed."""
    unknown = [tuple(each["loc"]) for each in problems if each["type"] == "extra_forbidden"]
    missing = [tuple(each["loc"]) for each in problems if each["type"] == "missing"]
    for problem in problems:
        location = tuple(problem["loc"])
        siblings = [each for each in unknown if each[:-1] == location[:-1]]
        absent = [each for each in missing if each[:-1] == location[:-1]]
        paired = len(siblings) == len(absent) == 1
        found = _diagnose(problem, node, model)
        if paired and location in siblings and "Did you mean" not in found.detail:
            yield replace(found, detail=f"Did you mean {absent[0][-1]}? {found.detail}")
        elif not (paired and location in absent):
            yield found


def validate_rest(node: YamlMapping, model: type[Model]) -> LocatedModel[Model] | None:
    """Validate `node` without its invalid parts, which are reported by `validate`; None if nothing is left of it.

    What is left is good for checking other files, never for a plan: a part that is left out has its default.
    """
    rest = drop_nulls(node)
    for _ in range(_MAX_ROUNDS):
        try:
            return LocatedModel(model.model_validate(rest), node)
        except ValidationError as exc:
            dropped = [_drop(rest, problem["loc"]) for problem in exc.errors(include_url=False)]
        if not any(dropped):
            return None
    return None


_MAX_ROUNDS = 10


def _drop(rest: dict[str, Any], location: tuple[int | str, ...]) -> bool:
    """Drop the key at `location`, or the nearest above it; return whether there was one."""
    inner: Any = rest
    for step, following in zip(location, (*location[1:], None), strict=True):
        if not isinstance(inner, dict) or step not in inner:
            return False
        if not isinstance(following, str) or not isinstance(inner[step], dict) or following not in inner[step]:
            del inner[step]
            return True
        inner = inner[step]
    return False


def drop_nulls(node: YamlMapping) -> dict[str, Any]:
    """Drop keys without a value, at every level."""
    return {
        key: drop_nulls(value) if isinstance(value, YamlMapping) else value
        for key, value in node.items()
        if value is not None
    }


def _diagnose(problem: ErrorDetails, node: YamlMapping, model: type[BaseModel]) -> Diagnostic:
    location = tuple(problem["loc"])
    kind = problem["type"]
    last = quote(str(location[-1])) if location else ""
    if kind == "extra_forbidden":
        hint = _suggest_key(str(location[-1]), model, location[:-1])
        return error(f"unknown key {last}", hint, locate(node, location, key=True))
    if kind == "missing":
        return error(f"{last} is missing", "Add it.", locate(node, location[:-1]))
    where = ".".join(str(step) for step in location if not _is_internal(step))
    message, hint = _format_error(problem)
    if kind in ("model_type", "dict_type"):
        hint = _describe_keys(problem["input"], _list_keys(model, location)) or hint
    return error(f"{where}: {message}" if where else message, hint, locate(node, location))


def _suggest_key(key: str, model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return which key was probably meant: one of those at `location`, or the same key elsewhere in the file."""
    known = _list_keys(model, location)
    folded = {_fold(each): each for each in known}
    near = difflib.get_close_matches(_fold(key), folded, 1, cutoff=0.7)
    places = [] if near else list(_find_places(key, model))
    hint = f"Did you mean {folded[near[0]]}? " if near else ""
    hint = f"It belongs under {places[0]}. " if len(places) == 1 else hint
    return f"{hint}Known keys: {', '.join(known)}."


def _fold(key: str) -> str:
    return key.casefold().replace("_", "").replace("-", "")


def _find_places(key: str, model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the keys under which `key` is known, such as `target`."""
    for name, info in model.model_fields.items():
        inner = _get_inner_model(info.annotation)
        if inner is not None and issubclass(inner, StrictModel):
            path = f"{above}.{name}" if above else name
            if key in inner.model_fields:
                yield path
            yield from _find_places(key, inner, path)


def _describe_keys(value: Any, known: Sequence[str]) -> str:
    """Return how to write the mapping that is expected instead of `value`, by its keys."""
    if isinstance(value, str) and find_missing_space(value):
        return "Write a space after the colon: `key: value`."
    return f"Its keys are {', '.join(known)}: write {{key: value}}, or indented `key: value` lines." if known else ""


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
    "source_value": ("expected text or a list of texts", "Write a single value, or [one, two]."),
    "value_error": ("{error}", ""),
}
"""Message and hint by pydantic's error type."""
_AS_TEXT = (
    (list, "Write a single value. If it begins with [, put it in single quotes: YAML reads it as a list."),
    (dict, "Write a single value. If it begins with {, put it in single quotes: YAML reads it as a mapping."),
)
"""Hints for text that was read as something else, by what it was read as."""
_TRUE, _FALSE = frozenset({"yes", "y", "on", "1", "ja", "oui"}), frozenset({"no", "n", "off", "0", "nein", "non"})


def _as_written(limit: Any) -> Any:
    """Return a limit as a person writes it: 100, not 100.0."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _format_error(problem: ErrorDetails) -> tuple[str, str]:
    context = {name: _as_written(limit) for name, limit in problem.get("ctx", {}).items()}
    given = problem["input"]
    if problem["type"] == "literal_error":
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        near = difflib.get_close_matches(str(given), known, 1)
        return f"expected one of {', '.join(known)}", f"Did you mean {near[0]}?" if near else "Choose one of them."
    if problem["type"] not in _MESSAGES:
        return problem["msg"][0].lower() + problem["msg"][1:], ""
    message, hint = _MESSAGES[problem["type"]]
    message = message.format_map(context)
    if problem["type"] in ("string_type", "source_value"):
        hint = next((text for kind, text in _AS_TEXT if isinstance(given, kind)), hint)
    if isinstance(given, str) and message == NOT_BOOLEAN:
        word = given.casefold()
        hint = f"Write {'true' if word in _TRUE else 'false' if word in _FALSE else 'true or false'}."
    return message, hint


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
        current = _get_inner_model(field_info.annotation) or current
    return sorted(info.alias or name for name, info in current.model_fields.items())


def _get_inner_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a field, or of the elements of its list."""
    annotations = [annotation, *getattr(annotation, "__args__", ())]
    return next((item for item in annotations if isinstance(item, type) and issubclass(item, BaseModel)), None)
