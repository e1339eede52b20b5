"""Merge the groups of a source: their members are the source's, their names stay those of git. Pure.

A group is found by objectId, never by name: an entry without one is git's own. It can be what excludes people, and
members that the source knows would leave it. Only the names of users in it follow a rename.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import count, islice

from reconciler.core.field_change import Field
from reconciler.core.text import format_names, pluralize, shorten
from reconciler.core.values import fold_case
from reconciler.history.edits import GROUP, Entity
from reconciler.sources.import_plan import CurrentState, EntryEdit
from reconciler.sources.merge_findings import Findings, show
from reconciler.sources.merge_users import order_edits
from reconciler.sources.merge_values import ID, is_usable_key
from reconciler.sources.references import GroupNames, References, as_list, replace_lists
from reconciler.sources.snapshot import SourceGroup

USERS, GROUPS, ASSIGNED = "members.users", "members.groups", "assigned.groups"
_FILE = "groups/entra.yaml"
_LONGEST_NAME, _LONGEST_DESCRIPTION = 256, 4_000
_SHORT_ID, _SUGGESTED = 8, 3
_MAX_NOTES = 10
_RULE = re.compile(r"\bDynamic(?: \(paused\))?: ")
"""In the description of a dynamic group, before the rule of its members: such a description is the source's."""


@dataclass(slots=True)
class GroupEdits:
    """The edits of groups, by file and place, and the names in git of the groups of the source.

    `unread`: the groups with an objectId that the source did not read: they are neither assigned nor members there.
    """

    edits: list[EntryEdit]
    names: GroupNames
    notes: list[str]
    unread: list[Entity]


@dataclass(frozen=True, slots=True)
class GroupRules:
    """What becomes of groups that the source has not read because they are neither assigned nor members any more.

    `removes`: assignments and memberships of those in `gone` (`Snapshot.gone_groups`) are taken out. All others stay:
    they may belong to another directory. `unsure`: `Snapshot.unsure_groups`.
    """

    removes: bool
    gone: frozenset[str]
    unsure: Mapping[str, str]


@dataclass(slots=True, eq=False)
class _Group:
    """A group of the source, its entry if there is one, and its name in git."""

    source: SourceGroup
    identity: str
    name: str
    entry: Entity | None
    users: tuple[str, ...] = ()
    kept: list[str] = field(default_factory=list)
    """Names of groups in it that stay."""
    added: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Those of `kept` that are no members at the source."""

    @property
    def is_called_alike(self) -> bool:
        """Whether the name in git is that of the source, or one made of it because another group had that."""
        return fold_case(self.name) in {fold_case(each) for each in islice(_suggest_names(self.source), _SUGGESTED)}

    def build_fields(self) -> dict[str, Field]:
        """Return the fields of its entry after the import."""
        held = self.entry.fields if self.entry is not None else {"name": self.name}
        fields: dict[str, Field] = {**held}
        fields.setdefault(ID, self.source.object_id)
        description = shorten(_to_utf8(self.source.description), _LONGEST_DESCRIPTION)
        if description and ("description" not in held or _RULE.search(str(held["description"]))):
            fields["description"] = description
        lists = {USERS: self.users, GROUPS: (*self.kept, *self.added)}
        return {path: value for path, value in {**fields, **lists}.items() if value or path not in lists}


def read_group_id(entry: Entity) -> str:
    """Return the folded objectId of a group's entry; "" without one."""
    return fold_case(str(entry.fields.get(ID, "")))


def list_named(current: CurrentState) -> dict[str, Entity]:
    """Return the groups with an objectId, by its folded form: those that are assigned, then those in another one."""
    assigned = {fold_case(name) for name in as_list(current.scope.fields.get(ASSIGNED) if current.scope else None)}
    nested = {fold_case(name) for each in current.groups for name in as_list(each.fields.get(GROUPS))}
    return {
        read_group_id(each): each
        for named in (assigned, nested - assigned)
        for each in current.groups
        if read_group_id(each) and fold_case(each.name) in named
    }


