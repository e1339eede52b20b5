"""The order of keys in files that this program writes."""

from __future__ import annotations

from pathlib import Path

from reconciler.desired.key_order import GROUP_KEYS, USER_KEYS, KeyOrder
from reconciler.desired.yaml_reader import read_items

ROOT = Path(__file__).parents[3]


def test_a_key_comes_to_its_place_in_ordered_keys() -> None:
    order = KeyOrder(USER_KEYS)
    assert order.find_place("objectId", ["userPrincipalName"]) == -1
    assert order.find_place("givenName", ["userPrincipalName", "surname", "lifecycle"]) == 0
    assert order.find_place("zone", ["userPrincipalName", "costume", "accountEnabled", "lifecycle"]) == 1


def test_a_key_comes_last_among_keys_of_another_order() -> None:
    assert KeyOrder(USER_KEYS).find_place("givenName", ["surname", "userPrincipalName"]) == 1


def test_other_keys_keep_their_order() -> None:
    order = KeyOrder(GROUP_KEYS)
    assert order.is_ordered(["name", "z", "a", "members"])
    assert not order.is_ordered(["members", "name"])


def test_the_sample_of_this_project_has_this_order() -> None:
    for kind, keys in (("users", USER_KEYS), ("groups", GROUP_KEYS)):
        for path in (ROOT / "desired-state" / kind).rglob("*.yaml"):
            for item in read_items(path.read_bytes(), path.name, print):
                assert KeyOrder(keys).is_ordered(item), (path, [*item])
