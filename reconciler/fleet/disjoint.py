"""What no two tenants of a fleet may share: a domain shows whose accounts these are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.core.values import normalize_domain
from reconciler.fleet.model import Tenant


def find_shared_domains(tenants: Iterable[Tenant]) -> Iterator[tuple[Tenant, int, str]]:
    """Yield each domain of several tenants: the last of them, the index of the domain there, and what to say.

    Domains are compared as the guard `tenant` does: a subdomain is another domain, which another tenant can have.
    """
    owners: dict[str, Tenant] = {}
    shared: dict[str, list[tuple[Tenant, int]]] = {}
    for tenant in tenants:
        for number, domain in enumerate(tenant.domains):
            key = normalize_domain(domain)
            owner = owners.setdefault(key, tenant)
            if owner is not tenant:
                shared.setdefault(key, []).append((tenant, number))
    for key, others in shared.items():
        # A tenant that has the same domain in two forms is one tenant.
        names = list(dict.fromkeys([owners[key].name, *(tenant.name for tenant, _ in others)]))
        summary = f"the domain {quote(shorten(key, 80))} belongs to {pluralize(len(names), 'tenant')}: "
        yield *others[-1], summary + format_names(names)
