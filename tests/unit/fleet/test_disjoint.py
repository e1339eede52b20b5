"""What no two tenants may share."""

from reconciler.core.model import Origin, Target
from reconciler.fleet.disjoint import ResolvedTenant, find_shared


def _tenant(name: str, *domains: str, tenant: str | None = None, url: str = "https://a.example") -> ResolvedTenant:
    place = Origin(f"tenants/{name}/tenant.yaml", 1, 1)
    return ResolvedTenant(name, Target("scim", url, tenant or name), place, [(each, place) for each in domains])


def _find(*tenants: ResolvedTenant) -> list[str]:
    return [f"{item.origin}: {item.summary}" for item in find_shared(tenants)]


def test_domains() -> None:
    tenants = [_tenant("a", "x.example", "y.example"), _tenant("b", "X.example"), _tenant("c", "sub.x.example")]
    assert _find(*tenants) == [
        'tenants/a/tenant.yaml:1:1: the domain "x.example" belongs to 2 tenants: "a", "b"',
    ]
    assert _find(_tenant("a", "x.example", "x.example")) == []


def test_names_at_one_address() -> None:
    tenants = [_tenant("a", tenant="n"), _tenant("b", tenant="n"), _tenant("c", tenant="n", url="https://b.example")]
    assert _find(*tenants) == ['tenants/a/tenant.yaml:1:1: target.tenant is "n" at one address for "a", "b"']
    assert _find(_tenant("a"), _tenant("b")) == []
