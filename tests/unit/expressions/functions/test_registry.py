import pytest

from reconciler.expressions.functions.registry import FUNCTIONS, UNDESCRIBED
from reconciler.expressions.language import ExpressionError, compile_expression


def test_every_function_is_found_by_its_name() -> None:
    assert len(FUNCTIONS) == 50
    assert all(name == function.name for name, function in FUNCTIONS.items())


def test_every_function_has_one_implementation() -> None:
    assert all((each.implement is None) != (each.build is None) for each in FUNCTIONS.values())


@pytest.mark.parametrize("name", sorted(UNDESCRIBED))
def test_a_function_that_entra_only_names_is_rejected(name: str) -> None:
    assert name not in FUNCTIONS
    with pytest.raises(ExpressionError, match=f"Entra knows {name} but does not document it"):
        compile_expression(f"{name}()")