def edit_groups(
    groups: Sequence[SourceGroup] | None,
    current: CurrentState,
    references: References,
    findings: Findings,
    rules: GroupRules,
) -> GroupEdits:
    """Return the edits of groups. `groups` None: the source did not read them, so that only names of users change."""
    matched = _match(groups or (), current.groups, findings)
    unread = _find_unread(groups, current.groups)
    names = GroupNames(
        {each.identity: each.name for each in matched},
        _name_gone(unread, rules, findings),
    )
    for each in matched:
        _edit_members(each, references, names, remove_unread=rules.removes)
    _break_cycles(matched, current.groups, findings)
    by_entry = {id(each.entry): each for each in matched if each.entry is not None}
    edits: dict[int, EntryEdit] = {}
    for entry in current.groups:
        edit = _edit_entry(entry, by_entry.get(id(entry)), references)
        if edit is not None:
            edits[id(entry)] = edit
    file = next((each for each in current.files if each.casefold() == _FILE), _FILE)
    new = sorted((each for each in matched if each.entry is None), key=lambda each: fold_case(each.name))
    added = [EntryEdit(None, Entity(GROUP, each.name, each.build_fields(), file)) for each in new]
    notes = [*_list_renamed(matched), *([] if rules.removes else _list_extra(matched))]
    notes += _list_unproved(unread, current, rules)
    notes += _list_namesakes(new, current.groups, findings)
    return GroupEdits(order_edits(current.groups, edits, {file: added} if added else {}), names, notes, unread)


def _find_unread(groups: Sequence[SourceGroup] | None, entries: Iterable[Entity]) -> list[Entity]:
    """Return the groups that came from the source, and are neither assigned nor members there any more."""
    if groups is None:
        return []
    known = {fold_case(group.object_id) for group in groups}
    return [entry for entry in entries if read_group_id(entry) and read_group_id(entry) not in known]


def _name_gone(unread: Iterable[Entity], rules: GroupRules, findings: Findings) -> dict[str, str]:
    """Return the names of groups that are gone, by folded objectId. One with several entries stays, with an error."""
    names = {}
    for identity, found in _index(unread, read_group_id).items():
        if identity in rules.gone and len(found) > 1:
            _report_entries(found[0].name, identity, found, findings)
        elif identity in rules.gone:
            names[identity] = found[0].name
    return names


def _edit_entry(entry: Entity, group: _Group | None, references: References) -> EntryEdit | None:
    if group is None:
        fields = replace_lists(entry, {USERS: references.follow(entry.fields.get(USERS))})
    else:
        fields = group.build_fields()
    if fields == entry.fields:
        return None
    return EntryEdit(entry, Entity(GROUP, entry.name, fields, entry.file))


# --- which group is which -------------------------------------------------------------------


def _match(groups: Sequence[SourceGroup], entries: Sequence[Entity], findings: Findings) -> list[_Group]:
    """Find the entry of each group, and a name for those without one; sorted by objectId, whatever the order."""
    usable = _select_usable(groups, findings)
    by_id = _index(entries, read_group_id)
    matched, new = [], []
    for identity, group in sorted(usable.items()):
        found = by_id.get(identity, [])
        if len(found) > 1:
            _report_entries(group.name, group.object_id, found, findings)
        elif found:
            matched.append(_Group(group, identity, found[0].name, found[0]))
        else:
            new.append((identity, group))
    taken = {fold_case(entry.name) for entry in entries}
    for identity, group in new:
        name = next(each for each in _suggest_names(group) if fold_case(each) not in taken)
        taken.add(fold_case(name))
        matched.append(_Group(group, identity, name, None))
    return sorted(matched, key=lambda each: each.identity)


