from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.expressions.seeded_random import build_random


@given(st.lists(st.text(), max_size=3), st.lists(st.integers(1, 1 << 128), max_size=20))
def test_the_same_seed_gives_the_same_numbers_each_below_its_limit(seed: list[str], limits: list[int]) -> None:
    one, other = build_random(*seed), build_random(*seed)
    numbers = [one(limit) for limit in limits]
    assert numbers == [other(limit) for limit in limits]
    assert all(0 <= number < limit for number, limit in zip(numbers, limits, strict=True))


@pytest.mark.parametrize(("one", "other"), [(("a", "b"), ("ab",)), (("a", "b"), ("b", "a")), (("a",), ("a", ""))])
def test_other_seeds_give_other_numbers(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert build_random(*one)(1 << 128) != build_random(*other)(1 << 128)


def test_numbers_spread_evenly() -> None:
    draw = build_random("seed")
    counts = Counter(draw(10) for _ in range(10_000))
    assert all(900 < counts[number] < 1_100 for number in range(10))


def test_the_numbers_of_a_seed_stay_what_they_are() -> None:
    """Users were created with them: another algorithm would plan other values for the same user."""
    draw = build_random("nickName", "0 Guid()", "id-ada")
    assert [draw(1 << 128), draw(10), draw(10)] == NUMBERS


NUMBERS = [135741989623754206032800352452205583740, 5, 4]
