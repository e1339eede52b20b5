"""Map source users to desired users, and check the values against the profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.characters import describe_character, find_deceptive_character
from reconciler.core.model import (
    IN_SCOPE,
    AttributeMapping,
    AttributePath,
    DesiredUser,
    Diagnostic,
    Flow,
    ScopeReason,
    SourceAttributes,
    SourceUser,
    Value,
    Verdict,
    error,
    select_matching_rows,
)
from reconciler.core.paths import CORE_SCHEMAS, shorten_path
from reconciler.core.planning.temporary_names import is_temporary
from reconciler.core.profile import Attribute, Comparison, TargetProfile
from reconciler.core.text import quote, shorten
from reconciler.core.values import InvalidValueError, is_text, normalize_domain, parse_value, to_comparable

Values = tuple[Value, ...]
_MappedValues = tuple[dict[str, Value], dict[str, Value], set[str]]
"""Values sent always, values sent on create only, and the paths that have their default."""

ADDRESS_SOURCES = ("userPrincipalName", "mail")
"""Source attributes with a user name or an address."""
_CONTAINS = " contains the character "
_UNTOUCHED = "The user is left untouched until this is fixed."
_RETYPE = "Type the value again without this character. The user is left untouched until then."
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@.]+(\.[^\s@.]+)+")
# A user's values never need control characters and bidi overrides; joiners they do (Persian, emoji).
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class MappingError(ValueError):
    """A rule has no value for this user; the message says why."""


def build_direct_rule(name: str, *, as_text: bool = False) -> Callable[[SourceAttributes], Value | None]:
    """Build the rule of `source: name`. `as_text`: a boolean becomes "True" or "False", as Entra sends it for text.

    The rule raises `MappingError` if the source attribute has several values.
    """

    def rule(attributes: SourceAttributes) -> Value | None:
        value = attributes.get(name)
        if value.__class__ is tuple:
            raise MappingError(f"{name} has several values, but one is needed")
        return str(value) if as_text and value.__class__ is bool else value  # type: ignore[return-value]

    return rule


def build_constant_rule(value: str) -> Callable[[SourceAttributes], Value | None]:
    """Build the rule of `constant: value`."""
    return lambda _attributes: value


class Projector:
    """Maps source users for one profile. `domains` are the verified domains, `mappings` rows with one target each.

    `faulty`: targets of invalid rows, which have diagnostics; that no user has a value for them is not reported again.
    """

    def __init__(
        self,
        profile: TargetProfile,
        mappings: Sequence[AttributeMapping],
        domains: Iterable[str],
        faulty: Collection[AttributePath] = (),
    ) -> None:
        self.mappings = tuple(mappings)
        self._profile = profile
        self._rows = tuple(row for row in mappings if not row.unique)
        self._unique = tuple(row for row in mappings if row.unique)
        self._compiled = [_compile_row(row) for row in self._rows]
        self._matching = select_matching_rows(mappings)
        self._anchor = next((row for row in self._rows if row.target == "externalId"), None)
        self._domains = frozenset(map(normalize_domain, domains))
        self._required = [row.path for row in profile.attributes if row.required and row.path not in faulty]
        read = {name for row in mappings if is_address(row.target) for name in row.inputs}
        self._unmapped = [name for name in ADDRESS_SOURCES if name not in read]
        self._check_email = bool(profile.user_name_is_email.value)

    def project(self, user: SourceUser, verdict: Verdict) -> tuple[DesiredUser, list[Diagnostic]]:
        """Map a source user to a desired user. Errors make it `failed`: it is left untouched in the target."""
        if not verdict.in_scope:
            return self._identify(user, verdict)
        errors: list[Diagnostic] = []
        attributes, create_only, defaulted = self._map_rows(user, errors)
        self._check_unmapped(user, errors)
        candidates = self._find_candidates(user, errors) if self._unique else ()
        missing = [path for path in self._required if path not in attributes and path not in create_only]
        if missing:
            chosen = {path for path, _ in candidates}
            self._report_missing(user, [path for path in missing if path not in chosen], errors)
        values = {**attributes, **create_only} if create_only else attributes
        identity = self._identify(user, IN_SCOPE)[0] if errors else None
        return (
            DesiredUser(
                key=user.key,
                match=identity.match if identity else self._match(values, defaulted),
                origin=user.origin,
                anchor=identity.anchor if identity else self._compare(self._anchor, values, defaulted),
                attributes=attributes,
                create_only=create_only,
                candidates=candidates,
                lifecycle=user.lifecycle,
                failed=bool(errors),
                doubtful=self._find_doubtful(user, values) if errors else frozenset(),
            ),
            errors,
        )

    def _find_doubtful(self, user: SourceUser, values: Mapping[AttributePath, Value]) -> frozenset[AttributePath]:
        """Return the identifying attributes whose value the target would reject."""
        found: list[Diagnostic] = []
        doubtful: set[AttributePath] = set()
        for row in (*self._matching, *([self._anchor] if self._anchor is not None else [])):
            known, value = len(found), values.get(row.target)
            if value is not None:
                self._check_value(user, row, value, found)
            if len(found) > known:
                doubtful.add(row.target)
        return frozenset(doubtful)

    def _map_rows(self, user: SourceUser, errors: list[Diagnostic]) -> _MappedValues:
        """Map every row but the unique ones."""
        attributes: dict[str, Value] = {}
        create_only: dict[str, Value] = {}
        defaulted: set[str] = set()
        source = user.attributes
        for row, path, name, limit in self._compiled:
            raw = None if name is None else source.get(name)
            value: Value | None
            if isinstance(raw, str) and raw.isascii():
                # The rule and `parse_value` without their calls: this runs for each attribute of each user.
                value = raw.strip() or None
            else:
                try:
                    value = parse_value(row.attribute, row.rule(source))
                except (MappingError, InvalidValueError) as exc:
                    errors.append(_report_unmappable(user, row, exc))
                    continue
            if value is None:
                if row.default is not None:
                    create_only[path] = row.default
                    defaulted.add(path)
                    if path == "userName":
                        self._check_value(user, row, row.default, errors)
                continue
            (create_only if row.flow is Flow.CREATE else attributes)[path] = value
            if value.__class__ is str and (len(value) > limit or not value.isprintable()):
                self._check_value(user, row, value, errors)
        return attributes, create_only, defaulted

    def _check_unmapped(self, user: SourceUser, errors: list[Diagnostic]) -> None:
        """Check the user's names and addresses that no mapped name or address is made of."""
        for name in self._unmapped:
            value = user.attributes.get(name)
            if isinstance(value, str) and not value.isascii() and (found := find_deceptive_character(value)):
                summary = f"{name}{_CONTAINS}{found.text}"
                errors.append(error(summary, _RETYPE, user.at(name), user.address))

    def _find_candidates(self, user: SourceUser, errors: list[Diagnostic]) -> tuple[tuple[AttributePath, Values], ...]:
        """Find the candidates of each unique attribute, without those that the target would reject."""
        found: list[tuple[AttributePath, Values]] = []
        for row in self._unique:
            rejected: list[Diagnostic] = []
            accepted: dict[Value, None] = {}
            try:
                for candidate in _to_candidates(row.rule(user.attributes)):
                    value, known = parse_value(row.attribute, candidate), len(rejected)
                    if value is None:
                        continue
                    self._check_value(user, row, value, rejected)
                    if len(rejected) == known:
                        accepted[value] = None
            except (MappingError, InvalidValueError) as exc:
                errors.append(_report_unmappable(user, row, exc))
                continue
            if accepted:
                found.append((row.target, tuple(accepted)))
            else:
                errors += rejected
        return tuple(found)

    def _identify(self, user: SourceUser, verdict: Verdict) -> tuple[DesiredUser, list[Diagnostic]]:
        """Map only the matching attributes and externalId: a user out of scope needs no more."""
        found: dict[AttributePath, Value | None] = {}
        errors: list[Diagnostic] = []
        for row in {row.target: row for row in (*self._matching, self._anchor) if row is not None}.values():
            try:
                found[row.target] = to_comparable(row.attribute, parse_value(row.attribute, row.rule(user.attributes)))
            except (MappingError, InvalidValueError) as exc:
                found[row.target] = None
                errors.append(_report_unmappable(user, row, exc))
        match = tuple(found[row.target] for row in self._matching)
        identity = DesiredUser(
            user.key,
            match,
            user.origin,
            found.get("externalId"),
            verdict=verdict,
            lifecycle=user.lifecycle,
            failed=bool(errors) or not any(match) or verdict.reason is ScopeReason.UNJUDGED,
        )
        return identity, errors

    def _match(self, values: Mapping[str, Value], defaulted: Collection[str]) -> tuple[Value | None, ...]:
        """Return the matching values."""
        return tuple([self._compare(row, values, defaulted) for row in self._matching])

    @staticmethod
    def _compare(row: AttributeMapping | None, values: Mapping[str, Value], defaulted: Collection[str]) -> Value | None:
        """Return the comparable value. A default identifies no user: all users without a value share it."""
        if row is None or row.attribute.path in defaulted:
            return None
        return to_comparable(row.attribute, values.get(row.attribute.path))

    def _check_value(self, user: SourceUser, row: AttributeMapping, value: Value, errors: list[Diagnostic]) -> None:
        text = str(value)
        wrong = find_value_error(row.attribute, text)
        if wrong is not None:
            errors.append(_report(user, row, wrong, _RETYPE if _CONTAINS in wrong and is_address(row.target) else ""))
        elif row.attribute.path == "userName":
            self._check_user_name(user, row, text, errors)

    def _check_user_name(self, user: SourceUser, row: AttributeMapping, text: str, errors: list[Diagnostic]) -> None:
        """Check the form and the domain. A name without a domain is in no other: some services have such names.

        No source may give a temporary name: the guards trust that only an apply does.
        """
        if is_temporary(text):
            summary = f"userName {quote(text)} has the form of a temporary name"
            detail = "Only an apply gives such names, to users who exchange theirs. Give the user another userName."
            errors.append(_report(user, row, summary, detail))
            return
        if self._check_email and _EMAIL.fullmatch(text) is None:
            summary = f"userName {quote(shorten(text, 80))} is not an e-mail address"
            errors.append(_report(user, row, summary, f"{self._profile.title} accepts nothing else."))
            return
        _, at, domain = text.rpartition("@")
        if at and self._domains and domain not in self._domains and normalize_domain(domain) not in self._domains:
            summary = f"userName {quote(text)} is outside the verified domains"
            detail = f"The verified domains are {', '.join(sorted(self._domains))} (target.domains in settings.yaml)."
            errors.append(replace(_report(user, row, summary, detail), cause="target.domains"))

    def _report_missing(self, user: SourceUser, missing: Iterable[AttributePath], errors: list[Diagnostic]) -> None:
        """Report required attributes without a value, unless another error explains it."""
        for path in missing:
            row = next((row for row in (*self._rows, *self._unique) if row.target == path), None)
            if row is None or not any(shorten_path(path) in item.summary for item in errors):
                errors.append(_report_missing_value(user, path, row, self._profile))


