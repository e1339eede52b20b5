"""Numbers and bytes are the same in memory and in blocks."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.laws import examples
from support.small_blocks import MemoryBlock, keep_little

from reconciler.core.planning.blocks import Blob, Numbers, SortedNumbers

WORDS = st.integers(0, 2**64 - 1)


@settings(max_examples=examples(100), deadline=None)
@given(contents=st.lists(st.binary(max_size=9)), limit=st.integers(1, 20))
def test_bytes_are_read_as_they_were_appended(contents: list[bytes], limit: int) -> None:
    for blob in (Blob(), Blob(MemoryBlock, limit), Blob(None, limit)):
        places = [(blob.append(content), content) for content in contents]
        assert [blob.read(start, len(content)) for start, content in places] == contents


@settings(max_examples=examples(200), deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["append", "grow", "set", "replace"]), st.integers(0, 40), WORDS)),
    limit=st.integers(1, 100),
)
def test_numbers_are_those_of_an_array(steps: list[tuple[str, int, int]], limit: int) -> None:
    numbers, expected = Numbers("Q", MemoryBlock, limit), array("Q")
    for step, place, number in steps:
        if step == "append":
            numbers.append(number)
            expected.append(number)
        elif step == "grow":
            numbers.grow(place)
            expected.extend([0] * (place - len(expected)))
        elif step == "set" and place < len(expected):
            numbers[place] = expected[place] = number
        elif step == "replace":
            expected = array("Q", sorted(expected))
            numbers.replace(array("Q", expected))
        assert len(numbers) == len(expected)
    assert [numbers[place] for place in range(len(expected))] == list(expected)
    for start in range(len(expected)):
        assert list(numbers.read(start, 5)) == list(expected[start : start + 5])


@settings(max_examples=examples(100), deadline=None)
@given(
    numbers=st.lists(WORDS | st.integers(0, 40)),
    more=st.lists(st.integers(0, 40)),
    limit=st.sampled_from([1, 600, 4096]),
)
def test_numbers_come_in_order(numbers: list[int], more: list[int], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        keep_little(patch, 2)
        found = SortedNumbers(MemoryBlock, limit)
        found.extend(numbers)
        for known in (numbers, [*numbers, *more]):
            assert [each for part in found.list_parts() for each in part] == sorted(known)
            for lowest in (0, 8, 32, *numbers[:3]):
                highest = lowest | 7
                assert list(found.find(lowest, highest)) == sorted(n for n in known if lowest <= n <= highest)
            found.extend(more if known is numbers else [])


def test_an_index_has_one_block() -> None:
    opened: list[MemoryBlock] = []

    def open_block() -> MemoryBlock:
        opened.append(MemoryBlock())
        return opened[-1]

    numbers = SortedNumbers(open_block, 64)
    numbers.extend(number << 58 for number in range(64))
    assert len(opened) == 1
    assert [each >> 58 for part in numbers.list_parts() for each in part] == list(range(64))


def test_little_opens_nothing() -> None:
    blob, numbers = Blob(lambda: 1 / 0), Numbers("I", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    blob.append(b"a")
    numbers.append(1)
    numbers.grow(7)
    assert (blob.read(0, 1), numbers[0], numbers[6]) == (b"a", 1, 0)
