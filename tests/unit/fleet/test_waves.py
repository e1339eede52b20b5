"""Waves: each tenant is in exactly one."""

from pathlib import Path

import pytest
from support.fleets import write_fleet

from reconciler.fleet.catalog import BrokenFleetError, read_fleet


def _list_errors(root: Path) -> list[str]:
    with pytest.raises(BrokenFleetError) as caught:
        read_fleet(root)
    return [f"{item.origin}: {item.summary}" for item in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("waves", "expected"),
    [
        ("[{name: a, percent: 101}, {name: z}]", ["fleet.yaml:2:28: waves.0.percent: expected 100 or less"]),
        ("[{name: a, percent: 60}, {name: b, percent: 41}, {name: z}]", ["fleet.yaml:2:8: the waves take 101 % of"]),
        ("[{name: a}, {name: z}]", ["fleet.yaml:2:9: the wave a takes all that are left, so no wave can follow it"]),
        ("[{name: a, percent: 5}]", ["fleet.yaml:2:9: no wave takes the tenants that are left"]),
        ("[{name: a, percent: 5}, {name: a}]", ["fleet.yaml:2:32: two waves have the name a"]),
        ("[{name: A}]", ["fleet.yaml:2:16: waves.0.name: expected a name of at most 40"]),
        ("[{name: a, tenants: [no]}, {name: z}]", ["fleet.yaml:2:29: the wave a names no, which is not a tenant"]),
        ("[{name: a, tenants: [acme], percent: 5}, {name: z}]", ["fleet.yaml:2:9: waves.0: a wave has either tenants"]),
        (
            "[{name: a, tenants: [acme]}, {name: b, tenants: [acme]}, {name: z}]",
            ["fleet.yaml:2:57: acme is in two waves: a and b"],
        ),
        ("[{name: a, tenants: [acme, acme]}, {name: z}]", ["fleet.yaml:2:35: acme is in the wave a twice"]),
    ],
)
def test_errors(tmp_path: Path, waves: str, expected: list[str]) -> None:
    found = _list_errors(write_fleet(tmp_path, fleet=f"tenants: tenants/*\nwaves: {waves}\n"))
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected)), found


def test_the_wave_of_tenant_yaml_and_that_of_fleet_yaml(tmp_path: Path) -> None:
    fleet = "tenants: tenants/*\nwaves: [{name: a, tenants: [acme]}, {name: z}]\n"
    write_fleet(tmp_path, fleet=fleet, tenants__acme__tenant="domains: [acme.example]\nwave: z\n")
    assert _list_errors(tmp_path) == [
        "tenants/acme/tenant.yaml:2:7: acme is in two waves: a by fleet.yaml, z by tenant.yaml"
    ]
    (tmp_path / "tenants/acme/tenant.yaml").write_text("domains: [acme.example]\nwave: a\n")
    assert read_fleet(tmp_path).tenants[0].wave == "a"
