from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import UsageError
from reconciler.fleet.model import Fleet, Tenant, Wave
from reconciler.fleet.wave_members import assign_waves, find_earlier_waves, select_wave

WAVES = (Wave("canary", ("acme",)), Wave("early", percent=5), Wave("half", percent=50), Wave("rest"))
NAMES = st.sets(st.text(string.ascii_lowercase, min_size=1, max_size=8), max_size=40)


def fleet(*tenants: Tenant, waves: tuple[Wave, ...] = WAVES) -> Fleet:
    return Fleet(Path(), tenants, waves)


def test_a_list_and_a_tenant_yaml_name_the_wave() -> None:
    members = assign_waves(fleet(Tenant("acme", "t/acme"), Tenant("beta", "t/beta", wave="early")))
    assert members == {"acme": "canary", "beta": "early"}
    assert assign_waves(fleet(Tenant("acme", "t/acme"), waves=())) == {}


def test_percentages_are_parts_of_the_hashes() -> None:
    members = assign_waves(fleet(*(Tenant(f"t{number}", "") for number in range(4_000))))
    counts = {wave: list(members.values()).count(wave) for wave in ("canary", "early", "half", "rest")}
    assert counts == {"canary": 0, "early": 197, "half": 1994, "rest": 1809}


@given(NAMES, NAMES)
def test_a_tenant_that_comes_or_goes_moves_no_other_one(one: set[str], other: set[str]) -> None:
    first, second = (assign_waves(fleet(*(Tenant(name, "") for name in names))) for names in (one, one | other))
    assert {name: second[name] for name in one} == first


@given(NAMES)
def test_every_tenant_is_in_exactly_one_wave(names: set[str]) -> None:
    whole = fleet(*(Tenant(name, "") for name in names))
    found = [each.name for wave in WAVES for each in select_wave(whole, whole.tenants, wave.name)]
    assert sorted(found) == sorted(names)


def test_another_wave_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a wave of this fleet") as caught:
        select_wave(fleet(), (), "last")
    assert caught.value.detail == 'The waves are "canary", "early", "half", "rest".'
    with pytest.raises(UsageError) as caught:
        select_wave(fleet(waves=()), (), "rest")
    assert caught.value.detail == "fleet.yaml names no `waves`."


def test_the_waves_before_one() -> None:
    assert find_earlier_waves(fleet(), "half") == ("canary", "early")
    assert find_earlier_waves(fleet(), "canary") == ()
