"""An import that has everything an output format can show, with any word in place of what comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from reconciler.core.field_change import Field, FieldChange
from reconciler.core.model import Origin, error
from reconciler.core.policy import Limit
from reconciler.core.values import fold_case
from reconciler.history.edits import DOCUMENT, GROUP, USER, Entity
from reconciler.sources.departures import check_departures, find_departures
from reconciler.sources.import_plan import (
    CurrentState,
    EntryEdit,
    ImportPlan,
    KeptValue,
    MissingAction,
    MissingPerson,
)
from reconciler.sources.import_report import ImportOutcome, ImportReport

DOMAIN = "@example.com"
ENTRA = "Microsoft Entra ID (contoso.onmicrosoft.com)"


def user(name: str, **fields: Field) -> Entity:
    return Entity(USER, name, {"userPrincipalName": name, **fields}, "users/entra.yaml")


def group(name: str, *users: str, **fields: Field) -> Entity:
    return Entity(
        GROUP, name, {"name": name, **fields, **({"members.users": users} if users else {})}, "groups/it.yaml"
    )


def scope(*users: str) -> Entity:
    return Entity(DOCUMENT, "scope.yaml", {"sync": "assigned", "assigned.users": users}, "scope.yaml")


def with_fields(entity: Entity, fields: Mapping[str, Field | None]) -> Entity:
    after = {**entity.fields, **fields}
    kept = {path: value for path, value in after.items() if value is not None}
    return replace(entity, name=str(kept.get("userPrincipalName", entity.name)), fields=kept)


def report_of(
    plan: ImportPlan,
    current: CurrentState,
    outcome: ImportOutcome = ImportOutcome.WRITTEN,
    limit: Limit = Limit(),  # noqa: B008 - it is frozen
) -> ImportReport:
    """Return the report of `plan`. The line of an entry is its number in the state plus ten."""
    lines = {id(entity): 10 * number for number, entity in enumerate(current.users, 1)}

    def locate(entity: Entity, path: str | None) -> Origin:
        inner = list(entity.fields).index(path) if path in entity.fields else 0
        return Origin(entity.file, lines.get(id(entity), 1) + inner, 3)

    departures = find_departures(current, plan)
    guard = check_departures(departures, limit)
    found = ImportReport(plan, locate, departures, guard, outcome, "import entra", date(2026, 11, 29))
    return replace(found, errors=plan.diagnostics)


def full_report(word: str = "", outcome: ImportOutcome = ImportOutcome.WRITTEN, limit: Limit = Limit()) -> ImportReport:  # noqa: B008
    """Return an import with one of everything; `word` is a part of all that comes from outside."""
    ada = user(f"ada{word}{DOMAIN}", department=f"Sales{word}", city="Paris", objectId="a-1")
    bob = user(f"bob{word}{DOMAIN}", accountEnabled="true", otherMails=(f"b{word}", "c"))
    eve = user(f"eve{word}{DOMAIN}", objectId="e-1")
    out, left, gone = (user(f"{name}{word}{DOMAIN}", department="IT") for name in ("out", "left", "gone"))
    staff = group(f"Staff{word}", ada.name, out.name)
    everyone = scope(ada.name, bob.name, eve.name, out.name, left.name)
    new = user(f"new{word}{DOMAIN}", department=f"IT{word}", **{f"extension{word}": f"x{word}"})
    renamed = with_fields(
        ada,
        {
            "userPrincipalName": f"ada.l{word}{DOMAIN}",
            "department": f"R&D{word}",
            "city": None,
            "jobTitle": word or "CTO",
        },
    )
    edits = (
        EntryEdit(ada, renamed, f"the userPrincipalName changed{word}"),
        EntryEdit(bob, with_fields(bob, {"accountEnabled": "false", "otherMails": (f"b{word}", f"d{word}")})),
        EntryEdit(eve, None, f"deleted{word}"),
        EntryEdit(None, new),
        EntryEdit(staff, group(f"Staff{word}", renamed.name, new.name, description=f"Rule{word}")),
        EntryEdit(None, group(f"New{word}", new.name)),
        EntryEdit(everyone, scope(renamed.name, bob.name, left.name)),
    )
    plan = ImportPlan(
        ENTRA + word,
        edits,
        {fold_case(ada.name): renamed.name, fold_case(eve.name): None},
        missing=(
            MissingPerson(left, f"no longer assigned{word}", MissingAction.REPORTED),
            MissingPerson(gone, "", MissingAction.UNCONFIRMED),
            MissingPerson(eve, "deleted", MissingAction.REMOVED),
        ),
        kept=(KeptValue(bob, FieldChange("department", f"Kept{word}", f"Other{word}")),),
        diagnostics=(error(f"no surname{word}", f"Write it{word}.", Origin(f"users/x{word}.yaml", 3, 5), new.address),),
        notes=(f"3 members of nested groups are not read{word}",),
        unchanged=7,
        refused=1,
        unlinked=2,
    )
    found = report_of(plan, CurrentState((ada, bob, eve, out, left, gone), (staff,), everyone), outcome, limit)
    return replace(found, files=("groups/it.yaml", "users/entra.yaml"), what_else=(f"mappings.yaml: 3 rows{word}",))