def _select_usable(groups: Sequence[SourceGroup], findings: Findings) -> dict[str, SourceGroup]:
    """Return the groups by their folded objectIds, without those whose objectId cannot be written or is not unique."""
    times = Counter(fold_case(group.object_id) for group in groups)
    usable = {}
    for group in groups:
        identity = fold_case(group.object_id)
        if times[identity] == 1 and is_usable_key(group.object_id):
            usable[identity] = group
            continue
        what = f"is used {times[identity]} times" if is_usable_key(group.object_id) else "cannot be written to a file"
        summary = f"the group {show(group.name)} is not imported: its {ID} {show(group.object_id)} {what}"
        findings.add_about("groups of the source have an objectId that cannot be used", group.object_id, summary, ())
    return usable


def _index(entries: Iterable[Entity], key: Callable[[Entity], str]) -> dict[str, list[Entity]]:
    found: dict[str, list[Entity]] = {}
    for entry in entries:
        if key(entry):
            found.setdefault(key(entry), []).append(entry)
    return found


def _report_entries(name: str, object_id: str, found: Sequence[Entity], findings: Findings) -> None:
    summary = f"{len(found)} entries are the group {show(name)}"
    another = f"{show(found[1].name)} at {findings.name_place(found[1])}"
    detail = f"Another is {another}. Keep one of them: until then all stay as they are."
    findings.add_about("groups have several entries", object_id, summary, (detail,), found[0])


def _clean(name: str) -> str:
    """Return a name of the source as one by which files can refer to it: one line, no invisible characters."""
    words = "".join(each if each.isprintable() else " " for each in name[:_LONGEST_NAME]).split()
    return " ".join(words)


def _suggest_names(group: SourceGroup) -> Iterator[str]:
    """Yield names for a new group, best first: several groups of a directory can have one name."""
    name, identity = _clean(group.name) or "group", group.object_id
    yield name
    yield f"{name} ({identity[:_SHORT_ID]})"
    yield f"{name} ({identity})"
    for number in count(2):
        yield f"{name} ({identity}) {number}"


def _to_utf8(text: str) -> str:
    return text.encode(errors="replace").decode()


# --- what is in a group ---------------------------------------------------------------------


def _edit_members(group: _Group, references: References, names: GroupNames, *, remove_unread: bool) -> None:
    """Set the members after the import. Members that the source does not know stay."""
    listed = group.entry.fields if group.entry is not None else {}
    group.users, _ = references.assign(listed.get(USERS), map(fold_case, group.source.users), remove=True)
    wanted = map(fold_case, group.source.groups)
    found = names.assign(listed.get(GROUPS), wanted, remove=True, remove_unread=remove_unread)
    group.kept, group.added = found.kept, found.added
    group.left = [each for each in found.extra if each in found.kept]


def _break_cycles(matched: Iterable[_Group], entries: Iterable[Entity], findings: Findings) -> None:
    """Take out new memberships of groups that contain each other: in files that is an error, in Entra it is not."""
    matched = list(matched)
    graph = {fold_case(each.name): set(map(fold_case, as_list(each.fields.get(GROUPS)))) for each in entries}
    graph |= {fold_case(each.name): set(map(fold_case, [*each.kept, *each.added])) for each in matched}
    on_cycle = _peel(graph)
    if on_cycle:
        turned: dict[str, set[str]] = {name: set() for name in on_cycle}
        for name in on_cycle:
            for inner in graph[name] & on_cycle:
                turned[inner].add(name)
        on_cycle = _peel(turned)
    for each in matched:
        cut = [name for name in each.added if fold_case(each.name) in on_cycle and fold_case(name) in on_cycle]
        if cut:
            each.added = [name for name in each.added if name not in cut]
            summary = f"the group {show(each.name)} is not given all its groups: they contain it"
            detail = (
                f"Not added: {format_names([shorten(name, 80) for name in cut])}. Cycles of groups are errors here."
            )
            findings.add_about("groups contain each other", each.name, summary, (detail,), each.entry)


