"""Edit lists of references to users: renamed, taken out and added, as the members of a group are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.field_change import Field
from reconciler.core.values import fold_case
from reconciler.history.edits import GROUP, USER, Entity
from reconciler.sources.import_plan import CurrentState, ImportPlan
from reconciler.sources.merge_identity import Candidate, list_keys

_LISTS = {
    USER: ("members.users", "assigned.users", "excluded.users"),
    GROUP: ("members.groups", "assigned.groups", "excluded.groups"),
}
Names = Mapping[str, str | None]
"""Folded name in a reference -> the new one; None: the user is taken out."""


def build_names(people: Iterable[Candidate], leaving: Iterable[Entity]) -> dict[str, str | None]:
    """Return what becomes of references. A name that changes its case only stays: references ignore case."""
    names: dict[str, str | None] = {key: None for entry in leaving for key in list_keys(entry)}
    for each in people:
        if each.entry is not None and fold_case(each.entry.name) != fold_case(each.name):
            names[fold_case(each.entry.name)] = each.name
    return names


@dataclass(slots=True)
class References:
    """Who a reference names: by userPrincipalName or objectId, today and after the import."""

    names: Names
    _today: dict[str, Candidate] = field(default_factory=dict)
    """The person of an entry by each of its keys, and by those it gets if no entry has them."""
    _by_id: dict[str, Candidate] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Sequence[Candidate], names: Names) -> References:
        """Return the references to `people`, those that are imported."""
        found = cls(names)
        for each in people:
            if each.identity:
                found._by_id[each.identity] = each
            if each.entry is not None:
                for key in list_keys(each.entry):
                    found._today[key] = each
        for each in people:
            for key in each.keys:
                if key not in names:  # else it names who is taken out
                    found._today.setdefault(key, each)  # a reference that came before its user
        return found

    def follow(self, listed: Field | None) -> tuple[str, ...]:
        """Return a list with its users renamed or taken out, and nothing else changed."""
        return tuple(new for each in as_list(listed) if (new := self.names.get(fold_case(each), each)) is not None)

    def assign(self, listed: Field | None, wanted: Iterable[str], *, remove: bool) -> tuple[tuple[str, ...], list[str]]:
        """Return a list with the people whose folded objectIds are `wanted`, and those in it that are not, as written.

        Only people that are imported count: a reference to any other user says nothing about the source, and stays.
        `remove`: people that are not wanted are taken out of the list.
        """
        ids = set(wanted)
        kept, present, extra = [], set[str](), []
        for each in as_list(listed):
            folded = fold_case(each)
            person = self._today.get(folded)
            if person is not None and person.identity:
                present.add(person.identity)
                if person.identity not in ids:
                    extra.append(each)
                    if remove:
                        continue
            name = self.names.get(folded, each)
            if name is not None:
                kept.append(name)
        people = [self._by_id[identity] for identity in ids - present if identity in self._by_id]
        known = set(map(fold_case, kept)) if people else set()
        names = (each.name for each in people if known.isdisjoint(each.keys))
        return (*kept, *sorted(names, key=fold_case)), extra


def fills_dangling(current: CurrentState, plan: ImportPlan) -> bool:
    """Whether an entry would come to be what a reference of today names in vain: it may have meant another one.

    Also if a filter only mentions the name of a group that is added.
    """
    for kind, paths in _LISTS.items():
        held = {key for each in (current.users if kind == USER else current.groups) for key in list_keys(each)}
        entries = [edit.after for edit in plan.edits if edit.after is not None and edit.after.kind == kind]
        new = {key for entry in entries for key in list_keys(entry)} - held
        if not new:
            continue
        documents = [current.scope] if current.scope is not None else []
        for entity in (*current.groups, *documents):
            named = {fold_case(each) for path in paths for each in as_list(entity.fields.get(path))}
            filters = fold_case(" ".join(as_list(entity.fields.get("filters")))) if kind == GROUP else ""
            if not named.isdisjoint(new) or (filters and any(each in filters for each in new)):
                return True
    return False


class GroupNames:
    """Which group of the source a reference names. `names`: by folded objectId, of groups that the source has read.

    `unread`: the same of the groups of git that it has not read, because they are neither assigned nor members. A list
    that it has read completely and that lacks them is complete without them too.
    """

    def __init__(self, names: Mapping[str, str], unread: Mapping[str, str]) -> None:
        self._names = names
        self._identities = {fold_case(name): identity for identity, name in (*unread.items(), *names.items())}

    def assign(
        self, listed: Field | None, wanted: Iterable[str], *, remove: bool, remove_unread: bool
    ) -> GroupAssignment:
        """Return what becomes of a list of groups if it is to have those whose folded objectIds are `wanted`.

        As `References.assign`: groups of git alone stay. `remove_unread`: the same for groups that were not read.
        """
        ids = set(wanted)
        result = GroupAssignment()
        for each in as_list(listed):
            identity = self._identities.get(fold_case(each))
            is_extra = identity is not None and identity not in ids
            if is_extra:
                result.extra.append(each)
            if not is_extra or not (remove if identity in self._names else remove_unread):
                result.kept.append(each)
        present = {self._identities.get(fold_case(each)) for each in result.kept}
        known = set(map(fold_case, result.kept))
        new = (self._names[each] for each in ids - present if each in self._names)
        result.added += sorted((each for each in new if fold_case(each) not in known), key=fold_case)
        return result


@dataclass(slots=True)
class GroupAssignment:
    """Names in a list of groups: those that stay, those that are added, and those of today that are not wanted."""

    kept: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)


def as_list(listed: Field | None) -> tuple[str, ...]:
    """Return the items of a field that is a list."""
    return listed if isinstance(listed, tuple) else (listed,) if listed else ()


def replace_lists(entry: Entity, lists: Mapping[str, tuple[str, ...]]) -> dict[str, Field]:
    """Return the fields of an entry with `lists` in it; an empty list is unassigned."""
    found: dict[str, Field] = {**entry.fields, **lists}
    return {path: value for path, value in found.items() if value or path not in lists}
