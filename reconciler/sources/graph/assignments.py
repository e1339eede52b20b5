"""Read the enterprise application and who is assigned to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reconciler.core.text import format_names, quote, shorten
from reconciler.core.values import fold_case
from reconciler.errors import SourceError
from reconciler.sources.graph.client import encode_text
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.rows import (
    PAGE,
    GraphReader,
    build_path,
    is_object_id,
    list_rows,
    read_object_id,
)

_SELECT = "id,appId,displayName"


@dataclass(frozen=True, slots=True)
class Application:
    """An enterprise application (service principal)."""

    object_id: str
    app_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Assignments:
    """Folded ids of the users and groups assigned to an application, sorted. `others`: principals by type."""

    users: tuple[str, ...]
    groups: tuple[str, ...]
    others: Counter[str]


def find_application(reader: GraphReader, named: str) -> Application:
    """Find the enterprise application by object id, application id or display name.

    Raises `SourceError` if there is none, or if several have that name.
    """
    found = _find_by_id(reader, named) if is_object_id(named) else _find_by_name(reader, named)
    if not found:
        raise SourceError(
            f"there is no enterprise application {quote(named)} in this tenant",
            "Correct source.entra.application in settings.yaml: the name, or better the object id, as Microsoft Entra"
            " admin center > Enterprise applications > the application > Properties shows it.",
        )
    if len(found) > 1:
        ids = format_names(sorted(each.object_id for each in found), 20)
        raise SourceError(
            f"{len(found)} enterprise applications are named {quote(named)}",
            f"Set source.entra.application in settings.yaml to the object id of one of them: {ids}",
        )
    return found[0]


def _find_by_id(reader: GraphReader, named: str) -> list[Application]:
    """Find by both kinds of ids; they are of different objects if both find something."""
    by_app = reader.find(build_path(f"/servicePrincipals(appId='{named.lower()}')", select=_SELECT))
    by_object = reader.find(build_path(f"/servicePrincipals/{named.lower()}", select=_SELECT))
    found = [_read_application(row) for row in (by_app, by_object) if row is not None]
    return list({each.object_id: each for each in found}.values())


def _find_by_name(reader: GraphReader, named: str) -> list[Application]:
    path = build_path(
        "/servicePrincipals", filter=f"displayName%20eq%20{encode_text(named)}", select=_SELECT, top="100"
    )
    rows = list_rows(reader, path, _read_application)
    # Compared again: a service that ignores the filter lists all applications.
    return [each for each in rows if fold_case(each.name) == fold_case(named)]


def _read_application(row: Row) -> Application:
    name = row.get("displayName")
    return Application(
        read_object_id(row, "an enterprise application"),
        read_object_id(row, "an enterprise application", "appId"),
        shorten(name, 256) if isinstance(name, str) else "",
    )


def read_assignments(reader: GraphReader, application: Application, page: int = PAGE) -> Assignments:
    """Read who is assigned, whatever the role; a principal with several roles is one. `page`: rows of a page, at most.

    Raises `ChangedDuringReadError` for an assignment that is listed twice.
    """
    path = build_path(f"/servicePrincipals/{application.object_id}/appRoleAssignedTo", top=str(page))
    principals = dict.fromkeys(list_rows(reader, path, _read_principal))
    chosen: dict[str, list[str]] = {"User": [], "Group": []}
    others: Counter[str] = Counter()
    for kind, object_id in principals:
        if kind in chosen:
            chosen[kind].append(object_id)
        else:
            others[kind] += 1
    return Assignments(tuple(sorted(chosen["User"])), tuple(sorted(chosen["Group"])), others)


def _read_principal(row: Row) -> tuple[str, str]:
    kind = row.get("principalType")
    if not isinstance(kind, str) or not kind:
        raise SourceError("Microsoft Graph lists an assignment without a principalType", "Please report this.")
    return shorten(kind, 40), read_object_id(row, "an assignment", "principalId")
