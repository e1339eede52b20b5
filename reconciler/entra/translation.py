"""The result of a translation: rows and filter groups with comments, and findings for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """The kind of a finding. Only `NO_EQUIVALENT` means that something is missing."""

    NO_EQUIVALENT = "no equivalent"
    DIFFERS = "differs"
    IGNORED = "ignored on purpose"


@dataclass(frozen=True, slots=True)
class Finding:
    """A part that was left out or translated differently, and why. `subject`: its path in the document, or its name."""

    kind: FindingKind
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class TranslatedMapping:
    """A row of mappings.yaml; if not `active`, it is written as a comment."""

    entries: Mapping[str, str | int]
    comments: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class TranslatedFilterGroup:
    """A group of `filters:` in scope.yaml; if not `active`, it is written as a comment."""

    name: str
    clauses: tuple[Mapping[str, str], ...]
    comments: tuple[str, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True)
class TranslatedFilters:
    """All groups. `closed`: a condition on all groups has no equivalent, so no user passes until its owner decides."""

    groups: tuple[TranslatedFilterGroup, ...] = ()
    closed: bool = False

    @property
    def incomplete(self) -> bool:
        """Whether the groups let other users pass than the document."""
        return self.closed or not all(group.active for group in self.groups)


@dataclass(frozen=True, slots=True)
class ImportedSchema:
    """A schema, translated to rows and filters."""

    provenance: tuple[str, ...]
    """The origin of the schema, for the headers of the files."""
    rows: tuple[TranslatedMapping, ...]
    filters: TranslatedFilters
    actions: tuple[str, ...]
    """The `lifecycle.actions` for settings.yaml."""
    attributes: tuple[str, ...]
    """The source attributes that rows and filters read; users need them."""
    findings: tuple[Finding, ...]
