"""Whose accounts a tenant of a fleet manages: its folder is its name, and tenant.yaml names its domains.

Both decide which organisation is written to: the token is fetched by the name, and the guard `tenant` compares the
domains with those of the accounts. So neither comes from a layer that other tenants share, or from a copied line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.core.text import quote, shorten
from reconciler.desired.layers import TenantPlace
from reconciler.desired.layout import TENANT_FILE
from reconciler.desired.yaml_nodes import YamlMapping

_TARGET, _TENANT, _DOMAINS = "target", "tenant", "domains"


def check_identity(place: TenantPlace, layers: Iterable[YamlMapping]) -> Iterator[Diagnostic]:
    """Yield an error for each line of settings.yaml that says otherwise, in any layer, and for missing domains."""
    for settings in layers:
        target = settings.get(_TARGET)
        if isinstance(target, YamlMapping):
            yield from _check_target(place, target)
    if place.entry is None or not place.entry.value.domains:
        yield describe_missing_domains(TENANT_FILE)


def _check_target(place: TenantPlace, target: YamlMapping) -> Iterator[Diagnostic]:
    found = target.get(_TENANT)
    if found is not None and found != place.tenant:
        name = quote(shorten(found, 80)) if isinstance(found, str) else "no name"
        summary = f"target.tenant is {name}, but the folder of this tenant is {quote(place.tenant)}"
        detail = (
            "In a fleet the folder is the tenant: its token is fetched by it. Remove this line, or rename the folder."
        )
        yield error(summary, detail, target.value_origin(_TENANT))
    if target.get(_DOMAINS) is not None:
        detail = f"The domains of a tenant are only in its {TENANT_FILE}, as `domains`. Move them there."
        yield error("target.domains in the settings of a fleet", detail, target.key_origin(_DOMAINS))


def describe_missing_domains(file: str) -> Diagnostic:
    """Return the error for a tenant that names no domains; `file`: its tenant.yaml."""
    summary = "the tenant has no `domains`"
    detail = (
        f"Write the verified domains of its organisation in {TENANT_FILE}, as `domains: [example.com]`: "
        "they show that a token is for this organisation, before anything is written."
    )
    return error(summary, detail, Origin(file, 1, 1))
