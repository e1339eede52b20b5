"""The same error of several tenant.yaml is shown once, with its places."""

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.fleet.folded_errors import fold_tenants


def _error(tenant: str, summary: str = "unknown key") -> Diagnostic:
    return error(summary, "Remove it.", Origin(f"tenants/{tenant}/tenant.yaml", 2, 1))


def test_the_places_of_the_others_are_named() -> None:
    (found,) = fold_tenants([_error("acme"), _error("beta"), _error("gamma")])
    assert (found.summary, str(found.origin)) == ("unknown key (3 tenants)", "tenants/acme/tenant.yaml:2:1")
    assert found.detail == "Remove it. Also in tenants/beta/tenant.yaml:2:1, tenants/gamma/tenant.yaml:2:1."


def test_of_many_the_first_are_named() -> None:
    (found,) = fold_tenants(_error(f"t{number}") for number in range(2_000))
    assert found.summary == "unknown key (2,000 tenants)"
    assert found.detail.endswith("tenants/t5/tenant.yaml:2:1, and 1,994 more tenants.")


def test_others_are_left_as_they_are() -> None:
    items = [
        error("none"),
        error("none"),
        _error("acme"),
        _error("beta", "another"),
        error("unknown key", "Remove it.", Origin("tenants/acme/settings.yaml", 2, 1)),
        error("unknown key", "Remove it.", Origin("tenants/beta/settings.yaml", 2, 1)),
    ]
    assert fold_tenants(items) == items
