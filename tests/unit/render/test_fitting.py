import pytest

from reconciler.render.fitting import count_fitting, measure


def test_a_piece_is_measured_in_bytes_with_its_line_end() -> None:
    assert measure("é") == 3


@pytest.mark.parametrize(("space", "count"), [(0, 0), (3, 0), (4, 1), (6, 1), (7, 2), (100, 2)])
def test_whole_pieces_fit(space: int, count: int) -> None:
    assert count_fitting(["abc", "é"], space) == count
