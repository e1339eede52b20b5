"""A folder is the tenant, whatever its settings say. The settings of all layers: see test_settings_layers."""

from reconciler.desired.layers import TenantPlace
from reconciler.desired.tenant_identity import check_identity, describe_missing_domains
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import read_document


def _check(text: str) -> list[str]:
    node = read_document(text.encode(), "settings.yaml", lambda _item: None)
    assert isinstance(node, YamlMapping)
    return [f"{item.origin}: {item.summary}" for item in check_identity(TenantPlace("acme"), [node])][:-1]


def test_lines_that_say_otherwise() -> None:
    assert _check("target: {tenant: acme}\n") == []
    assert _check("target: [tenant, globex]\n") == []
    assert _check("target: {tenant: [acme]}\n") == [
        'settings.yaml:1:18: target.tenant is no name, but the folder of this tenant is "acme"'
    ]
    assert _check('target: {tenant: "Acme\\e[2J"}\n') == [
        'settings.yaml:1:18: target.tenant is "Acme\\u{1b}[2J", but the folder of this tenant is "acme"'
    ]


def test_without_tenant_yaml_there_are_no_domains() -> None:
    assert list(check_identity(TenantPlace("acme"), [])) == [describe_missing_domains("tenant.yaml")]
