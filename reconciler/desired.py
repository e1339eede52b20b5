"""The desired state, put together: files read, mappings compiled, scope resolved, every user mapped."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.core import paths, scope
from reconciler.core.compare import UnreadableError, typed
from reconciler.core.filters import FilterError, Predicate, compile_filter
from reconciler.core.mapping import MappingError, Projector, attribute_row, constant, direct, unacceptable
from reconciler.core.model import (
    Attribute,
    AttributeMapping,
    DesiredUser,
    Diagnostic,
    Origin,
    Severity,
    SourceAttributes,
    SourceUser,
    Target,
    TargetProfile,
    Value,
    error,
    warning,
)
from reconciler.core.paths import short
from reconciler.core.policy import Approval, Limit, Policy, Removal
from reconciler.core.text import quoted
from reconciler.expressions import stock
from reconciler.expressions.template import TemplateFaultError, compile_template
from reconciler.profiles import PROFILES
from reconciler.sources import models
from reconciler.sources.yaml_files import Directory, Located, with_source_lines

_MAX_HINTED = 5_000
"""Names among which a near one is looked for: it takes a millisecond for a hundred."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What a directory says, ready to be planned. Usable only when `broken` is false."""

    profile: TargetProfile
    target: Target
    policy: Policy
    mappings: tuple[AttributeMapping, ...]
    owned: Predicate
    users: tuple[DesiredUser, ...]
    diagnostics: tuple[Diagnostic, ...]
    digest: str
    """sha256 over everything that can change a plan: approvals and notifications do not."""

    @property
    def in_scope(self) -> int:
        """The number of users in scope."""
        return sum(user.verdict.in_scope for user in self.users)


@dataclass(frozen=True, slots=True)
class BrokenState:
    """A directory that nobody may plan from: with a file missing or wrong, people would look removed."""

    diagnostics: tuple[Diagnostic, ...]


def load(root: Path, now: datetime) -> DesiredState | BrokenState:
    """The desired state in `root` at `now` (UTC), with all diagnostics; never raises for what files hold."""
    directory = Directory(root)
    directory.check_layout()
    settings = directory.settings()
    rules = _scope_rules(directory)
    if settings is None:
        # The rest is read all the same, so that all mistakes are shown at once.
        directory.mappings()
        names = _Names(directory)
        for user in directory.users():
            names.register(user)
        _check_references(directory, rules.references, names)
        return BrokenState(with_source_lines(directory.diagnostics, root))
    profile = PROFILES[settings.value.target.profile]
    mappings = _mappings(directory, profile)
    owned = _ownership(settings, directory)
    people = _People(directory, Projector(profile, mappings, settings.value.target.domains), rules, now)
    people.read()
    _check_references(directory, rules.references, people.names)
    _check_inputs(directory, people, mappings)
    if any(item.severity is Severity.ERROR and item.address is None for item in directory.diagnostics):
        return BrokenState(with_source_lines(directory.diagnostics, root))
    if settings.value.notifications.on_failure:
        directory.report(
            warning("notifications are not sent by this version", "", settings.at("notifications", "on_failure"))
        )
    return DesiredState(
        profile=profile,
        target=Target(profile.name, settings.value.target.base_url.rstrip("/")),
        policy=_policy(settings.value),
        mappings=mappings,
        owned=owned,
        users=tuple(people.users),
        diagnostics=with_source_lines(directory.diagnostics, root),
        digest=_digest(directory, settings.value),
    )


# --- settings -----------------------------------------------------------------


def _policy(settings: models.Settings) -> Policy:
    lifecycle, guards = settings.lifecycle, settings.guards
    return Policy(
        permitted=frozenset(lifecycle.actions),
        out_of_scope=Removal(lifecycle.out_of_scope),
        removed=Removal(lifecycle.removed),
        delete_after_days=lifecycle.delete_after_days,
        removals=Limit(guards.removals.count, guards.removals.percent, guards.removals.floor),
        updates=Limit(guards.updates.count, guards.updates.percent),
        creates=Limit(guards.creates.count, guards.creates.percent),
        protected=frozenset(name.casefold() for name in guards.protected),
        approvals=tuple(Approval(entry.plan, entry.removals, entry.until) for entry in settings.approvals),
    )


