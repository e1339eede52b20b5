from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import UsageError
from reconciler.fleet.shards import MAX_PARTS, Part, assign_shards, hash_name, is_in_slice, parse_part

NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
WEIGHTS = st.dictionaries(NAMES, st.integers(0, 5_000), max_size=60)


@pytest.mark.parametrize(("text", "part"), [("1/1", Part(1, 1)), ("3/32", Part(3, 32)), ("07/24", Part(7, 24))])
def test_a_part_is_a_number_and_how_many_there_are(text: str, part: Part) -> None:
    assert parse_part(text, "--shard") == part


@pytest.mark.parametrize(
    "text", ["", "3", "0/3", "4/3", "-1/3", "1/0", "1/3\n", "1 / 3", "a/b", "1/3/5", "²/3", f"1/{MAX_PARTS + 1}"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--shard .* is not a part such as 3/32"):
        parse_part(text, "--shard")


@given(WEIGHTS, st.integers(1, 70))
def test_every_tenant_is_in_exactly_one_shard(weights: dict[str, int], count: int) -> None:
    shards = assign_shards(weights, count)
    assert shards.keys() == weights.keys()
    assert set(shards.values()) <= set(range(1, count + 1))


@given(WEIGHTS, st.integers(1, 8))
def test_the_order_of_the_tenants_does_not_matter(weights: dict[str, int], count: int) -> None:
    assert assign_shards(dict(reversed(weights.items())), count) == assign_shards(weights, count)


@given(WEIGHTS, st.integers(1, 8))
def test_no_shard_is_heavier_than_the_lightest_by_more_than_one_tenant(weights: dict[str, int], count: int) -> None:
    loads = dict.fromkeys(range(1, count + 1), 0)
    for name, shard in assign_shards(weights, count).items():
        loads[shard] += weights[name] + 1
    heaviest = max(weights.values(), default=0) + 1
    assert max(loads.values()) - min(loads.values()) <= heaviest


def test_tenants_without_users_are_spread() -> None:
    shards = assign_shards(dict.fromkeys("abcdefgh", 0), 4)
    assert sorted(shards.values()) == [1, 1, 2, 2, 3, 3, 4, 4]


@given(NAMES, st.integers(1, 100))
def test_every_tenant_is_in_exactly_one_slice(name: str, count: int) -> None:
    assert sum(is_in_slice(name, Part(number, count)) for number in range(1, count + 1)) == 1


def test_the_hash_of_a_name_never_changes() -> None:
    assert [round(hash_name(name), 6) for name in ("acme", "globex", "initech")] == [0.508472, 0.358423, 0.300233]
