"""What no two tenants may share."""

from reconciler.fleet.disjoint import find_shared_domains
from reconciler.fleet.model import Tenant


def _find(**tenants: list[str]) -> list[str]:
    found = (Tenant(name, f"tenants/{name}", domains=tuple(domains)) for name, domains in tenants.items())
    return [f"{tenant.name} {number}: {summary}" for tenant, number, summary in find_shared_domains(found)]


def test_domains() -> None:
    assert _find(a=["x.example", "y.example"], b=["z.example", "X.example."], c=["sub.x.example"]) == [
        'b 1: the domain "x.example" belongs to 2 tenants: "a", "b"',
    ]
    assert _find(a=["xn--bcher-kva.example"], b=["bücher.example"]) == [
        'b 0: the domain "bücher.example" belongs to 2 tenants: "a", "b"',
    ]
    assert _find(a=["x.example", "x.example"]) == []
