import pytest

from reconciler.expressions.functions.registry import FUNCTIONS, OTHER_NAMES, UNDESCRIBED
from reconciler.expressions.language import ExpressionError, compile_expression


def test_every_function_is_found_by_its_name() -> None:
    assert len(FUNCTIONS) == 53
    assert all(name == function.name for name, function in FUNCTIONS.items())


def test_every_function_has_one_implementation() -> None:
    assert all((each.implement is None) != (each.build is None) for each in FUNCTIONS.values())


@pytest.mark.parametrize("name", sorted(UNDESCRIBED))
def test_a_function_that_entra_only_names_is_rejected(name: str) -> None:
    assert name not in FUNCTIONS
    with pytest.raises(ExpressionError, match=f"Entra knows {name} but does not document it"):
        compile_expression(f"{name}()")


def test_a_function_of_visual_basic_leads_to_the_one_of_this_language() -> None:
    assert set(OTHER_NAMES.values()) <= FUNCTIONS.keys()
    assert not OTHER_NAMES.keys() & FUNCTIONS.keys()
    with pytest.raises(ExpressionError, match=r"there is no function LCase\. Did you mean ToLower\?"):
        compile_expression("LCase([name])")
