"""What no two tenants of a fleet may share: a domain, and a name at one address. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.model import Diagnostic, Origin, Target, error
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.core.values import normalize_domain


@dataclass(frozen=True, slots=True)
class ResolvedTenant:
    """What the resolved settings of a tenant say. `domains`: with their places, relative to the root of the fleet."""

    name: str
    target: Target
    place: Origin
    domains: Sequence[tuple[str, Origin]] = ()


def find_shared(tenants: Sequence[ResolvedTenant]) -> Iterator[Diagnostic]:
    """Yield an error for each domain of several tenants, and for each name that several have at one address.

    Domains are compared as the guard `tenant` does: a subdomain is another domain, which another tenant can have.
    """
    domains = ((normalize_domain(domain), each.name, at) for each in tenants for domain, at in each.domains)
    for domain, places in _find_repeated(domains):
        names = format_names([name for name, _ in places])
        summary = f"the domain {quote(shorten(str(domain), 80))} belongs to {pluralize(len(places), 'tenant')}: {names}"
        yield error(summary, "A domain shows whose accounts these are. Keep it in one tenant.", places[0][1])
    targets = (((each.target.base_url.casefold(), each.target.tenant), each.name, each.place) for each in tenants)
    for key, places in _find_repeated(targets):
        names = format_names([name for name, _ in places])
        summary = f"target.tenant is {quote(str(key[1]))} at one address for {names}"  # type: ignore[index]
        detail = "Plans, receipts and the lock are kept by this name. Without `tenant` it is the name of the folder."
        yield error(summary, detail, places[0][1])


def _find_repeated(
    entries: Iterable[tuple[Hashable, str, Origin]],
) -> Iterator[tuple[Hashable, list[tuple[str, Origin]]]]:
    """Yield each key that several tenants have, with their names and places, in the order of the first ones."""
    found: dict[Hashable, dict[str, Origin]] = {}
    for key, name, at in entries:
        found.setdefault(key, {}).setdefault(name, at)
    yield from ((key, list(places.items())) for key, places in found.items() if len(places) > 1)
