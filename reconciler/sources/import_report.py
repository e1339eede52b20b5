"""An import as it is reported: its plan, where each entry is, whom it takes out, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from reconciler.core.model import Diagnostic, Origin
from reconciler.core.plan import Guard
from reconciler.history.edits import GROUP, USER, Entity
from reconciler.sources.departures import Departures, is_enabled
from reconciler.sources.import_plan import EntryEdit, ImportPlan, MissingAction, MissingPerson

Locate = Callable[[Entity, str | None], Origin]
"""Returns the origin of an entry of the files as they are, or of one of its fields."""


class ImportAction(StrEnum):
    """What an import does with one entry."""

    REMOVE = "remove"
    DISABLE = "disable"
    CHANGE = "change"
    ADD = "add"


class ImportOutcome(StrEnum):
    """What became of an import."""

    WRITTEN = "written"
    SHOWN = "shown"
    """Only shown: `--dry-run` or `--check`."""
    BLOCKED = "blocked"
    UNCHANGED = "unchanged"
    """There was nothing to write."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """All that the output formats show. `files`: names of the files that change; `what_else`: lines about others.

    `command`: as typed, without the program; `today`: the day by which approvals are judged.
    """

    plan: ImportPlan
    locate: Locate
    departures: Departures
    guard: Guard
    outcome: ImportOutcome
    command: str
    today: date
    files: tuple[str, ...] = ()
    errors: tuple[Diagnostic, ...] = ()
    """What is wrong with single users, in the source and in the result."""
    what_else: tuple[str, ...] = ()

    def of_users(self, action: ImportAction) -> list[EntryEdit]:
        """Return the edits of users with this action, in the plan's order."""
        return [edit for edit in self.plan.edits if edit.entity.kind == USER and find_action(edit) is action]

    def of_groups(self, action: ImportAction) -> list[EntryEdit]:
        """Return the edits of groups with this action."""
        return [edit for edit in self.plan.edits if edit.entity.kind == GROUP and find_action(edit) is action]

    @property
    def of_documents(self) -> list[EntryEdit]:
        """Return the edits of whole files, such as scope.yaml."""
        return [edit for edit in self.plan.edits if edit.entity.kind not in (USER, GROUP)]

    @property
    def left(self) -> list[MissingPerson]:
        """Return the people that the source does not have and whose entries stay as they are."""
        stays = (MissingAction.REPORTED, MissingAction.UNCONFIRMED)
        return [person for person in self.plan.missing if person.action in stays]


def find_action(edit: EntryEdit) -> ImportAction:
    """Return what an edit does; a user that is disabled is not merely changed."""
    if edit.before is None:
        return ImportAction.ADD
    if edit.after is None:
        return ImportAction.REMOVE
    disabled = edit.entity.kind == USER and is_enabled(edit.before) and not is_enabled(edit.after)
    return ImportAction.DISABLE if disabled else ImportAction.CHANGE