def _compile_row(row: AttributeMapping) -> tuple[AttributeMapping, AttributePath, str | None, int]:
    """Return the row with its path, its source attribute if taken unchanged, and the length that needs no check."""
    name = row.direct if is_text(row.attribute) else None
    return row, row.target, name, -1 if is_address(row.target) else row.attribute.max_length


def _report_unmappable(user: SourceUser, row: AttributeMapping, exc: ValueError) -> Diagnostic:
    return _report(user, row, f"{shorten_path(row.target)} cannot be mapped: {exc}")


def _to_candidates(value: Value | Values | None) -> Values:
    """Return the candidates that a unique row gives."""
    return value if isinstance(value, tuple) else () if value is None else (value,)


def find_value_error(attribute: Attribute, text: str) -> str | None:
    """Return why the target would reject `text` for `attribute`; None if it would not."""
    if len(text) > attribute.max_length:
        return f"{shorten_path(attribute.path)} has {len(text):,} characters, the target takes {attribute.max_length:,}"
    if not text.isprintable() and (found := _FORBIDDEN.search(text)):
        return f"{shorten_path(attribute.path)}{_CONTAINS}{describe_character(found[0])}"
    if not text.isascii() and is_address(attribute.path) and (deceptive := find_deceptive_character(text)):
        return f"{shorten_path(attribute.path)}{_CONTAINS}{deceptive.text}"
    return None


