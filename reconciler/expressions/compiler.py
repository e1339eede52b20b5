"""Compile trees to closures: constant arguments are checked and converted now, constant parts computed once."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from reconciler.expressions import comparison, grammar
from reconciler.expressions.functions import registry
from reconciler.expressions.functions.text import concatenate
from reconciler.expressions.signature import Argument, Arguments, Function, Parameter
from reconciler.expressions.value_types import (
    Attributes,
    Context,
    EvaluationError,
    Evaluator,
    ExpressionError,
    IgnoreFlow,
    IgnoreFlowError,
    Value,
    check_limits,
    format_boolean,
    to_any,
    to_text,
)

Trace: TypeAlias = Callable[[grammar.Node, Evaluator], Evaluator]
Getter: TypeAlias = Callable[[Attributes, Context], Any]

_NO_CONTEXT = Context(datetime.min.replace(tzinfo=UTC), lambda _value: False, lambda _below: 0, creating=False)
_DIRECTIVES = {"IgnoreAttributeFlow": IgnoreFlow.ATTRIBUTE, "IgnoreObjectFlow": IgnoreFlow.OBJECT}
_KEYWORD_HINTS = {"true": 'write "True"', "false": 'write "False"', "null": "leave the argument out"}


def compile_tree(tree: grammar.Node, trace: Trace | None = None) -> Evaluator:
    """Compile a tree to its evaluator; `trace` wraps the evaluator of each part. Raises `ExpressionError`."""
    return _compile_argument(tree, Parameter("expression", to_any), trace, outermost=True).evaluate


def _compile_argument(
    node: grammar.Node, parameter: Parameter, trace: Trace | None, *, outermost: bool = False
) -> Argument:
    argument = _compile_node(node, parameter, trace, outermost=outermost)
    if trace is None:
        return argument
    return Argument(trace(node, argument.evaluate), node.position, literal=argument.literal)


def _compile_node(node: grammar.Node, parameter: Parameter, trace: Trace | None, *, outermost: bool) -> Argument:
    match node:
        case grammar.String() | grammar.Number():
            return _build_constant(node.value, node.position, literal=True)
        case grammar.AttributeReference():
            return Argument(_build_attribute_reader(node.name), node.position)
        case grammar.Keyword():
            return _compile_keyword(node, parameter)
        case grammar.Call():
            return _compile_call(node, trace, outermost=outermost)
        case grammar.Compare():
            return _compile_compare(node, parameter, trace)
        case grammar.Concatenation():
            parts = tuple(_compile_argument(part, Parameter("text"), trace) for part in node.parts)
            return _fold_constants(
                _build_call(concatenate, [_build_getter(part, to_text) for part in parts]), parts, node.position
            )
        case grammar.Omitted():
            raise ExpressionError("an argument is missing", node.position)


def _build_constant(value: Value, position: int, *, literal: bool = False) -> Argument:
    return Argument(lambda _attributes, _context: value, position, constant=True, value=value, literal=literal)


def _build_attribute_reader(name: str) -> Evaluator:
    def evaluate(attributes: Attributes, _context: Context) -> Value:
        value = attributes.get(name)
        if value is None or value == ():
            return None
        if value is True or value is False:
            return format_boolean(value)
        return check_limits(value)

    return evaluate


def _compile_keyword(node: grammar.Keyword, parameter: Parameter) -> Argument:
    directive = _DIRECTIVES.get(node.name)
    if directive is not None:
        return Argument(_build_directive(directive), node.position)
    if node.name in parameter.keywords:
        return _build_constant(node.name, node.position)
    hint = _KEYWORD_HINTS.get(node.name.lower())
    if parameter.keywords:
        hint = f"it can be {' or '.join(sorted(parameter.keywords))}"
    elif node.name in registry.FUNCTIONS:
        hint = "a function needs parentheses"
    hint = hint or f'write [{node.name}] for the attribute, "{node.name}" for the text'
    raise ExpressionError(f"{node.name} is a bare word: {hint}", node.position)


def _build_directive(directive: IgnoreFlow) -> Evaluator:
    def evaluate(_attributes: Attributes, _context: Context) -> Value:
        raise IgnoreFlowError(directive)

    return evaluate


def _compile_compare(node: grammar.Compare, parameter: Parameter, trace: Trace | None) -> Argument:
    if not parameter.condition:
        raise ExpressionError("a comparison is a condition: only IIF, CBool and Not take one", node.position)
    left, right = (_compile_argument(side, Parameter("value"), trace) for side in (node.left, node.right))
    numeric = any(isinstance(side, grammar.Number) for side in (node.left, node.right))
    evaluate = comparison.build_comparison(node.operator, left, right, numeric=numeric)
    return _fold_constants(evaluate, (left, right), node.position)


def _compile_call(node: grammar.Call, trace: Trace | None, *, outermost: bool) -> Argument:
    function = registry.FUNCTIONS.get(node.name)
    if function is None:
        raise ExpressionError(_describe_unknown(node.name), node.position)
    if function.outermost and not outermost:
        raise ExpressionError(f"{node.name} cannot be nested in another function", node.position)
    arguments = _compile_arguments(function, node, trace)
    try:
        evaluate = _build_evaluator(function, arguments)
    except ExpressionError as exc:
        raise ExpressionError(str(exc), exc.position or node.position) from None
    return _fold_constants(evaluate, arguments, node.position) if function.pure else Argument(evaluate, node.position)


def _describe_unknown(name: str) -> str:
    if name in registry.UNDESCRIBED:
        return f"Entra knows {name} but does not document it"
    for known in registry.FUNCTIONS:
        if known.lower() == name.lower():
            return f"there is no function {name[:40]}: names are case-sensitive. Did you mean {known}?"
    other = registry.OTHER_NAMES.get(name)
    near = [other] if other else difflib.get_close_matches(name[:40], registry.FUNCTIONS, 1, 0.75)
    return f"there is no function {name[:40]}" + (f". Did you mean {near[0]}?" if near else "")


def _compile_arguments(function: Function, node: grammar.Call, trace: Trace | None) -> Arguments:
    given = _fill_gap(function, node.arguments)
    least = max((index + 1 for index, each in enumerate(function.parameters) if each.required), default=0)
    if len(given) < least:
        missing = function.parameters[len(given)].name
        ending = "s" if least > 1 else ""
        raise ExpressionError(f"{function.name} needs {least} argument{ending}: {missing} is missing", node.position)
    arguments: list[Argument | None] = []
    for index, each in enumerate(given):
        parameter = function.parameter(index)
        if parameter is None:
            most = len(function.parameters)
            raise ExpressionError(f"{function.name} takes {most} arguments, not {len(given)}", node.position)
        if not isinstance(each, grammar.Omitted):
            arguments.append(_compile_argument(each, parameter, trace))
        elif parameter.required:
            raise ExpressionError(f"{function.name} needs its argument {parameter.name}", node.position)
        else:
            arguments.append(None)
    return tuple(arguments)


def _fill_gap(function: Function, given: tuple[grammar.Node, ...]) -> tuple[grammar.Node, ...]:
    """Return the arguments, with an omitted one where an older form of the function has none."""
    if function.gap is None or len(given) != len(function.parameters) - 1:
        return given
    return (*given[: function.gap], grammar.Omitted(), *given[function.gap :])


def _build_evaluator(function: Function, arguments: Arguments) -> Evaluator:
    if function.build is not None:
        return function.build(arguments)
    if function.implement is None:
        raise TypeError(function.name)
    getters = [_build_getter(each, _find_parameter(function, index).convert) for index, each in enumerate(arguments)]
    if function.contextual:
        getters.insert(0, lambda _attributes, context: context)
    return _build_call(function.implement, getters)


def _find_parameter(function: Function, index: int) -> Parameter:
    return function.parameter(index) or function.parameters[-1]


def _build_getter(argument: Argument | None, convert: Callable[[Value], Any]) -> Getter:
    """Build what returns the converted argument; a constant that cannot be converted raises `ExpressionError` now."""
    if argument is None:
        return lambda _attributes, _context: None
    if argument.constant:
        try:
            value = convert(argument.value)
        except EvaluationError as exc:
            raise ExpressionError(str(exc), argument.position) from exc
        return lambda _attributes, _context: value
    evaluate = argument.evaluate
    if convert is to_any:
        return evaluate
    return lambda attributes, context: convert(evaluate(attributes, context))


def _build_call(implement: Callable[..., Value], getters: list[Getter]) -> Evaluator:
    """Build a call of `implement` with all arguments; one and two are spelled out, which halves their time."""
    match getters:
        case [one]:
            return lambda attributes, context: check_limits(implement(one(attributes, context)))
        case [one, two]:
            return lambda attributes, context: check_limits(
                implement(one(attributes, context), two(attributes, context)),
            )
        case _:
            return lambda attributes, context: check_limits(
                implement(*[getter(attributes, context) for getter in getters]),
            )


def _fold_constants(evaluate: Evaluator, arguments: Arguments, position: int) -> Argument:
    """Compute a pure part now if its arguments are constant. Raises `ExpressionError` if it can only fail."""
    if not all(argument is None or argument.constant for argument in arguments):
        return Argument(evaluate, position)
    try:
        # Constant parts read neither attributes nor context.
        value = evaluate({}, _NO_CONTEXT)
    except EvaluationError as exc:
        raise ExpressionError(f"this can never have a value: {exc}", position) from exc
    except IgnoreFlowError:
        return Argument(evaluate, position)
    return _build_constant(value, position)
