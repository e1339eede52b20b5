"""What a merge cannot decide, as diagnostics: one error for each, or one for many of a kind. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.field_change import Field
from reconciler.core.model import Diagnostic, Origin, error, format_user_address
from reconciler.core.text import format_names, quote, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState

_USER_LISTS = ("members.users", "assigned.users", "excluded.users")
_MAX_PLACES = 20
_MAX_SINGLE = 10
"""Beyond this many errors of a kind, they are one: a tenant that moved has another objectId for each user."""


@dataclass(slots=True)
class Findings:
    """Collects the errors of a merge. `source`: the name of the source, for readers."""

    source: str
    current: CurrentState
    _by_kind: dict[str, list[tuple[str, Diagnostic]]] = field(default_factory=dict)

    def add(self, kind: str, name: str, summary: str, detail: tuple[str, ...], entry: Entity | None = None) -> None:
        """Add an error about the user `name`. `kind`: how many of them are called, such as "users have no name"."""
        found = error(summary, detail, self.locate(entry) if entry else None, format_user_address(shorten(name, 80)))
        self._by_kind.setdefault(kind, []).append((name, found))

    def add_about(
        self, kind: str, name: str, summary: str, detail: tuple[str, ...], entry: Entity | None = None
    ) -> None:
        """Add an error about something other than a user."""
        found = error(summary, detail, self.locate(entry) if entry else None)
        self._by_kind.setdefault(kind, []).append((name, found))

    def locate(self, entry: Entity, path: str = "") -> Origin | None:
        """Return the place of an entry, or of one of its fields, if it is known."""
        return self.current.locate(entry, path) if self.current.locate is not None else None

    def name_place(self, entry: Entity) -> str:
        """Return the place of an entry for the middle of a sentence."""
        return str(self.locate(entry) or entry.file)

    def name_references(self, user: Entity) -> str:
        """Return the places of the lists of groups and of scope.yaml that name a user, for the end of a sentence."""
        keys = {fold_case(user.name), user.object_id} - {""}
        scope = [self.current.scope] if self.current.scope is not None else []
        found = [
            f"{self.locate(entry, path) or entry.file} ({path})"
            for entry in (*self.current.groups, *scope)
            for path in _USER_LISTS
            if not keys.isdisjoint(map(fold_case, _as_list(entry.fields.get(path))))
        ]
        more = f" and {len(found) - _MAX_PLACES:,} more" if len(found) > _MAX_PLACES else ""
        return f"{', '.join(found[:_MAX_PLACES])}{more}"

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All errors, each kind sorted by name."""
        return tuple(each for kind, found in self._by_kind.items() for each in _summarize(kind, found))


def _summarize(kind: str, found: Sequence[tuple[str, Diagnostic]]) -> Sequence[Diagnostic]:
    ordered = [diagnostic for _, diagnostic in sorted(found, key=lambda pair: (pair[0], pair[1].summary))]
    if len(ordered) <= _MAX_SINGLE:
        return ordered
    names = format_names([shorten(name, 80) for name in sorted(name for name, _ in found)])
    first = ordered[0]
    detail = f"The first: {first.summary}.\n{first.detail}"
    return [replace(first, summary=f"{len(found):,} {kind}: {names}", detail=detail, address=None)]


def show(name: str) -> str:
    """Return a name of the source or of a file for a message."""
    return quote(shorten(name, 80))


def _as_list(listed: Field | None) -> tuple[str, ...]:
    return listed if isinstance(listed, tuple) else (listed,) if listed else ()