def _ownership(settings: Located[models.Settings], directory: Directory) -> Predicate:
    try:
        return compile_filter(settings.value.ownership)
    except FilterError as fault:
        summary = f"ownership is not a SCIM filter: {fault}"
        detail = f"At character {fault.position + 1}. An example: externalId pr"
        directory.report(error(summary, detail, settings.at("ownership")))
        return lambda _resource: False


def _digest(directory: Directory, settings: models.Settings) -> str:
    without = settings.model_dump(mode="json", exclude={"approvals", "notifications"})
    files = {name: digest for name, digest in directory.digests.items() if name != "settings.yaml"}
    content = json.dumps({"settings": without, "files": files}, sort_keys=True)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


# --- mappings -----------------------------------------------------------------


def _mappings(directory: Directory, profile: TargetProfile) -> tuple[AttributeMapping, ...]:
    rows = directory.mappings()
    if not rows and not directory.has("mappings.yaml"):
        defaults = (models.Mapping.model_validate(_default_row(row)) for row in profile.mappings)
        rows = [Located(row, None) for row in defaults]
    compiled: dict[str, AttributeMapping] = {}
    for row in rows:
        mapping = _compile(row, profile, directory)
        if mapping is None:
            continue
        twin = compiled.setdefault(mapping.target, mapping)
        if twin is not mapping:
            line = f"line {twin.origin.line}" if twin.origin else "another row"
            summary = f"{short(mapping.target)} is mapped twice"
            directory.report(error(summary, f"{line} maps it too: keep one.", row.at("target")))
    _complete(compiled, profile, directory)
    return tuple(compiled.values())


def _default_row(row: Any) -> dict[str, Any]:
    names = ("target", "source", "expression", "default", "match")
    return {name: getattr(row, name) for name in names if getattr(row, name) is not None}


def _complete(compiled: dict[str, AttributeMapping], profile: TargetProfile, directory: Directory) -> None:
    """`active` is always managed: deactivating is what removals do. userName is what SCIM cannot do without."""
    if "active" not in compiled:
        default = next(row for row in profile.mappings if row.target == "active")
        active = _compile(Located(models.Mapping.model_validate(_default_row(default)), None), profile, directory)
        if active is not None:
            compiled["active"] = active
    if not directory.has("mappings.yaml"):
        return
    at = Origin("mappings.yaml", 1, 1)
    if "userName" not in compiled:
        directory.report(error("no mapping has the target userName", "SCIM requires it: add a row for it.", at))
    if not any(row.match for row in compiled.values()):
        detail = "Live users could not be found again: add `match: 1` to the row of externalId or userName."
        directory.report(error("no mapping has a matching precedence", detail, at))


def _compile(row: Located[models.Mapping], profile: TargetProfile, directory: Directory) -> AttributeMapping | None:
    entry = row.value
    try:
        path = paths.parse(entry.target)
    except paths.PathError as fault:
        directory.report(error(str(fault), "", row.at("target")))
        return None
    attribute = attribute_row(profile, str(path), path.unfiltered)
    if attribute is None:
        directory.report(_unknown_target(str(path), profile, row.at("target")))
        return None
    if attribute.multi_valued and path.filter is None:
        detail = f'Choose one, such as {path.attribute}[type eq "work"].{path.sub or "value"}.'
        directory.report(error(f"{short(str(path))} has several elements", detail, row.at("target")))
        return None
    compiled = _rule(row, directory)
    if compiled is None:
        return None
    rule, inputs = compiled
    default = _default(row, attribute, directory)
    return AttributeMapping(
        attribute=attribute,
        rule=rule,
        inputs=inputs,
        default=default,
        match=entry.match,
        create_only=entry.apply == "create",
        clear=entry.when_null == "clear",
        origin=row.at("target"),
    )


