from __future__ import annotations

import pytest

from reconciler.sources.graph.rows import ChangedDuringReadError, build_path, check_count


def test_paths_have_their_options() -> None:
    assert build_path("/users", select="id", top="999") == "/users?$select=id&$top=999"


@pytest.mark.parametrize(
    ("listed", "before", "after", "explained"), [(5, 5, 5, 0), (6, 5, 5, 0), (5, 5, 9, 0), (5, 9, 5, 0), (4, 5, 5, 1)]
)
def test_a_list_as_long_as_the_smaller_count_is_believed(listed: int, before: int, after: int, explained: int) -> None:
    check_count("users", listed, before, after, explained=explained)


@pytest.mark.parametrize(("listed", "before", "after", "explained"), [(4, 5, 5, 0), (3, 5, 9, 1), (0, 1, 1, 0)])
def test_a_shorter_list_may_be_cut_off(listed: int, before: int, after: int, explained: int) -> None:
    with pytest.raises(ChangedDuringReadError, match="Microsoft Graph counts"):
        check_count("users", listed, before, after, explained=explained)
