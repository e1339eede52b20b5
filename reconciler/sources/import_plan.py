"""The change of files that an import makes: planned by `merge`, shown by `render`, made by the writer. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.field_change import Field, FieldChange, diff_fields
from reconciler.core.model import Diagnostic, Origin
from reconciler.history.edits import Entity


@dataclass(frozen=True, slots=True)
class EntryEdit:
    """One entry of a file before and after. `before` None: it is added; `after` None: it is taken out."""

    before: Entity | None
    after: Entity | None
    reason: str = ""
    """For readers: "no longer assigned", "the userPrincipalName changed"."""

    @property
    def entity(self) -> Entity:
        """The entry after the edit, or before it if it is taken out."""
        found = self.after or self.before
        if found is None:
            raise AssertionError("an edit has an entry before or after it")
        return found

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        """The fields that change."""
        return diff_fields(
            self.before.fields if self.before is not None else {}, self.after.fields if self.after is not None else {}
        )

    @property
    def fields(self) -> Mapping[str, Field | None]:
        """The fields to set in an entry that stays; None: unassign."""
        if self.before is None or self.after is None:
            return {}
        after = self.after.fields
        paths = [*after, *(path for path in self.before.fields if path not in after)]
        return {path: after.get(path) for path in paths if self.before.fields.get(path) != after.get(path)}


class MissingAction(StrEnum):
    """What `on_missing` did about an entry whose person is not in the source."""

    REPORTED = "left as it is"
    DISABLED = "accountEnabled: false"
    REMOVED = "taken out"
    UNCONFIRMED = "left as it is: the source does not confirm that the person is gone"


@dataclass(frozen=True, slots=True)
class MissingPerson:
    """An entry whose person is not in the source, and what is done about it. `reason` "": unconfirmed."""

    entity: Entity
    reason: str
    action: MissingAction


@dataclass(frozen=True, slots=True)
class KeptValue:
    """A value that git owns (`keep`) and that differs from the source's: it stays. `change.after`: the source's."""

    entity: Entity
    change: FieldChange


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """All edits of an import, in the order in which they are shown: users, groups, scope; by file and place.

    `before` of an edit is the entity of `CurrentState` itself. Users that are added come after the edits of their file,
    sorted by userPrincipalName.
    """

    source: str
    edits: tuple[EntryEdit, ...] = ()
    names: Mapping[str, str | None] = field(default_factory=dict)
    """Case-folded name in a reference -> the new one; None: the user is taken out.

    The edits of groups and scope.yaml hold these changes already: their lists after the edit are those before it with
    `names` substituted, all at once (two users can swap their names), then without what is taken out, then with
    what is added, at the end.
    """
    missing: tuple[MissingPerson, ...] = ()
    kept: tuple[KeptValue, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()
    unchanged: int = 0
    """People of the source whose entries stay as they are."""
    refused: int = 0
    """People of the source that are not imported: `diagnostics` says why."""
    is_partial: bool = False
    """The source may list some of its people only: that others are missing is no news."""
    unlinked: int = 0
    """Entries without objectId that no person of the source fits: people that git alone has. They stay."""

    @property
    def is_empty(self) -> bool:
        """Whether no file changes."""
        return not self.edits and not self.names


@dataclass(frozen=True, slots=True)
class CurrentState:
    """The entries of the desired state today, by file name and line. None: there is no such file."""

    users: tuple[Entity, ...] = ()
    groups: tuple[Entity, ...] = ()
    scope: Entity | None = None
    settings: Entity | None = None
    mappings: tuple[Entity, ...] | None = None
    """The rows of mappings.yaml; None: there is no such file."""
    files: tuple[str, ...] = ()
    """The names of all files of users and groups, such as `users/entra.yaml`; also of those without entries."""
    locate: Callable[[Entity, str], Origin | None] | None = field(default=None, compare=False, repr=False)
    """Returns the place of an entry and one of its fields (the entry's own if it has no such field), for messages."""


@dataclass(frozen=True, slots=True)
class MergeRules:
    """The settings of a merge. `place`: file of new users; `on_missing`: report, disable or remove."""

    place: str = "users/entra.yaml"
    keep: frozenset[str] = frozenset()
    on_missing: str = "report"
    place_origin: Origin | None = None
    """Where `place` is set, for messages."""


@dataclass(frozen=True, slots=True)
class FurtherFiles:
    """New contents of files that an import changes otherwise than by edits of entries, and a line about each."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
