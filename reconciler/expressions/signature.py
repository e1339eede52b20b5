"""What a function is: its parameters and how they convert, and what computes its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from reconciler.expressions.value_types import Evaluator, Value, to_any, to_text


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `keywords` are the bare words it takes; `condition`: a comparison can stand here."""

    name: str
    convert: Callable[[Value], Any] = to_text
    required: bool = True
    keywords: frozenset[str] = frozenset()
    condition: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """One compiled argument; `value` counts when it is `constant`. `literal`: a string or number stands there."""

    evaluate: Evaluator
    position: int
    constant: bool = False
    value: Value = None
    literal: bool = False


Arguments: TypeAlias = tuple[Argument | None, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the language.

    Either `implement` takes the converted arguments (None for those left out; first the `Context` if `contextual`), or
    `build` gets the arguments themselves and makes an evaluator that decides which of them to evaluate.
    `repeating`: how many of the last parameters come again and again. A function that is not `pure` is not computed
    in advance, and one that is `outermost` cannot be nested. `gap`: the parameter that an older, shorter form lacks.
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
        """The parameter of the argument at `index`."""
        if index < len(self.parameters):
            return self.parameters[index]
        if not self.repeating:
            return None
        fixed = len(self.parameters) - self.repeating
        return self.parameters[fixed + (index - fixed) % self.repeating]


def optional_parameter(name: str, convert: Callable[[Value], Any] = to_text, *keywords: str) -> Parameter:
    """A parameter that can be left out."""
    return Parameter(name, convert, required=False, keywords=frozenset(keywords))


def result_parameter(name: str, *, required: bool = True) -> Parameter:
    """A parameter whose value can become the function's value."""
    return Parameter(name, to_any, required)
