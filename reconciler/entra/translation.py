"""What a translation has to say: rows and groups with their comments, and findings for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """How much a finding matters. Only `NO_EQUAL` means that something is missing."""

    NO_EQUAL = "no equal"
    DIFFERS = "differs"
    IGNORED = "ignored on purpose"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was left out or came out differently, and why. `subject` is a path in the document or a name."""

    kind: FindingKind
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class TranslatedMapping:
    """A row of mappings.yaml; `active` false: it goes into the file as a comment."""

    entries: Mapping[str, str | int]
    comments: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class TranslatedFilterGroup:
    """A group of `filters:` in scope.yaml; as for `FieldChange`."""

    name: str
    clauses: tuple[Mapping[str, str], ...]
    comments: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class TranslatedFilters:
    """All groups. `closed`: a condition that narrows has no equal, so nobody may pass until a person has decided."""

    groups: tuple[TranslatedFilterGroup, ...] = ()
    closed: bool = False

    @property
    def incomplete(self) -> bool:
        """Whether the groups let other people pass than the document does."""
        return self.closed or not all(group.active for group in self.groups)


@dataclass(frozen=True, slots=True)
class ImportedSchema:
    """A schema as rows and filters."""

    provenance: tuple[str, ...]
    """Where it comes from, for the heads of the files."""
    rows: tuple[TranslatedMapping, ...]
    filters: TranslatedFilters
    actions: tuple[str, ...]
    """What `lifecycle.actions` in settings.yaml should say."""
    attributes: tuple[str, ...]
    """The source attributes that are read: people have to carry them."""
    findings: tuple[Finding, ...]
