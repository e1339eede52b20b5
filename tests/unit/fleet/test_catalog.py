"""The catalog of a fleet: tenants in order, and each error once, at its place."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet
from support.git_repository import GitRepository

from reconciler.fleet.catalog import BrokenFleetError, read_fleet
from reconciler.fleet.model import Caps, FleetApproval, FleetGuards, FleetLimit, Tenant, Wave


def _list_errors(root: Path) -> list[str]:
    with pytest.raises(BrokenFleetError) as caught:
        read_fleet(root)
    return [f"{item.origin}: {item.summary}" for item in caught.value.diagnostics]


def test_a_fleet_with_everything(tmp_path: Path) -> None:
    fleet = """
        tenants: [tenants/*, special/zoo]
        waves: [{name: canary, tenants: [beta]}, {name: early, percent: 5}, {name: rest}]
        caps: {tenants_at_once: 4, requests_per_second: 25, shards: 16}
        guards: {failed: {percent: 1}, removals: {count: 7}, tenants_changed_by_defaults: 9, new_tenants: 2}
        """
    write_fleet(
        tmp_path, fleet=fleet, special__zoo__tenant="domains: [zoo.example]\n", special__other__settings="target: {}\n"
    )
    acme = "group: schools\nwave: early\nlabels: {region: emea}\ndomains: [acme.example]\n"
    (tmp_path / "tenants/acme/tenant.yaml").write_text(acme)
    found = read_fleet(tmp_path)
    assert found.tenants == (
        Tenant("acme", "tenants/acme", "schools", "early", {"region": "emea"}, ("acme.example",)),
        Tenant("beta", "tenants/beta", domains=("beta.example",)),
        Tenant("zoo", "special/zoo", domains=("zoo.example",)),
    )
    assert found.waves == (Wave("canary", ("beta",)), Wave("early", (), 5), Wave("rest"))
    assert found.caps == Caps(4, 25, 16)
    assert found.guards == FleetGuards(FleetLimit(3, 1), FleetLimit(7, 2), 9, 2)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{count: 10}", FleetLimit(10, 5)),
        ("{percent: 1}", FleetLimit(3, 1)),
        ("{}", FleetLimit(3, 5)),
        ("{count: 10, percent: off}", FleetLimit(10, None)),
        ("{count: }", FleetLimit(3, 5)),
        ("{count: off, percent: off}", FleetLimit()),
    ],
)
def test_a_limit_that_is_not_given_keeps_its_default(tmp_path: Path, written: str, expected: FleetLimit) -> None:
    fleet = f"tenants: tenants/*\nguards: {{failed: {written}}}\n"
    assert read_fleet(write_fleet(tmp_path, fleet=fleet)).guards.failed == expected


def test_approvals(tmp_path: Path) -> None:
    entry = f"{{plan: 'sha256:{'a' * 64}', lifts: [new_tenants], until: 2026-12-01, reason: schools}}"
    write_fleet(tmp_path, fleet=f"tenants: tenants/*\napprovals: [{entry}]\n")
    expected = FleetApproval(f"sha256:{'a' * 64}", ("new_tenants",), date(2026, 12, 1), "schools")
    assert read_fleet(tmp_path).approvals == (expected,)
    (tmp_path / "fleet.yaml").write_text(f"tenants: tenants/*\napprovals: [{entry.replace('new_tenants', 'other')}]\n")
    assert len(_list_errors(tmp_path)) == 1


def test_the_defaults_of_the_schema_are_those_of_the_types(tmp_path: Path) -> None:
    found = read_fleet(write_fleet(tmp_path))
    assert (found.caps, found.guards) == (Caps(), FleetGuards())


def test_what_is_no_tenant(tmp_path: Path) -> None:
    others = {
        "tenants/README.md": "Tenants\n",
        "tenants/.gitkeep": "",
        "tenants/__pycache__/x.pyc": "",
        "tenants/gone/plans/1.json": "{}",
        "tenants/gone/.reconciler/sandbox.db": "",
    }
    found = read_fleet(write_files(write_fleet(tmp_path), others))
    assert [tenant.name for tenant in found.tenants] == ["acme", "beta"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"fleet.yaml": ""}, ["fleet.yaml:1:1: the file is empty"]),
        ({"fleet.yaml": "- a\n"}, ["fleet.yaml:1:1: the file must be a mapping"]),
        ({"fleet.yaml": "tenants: [\n"}, ["fleet.yaml:2:1: not YAML: text that is not expected here"]),
        ({"fleet.yaml": "tenant: tenants/*\n"}, ['fleet.yaml:1:1: unknown key "tenant"']),
        (
            {"fleet.yaml": "tenants: other/*\n"},
            ["fleet.yaml:1:1: `tenants` names other/*, but there is no folder other"],
        ),
        (
            {"fleet.yaml": "tenants: [tenants/*, '../*']\n"},
            ["fleet.yaml:1:22: tenants.1: expected FOLDER/* or FOLDER/NAME below the root of the fleet, such as"],
        ),
        (
            {"fleet.yaml": "tenants: groups/*\n"},
            ["fleet.yaml:1:10: tenants.0: expected FOLDER/* or FOLDER/NAME below the root of the fleet, such as"],
        ),
        (
            {"fleet.yaml": "tenants: [tenants/acme, tenants/none]\n"},
            ["fleet.yaml:1:1: `tenants` names tenants/none, which has no desired state"],
        ),
        (
            {"fleet.yaml": "tenants: [tenants/*, more/acme]\n", "more/acme/tenant.yaml": "domains: [more.example]\n"},
            ["fleet.yaml:1:1: 2 tenants with the name acme"],
        ),
        ({"tenants/Acme/settings.yaml": ""}, ['tenants/Acme:1:1: the folder "Acme" cannot be a tenant']),
        ({"tenants/a b/x.yaml": ""}, ['tenants/a b:1:1: the folder "a b" cannot be a tenant']),
        ({"tenants/.hidden/settings.yaml": ""}, ['tenants/.hidden:1:1: the folder ".hidden" cannot be a tenant']),
        ({"tenants/acme.yaml": ""}, ["tenants/acme.yaml:1:1: this file is not read"]),
        (
            {"tenants/beta/tenant.yaml": "group: schol\ndomains: [beta.example]\n"},
            ["tenants/beta/tenant.yaml:1:8: there is no group schol"],
        ),
        (
            {"tenants/beta/tenant.yaml": "domains: [beta.example]\nwave: w\n"},
            ["tenants/beta/tenant.yaml:2:7: there is no wave w"],
        ),
        ({"tenants/beta/tenant.yaml": "grup: x\n"}, ['tenants/beta/tenant.yaml:1:1: unknown key "grup"']),
        ({"tenants/beta/tenant.yaml": "group: ../x\n"}, ["tenants/beta/tenant.yaml:1:8: group: expected a name of at"]),
        ({"tenants/beta/tenant.yaml": ""}, ["tenants/beta/tenant.yaml:1:1: the file is empty"]),
        ({"tenants/beta/tenant.yaml": "# only this\n"}, ["tenants/beta/tenant.yaml:1:1: the file is empty"]),
        ({"tenants/beta/tenant.yaml": "#" * 70_000}, ["tenants/beta/tenant.yaml:1:1: larger than 64 KiB"]),
    ],
)
def test_errors(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    found = _list_errors(write_files(write_fleet(tmp_path), files))
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected)), found


def test_each_tenant_names_domains_that_no_other_has(tmp_path: Path) -> None:
    write_fleet(tmp_path, tenants__beta__tenant="labels: {a: b}\n")
    write_files(tmp_path, {"tenants/copy/tenant.yaml": "group: schools\ndomains: [b.example, ACME.example]\n"})
    write_files(tmp_path, {"tenants/gamma/users/all.yaml": "[]\n"})
    assert _list_errors(tmp_path) == [
        "tenants/beta/tenant.yaml:1:1: the tenant has no `domains` (2 tenants)",
        'tenants/copy/tenant.yaml:2:22: the domain "acme.example" belongs to 2 tenants: "acme", "copy"',
    ]


def test_no_fleet_file(tmp_path: Path) -> None:
    assert _list_errors(tmp_path) == [f"None: there is no fleet.yaml in {tmp_path}"]


def test_the_error_names_the_first_and_says_how_to_see_all(tmp_path: Path) -> None:
    write_fleet(tmp_path, tenants__beta__tenant="wave: w\ndomains: [beta.example]\n")
    with pytest.raises(BrokenFleetError) as caught:
        read_fleet(tmp_path)
    assert caught.value.summary == "the fleet has errors: there is no wave w (tenants/beta/tenant.yaml:1:7)"
    assert caught.value.detail == "`reconciler fleet validate` lists them all."
    assert caught.value.diagnostics[0].source_line == "wave: w"


def test_a_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    write_fleet(tmp_path, tenants__beta__tenant="wave: erly\ngroup: schol\ndomains: [beta.example]\n")
    (tmp_path / "fleet.yaml").write_text("tenants: tenants/*\nwaves: [{name: early, percent: 5}, {name: rest}]\n")
    with pytest.raises(BrokenFleetError) as caught:
        read_fleet(tmp_path)
    assert [(item.detail or "").partition("?")[0] for item in caught.value.diagnostics] == [
        "Did you mean schools",
        "Did you mean early",
    ]


def test_an_error_of_many_tenants_is_one(tmp_path: Path) -> None:
    write_fleet(tmp_path, tenants__beta__tenant="group: none\n", tenants__acme__tenant="wave: w\ngroup: none\n")
    write_files(tmp_path, {f"tenants/t{n}/tenant.yaml": "grup: x\n" for n in range(3)})
    assert _list_errors(tmp_path) == [
        'tenants/t0/tenant.yaml:1:1: unknown key "grup" (3 tenants)',
        "tenants/acme/tenant.yaml:2:8: there is no group none",
        "tenants/acme/tenant.yaml:1:7: there is no wave w",
        "tenants/acme/tenant.yaml:1:1: the tenant has no `domains` (2 tenants)",
    ]


def test_more_errors_than_are_shown(tmp_path: Path) -> None:
    write_files(write_fleet(tmp_path), {f"tenants/T{n}/settings.yaml": "" for n in range(60)})
    found = _list_errors(tmp_path)
    assert len(found) == 51
    assert found[-1] == "None: 10 more errors in this fleet; they are not shown"


@pytest.mark.parametrize(
    "name", ["tenants/gamma", "tenants/beta/tenant.yaml", "groups/schools", "tenants", "fleet.yaml"]
)
def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    root = write_fleet(tmp_path / "fleet", tenants__beta__tenant="group: schools\n")
    there = tmp_path / "elsewhere"
    path = root / name
    if os.path.lexists(path):
        path.rename(there)
    else:
        write_files(there, {"settings.yaml": ""})
    path.symlink_to(there)
    assert f"{name}:1:1: a link" in _list_errors(root)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(write_fleet(tmp_path, tenants__beta__tenant=None) / "tenants/beta/tenant.yaml")
    assert _list_errors(tmp_path) == ["tenants/beta/tenant.yaml:1:1: not a regular file"]


def test_more_entries_than_are_read(tmp_path: Path) -> None:
    waves = ", ".join(f"{{name: w{number}}}" for number in range(1_001))
    root = write_fleet(tmp_path, fleet=f"tenants: tenants/*\nwaves: [{waves}]\n")
    assert _list_errors(root) == ["fleet.yaml:1:1: waves: 1,001 entries; at most 1,000 are read"]


def test_a_fleet_file_that_git_has(tmp_path: Path) -> None:
    repository = GitRepository(write_fleet(tmp_path / "f"), ".")
    repository.commit("base")
    (repository.root / "fleet.yaml").unlink()
    with pytest.raises(BrokenFleetError) as found:
        read_fleet(repository.root)
    (item,) = found.value.diagnostics
    assert item.summary == "git tracks fleet.yaml, which is missing"
    assert item.detail == f"`git -C {repository.root} checkout -- fleet.yaml` restores it."


def test_a_lost_tenant_that_a_wave_names_is_one_error(tmp_path: Path) -> None:
    waves = "tenants: tenants/*\nwaves: [{name: canary, tenants: [beta]}, {name: rest}]\n"
    repository = GitRepository(write_fleet(tmp_path / "f", fleet=waves), ".")
    repository.commit("base")
    shutil.rmtree(repository.root / "tenants/beta")
    assert _list_errors(repository.root) == [
        'fleet.yaml:1:1: 1 tenant is in git\'s index, but not in the work tree: "tenants/beta"'
    ]


def test_without_a_fleet_the_directory_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BrokenFleetError) as caught:
        read_fleet(tmp_path)
    assert caught.value.summary == f"there is no fleet.yaml in {tmp_path}"
    assert "--fleet DIR" in caught.value.detail