def _default(row: Located[models.Mapping], attribute: Attribute, directory: Directory) -> Value | None:
    entry = row.value
    if entry.default is None:
        return None
    if entry.match is not None:
        summary = f"a default cannot identify anybody: {short(attribute.path)} is a matching attribute"
        directory.report(error(summary, "Remove the default, or `match`.", row.at("default")))
    if entry.when_null == "clear":
        summary = "default and when_null: clear contradict each other"
        detail = "The default would be set on create and cleared by the next plan: keep one of them."
        directory.report(error(summary, detail, row.at("when_null")))
    try:
        default = typed(attribute, entry.default)
    except UnreadableError as fault:
        wrong: str | None = str(fault)
    else:
        wrong = unacceptable(attribute, default) if isinstance(default, str) else None
    if wrong is not None:
        directory.report(error(f"the default cannot be used: {wrong}", "", row.at("default")))
        return None
    return default


def _unknown_target(path: str, profile: TargetProfile, origin: Origin | None) -> Diagnostic:
    known = [short(row.path) for row in profile.attributes]
    near = difflib.get_close_matches(short(path), known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    why = "and sending it can break the connection. " if profile.closed.value else ""
    detail = f"{hint}It takes {', '.join(known)}."
    return error(f"{profile.title} has no attribute {quoted(short(path))}", f"It is not taken, {why}{detail}", origin)


Rule = Callable[[SourceAttributes], Value | None]


def _rule(row: Located[models.Mapping], directory: Directory) -> tuple[Rule, tuple[str, ...]] | None:
    entry = row.value
    if entry.source is not None:
        return direct(entry.source), (entry.source,)
    if entry.constant is not None:
        return constant(entry.constant), ()
    if entry.expression is not None:
        expression = stock.compile_expression(entry.expression)
        if expression is None:
            detail = f"This version reads only {' and '.join(stock.SUPPORTED)}. Use source, constant or template."
            directory.report(error("this expression is not supported yet", detail, row.at("expression")))
            return None
        return expression, ()
    try:
        template, inputs = compile_template(entry.template or "")
    except TemplateFaultError as fault:
        directory.report(error(f"the template cannot be used: {fault}", "", row.at("template")))
        return None
    return _as_rule(template), inputs


def _as_rule(template: Callable[[SourceAttributes], str | None]) -> Rule:
    def rule(attributes: SourceAttributes) -> Value | None:
        try:
            return template(attributes)
        except TemplateFaultError as fault:
            raise MappingError(str(fault)) from fault

    return rule


# --- scope --------------------------------------------------------------------


@dataclass(slots=True)
class _References:
    """Names that scope.yaml and groups use, with the place of each: all must exist."""

    users: dict[str, tuple[str, Origin | None]] = field(default_factory=dict)
    groups: dict[str, tuple[str, Origin | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Scope:
    rules: scope.ScopeRules
    references: _References


def _scope_rules(directory: Directory) -> _Scope:
    references = _References()
    groups = _groups(directory, references)
    located = directory.scope()
    if located is None:
        rules = scope.ScopeRules(assigned=None)
    else:
        if located.value.filters:
            detail = "This version would put people in scope whom the filters leave out. Use groups until then."
            directory.report(error("scoping filters are not supported yet", detail, located.at("filters")))
        assigned = _members(located, located.value.assigned, references, "assigned")
        excluded = _members(located, located.value.excluded, references, "excluded")
        everybody = located.value.sync == "all"
        rules = scope.ScopeRules(
            assigned=None if everybody else scope.resolve(assigned, groups), excluded=scope.resolve(excluded, groups)
        )
    rejected = {scope.folded(str(node.get("name"))) for node in directory.rejected}
    for name, origin in references.groups.values():
        if scope.folded(name) not in groups and scope.folded(name) not in rejected:
            near = difflib.get_close_matches(scope.folded(name), groups, 1)
            hint = f"Did you mean {near[0]}?" if near else "Add it to groups/, or remove the reference."
            directory.report(error(f"there is no group {quoted(name)}", hint, origin))
    return _Scope(rules, references)


def _groups(directory: Directory, references: _References) -> dict[str, scope.GroupMembers]:
    groups: dict[str, scope.GroupMembers] = {}
    places: dict[str, Origin | None] = {}
    for group in directory.groups():
        name = scope.folded(group.value.name)
        if name in groups:
            summary = f"group {quoted(group.value.name)} is defined twice"
            directory.report(error(summary, f"The other is at {places[name]}.", group.at("name")))
            continue
        places[name] = group.at("name")
        groups[name] = _members(group, group.value.members, references, "members")
    for cycle in scope.cycles(groups):
        names = " -> ".join(cycle)
        directory.report(error(f"groups contain one another: {names}", "Break the circle.", places[cycle[0]]))
    return groups


def _members(
    located: Located[Any], members: models.Members, references: _References, *location: str
) -> scope.GroupMembers:
    for index, user in enumerate(members.users):
        references.users.setdefault(scope.folded(user), (user, located.at(*location, "users", index)))
    for index, group in enumerate(members.groups):
        references.groups.setdefault(scope.folded(group), (group, located.at(*location, "groups", index)))
    return scope.GroupMembers(tuple(members.users), tuple(members.groups))


# --- people -------------------------------------------------------------------


class _Names:
    """What people are called: userPrincipalName and objectId, each at most once."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.places: dict[str, Origin] = {}
        """Folded name -> where that user is."""

    def register(self, user: SourceUser) -> bool:
        """Whether the user's names are new; one that is taken is a diagnostic."""
        new = True
        for attribute in ("userPrincipalName", "objectId"):
            value = user.attributes.get(attribute)
            if value is None:
                continue
            name = scope.folded(str(value))
            if name in self.places:
                summary = f"{attribute} {quoted(str(value))} is used twice"
                detail = f"The other user is at {self.places[name]}: keep one."
                self._directory.report(error(summary, detail, user.at(attribute)))
                new = False
            else:
                self.places[name] = user.origin
        return new


class _People:
    """Reads users one at a time; only the mapped form stays in memory."""

    def __init__(self, directory: Directory, projector: Projector, scoped: _Scope, now: datetime) -> None:
        self._directory = directory
        self._projector = projector
        self._rules = scoped.rules
        self._today = now.date()
        self.users: list[DesiredUser] = []
        self.names = _Names(directory)
        self.attributes: set[str] = set()

    def read(self) -> None:
        for user in self._directory.users():
            if self.names.register(user):
                verdict = scope.verdict(user, self._rules, self._today)
                desired, mistakes = self._projector.project(user, verdict)
                self.users.append(desired)
                self._directory.diagnostics += mistakes
                self.attributes.update(user.attributes)


def _check_references(directory: Directory, references: _References, names: _Names) -> None:
    """A member that is nobody's name: misspelt, it loses somebody an account."""
    known = set(names.places)
    for node in directory.rejected:
        known.update(scope.folded(str(node.get(key))) for key in ("userPrincipalName", "objectId") if node.get(key))
    for name, origin in references.users.values():
        if scope.folded(name) not in known:
            near = difflib.get_close_matches(scope.folded(name), known, 1) if len(known) <= _MAX_HINTED else []
            hint = f"Did you mean {near[0]}?" if near else "Add the user, or remove the reference."
            directory.report(error(f"there is no user {quoted(name)}", hint, origin))


def _check_inputs(directory: Directory, people: _People, mappings: Iterable[AttributeMapping]) -> None:
    """A mapping that reads what nobody has: misspelt, it empties an attribute."""
    for row in mappings:
        for attribute in row.inputs:
            if people.users and row.origin and attribute not in people.attributes and attribute != "IsSoftDeleted":
                near = difflib.get_close_matches(attribute, sorted(people.attributes), 1)
                hint = f"Did you mean {near[0]}?" if near else "It gives no value to anybody."
                directory.report(warning(f"no user has an attribute {quoted(attribute)}", hint, row.origin))
