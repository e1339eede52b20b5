"""The signature of a function: its parameters with their conversions, and its implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from reconciler.expressions.value_types import Evaluator, Value, to_any, to_text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `keywords`: the bare words that it accepts; `condition`: it accepts a comparison."""

    name: str
    convert: Callable[[Value], Any] = to_text
    required: bool = True
    keywords: frozenset[str] = frozenset()
    condition: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """One compiled argument; `value` is set if it is `constant`. `literal`: written as a string or number."""

    evaluate: Evaluator
    position: int
    constant: bool = False
    value: Value = None
    literal: bool = False


Arguments: TypeAlias = tuple[Argument | None, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the language.

    Either `implement` takes the converted arguments (None for omitted ones; first the `Context` if `contextual`), or
    `build` takes the arguments and returns an evaluator that decides which of them to evaluate. `repeating`: how many
    of the last parameters may repeat. A function that is not `pure` is not computed at compile time, an `outermost` one
    cannot be nested. `gap`: the index of the parameter that an older, shorter form lacks.
    """

    name: str
    parameters: tuple[Parameter, ...]
    implement: Callable[..., Value] | None = None
    build: Callable[[Arguments], Evaluator] | None = None
    repeating: int = 0
    pure: bool = True
    contextual: bool = False
    outermost: bool = False
    gap: int | None = None

    def parameter(self, index: int) -> Parameter | None:
        """Return the parameter of the argument at `index`; None if there is none."""
        if index < len(self.parameters):
            return self.parameters[index]
        if not self.repeating:
            return None
        fixed = len(self.parameters) - self.repeating
        return self.parameters[fixed + (index - fixed) % self.repeating]


def optional_parameter(name: str, convert: Callable[[Value], Any] = to_text, *keywords: str) -> Parameter:
    """Build a parameter that can be omitted."""
    return Parameter(name, convert, required=False, keywords=frozenset(keywords))


def result_parameter(name: str, *, required: bool = True) -> Parameter:
    """Build a parameter whose value can become the function's value."""
    return Parameter(name, to_any, required)
