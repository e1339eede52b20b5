import pytest

from reconciler.expressions.default_active import SUPPORTED, compile_active_rule


@pytest.mark.parametrize(
    "text",
    [
        *SUPPORTED,
        " Not ( [IsSoftDeleted] ) ",
        "Not([IsSoftDeleted])\n",
        'Switch([IsSoftDeleted], , "False", "True", "True", "False")',
        'Switch([IsSoftDeleted],,"False","True","True","False")',
    ],
)
def test_the_two_stock_expressions_of_active_are_read(text: str) -> None:
    rule = compile_active_rule(text)
    assert rule is not None
    assert [rule({}), rule({"IsSoftDeleted": False}), rule({"IsSoftDeleted": True})] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[IsSoftDeleted]",
        "not([IsSoftDeleted])",
        "Not([isSoftDeleted])",
        "Not([IsSoftDeleted]))",
        'Switch([IsSoftDeleted], , "True", "True", "False", "False")',
        'Replace([mail], "-", , , "_", , )',
    ],
)
def test_any_other_expression_is_not(text: str) -> None:
    assert compile_active_rule(text) is None
