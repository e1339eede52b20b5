"""Functions of logic. Arguments that are not needed are not evaluated, as Entra's guides assume."""

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
"""Characters of a message of Error at most."""


def not_(source: Value) -> str:
    """Return "False" for "True", and "True" for everything else.

    Entra's documents don't define "true"; here case is ignored.
    """
    text = to_text(source)
    return format_boolean(text is None or text.strip().lower() != "true")


def is_null(value: Value) -> str:
    """Return whether there is no value. An empty string is a value."""
    return TRUE if value is None else FALSE


def is_null_or_empty(value: Value) -> str:
    """Return whether there is no value, or an empty one."""
    return FALSE if value else TRUE


def is_present(value: Value) -> str:
    """Return whether there is a value that is not empty."""
    return TRUE if value else FALSE


def is_string(value: Value) -> str:
    """Return whether `CStr` gives a text. Entra's documents don't define several values; here they are not a string."""
    return format_boolean(isinstance(value, str) or (isinstance(value, tuple) and len(value) == 1))


def cbool(value: Value) -> str:
    """Return whether a value is true: "True" for a number that is not zero.

    Entra's documents don't define texts; here `to_truth` decides.
    """
    return format_boolean(to_truth(value))


def error(message: str | None) -> Value:
    """Raise `EvaluationError` with the message of the expression."""
    raise EvaluationError(quote_value(message, _LONGEST) if message else "the expression calls Error")


def _require(argument: Argument | None) -> Argument:
    # The compiler rejects calls without a required argument.
    if argument is None:
        raise ExpressionError("an argument is missing")
    return argument


def iif(arguments: Arguments) -> Evaluator:
    """Build an evaluator of the second argument if the first is true, else of the third.

    "If the source attribute used within the IIF function is empty or null, the condition check fails" is ambiguous;
    here a failed condition is false.
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
    """Build an evaluator of the value of the first key equal to the source, with its case; else of the default.

    A missing source is "". Entra's documents don't define an omitted default (here: no value), nor a key without a
    value (here: it matches nothing). Raises `ExpressionError` for an odd number of arguments.
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
    """Build an evaluator of the first source with a value; of the last one, the default, even if it is empty.

    Entra's reference says NULL, its SuccessFactors guide shows that an empty string is skipped. Here the guide applies:
    in RFC 7643 an empty string is not a value either.
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
    """Build an evaluator of the value; without one, the attribute is ignored."""
    source = _require(arguments[0]).evaluate

    def evaluate(attributes: Attributes, context: Context) -> Value:
        found = source(attributes, context)
        if not found:
            raise IgnoreFlowError(IgnoreFlow.ATTRIBUTE)
        return found

    return evaluate


def select_unique_value(arguments: Arguments) -> Evaluator:
    """Build an evaluator of the first candidate that is free in the target; candidates without a value are skipped.

    Only on create ("only meant for entry creations"): later the attribute is ignored.
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
    # Graph lists it with its parameter, Entra's reference does not: as in Visual Basic, the same as IsNull.
    Function("IsNothing", (Parameter("source", to_any),), is_null),
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
