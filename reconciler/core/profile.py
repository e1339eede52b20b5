"""Target profiles as types: rows and switches that describe one kind of service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Confidence(StrEnum):
    """How sure a row of a profile is."""

    DOCUMENTED = "documented"
    REPORTED = "reported"
    INFERRED = "inferred"


class Comparison(StrEnum):
    """When two values of an attribute are the same value."""

    EXACT = "exact"
    CASE_INSENSITIVE = "case-insensitive"
    LOCALE = "locale"
    BOOLEAN = "boolean"


class Mutability(StrEnum):
    """Who may set an attribute, and when (RFC 7643 §7)."""

    READ_WRITE = "readWrite"
    READ_ONLY = "readOnly"
    IMMUTABLE = "immutable"
    """Set when the user is created, never again."""
    WRITE_ONLY = "writeOnly"
    """Never shown: nothing can compare or verify it."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute a target takes: RFC 7643 §7 facets, with the source of the row and how sure it is."""

    path: str
    """An RFC 7644 §3.10 path."""
    source: str
    confidence: Confidence
    comparison: Comparison = Comparison.EXACT
    required: bool = False
    max_length: int = 1024
    multi_valued: bool = False
    mutability: Mutability = Mutability.READ_WRITE

    @property
    def mappable(self) -> bool:
        """Whether a mapping can give it a value."""
        return self.mutability in (Mutability.READ_WRITE, Mutability.IMMUTABLE)


@dataclass(frozen=True, slots=True)
class Switch:
    """One behaviour of a target that our code depends on, with the source of the claim and how sure it is."""

    value: Any
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A default mapping row of a profile, in the words of mappings.yaml."""

    target: str
    source: str | None = None
    expression: str | None = None
    default: str | None = None
    match: int | None = None


@dataclass(frozen=True, slots=True)
class TargetProfile:
    """Data that describes one kind of service: rows and switches, no code."""

    name: str
    title: str
    hosts: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    mappings: tuple[MappingRow, ...]
    closed: Switch
    """True: an attribute that is not listed must never be sent."""
    active_when_absent: Switch
    """The value of `active` when an answer leaves it out."""
    user_name_is_email: Switch
    verified_domains: Switch
    """True: userName must lie in a domain of `target.domains`."""
    quarantine_days: Switch
    """Days in which the user name of a deleted account cannot be used again; 0: at once."""
    page_size: Switch
    patch_op_capitalised: Switch
    """True: `Replace` as Entra writes it, False: `replace` as RFC 7644 §3.5.2 does."""
    conflict_hint: str
    """Said of each user whose name is held (409) by an account that the service does not show."""
    conflict_causes: tuple[str, ...]
    """What can hold such a name, and what to do then: one cause each, likeliest first."""
    domain_hint: str
    """What to do about a domain that is not verified."""
    refusal_hints: Mapping[int, str]
    """HTTP status of an answer that concerns every request -> what to check at this kind of service."""
