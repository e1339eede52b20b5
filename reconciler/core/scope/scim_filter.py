"""SCIM filters (RFC 7644 §3.4.2.2) as trees, compiled to predicates over live resources: the ownership filter.

`desired.scim_filter_parser` parses the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from reconciler.core import paths
from reconciler.core.model import Resource

Predicate = Callable[[Resource], bool]

FilterValue = str | bool | int | float | None
"""A JSON literal."""


@dataclass(frozen=True, slots=True)
class PresenceFilter:
    """`userName pr`."""

    path: paths.Path


@dataclass(frozen=True, slots=True)
class ComparisonFilter:
    """`userName eq "ada@example.com"`; `operator` is one of `OPERATORS`."""

    path: paths.Path
    operator: str
    value: FilterValue


@dataclass(frozen=True, slots=True)
class ElementFilter:
    """`emails[type eq "work" and value pr]`: one element of a multi-valued attribute passes the whole filter."""

    path: paths.Path
    filter: Filter


@dataclass(frozen=True, slots=True)
class NotFilter:
    """`not (…)`."""

    filter: Filter


@dataclass(frozen=True, slots=True)
class AndFilter:
    """Two or more filters joined by `and`."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class OrFilter:
    """Two or more filters joined by `or`."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = PresenceFilter | ComparisonFilter | ElementFilter | NotFilter | AndFilter | OrFilter

DEFAULT_OWNERSHIP = PresenceFilter(paths.Path(None, "externalId"))
"""`externalId pr`: the live users that a provisioning client created or adopted."""


def list_attributes(tree: Filter) -> tuple[str, ...]:
    """List the top-level attributes that a filter reads; extension attributes are left out."""
    return tuple(_iterate_attributes(tree))


def _iterate_attributes(tree: Filter) -> Iterator[str]:
    match tree:
        case PresenceFilter() | ComparisonFilter() | ElementFilter():
            if tree.path.urn is None:
                yield tree.path.attribute
        case NotFilter():
            yield from _iterate_attributes(tree.filter)
        case AndFilter() | OrFilter():
            for part in tree.parts:
                yield from _iterate_attributes(part)
        case never:
            assert_never(never)


# --- printing ---------------------------------------------------------------------


def print_filter(tree: Filter) -> str:
    """Return the canonical text of a filter: parsing it gives the same tree."""
    match tree:
        case PresenceFilter():
            return f"{tree.path} pr"
        case ComparisonFilter():
            return f"{tree.path} {tree.operator} {json.dumps(tree.value, ensure_ascii=False)}"
        case ElementFilter():
            return f"{tree.path}[{print_filter(tree.filter)}]"
        case NotFilter():
            return f"not ({print_filter(tree.filter)})"
        case AndFilter():
            return " and ".join(_print_part(part, AndFilter, OrFilter) for part in tree.parts)
        case OrFilter():
            return " or ".join(_print_part(part, OrFilter) for part in tree.parts)
        case never:
            assert_never(never)


def _print_part(part: Filter, *grouped: type[Filter]) -> str:
    text = print_filter(part)
    return f"({text})" if isinstance(part, grouped) else text


# --- compiling --------------------------------------------------------------------

_CASE_EXACT = frozenset({"id", "externalid", "meta.version"})


def compile_filter(tree: Filter) -> Predicate:
    """Compile a filter to a predicate over User resources. The predicate never raises."""
    return _compile(tree, _CASE_EXACT)


def _compile(tree: Filter, case_exact: frozenset[str]) -> Predicate:
    match tree:
        case PresenceFilter():
            return _compile_presence(tree.path)
        case ComparisonFilter():
            return _compile_comparison(tree, exact=tree.path.unfiltered.casefold() in case_exact)
        case ElementFilter():
            return _compile_element_filter(tree)
        case NotFilter():
            inner = _compile(tree.filter, case_exact)
            return lambda resource: not inner(resource)
        case AndFilter():
            parts = [_compile(part, case_exact) for part in tree.parts]
            return lambda resource: all(part(resource) for part in parts)
        case OrFilter():
            parts = [_compile(part, case_exact) for part in tree.parts]
            return lambda resource: any(part(resource) for part in parts)
        case never:
            assert_never(never)


def _compile_presence(path: paths.Path) -> Predicate:
    read, read_values = paths.compile_reader(path), _compile_value_reader(path)

    def is_present(resource: Resource) -> bool:
        found = read(resource)
        if found.__class__ is str:  # of nearly every user, so without the calls below
            return found.strip() != ""
        return any(_is_present(value) for value in read_values(resource))

    return is_present


def _compile_comparison(tree: ComparisonFilter, *, exact: bool) -> Predicate:
    read, compare = _compile_value_reader(tree.path), OPERATORS[tree.operator]
    # Services send booleans as text too ("True"); `gt` and the like are not defined for them.
    fold = _fold_boolean if tree.operator in ("eq", "ne") and not exact else _fold
    value = fold(tree.value, exact)
    if tree.operator == "ne":
        # `ne` on several values is true only if none is equal: "every user that is no admin".
        return lambda resource: all(fold(found, exact) != value for found in read(resource) or [None])
    return lambda resource: any(compare(fold(found, exact), value) for found in read(resource) or [None])


def _compile_element_filter(tree: ElementFilter) -> Predicate:
    read, passes = paths.compile_reader(tree.path), _compile(tree.filter, frozenset())

    def predicate(resource: Resource) -> bool:
        found = read(resource)
        elements = found if isinstance(found, list) else [found]
        return any(isinstance(element, dict) and passes(element) for element in elements)

    return predicate


def _compile_value_reader(path: paths.Path) -> Callable[[Resource], list[Any]]:
    """Compile a function that reads all values of a path: several if an attribute on it is multi-valued."""
    read, sub = paths.compile_reader(path), path.sub
    if sub is None or path.filter is not None:
        return lambda resource: _to_values(read(resource))
    whole = paths.compile_reader(paths.Path(path.urn, path.attribute))

    def read_values(resource: Resource) -> list[Any]:
        found = whole(resource)
        return [paths.get(each, sub) for each in found] if isinstance(found, list) else _to_values(read(resource))

    return read_values


def _to_values(found: Any) -> list[Any]:
    """Return the values of a whole attribute; those of its elements if it is multi-valued."""
    if isinstance(found, list):
        return [paths.get(each, "value") if isinstance(each, dict) else each for each in found]
    return [] if found is None else [found]


def _is_present(value: Any) -> bool:
    return value not in (None, "", [], {}) and not (isinstance(value, str) and not value.strip())


def _fold(value: Any, exact: bool) -> Any:
    return value if exact or not isinstance(value, str) else value.casefold()


def _fold_boolean(value: Any, exact: bool) -> Any:
    return str(value).casefold() if isinstance(value, bool) else _fold(value, exact)


def _compare_texts(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, other: isinstance(one, str) and isinstance(other, str) and test(one, other)


def _compare_ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(one: Any, other: Any) -> bool:
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, other))
        texts = isinstance(one, str) and isinstance(other, str)
        return (numbers or texts) and test(one, other)

    return compare


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "co": _compare_texts(lambda one, other: other in one),
    "sw": _compare_texts(str.startswith),
    "ew": _compare_texts(str.endswith),
    "gt": _compare_ordered(lambda one, other: one > other),
    "ge": _compare_ordered(lambda one, other: one >= other),
    "lt": _compare_ordered(lambda one, other: one < other),
    "le": _compare_ordered(lambda one, other: one <= other),
}
"""The operators that compare with a value; both sides are casefolded unless the attribute is case-exact."""
