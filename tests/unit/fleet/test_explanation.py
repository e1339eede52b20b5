"""Where each value of a tenant comes from."""

from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet

from reconciler.errors import UsageError
from reconciler.fleet.explanation import ExplanationError, explain_key


def _explain(root: Path, key: str) -> list[tuple[str, object, list[str], str]]:
    return [
        (each.key, each.value, [f"{layer.value} {layer.origin}" for layer in each.layers], str(each.final))
        for each in explain_key(root, "tenants/acme", key)
    ]


def test_the_layers_of_a_value(tmp_path: Path) -> None:
    defaults = (
        "target: {profile: scim, base_url: x}\nguards: {removals: {count: 9}}\nfinal: [ownership, target.profile]\n"
    )
    root = write_fleet(
        tmp_path, defaults__settings=defaults, tenants__acme__settings="guards: {removals: {count: 4, percent: 2}}\n"
    )
    assert _explain(root, "settings.guards.removals") == [
        (
            "settings.guards.removals.count",
            "4",
            [
                "4 tenants/acme/settings.yaml:1:28",
                "5 groups/schools/settings.yaml:1:28",
                "9 defaults/settings.yaml:2:28",
            ],
            "None",
        ),
        ("settings.guards.removals.percent", "2", ["2 tenants/acme/settings.yaml:1:40"], "None"),
    ]
    assert _explain(root, "settings.target.profile") == [
        ("settings.target.profile", "scim", ["scim defaults/settings.yaml:1:19"], "defaults/settings.yaml:3:20")
    ]
    assert _explain(root, "settings.ownership") == [
        ("settings.ownership", "externalId pr", [], "defaults/settings.yaml:3:9")
    ]
    assert _explain(root, "settings.target.tenant") == [
        ("settings.target.tenant", "acme", ["acme fleet.yaml:1:1"], "None")
    ]
    assert [each[0] for each in _explain(root, "settings")] == [
        "settings.target.profile",
        "settings.target.base_url",
        "settings.guards.removals.count",
        "settings.guards.removals.percent",
        "settings.target.tenant",
        "settings.target.domains",
    ]


def test_scope_and_mappings(tmp_path: Path) -> None:
    layers = {
        "defaults/scope.yaml": "sync: all\nexcluded: {users: [a]}\n",
        "tenants/acme/scope.yaml": "excluded: {users: [b]}\n",
        "defaults/mappings.yaml": "- {target: userName, source: a}\n",
        "tenants/acme/mappings.yaml": "- {target: userName, source: b}\n",
    }
    root = write_files(write_fleet(tmp_path), layers)
    assert [each[:3] for each in _explain(root, "scope")] == [
        ("scope.sync", "all", ["all defaults/scope.yaml:1:7"]),
        (
            "scope.excluded.users",
            ["b"],
            ["['b'] tenants/acme/scope.yaml:1:19", "['a'] defaults/scope.yaml:2:19"],
        ),
    ]
    assert [each[2] for each in _explain(root, "mappings")] == [
        [
            "the rows of this file tenants/acme/mappings.yaml:1:1",
            "the rows of this file defaults/mappings.yaml:1:1",
        ]
    ]


@pytest.mark.parametrize("key", ["", "guards", "settings.guard", "scope.x", "mappings.x", "settings.guards.removals.x"])
def test_a_key_that_no_file_has(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match="there is no key"):
        _explain(write_fleet(tmp_path), key)


def test_errors_of_the_files(tmp_path: Path) -> None:
    with pytest.raises(ExplanationError) as caught:
        _explain(write_fleet(tmp_path, tenants__acme__settings="guards: {removals: {count: 6}}\n"), "settings")
    assert len(caught.value.diagnostics) == 1


def test_a_layer_that_holds_provisioning_decides(tmp_path: Path) -> None:
    root = write_fleet(tmp_path, tenants__acme__settings="provisioning: {enabled: true}\n")
    with (root / "defaults/settings.yaml").open("a") as file:
        file.write("provisioning: {enabled: false}\n")
    (found,) = explain_key(root, "tenants/acme", "settings.provisioning.enabled")
    assert [layer.origin.file for layer in found.layers] == ["defaults/settings.yaml", "tenants/acme/settings.yaml"]
