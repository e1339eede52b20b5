from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import live

from reconciler.scim.contradictions import find_contradiction, shows_less, shows_otherwise

ALONE = live("ada")


def test_equal_users_do_not_contradict() -> None:
    pair = (ALONE, ALONE)
    assert find_contradiction([pair]) is None
    assert not shows_less(pair)
    assert not shows_otherwise(pair)


@pytest.mark.parametrize(
    ("changed", "said"), [({"user_name": "ben@example.com"}, "ben@example.com"), ({"external_id": "id-ben"}, "id-ben")]
)
def test_other_names_contradict(changed: dict[str, Any], said: str) -> None:
    message = find_contradiction([(ALONE, ALONE), (replace(ALONE, **changed), ALONE)])
    assert message is not None
    assert f'as "{said}", but read by its id it is' in message


@pytest.mark.parametrize("changed", [{"user_name": ""}, {"external_id": None}, {"attributes": {}}])
def test_what_is_left_out_is_less_and_no_contradiction(changed: dict[str, Any]) -> None:
    pair = (replace(ALONE, **changed), ALONE)
    assert find_contradiction([pair]) is None
    assert shows_less(pair)
    assert not shows_otherwise(pair)


def test_other_values_are_shown_otherwise() -> None:
    path = next(iter(ALONE.attributes))
    assert shows_otherwise((replace(ALONE, attributes={**ALONE.attributes, path: "other"}), ALONE))
    assert shows_otherwise((replace(ALONE, attributes={**ALONE.attributes, "title": "only here"}), ALONE))
    inactive = replace(ALONE, active=False)
    assert shows_otherwise((ALONE, inactive))
    assert shows_otherwise((inactive, ALONE))
    assert not shows_otherwise((replace(ALONE, omits_active=True), inactive))
