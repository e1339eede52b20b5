"""Packed users against rows. That they are settled as the users themselves are is the law of `test_settled`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import MAPPINGS, OUT, desired, live, reader

from reconciler.core.model import NO_LIFECYCLE, DesiredUser, LiveUser
from reconciler.core.planning.packed_pairs import PackedPair, PackedPairs
from reconciler.core.planning.settling import find_linking_attribute, list_desired_names
from reconciler.desired.user_table import UserTable
from reconciler.scim.packed_users import PackingReader


def find(user: DesiredUser, found: LiveUser) -> PackedPair | None:
    linking, packing = find_linking_attribute(MAPPINGS), PackingReader(reader())
    assert linking is not None
    packed = packing.pack(found)
    assert isinstance(packed, bytes)
    others = [desired("bob"), desired("eve")]
    rows = UserTable(replace(each, lifecycle=NO_LIFECYCLE) for each in [*others, user])
    return PackedPairs(rows, packing, linking).find(packed)


def test_an_equal_pair_is_found_with_its_names() -> None:
    user, found = desired(create_only={"userName": "Created@Example.com"}), live(last_modified="2026-01-01T00:00:00Z")
    pair = find(user, found)
    assert pair == (2, (), "2026-01-01T00:00:00Z", found.user_name, found.attributes.keys(), list_desired_names(user))


def test_values_that_differ_are_the_form() -> None:
    pair = find(desired(locale="ja-JP", department="Sales"), live(locale="ja_JP", department="Sales"))
    assert pair is not None
    assert pair.form == (("locale", "ja_JP", "ja-JP"),)


RENAMING = "renaming-0123456789ab-0123456789abcdef@example.com"
OPEN: dict[str, tuple[DesiredUser, LiveUser]] = {
    "no such user": (desired("zoe"), live()),
    "not plain": (desired(verdict=OUT), live()),
    "in error": (replace(desired(), failed=True), live()),
    "another userName": (desired(user_name="Ada@example.com"), live()),
    "another match": (replace(desired(), match=("id-ada", "other@example.com")), live()),
    "fewer matches": (replace(desired(), match=("id-ada",)), live()),
    "more attributes": (desired(title="Head"), live()),
    "fewer attributes": (desired(), live(title="Head")),
    "no anchor": (replace(desired(), anchor=None), live()),
    "another anchor": (replace(desired(), anchor="id-bob"), live()),
    "no date that can be kept": (desired(), live(last_modified="")),
    "a temporary name": (desired(user_name=RENAMING), live(user_name=RENAMING)),
}


@pytest.mark.parametrize("case", OPEN)
def test_any_other_pair_is_left_to_those_who_compare_users(case: str) -> None:
    assert find(*OPEN[case]) is None


@pytest.mark.parametrize("changed", [{}, {"user_name": "Åda@example.com"}, {"external_id": " ID-é "}])
def test_names_are_those_of_the_user(changed: dict[str, Any]) -> None:
    user = desired(**changed)
    pair = find(user, live(**changed))
    assert pair is not None
    assert pair.names == list_desired_names(user)
