"""Random edits of a tenant of Graph's stand-in, as a Hypothesis strategy: a list of functions of the company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from support.servers.graph.companies import Company

Edit = Callable[[Company], None]
_VALUES = st.sampled_from(["Sales", "Müller", "0012", "", None])
_PLACES = st.integers(0, 11)


def _pick(company: Company, place: int, *, deleted: bool = False) -> str | None:
    """A user by its place among the living, or the deleted."""
    found = [
        entry.id
        for entry in company.tenant.objects.values()
        if entry.kind == "user" and (entry.deleted is not None) == deleted
    ]
    return found[place % len(found)] if found else None


def _group(company: Company, place: int) -> str:
    groups = [entry.id for entry in company.tenant.living("group")]
    return groups[place % len(groups)]


def _edit(kind: str, first: int, second: int, value: str | None) -> Edit:  # noqa: C901 - a table of edits
    def run(company: Company) -> None:  # noqa: C901, PLR0912
        tenant = company.tenant
        user, other, gone = _pick(company, first), _pick(company, second), _pick(company, first, deleted=True)
        match kind:
            case "create":
                manager = other if second % 2 else None
                created = tenant.add_user(department=value, manager=manager, accountEnabled=bool(first % 3))
                tenant.add_member(company.staff, created)
            case "restore" if gone is not None:
                tenant.restore(gone)
            case "purge" if gone is not None:
                tenant.purge(gone)
            case _ if user is None:
                return
            case "change":
                tenant.set(user, department=value)
            case "complex":
                tenant.set(user, employeeOrgData=None if value is None else {"costCenter": value, "division": None})
            case "extension":
                tenant.set(user, **{tenant.extensions[0]["name"]: value or None})
            case "unselected":
                tenant.set(user, faxNumber=value)
            case "doubt":
                tenant.set(user, accountEnabled=None)
            case "rename":
                tenant.set(user, userPrincipalName=f"renamed{first}.{len(tenant.changes['user'])}@contoso.com")
            case "delete":
                tenant.delete(user)
            case "manager":
                tenant.set_manager(user, other if value else None)
            case "join":
                tenant.add_member(_group(company, second), user)
            case "leave":
                group = _group(company, second)
                if user in tenant.members[group]:
                    tenant.remove_member(group, user)
            case "assign":
                tenant.unassign(company.application, user)
                tenant.assign(company.application, user)
            case "unassign":
                tenant.unassign(company.application, user)

    run.__name__ = f"{kind}({first}, {second}, {value!r})"
    return run


KINDS = (
    "create change complex extension unselected doubt rename delete restore purge manager join leave assign unassign"
).split()


def edits(most: int = 12) -> st.SearchStrategy[list[Any]]:
    """Lists of edits, each with a name that shows in a failing example."""
    one = st.builds(_edit, st.sampled_from(KINDS), _PLACES, _PLACES, _VALUES)
    return st.lists(one, max_size=most)
