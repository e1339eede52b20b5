from __future__ import annotations

from typing import Any

import pytest
from support.builders import APPLE, MAPPINGS, OWNED, SCIM, mapping, mappings, reader, resource

from reconciler.core import paths
from reconciler.core.planning.live_user import LiveReader
from reconciler.scim import packed_users
from reconciler.scim.packed_users import PackingReader

EMAIL = mappings(mapping('emails[type eq "work"].value', "mail", profile=SCIM))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"meta": {"lastModified": "2026-03-01T00:00:00Z"}},
        {"userName": "Ada@Example.com"},
        {"userName": "Åda@example.com", "active": "True"},
        {paths.ENTERPRISE: None, "name": {"givenName": " Ada "}},
    ],
)
def test_an_ordinary_user_is_packed_and_unpacked_as_it_was(changed: dict[str, Any]) -> None:
    packing, shown = PackingReader(reader()), resource(**changed)
    packed = packing.read(shown)
    assert isinstance(packed, bytes)
    assert packing.unpack("live-ada", packed) == reader().read(shown)


@pytest.mark.parametrize(
    "changed",
    [
        {"active": False},
        {"active": 7},
        {"externalId": None},
        {"userName": None},
        {"userName": "\ud800@example.com"},
        {"emails": [{"type": "home", "value": "a@example.com"}]},
    ],
)
def test_any_other_user_is_left_as_it_is(changed: dict[str, Any]) -> None:
    plain, shown = LiveReader(SCIM, EMAIL, OWNED), resource(**changed)
    found = PackingReader(plain).read(shown)
    assert not isinstance(found, bytes)
    assert found == plain.read(shown)


def test_a_user_without_active_is_packed_only_if_the_profile_knows_what_that_means() -> None:
    shown = resource(active=None)
    assert isinstance(PackingReader(LiveReader(APPLE, MAPPINGS, OWNED)).read(shown), bytes)
    assert not isinstance(PackingReader(LiveReader(SCIM, MAPPINGS, OWNED)).read(shown), bytes)


def test_a_user_with_its_resource_is_left_as_it_is() -> None:
    kept = LiveReader(APPLE, MAPPINGS, OWNED, keeps_resources=True)
    assert not isinstance(PackingReader(kept).read(resource()), bytes)


def test_combinations_of_attributes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_users, "_MOST_SHAPES", 1)
    packing = PackingReader(reader())
    assert isinstance(packing.read(resource()), bytes)
    assert not isinstance(packing.read(resource(name=None)), bytes)
    assert isinstance(packing.read(resource("bob")), bytes)
