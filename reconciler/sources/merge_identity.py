"""Find the entry of each person: by objectId, else by userPrincipalName if one of the two has no objectId. Pure.

A contradiction is an error, and leaves all entries that it is about as they are: an entry, and with it an account,
never passes to another person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import SourceAttributes
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState, MissingAction, MissingPerson
from reconciler.sources.merge_findings import Findings, show
from reconciler.sources.merge_values import ENABLED, ID, NAME, can_import, find_fault
from reconciler.sources.snapshot import GoneReason, Person, Snapshot


@dataclass(slots=True, eq=False)
class Candidate:
    """A person that may be imported. `name`: the userPrincipalName afterwards; `identity`: the folded objectId."""

    person: Person
    identity: str
    name: str
    entry: Entity | None = None
    folded: str = field(init=False)
    """`name`, folded."""

    def __post_init__(self) -> None:
        """Fold the name once."""
        self.folded = fold_case(self.name)

    @classmethod
    def of(cls, person: Person) -> Candidate:
        """Return a person who has no entry yet."""
        return cls(person, fold_case(person.object_id), person.name)

    @property
    def attributes(self) -> SourceAttributes:
        """The person's attributes."""
        return self.person.attributes

    @property
    def keys(self) -> tuple[str, ...]:
        """What identifies the user afterwards, folded, each once: it identifies no other user."""
        identity, name = self.identity, self.folded
        return (name, identity) if identity and identity != name else (name,)

    def link(self, entry: Entity, *, keeps_name: bool) -> None:
        """Set the entry, from which the person has its objectId if the source has none, and its name if it keeps it."""
        self.entry = entry
        self.identity = self.identity or entry.object_id
        if keeps_name:
            self.name, self.folded = entry.name, fold_case(entry.name)


@dataclass(slots=True)
class PeopleMatching:
    """Who is who. `people`: those that can be imported, sorted by name."""

    people: list[Candidate] = field(default_factory=list)
    unmatched: list[Entity] = field(default_factory=list)
    """Entries that no person fits."""
    staying: list[Entity] = field(default_factory=list)
    """Entries of contradictions and of people that could not be read: they stay as they are."""
    taken: set[str] = field(default_factory=set)
    """Folded names of people without an entry."""
    refused: int = 0
    """People that are not imported."""


def list_keys(entry: Entity) -> tuple[str, ...]:
    """Return what identifies the user of an entry, folded."""
    name, identity = fold_case(entry.name), entry.object_id
    return (name, identity) if identity else (name,)


def match_people(snapshot: Snapshot, current: CurrentState, keep: frozenset[str], findings: Findings) -> PeopleMatching:
    """Find the entry of each person. `keep`: with userPrincipalName in it, users keep their names in git."""
    valid, unclear = _select_valid(snapshot, findings)
    unclear |= snapshot.doubtful
    entries = _Entries(current.users, findings)
    result = PeopleMatching()
    claims: dict[int, list[Candidate]] = {}
    for each in valid:
        entry = entries.find(each)
        if not unclear.isdisjoint(each.keys) or _is_unclear(entry, unclear):
            continue
        if entry is None:
            result.people.append(each)
        else:
            claims.setdefault(id(entry), []).append(each)
    for entry in current.users:
        fitting = claims.get(id(entry), [])
        if len(fitting) > 1:
            _report_two(entry, fitting, findings)
        if len(fitting) > 1 or entries.is_ambiguous(entry) or _is_unclear(entry, unclear):
            result.staying.append(entry)
        elif fitting:
            fitting[0].link(entry, keeps_name=NAME in keep)
            result.people.append(fitting[0])
        else:
            result.unmatched.append(entry)
    _keep_taken_names(result, snapshot.gone)
    result.people.sort(key=_sort_key)
    result.refused = len(snapshot.people) - len(result.people)
    return result


def _is_unclear(entry: Entity | None, unclear: set[str]) -> bool:
    return entry is not None and bool(unclear) and not unclear.isdisjoint(list_keys(entry))


