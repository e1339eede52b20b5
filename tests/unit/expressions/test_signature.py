from reconciler.expressions.signature import Function, Parameter, optional_parameter, result_parameter
from reconciler.expressions.value_types import to_any, to_integer, to_text

SOURCE, KEY, VALUE = Parameter("source"), Parameter("key"), Parameter("value")


def test_parameters_are_found_by_index() -> None:
    function = Function("F", (SOURCE, KEY))
    assert [function.parameter(index) for index in range(3)] == [SOURCE, KEY, None]


def test_the_last_parameters_may_repeat() -> None:
    function = Function("F", (SOURCE, KEY, VALUE), repeating=2)
    assert [function.parameter(index) for index in range(6)] == [SOURCE, KEY, VALUE, KEY, VALUE, KEY]


def test_an_optional_parameter_can_be_omitted_and_takes_bare_words() -> None:
    parameter = optional_parameter("start", to_integer, "first", "last")
    assert (parameter.required, parameter.convert, parameter.keywords) == (False, to_integer, {"first", "last"})


def test_a_result_is_not_converted() -> None:
    assert (result_parameter("value").convert, Parameter("value").convert) == (to_any, to_text)
    assert [result_parameter("value", required=each).required for each in (True, False)] == [True, False]