def _peel(graph: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the nodes that cannot be put in an order: those on a cycle, and those that reach one."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError:
        left = set(graph)
        while ready := sorter.get_ready():
            left.difference_update(ready)
            sorter.done(*ready)
        return left
    return set()


# --- notes ----------------------------------------------------------------------------------


def note_unread(unread: Iterable[Entity], edits: Iterable[EntryEdit]) -> list[str]:
    """Return a line about groups that the source does not have, except those that `edits` take out of a list."""
    out = set()
    for edit in edits:
        for path in (GROUPS, ASSIGNED):
            before, after = (
                {fold_case(name) for name in as_list(each.fields.get(path))} if each is not None else set()
                for each in (edit.before, edit.after)
            )
            out |= before - after
    names = [each.name for each in unread if fold_case(each.name) not in out]
    if not names:
        return []
    what = pluralize(len(names), "group of git was not read and stays", "groups of git were not read and stay")
    return [f"{what} as before: {format_names(names)}"]


def _list_renamed(matched: Sequence[_Group]) -> list[str]:
    """Return a line about groups with another name at the source."""
    renamed = [each for each in matched if not each.is_called_alike]
    if not renamed:
        return []
    shown = format_names([f"{each.name} ({_clean(each.source.name)})" for each in renamed])
    return [f"{pluralize(len(renamed), 'group keeps its name', 'groups keep their names')} in git: {shown}"]


def _list_unproved(unread: Iterable[Entity], current: CurrentState, rules: GroupRules) -> list[str]:
    """Return lines about groups that are assigned or nested in git, and that the source may never have had.

    One for each reason why it did not say, and one for those of which it has no trace.
    """
    named = list_named(current)
    found: dict[str, list[str]] = {}
    for each in unread:
        identity = read_group_id(each)
        if identity in named and identity not in rules.gone:
            found.setdefault(rules.unsure.get(identity, ""), []).append(each.name)
    return [_describe_unproved(why, names) for why, names in found.items()]


def _describe_unproved(why: str, names: Sequence[str]) -> str:
    what = pluralize(len(names), "group of git, assigned or in a group", "groups of git, assigned or in groups")
    shown = format_names([shorten(each, 80) for each in names])
    if why:
        ending = "Until it is, assignments and memberships stay."
        return f"Whether the source has or had {what}, is not known: {shown}. {why} {ending}"
    return (
        f"The source shows no trace of {what}: {shown}. A group of another directory looks the same as one that was"
        " deleted, so assignments and memberships stay. Remove those that are not wanted in a reviewed change."
    )


def _list_extra(matched: Sequence[_Group]) -> list[str]:
    """Return a line about nested groups that stay, and are not nested at the source any more."""
    left = [f"{shorten(name, 80)} (in {shorten(each.name, 80)})" for each in matched for name in each.left]
    if not left:
        return []
    what = pluralize(
        len(left), "group is no longer in its group and stays", "groups are no longer in their groups and stay"
    )
    return [f"{what} in members.groups (on_missing: report): {format_names(left)}"]


def _list_namesakes(new: Iterable[_Group], entries: Iterable[Entity], findings: Findings) -> list[str]:
    """Return a line about each new group whose name at the source is that of a group of git alone, and how to link."""
    own = {fold_case(each.name): each for each in reversed([*entries]) if not read_group_id(each)}
    notes = []
    for each in new:
        entry = own.get(fold_case(_clean(each.source.name)))
        if entry is not None:
            notes.append(
                f"The group {show(entry.name)} at {findings.name_place(entry)} has no {ID}, so it stays as it is:"
                f" that of the source is {show(each.name)}. If both are one group, discard this edit, write"
                f" `{ID}: {shorten(each.source.object_id, 80)}` in the entry, and import again."
            )
    return notes[:_MAX_NOTES] + ([f"The same for {len(notes) - _MAX_NOTES:,} more."] if len(notes) > _MAX_NOTES else [])
