"""The types of target profiles: rows and switches that describe one kind of service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Confidence(StrEnum):
    """How certain a row of a profile is."""

    DOCUMENTED = "documented"
    REPORTED = "reported"
    INFERRED = "inferred"


class Comparison(StrEnum):
    """How the values of an attribute are compared."""

    EXACT = "exact"
    CASE_INSENSITIVE = "case-insensitive"
    CASE_PRESERVING = "case-preserving"
    """Case-insensitive, but a change of case alone is made where the service keeps case."""
    LOCALE = "locale"
    """A language tag (RFC 5646), in either case, with `-` or `_`."""
    PHONE = "phone"
    """A telephone number (RFC 3966), with or without `tel:` and separators."""
    BOOLEAN = "boolean"


class Mutability(StrEnum):
    """Who may set an attribute, and when (RFC 7643 §7)."""

    READ_WRITE = "readWrite"
    READ_ONLY = "readOnly"
    IMMUTABLE = "immutable"
    """Set on create only."""
    WRITE_ONLY = "writeOnly"
    """Never returned, so it can be neither compared nor verified."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that a target accepts: RFC 7643 §7 facets, with the source of the row and its confidence."""

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
    """One behaviour of a target that the code depends on, with the source of the claim and its confidence."""

    value: Any
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A default mapping row of a profile, with the keys of mappings.yaml."""

    target: str
    source: str | None = None
    expression: str | None = None
    default: str | None = None
    match: int | None = None


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What is known about the tokens and OAuth client secrets of a kind of service; a switch without a value: nothing.

    `renewal`, `secret_renewal`: how a new one is made there, a sentence; "" if that is not known.
    """

    years: Switch
    """Calendar years that a token lasts."""
    first_use_days: Switch
    """Days after its issue within which a token must be used for the first time, or never works."""
    client_secret_days: Switch
    """The most days that a client secret lasts."""
    renewal: str = ""
    secret_renewal: str = ""


_UNKNOWN = Switch(None, "not a concept of SCIM", Confidence.DOCUMENTED)
NO_TOKEN_RULES = TokenRules(_UNKNOWN, _UNKNOWN, _UNKNOWN)


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
    """The value of `active` if a response omits it; None: unknown, so it is learnt from other users."""
    user_name_is_email: Switch
    verified_domains: Switch
    """True: the service refuses a userName outside the domains that are verified in its administration."""
    unique_user_names: Switch
    """True: the service refuses a userName that any account has; False: it may accept it, whatever it declares."""
    quarantine_days: Switch
    """Days during which the user name of a deleted account cannot be reused; 0: it can be at once."""
    page_size: Switch
    patch_op_capitalised: Switch
    """True: `Replace` as Entra writes it, False: `replace` as RFC 7644 §3.5.2 does."""
    conflict_hint: str
    """Shown for each user whose name is held (409) by an account that the service does not return."""
    conflict_causes: tuple[str, ...]
    """Possible holders of such a name and what to do, most likely first."""
    domain_hint: str
    """What to do about a domain that is not verified."""
    disconnect_steps: tuple[str, ...]
    """What to do if the accounts that applies made are gone, because the connection was cut: a sentence or two each."""
    refusal_hints: Mapping[int, str]
    """HTTP status of a response that concerns every request -> what to check for this kind of service."""
    token_rules: TokenRules
