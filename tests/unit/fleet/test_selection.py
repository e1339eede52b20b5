from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fleets import with_domains
from support.git_repository import GitRepository

from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.model import Fleet
from reconciler.fleet.selection import select_tenants
from reconciler.fleet.shards import Part

NAMES = [f"t{number}" for number in range(23)]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    repository = GitRepository(tmp_path, ".")
    files = {f"tenants/{name}/users/a.yaml": "- a: 1\n" * number for number, name in enumerate(NAMES)}
    waves = "waves: [{name: canary, tenants: [t3]}, {name: early, percent: 20}, {name: rest}]\n"
    repository.commit("first", {"fleet.yaml": f"tenants: tenants/*\n{waves}", **with_domains(files)})
    repository.commit("second", {f"tenants/{name}/users/a.yaml": "- b: 2\n" for name in NAMES[2:15]})
    return read_fleet(tmp_path)


def names(fleet: Fleet, *options: object, **more: object) -> list[str]:
    return [tenant.name for tenant in select_tenants(fleet, *options, **more)]  # type: ignore[arg-type]


def test_without_options_all_are_selected_sorted_by_name(fleet: Fleet) -> None:
    assert names(fleet) == sorted(NAMES)


def test_a_base_selects_those_that_are_affected(fleet: Fleet) -> None:
    assert names(fleet, "HEAD~1") == sorted(NAMES[2:15])
    assert names(fleet, "HEAD") == []


def test_a_wave_selects_its_tenants(fleet: Fleet) -> None:
    assert names(fleet, "HEAD~1", "canary") == ["t3"]
    assert names(fleet, "HEAD", "canary") == []


def test_names_select_these_if_the_rest_does_too(fleet: Fleet) -> None:
    assert names(fleet, only={"t1", "t3", "gone"}) == ["t1", "t3"]
    assert names(fleet, "HEAD~1", only={"t1", "t3"}) == ["t3"]
    assert names(fleet, None, None, Part(1, 1), only={"t1"}) == ["t1"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 40), st.integers(1, 5), st.sampled_from([None, "HEAD~1"]))
def test_every_selected_tenant_is_in_exactly_one_wave_slice_and_shard(
    fleet: Fleet, shards: int, slices: int, base: str | None
) -> None:
    found = [
        name
        for wave in ("canary", "early", "rest")
        for part in range(1, slices + 1)
        for shard in range(1, shards + 1)
        for name in names(fleet, base, wave, Part(shard, shards), Part(part, slices))
    ]
    assert sorted(found) == names(fleet, base)
