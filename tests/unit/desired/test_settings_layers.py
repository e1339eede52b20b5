"""The resolved state of a tenant: as if it were written in one directory, each value with its place."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fleets import ADA, write_files, write_fleet

from reconciler.desired.directory import Directory
from reconciler.desired.loader import DesiredState, load

OTHER = 'target.tenant is "other", but the folder of this tenant is "acme"'
DOMAINS = "target.domains in the settings of a fleet"


def _summaries(directory: Directory) -> list[str]:
    return [f"{item.origin}: {item.summary}" for item in directory.describe_problems()]


def test_where_each_value_comes_from(tmp_path: Path) -> None:
    write_fleet(tmp_path, tenants__acme__settings="guards: {removals: {percent: 3}}\nrecord: {branch: r}\n")
    directory = Directory(tmp_path / "tenants/acme")
    found = directory.read_settings()
    assert found is not None, _summaries(directory)
    value = found.value
    assert (value.target.profile, value.target.tenant, value.target.domains) == ("scim", "acme", ["acme.example"])
    assert (value.guards.removals.count, value.guards.removals.percent, value.record.branch) == (5, 3, "r")
    places = {
        ("target", "base_url"): "../../defaults/settings.yaml:3:13",
        ("target", "tenant"): "../../fleet.yaml:1:1",
        ("target", "domains", 0): "tenant.yaml:2:11",
        ("guards", "removals", "count"): "../../groups/schools/settings.yaml:1:28",
        ("guards", "removals", "percent"): "settings.yaml:1:30",
        ("guards",): "settings.yaml:1:9",
        ("record", "branch"): "settings.yaml:2:18",
    }
    assert {key: str(found.at(*key)) for key in places} == places


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tenants__acme__settings": "target: {tenant: acme}\n"}, []),
        ({"tenants__acme__settings": "target: {tenant: , domains: }\n"}, []),
        ({"tenants__acme__settings": "target: {tenant: other}\n"}, [f"settings.yaml:1:18: {OTHER}"]),
        (
            {"groups__schools__settings": "target: {tenant: other}\n"},
            [f"../../groups/schools/settings.yaml:1:18: {OTHER}"],
        ),
        ({"tenants__acme__settings": "target: {domains: [b.example]}\n"}, [f"settings.yaml:1:10: {DOMAINS}"]),
        (
            {"groups__schools__settings": "target: {domains: []}\n"},
            [f"../../groups/schools/settings.yaml:1:10: {DOMAINS}"],
        ),
        ({"tenants__acme__tenant": "group: schools\n"}, ["tenant.yaml:1:1: the tenant has no `domains`"]),
        ({"tenants__acme__tenant": None}, ["tenant.yaml:1:1: the tenant has no `domains`"]),
    ],
)
def test_tenant_and_domains(tmp_path: Path, changes: dict[str, str | None], expected: list[str]) -> None:
    """A line that was copied with a folder must not decide whose token is fetched."""
    directory = Directory(write_fleet(tmp_path, **changes) / "tenants/acme")
    found = directory.read_settings()
    assert found is not None
    assert found.value.target.tenant == "acme"
    assert [item for item in _summaries(directory) if "loose" not in item] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"defaults__settings": "target: {profile: no, base_url: x}\n"},
            ["../../defaults/settings.yaml:1:19: targe"],
        ),
        ({"defaults__settings": "target: {profile: scim}\n"}, ['../../defaults/settings.yaml:1:9: "base_url" is miss']),
        ({"defaults__settings": "a: [\n"}, ["../../defaults/settings.yaml:2:1: not YAML"]),
        ({"defaults__settings": ""}, ["../../defaults/settings.yaml:1:1: the file is empty"]),
        ({"defaults__settings": "- a\n"}, ["../../defaults/settings.yaml:1:1: the file must be a mapping"]),
        ({"fleet": "tenants: [\n"}, ["../../fleet.yaml:2:1: not YAML"]),
        ({"fleet": ""}, ["../../fleet.yaml:1:1: the file is empty"]),
        ({"tenants__acme__tenant": "grup: a\n"}, ['tenant.yaml:1:1: unknown key "grup"']),
        ({"tenants__acme__settings": "final: [ownership]\n"}, ['settings.yaml:1:1: unknown key "final"']),
        (
            {"tenants__acme__settings": "guards: {removals: {count: 6}}\n"},
            ["settings.yaml:1:28: guards.removals.count: 6 is looser than 5"],
        ),
        ({"fleet": "tenants: other/*\n"}, ["settings.yaml:1:1: settings.yaml is missing"]),
    ],
)
def test_errors_name_the_file_of_their_layer(tmp_path: Path, changes: dict[str, str], expected: list[str]) -> None:
    directory = Directory(write_fleet(tmp_path, **changes) / "tenants/acme")
    directory.read_settings()
    found = _summaries(directory)
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected)), found


def test_a_group_may_not_set_what_the_defaults_declare_final(tmp_path: Path) -> None:
    finals = "target: {profile: scim, base_url: x}\nfinal: [ownership]\n"
    write_fleet(tmp_path, defaults__settings=finals, groups__schools__settings="ownership: a pr\nfinal: [relink]\n")
    directory = Directory(tmp_path / "tenants/acme")
    directory.read_settings()
    assert _summaries(directory) == ["../../groups/schools/settings.yaml:1:1: ownership is final"]


def test_a_final_target_does_not_refuse_the_name_of_the_tenant(tmp_path: Path) -> None:
    finals = "target: {profile: scim, base_url: x}\nfinal: [target]\n"
    write_fleet(tmp_path, defaults__settings=finals)
    directory = Directory(tmp_path / "tenants/acme")
    assert directory.read_settings() is not None
    assert _summaries(directory) == []


def test_scope_merges_by_key_and_mappings_are_replaced(tmp_path: Path) -> None:
    root = write_fleet(tmp_path)
    layers = {
        "defaults/scope.yaml": "sync: all\nexcluded: {users: [a, b], groups: [g]}\n",
        "groups/schools/scope.yaml": "excluded: {users: [c]}\n",
        "tenants/acme/scope.yaml": "sync: assigned\n",
        "defaults/mappings.yaml": "- {target: userName, source: mail}\n- {target: title, constant: x}\n",
        "groups/schools/mappings.yaml": "- {target: userName, source: userPrincipalName}\n",
    }
    directory = Directory(write_files(root, layers) / "tenants/acme")
    scope, rows = directory.read_scope(), directory.read_mappings()
    assert scope is not None
    assert (scope.value.sync, scope.value.excluded.users, scope.value.excluded.groups) == ("assigned", ["c"], ["g"])
    assert str(scope.at("excluded", "groups", 0)) == "../../defaults/scope.yaml:2:36"
    assert [(row.value.source, str(row.at())) for row in rows] == [
        ("userPrincipalName", "../../groups/schools/mappings.yaml:1:3")
    ]
    assert directory.has("mappings.yaml")
    assert not directory.has_own("mappings.yaml")


def test_final_scope_and_mappings(tmp_path: Path) -> None:
    layers = {
        "defaults/settings.yaml": "target: {profile: scim, base_url: x}\nfinal: [scope.sync, mappings]\n",
        "defaults/scope.yaml": "sync: all\n",
        "tenants/acme/scope.yaml": "sync: assigned\n",
        "defaults/mappings.yaml": "- {target: userName, source: mail}\n",
        "tenants/acme/mappings.yaml": "- {target: userName, source: x}\n",
    }
    directory = Directory(write_files(write_fleet(tmp_path), layers) / "tenants/acme")
    directory.read_scope()
    directory.read_mappings()
    assert _summaries(directory) == ["scope.yaml:1:1: scope.sync is final", "mappings.yaml:1:1: mappings is final"]


@pytest.mark.parametrize(
    "name", ["../../defaults", "../../groups", "../../groups/schools", "../../defaults/scope.yaml"]
)
def test_links_on_the_way_to_a_layer_are_not_followed(tmp_path: Path, name: str) -> None:
    root = write_files(write_fleet(tmp_path / "fleet"), {"defaults/scope.yaml": "sync: all\n"})
    state = root / "tenants/acme"
    there = tmp_path / "elsewhere"
    (state / name).resolve().rename(there)
    (root / name.removeprefix("../../")).symlink_to(there)
    directory = Directory(state)
    directory.read_settings()
    directory.read_scope()
    assert all(item.origin is not None and item.origin.file == name for item in directory.diagnostics)
    assert directory.diagnostics[0].summary in ("a link to a directory", "a link")


def test_all_files_of_the_layers_are_digested(tmp_path: Path) -> None:
    directory = Directory(write_files(write_fleet(tmp_path), {"defaults/scope.yaml": "sync: all\n"}) / "tenants/acme")
    directory.read_all()
    assert list(directory.digests) == [
        "users/all.yaml",
        "../../fleet.yaml",
        "tenant.yaml",
        "../../defaults/settings.yaml",
        "../../groups/schools/settings.yaml",
        "../../defaults/scope.yaml",
    ]
    assert [name for name, _ in Directory(tmp_path / "tenants/acme").read_contents()] == ["users/all.yaml"]


_TEXT = st.sampled_from(["a", "b", "c"])
_LAYER = st.fixed_dictionaries(
    {},
    optional={
        "ownership": st.sampled_from(["externalId pr", 'userName eq "a"']),
        "lifecycle": st.fixed_dictionaries(
            {}, optional={"removed": st.sampled_from(["keep", "delete"]), "delete_after_days": st.integers(0, 9)}
        ),
        "record": st.fixed_dictionaries({}, optional={"branch": _TEXT, "values": st.sampled_from(["full", "digest"])}),
        "unattended": st.fixed_dictionaries({}, optional={"updates": st.integers(0, 9), "creates": st.integers(0, 9)}),
        "target": st.fixed_dictionaries({}, optional={"token_expires": st.just("2027-01-01")}),
    },
)


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = _merge(below[key], value) if both else value
    return merged


@given(_LAYER, _LAYER, _LAYER)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_layers_are_as_one_file(
    tmp_path: Path, defaults: dict[str, Any], group: dict[str, Any], own: dict[str, Any]
) -> None:
    shutil.rmtree(tmp_path / "fleet", ignore_errors=True)
    base = _merge({"target": {"profile": "scim", "base_url": "https://a.example"}}, defaults)
    files = {
        "fleet.yaml": "tenants: tenants/*\n",
        "defaults/settings.yaml": json.dumps(base),
        "groups/g/settings.yaml": json.dumps(group),
        "tenants/acme/tenant.yaml": "group: g\ndomains: [a.example]\n",
        "tenants/acme/settings.yaml": json.dumps(own),
        "flat/settings.yaml": json.dumps(
            _merge({"target": {"tenant": "acme", "domains": ["a.example"]}}, _merge(_merge(base, group), own))
        ),
    }
    root = write_files(tmp_path / "fleet", files)
    layered, flat = Directory(root / "tenants/acme").read_settings(), Directory(root / "flat").read_settings()
    assert layered is not None
    assert flat is not None
    assert layered.value == flat.value


def test_a_group_may_declare_final_what_the_defaults_set(tmp_path: Path) -> None:
    defaults = "target: {profile: scim, base_url: x}\nownership: externalId pr\n"
    write_fleet(tmp_path, defaults__settings=defaults, groups__schools__settings="final: [ownership]\n")
    directory = Directory(tmp_path / "tenants/acme")
    assert directory.read_settings() is not None
    assert _summaries(directory) == []


def test_a_tenant_is_loaded_as_the_same_state_in_one_directory(tmp_path: Path) -> None:
    target = "{profile: scim, base_url: 'https://scim.example.com', tenant: acme, domains: [acme.example]}"
    users = {"flat/users/all.yaml": ADA}
    flat = {"flat/settings.yaml": f"target: {target}\nguards: {{removals: {{count: 5}}}}\n", **users}
    layered = {"defaults/settings.yaml": "target: {profile: scim, base_url: 'https://scim.example.com'}\n"}
    root = write_files(write_fleet(tmp_path), {**flat, **layered})
    now = datetime(2026, 12, 1, tzinfo=UTC)
    one, other = load(root / "tenants/acme", now), load(root / "flat", now)
    assert isinstance(one, DesiredState), one
    assert isinstance(other, DesiredState), other
    assert (one.target, one.settings, one.users) == (other.target, other.settings, other.users)
    assert one.digest == other.digest
    write_files(root, {"tenants/acme/tenant.yaml": "group: schools\ndomains: [acme.example]\nlabels: {a: b}\n"})
    again = load(root / "tenants/acme", now)
    assert isinstance(again, DesiredState)
    assert again.digest == one.digest
    write_files(root, {"defaults/scope.yaml": "sync: all\n"})
    scoped = load(root / "tenants/acme", now)
    assert isinstance(scoped, DesiredState)
    assert scoped.digest != one.digest


@pytest.mark.parametrize("layer", ["defaults", "groups/schools"])
def test_a_layer_that_switches_provisioning_off_holds_whatever_those_above_say(tmp_path: Path, layer: str) -> None:
    root = write_fleet(tmp_path, tenants__acme__settings="provisioning: {enabled: true, reason: Ours}\n")
    with (root / layer / "settings.yaml").open("a") as file:
        file.write("provisioning: {enabled: false, reason: Stop}\n")
    directory = Directory(root / "tenants/acme")
    found = directory.read_settings()
    assert found is not None
    assert directory.diagnostics == []
    assert (found.value.provisioning.enabled, found.value.provisioning.reason) == (False, "Stop")
    origin = found.at("provisioning", "enabled")
    assert origin is not None
    assert origin.file == f"../../{layer}/settings.yaml"


def test_a_tenant_may_switch_provisioning_off_or_leave_it_on(tmp_path: Path) -> None:
    for own, expected in (("{enabled: false}", False), ("{enabled: true}", True)):
        root = write_fleet(tmp_path, tenants__acme__settings=f"provisioning: {own}\n")
        with (root / "defaults/settings.yaml").open("a") as file:
            file.write("provisioning: {enabled: true}\n")
        found = Directory(root / "tenants/acme").read_settings()
        assert found is not None
        assert found.value.provisioning.enabled is expected
