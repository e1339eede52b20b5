import pytest

from reconciler.core.scope import operators
from reconciler.core.scope.operators import Operator

ENTRA = (
    "& | !& | ENDS_WITH | EQUALS | NOT EQUALS | Greater_Than | Greater_Than_OR_EQUALS | Includes | IS FALSE | IS TRUE |"
    " IS NULL | IS NOT NULL | REGEX MATCH | NOT REGEX MATCH"
)


def test_entras_fourteen_operators_are_spelled_as_entra_does() -> None:
    assert [each.value for each in Operator if each not in operators.EXTENSIONS] == ENTRA.split(" | ")


def test_every_operator_has_an_operand() -> None:
    assert {operators.classify_operand(each) for each in Operator} == set(operators.Operand)


@pytest.mark.parametrize("operator", Operator)
def test_an_operator_is_found_in_any_case_and_with_blanks_or_underscores(operator: Operator) -> None:
    name = operator.value
    for written in (
        name,
        name.lower(),
        name.upper(),
        f" {name.swapcase()} ",
        name.replace(" ", "_"),
        name.replace("_", " "),
        name.replace(" ", "  "),
    ):
        assert operators.find_operator(written) is operator
        assert operators.suggest_operator(written) is operator


@pytest.mark.parametrize("text", ["", "=", "EQUAL", "ENDSWITH", "& &", "IS", "Present", "_"])
def test_what_is_no_operator_is_not_found(text: str) -> None:
    assert operators.find_operator(text) is None


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("EQUAL", Operator.EQUALS),
        ("endswith", Operator.ENDS_WITH),
        ("not-equals", Operator.NOT_EQUALS),
        ("greater_then", Operator.GREATER_THAN),
        ("REGEX", Operator.REGEX_MATCH),
        ("zzz", None),
    ],
)
def test_a_slip_has_a_nearest_operator(text: str, near: Operator | None) -> None:
    assert operators.suggest_operator(text) is near


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("0012", 12),
        (" 7 ", 7),
        ("-3", -3),
        ("+3", 3),
        ("9" * 19, int("9" * 19)),
        ("9" * 20, None),
        ("9" * 5_000, None),
        ("1.0", None),
        ("1,000", None),
        ("0x10", None),
        ("１２", None),
        ("1_000", None),
        ("", None),
    ],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    assert operators.parse_integer(text) == number