def extract_character(summary: str) -> str | None:
    """Return the character that the summary of an error is about; None for any other error."""
    match = re.search(rf"{_CONTAINS}U\+([0-9A-F]{{4,6}})\b", summary)
    return chr(int(match[1], 16)) if match else None


_ADDRESS = re.compile(r"userName|emails\[.*\]\.value", re.IGNORECASE)


def is_address(path: AttributePath) -> bool:
    """Whether an attribute holds a user name or an e-mail address, which readers compare and type."""
    return _ADDRESS.fullmatch(path) is not None


def _report_missing_value(
    user: SourceUser, path: str, row: AttributeMapping | None, profile: TargetProfile
) -> Diagnostic:
    summary = f"{shorten_path(path)} is required by {profile.title} and has no value"
    if row is None:
        found = error(summary, f"Add a mapping with `target: {shorten_path(path)}`.", user.origin, user.address)
        return replace(found, cause="mappings.yaml:1:1")
    inputs = ", ".join(row.inputs) or "its rule"
    detail = f"Give the user a value for {inputs}, or the mapping a default."
    return _report(user, row, summary, detail)


def _report(user: SourceUser, row: AttributeMapping, summary: str, detail: str = "") -> Diagnostic:
    source = next((name for name in row.inputs if name in user.attributes), None)
    origin = user.at(source) if source else user.origin
    found = error(summary, detail or _UNTOUCHED, origin, user.address)
    return replace(found, cause=str(row.origin or row.target))


def find_attribute(profile: TargetProfile, path: str, unfiltered: str) -> Attribute | None:
    """Find the profile's attribute for `path` (RFC 7643 §2.1: without case); None if there is none.

    Its path is in the profile's spelling, with the filter of `path`: every other comparison of paths is of their case.
    """
    wanted = unfiltered.casefold()
    for row in profile.attributes:
        if row.path.casefold() == wanted:
            return replace(row, path=_select_elements(row.path, path) if row.multi_valued else row.path)
    if not profile.closed.value and unfiltered.startswith("urn:") and not wanted.startswith(f"{CORE_SCHEMAS}:"):
        return Attribute(path, "mappings.yaml", profile.closed.confidence, Comparison.EXACT)
    return None


def _select_elements(attribute: AttributePath, path: str) -> AttributePath:
    """Return `emails.value` with the filter of `EMAILS[type eq "work"].VALUE`, if it has one."""
    name, _, sub = attribute.rpartition(".")
    before, opening, rest = path.partition("[")
    condition, closing, _ = rest.rpartition("]")
    return f"{name}{opening}{condition}{closing}.{sub}" if before and closing else attribute
