"""Functions that decide: what they do not need is not evaluated, as Entra's own guides rely on."""

from __future__ import annotations

from reconciler.expressions.signature import Argument, Arguments, Function, Parameter, result_parameter
from reconciler.expressions.value_types import (
    FALSE,
    TRUE,
    Attributes,
    Context,
    EvaluationError,
    Evaluator,
    ExpressionError,
    IgnoreFlow,
    IgnoreFlowError,
    Value,
    format_boolean,
    quote_value,
    to_any,
    to_text,
    to_truth,
)

_LONGEST = 1_000
"""Characters of a mapping's own message."""


def not_(source: Value) -> str:
    """The opposite: "True" gives "False", everything else "True".

    Entra's documents don't say whether "true" counts; here it does, in any case.
    """
    text = to_text(source)
    return format_boolean(text is None or text.strip().lower() != "true")


def is_null(value: Value) -> str:
    """Whether there is no value. An empty string is one."""
    return TRUE if value is None else FALSE


def is_null_or_empty(value: Value) -> str:
    """Whether there is no value, or an empty one."""
    return FALSE if value else TRUE


def is_present(value: Value) -> str:
    """Whether there is a value that is not empty."""
    return TRUE if value else FALSE


def is_string(value: Value) -> str:
    """Whether `CStr` can give a text. Entra's documents don't say so of several values; here they are none."""
    return format_boolean(isinstance(value, str) or (isinstance(value, tuple) and len(value) == 1))


def cbool(value: Value) -> str:
    """Whether a value is true: "True" for a number that is not zero.

    Entra's documents don't describe texts; here they are read as `to_truth` does.
    """
    return format_boolean(to_truth(value))


def error(message: str | None) -> Value:
    """Refuse this user, with the expression's own words."""
    raise EvaluationError(quote_value(message, _LONGEST) if message else "the expression calls Error")


def _require(argument: Argument | None) -> Argument:
    # The compiler refuses calls without their required arguments.
    if argument is None:
        raise ExpressionError("an argument is missing")
    return argument


def iif(arguments: Arguments) -> Evaluator:
    """The second argument if the first is true, else the third.

    "If the source attribute used within the IIF function is empty or null, the condition check fails" can mean three
    things; here a failed condition is a false one.
    """
    condition, yes, no = (_require(argument).evaluate for argument in arguments)

    def evaluate(attributes: Attributes, context: Context) -> Value:
        found = condition(attributes, context)
        if found == TRUE:
            return yes(attributes, context)
        if found == FALSE:
            return no(attributes, context)
        return (yes if to_truth(found) else no)(attributes, context)

    return evaluate


def switch(arguments: Arguments) -> Evaluator:
    """The value of the first key that is equal to the source, case and all; else the default.

    No source counts as "". Entra's documents don't say what a default that was left out gives (here: no value), nor
    what a key without a value matches (here: nothing).
    """
    if len(arguments) % 2 or len(arguments) < 4:  # noqa: PLR2004
        raise ExpressionError("Switch takes a source, a default, and then keys and values in pairs")
    source, default = _require(arguments[0]).evaluate, arguments[1]
    keys = [_require(key) for key in arguments[2::2]]
    values = [_require(value).evaluate for value in arguments[3::2]]
    otherwise = default.evaluate if default else _evaluate_nothing
    if all(key.constant for key in keys):
        # The first of equal keys wins.
        table = dict(reversed([(to_text(key.value), value) for key, value in zip(keys, values, strict=True)]))
        return lambda attributes, context: table.get(to_text(source(attributes, context)) or "", otherwise)(
            attributes, context
        )

    def evaluate(attributes: Attributes, context: Context) -> Value:
        found = to_text(source(attributes, context)) or ""
        for key, value in zip(keys, values, strict=True):
            if to_text(key.evaluate(attributes, context)) == found:
                return value(attributes, context)
        return otherwise(attributes, context)

    return evaluate


def _evaluate_nothing(_attributes: Attributes, _context: Context) -> Value:
    return None


def coalesce(arguments: Arguments) -> Evaluator:
    """The first source that has a value; the last one, the default, counts even if it is empty.

    Entra's reference says NULL, its SuccessFactors guide shows an empty string passed over. Here the guide is
    followed: for RFC 7643 an empty string is no value either.
    """
    *sources, last = (_require(argument).evaluate for argument in arguments)

    def evaluate(attributes: Attributes, context: Context) -> Value:
        for source in sources:
            found = source(attributes, context)
            if found:
                return found
        return last(attributes, context)

    return evaluate


def ignore_flow_if_null_or_empty(arguments: Arguments) -> Evaluator:
    """The value, or the attribute stays out of the request."""
    source = _require(arguments[0]).evaluate

    def evaluate(attributes: Attributes, context: Context) -> Value:
        found = source(attributes, context)
        if not found:
            raise IgnoreFlowError(IgnoreFlow.ATTRIBUTE)
        return found

    return evaluate


def select_unique_value(arguments: Arguments) -> Evaluator:
    """The first candidate that the target does not have yet; candidates without a value are passed over.

    Only for creating ("only meant for entry creations"): later the attribute stays out of the request.
    """
    candidates = [_require(argument).evaluate for argument in arguments]

    def evaluate(attributes: Attributes, context: Context) -> Value:
        if not context.creating:
            raise IgnoreFlowError(IgnoreFlow.ATTRIBUTE)
        tried: list[str] = []
        for candidate in candidates:
            found = to_text(candidate(attributes, context))
            if not found:
                continue
            if not context.taken(found):
                return found
            tried.append(quote_value(found))
        raise EvaluationError(f"no unique value: {', '.join(tried[:5]) or 'no rule gives one'}")

    return evaluate


def _condition_parameter(name: str, *, convert: bool = False) -> Parameter:
    return Parameter(name, to_truth if convert else to_any, condition=True)


LOGIC = (
    Function("Not", (_condition_parameter("source"),), not_),
    Function("IsNull", (Parameter("Expression", to_any),), is_null),
    Function("IsNullOrEmpty", (Parameter("Expression", to_any),), is_null_or_empty),
    Function("IsPresent", (Parameter("Expression", to_any),), is_present),
    Function("IsString", (Parameter("Expression", to_any),), is_string),
    Function("CBool", (_condition_parameter("Expression"),), cbool),
    Function("Error", (Parameter("ErrorMessage"),), error, pure=False),
    Function(
        "IIF",
        (_condition_parameter("condition"), result_parameter("valueIfTrue"), result_parameter("valueIfFalse")),
        build=iif,
    ),
    Function(
        "Switch",
        (
            Parameter("source"),
            result_parameter("defaultValue", required=False),
            Parameter("key"),
            result_parameter("value"),
        ),
        build=switch,
        repeating=2,
    ),
    Function("Coalesce", (result_parameter("source"),), build=coalesce, repeating=1),
    Function("IgnoreFlowIfNullOrEmpty", (result_parameter("Expression"),), build=ignore_flow_if_null_or_empty),
    Function(
        "SelectUniqueValue",
        (result_parameter("uniqueValueRule1"), result_parameter("uniqueValueRule2")),
        build=select_unique_value,
        repeating=1,
        pure=False,
        outermost=True,
    ),
)