def _keep_taken_names(matching: PeopleMatching, gone: Mapping[str, GoneReason]) -> None:
    """Let entries stay whose name a person without an entry has: it may be the same person with another objectId.

    Not if the source confirms by objectId that the entry's user is gone: that decides about the entry, not its name.
    """
    matching.taken = {each.folded for each in matching.people if each.entry is None}
    unconfirmed = [each for each in matching.unmatched if each.object_id not in gone]
    matching.staying += [each for each in unconfirmed if fold_case(each.name) in matching.taken]
    stays = set(map(id, matching.staying))
    matching.unmatched = [each for each in matching.unmatched if id(each) not in stays]


def _sort_key(candidate: Candidate) -> tuple[str, str]:
    return candidate.folded, candidate.identity


def _select_valid(snapshot: Snapshot, findings: Findings) -> tuple[list[Candidate], set[str]]:
    """Return the people that can be written and that no other person can be, and the keys of all others."""
    attributes = sorted(filter(can_import, snapshot.attributes))
    people = sorted(map(Candidate.of, snapshot.people), key=_sort_key)
    shared = _find_shared(people, findings)
    valid, unclear = [], set(shared)
    for each in people:
        fault = find_fault(each.person, attributes)
        if fault:
            _report_invalid(each, fault, findings)
        if fault or not shared.isdisjoint(each.keys):
            unclear.update(each.keys)
        else:
            valid.append(each)
    return valid, unclear


def _find_shared(people: Iterable[Candidate], findings: Findings) -> set[str]:
    """Report and return the keys that several people have."""
    first: dict[str, Candidate] = {}
    shared: dict[str, list[Candidate]] = {}
    for each in people:
        for key in each.keys:
            other = first.setdefault(key, each)
            if key and other is not each:
                shared.setdefault(key, [other]).append(each)
    reported = set[tuple[int, ...]]()
    for key, found in sorted(shared.items()):
        if tuple(map(id, found)) not in reported:
            reported.add(tuple(map(id, found)))
            _report_shared(key, found, findings)
    return set(shared)


class _Entries:
    """The entries by objectId and by userPrincipalName."""

    def __init__(self, users: Iterable[Entity], findings: Findings) -> None:
        self._by_id: dict[str, Entity] = {}
        self._by_name: dict[str, Entity] = {}
        self._ambiguous: set[int] = set()
        first: dict[str, Entity] = {}
        for entry in users:
            keys = list_keys(entry)
            self._by_name.setdefault(keys[0], entry)
            if keys[1:]:
                self._by_id.setdefault(keys[1], entry)
            for key in keys:
                other = first.setdefault(key, entry)
                if other is not entry:
                    self._ambiguous |= {id(entry), id(other)}
                    _report_ambiguous(entry, other, key, findings)

    def find(self, person: Candidate) -> Entity | None:
        """Return the entry of a person; None if it has none, or if the one with its name is of another objectId."""
        entry = self._by_id.get(person.identity)
        if entry is None:
            named = self._by_name.get(person.folded)
            entry = named if named is not None and not (named.object_id and person.identity) else None
        return entry

    def is_ambiguous(self, entry: Entity) -> bool:
        """Whether another entry has the objectId or the userPrincipalName of this one too."""
        return id(entry) in self._ambiguous


# --- collisions -----------------------------------------------------------------------------


def refuse_collisions(matching: PeopleMatching, missing: Iterable[MissingPerson], findings: Findings) -> None:
    """Refuse the people whose name or objectId is that of an entry that stays, and those that follow from it.

    A person that is refused keeps its entry as it is, and so its name, which another person may have now. The names
    of those `missing` that are taken out are free.
    """
    decided = {id(each.entity): each for each in missing}
    gone = {key for key, each in decided.items() if each.action is MissingAction.REMOVED}
    wanted: dict[str, Candidate] = {}
    refused: set[int] = set()
    for each in matching.people:
        for key in each.keys:
            other = wanted.setdefault(key, each)
            if other is not each:
                _report_taken(each, other.entry, None, findings)
                refused |= {id(each), id(other)}
    holding = [*matching.staying, *(each for each in matching.unmatched if id(each) not in gone)]
    holding += [each.entry for each in matching.people if id(each) in refused and each.entry is not None]
    while holding:
        entry = holding.pop()
        for key in list_keys(entry):
            person = wanted.get(key)
            if person is None or id(person) in refused or person.entry is entry:
                continue
            refused.add(id(person))
            _report_taken(person, entry, decided.get(id(entry)), findings)
            if person.entry is not None:
                holding.append(person.entry)
    matching.staying += [each.entry for each in matching.people if id(each) in refused and each.entry is not None]
    matching.people = [each for each in matching.people if id(each) not in refused]
    matching.refused += len(refused)


