import pytest

from reconciler.core.planning.guards.context import format_names


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a"], '"a"'),
        (["a", "b", "c"], '"a", "b", "c"'),
        (["a", "b", "c", "d"], '"a", "b", "c" and 1 more'),
        (["a\nb"], '"a\\nb"'),
    ],
)
def test_three_names_are_shown_in_quotes(names: list[str], shown: str) -> None:
    assert format_names(names, limit=3) == shown