# --- messages -------------------------------------------------------------------------------


def _report_invalid(person: Candidate, fault: str, findings: Findings) -> None:
    summary = f"{_name(person)} is not imported: {fault}"
    detail = f"Correct it in {_source(person, findings)}. An entry that git has for it stays as it is."
    findings.add("people have a value that no file can hold", person.name, summary, (detail,))


def _report_shared(key: str, people: Sequence[Candidate], findings: Findings) -> None:
    summary = f"{show(key)} identifies {pluralize(len(people), 'user')} in {findings.source}"
    places = sorted(each.person.place or _name(each) for each in people)
    detail = f"See {', '.join(places[:5])}. Correct it at the source: until then none of them is imported."
    findings.add("names or objectIds identify several people at the source", key, summary, (detail,))


def _report_ambiguous(entry: Entity, other: Entity, key: str, findings: Findings) -> None:
    summary = f"{show(key)} identifies two entries"
    detail = f"The other is at {findings.name_place(other)}. Correct or remove one of them: until then both stay."
    findings.add("names or objectIds identify several entries", key, summary, (detail,), entry)


def _report_two(entry: Entity, people: Sequence[Candidate], findings: Findings) -> None:
    both = " and ".join(_name(each) for each in people[:2])
    summary = f"two users of {findings.source} fit the entry {show(entry.name)}: {both}"
    detail = f"One has its {ID}, the other its {NAME}. Correct the entry: until then it stays as it is."
    findings.add("entries fit two users of the source each", entry.name, summary, (detail,), entry)


def _report_taken(person: Candidate, entry: Entity | None, missing: MissingPerson | None, findings: Findings) -> None:
    if person.entry is None and entry is not None and entry.object_id and person.identity:
        _report_other_id(person, entry, missing, findings)
        return
    before = f" ({show(person.entry.name)} in git)" if person.entry is not None else ""
    summary = f"{_name(person)}{before} is not imported: another entry has its {NAME}"
    where = f"It is at {findings.name_place(entry)}. " if entry is not None else ""
    detail = f"{where}Correct that entry; or, if both are one person, keep the one with the {ID}. Then import again."
    findings.add("users have the name of an entry that stays", person.name, summary, (detail,), entry)


def _report_other_id(person: Candidate, entry: Entity, missing: MissingPerson | None, findings: Findings) -> None:
    old, new = str(entry.fields.get(ID, "")), person.person.object_id
    summary = f"{_name(person)} has another {ID} in {findings.source} than in git"
    detail = [f"Git has {show(old)}, the source has {show(new)}. An import never passes an account to another person."]
    if missing is not None:
        detail.append(f"The source confirms that the user in git is gone ({missing.reason}): {missing.action.value}.")
    places = findings.name_references(entry)
    detail += [
        f"The same person: set {ID} in the entry to the new one, and add to relink.ids in settings.yaml:",
        f"  - {{from: {show(old)}, to: {show(new)}}}",
        f"Another person: in the entry, set another {NAME} and {ENABLED}: false,",
        *([f"and the same name where it is referred to: {places}"] if places else []),
        "Apply that change. Then import again, with --on-missing disable. docs/relinking.md: Free a name.",
    ]
    findings.add(f"users have another {ID} at the source than in git", person.name, summary, tuple(detail), entry)


def _name(person: Candidate) -> str:
    return show(person.name or person.identity)


def _source(person: Candidate, findings: Findings) -> str:
    return person.person.place or findings.source
