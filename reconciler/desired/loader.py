"""Load the desired state: read the files, compile mappings, resolve scope, map every user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from reconciler.core.base_url import BaseUrlError, check_base_url, hide_secrets
from reconciler.core.expiry import ConnectionCredential
from reconciler.core.model import AttributeMapping, DesiredUser, Diagnostic, Severity, Target, error
from reconciler.core.planning.mapping import Projector
from reconciler.core.policy import (
    Policy,
)
from reconciler.core.profile import Confidence, Switch, TargetProfile
from reconciler.core.provisioning import ON, Provisioning
from reconciler.core.scope.scim_filter import Predicate
from reconciler.core.scope.verdict import ScopeRules
from reconciler.core.text import escape_control, shorten
from reconciler.desired import schema
from reconciler.desired.concurrent_changes import report_concurrent_changes
from reconciler.desired.content import Content, StateContent
from reconciler.desired.credentials import build_credentials, check_dates
from reconciler.desired.directory import Directory
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.mappings import CompiledMappings, compile_mappings
from reconciler.desired.ownership import compile_ownership
from reconciler.desired.policy_settings import build_policy, check_approvals
from reconciler.desired.provisioning import read_provisioning
from reconciler.desired.recipients import check_recipients
from reconciler.desired.scope import CompiledScope, read_scope
from reconciler.desired.state_digest import compute_digest
from reconciler.desired.target_checks import check_address, check_domains
from reconciler.desired.users import DesiredUserReader, Keep, NameRegister, UserNames, check_inputs, list_inputs
from reconciler.desired.users_cache import UsersCache
from reconciler.desired.validation import LocatedModel
from reconciler.desired.work_tree import check_work_tree
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.profiles import PROFILES

_ABOUT_EACH_USER = frozenset({"scope.yaml", "mappings.yaml", "groups"})
"""The parts of the desired state that decide about every user."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """A valid desired state, ready to be planned."""

    profile: TargetProfile
    target: Target
    policy: Policy
    mappings: tuple[AttributeMapping, ...]
    owned: Predicate
    rules: ScopeRules
    settings: Mapping[str, Any]
    """settings.yaml as plain data, without `notifications`."""
    content: Content
    """What all files of users are read for: users, diagnostics, digests."""
    credentials: tuple[ConnectionCredential, ...] = ()
    """What the connection rests on, by the dates that settings.yaml declares."""
    provisioning: Provisioning = ON

    @property
    def users(self) -> Sequence[DesiredUser]:
        """The users. They may be read later: then the first access to one waits, and can raise."""
        return self.content.users

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All diagnostics, those of errors in settings and rules included."""
        return self.content.wait().diagnostics

    @property
    def digest(self) -> str:
        """sha256 of everything that can change a plan; approvals, notifications and the record cannot."""
        return self.content.wait().digest

    @property
    def files(self) -> Mapping[str, str]:
        """sha256 of each file, by name."""
        return self.content.wait().files

    @property
    def unseen(self) -> str | None:
        """Why users may be missing: tracked files are missing or differ from git's index. None: all were read."""
        return self.content.wait().unseen

    @property
    def in_scope(self) -> int:
        """The number of users in scope."""
        return self.content.in_scope


@dataclass(frozen=True, slots=True)
class BrokenState:
    """A directory with errors. It must not be planned: with an unreadable file, its users would look removed."""

    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class CheckedState:
    """A valid desired state of which only the diagnostics are known: it cannot be planned."""

    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Preparation:
    """A directory whose settings, scope, groups and mappings are read, and whose users are not."""

    directory: Directory
    rules: _Rules
    now: datetime

    @property
    def is_broken(self) -> bool:
        """Whether there is an error that breaks the state already."""
        return _is_broken(self.directory)

    @property
    def mappings(self) -> tuple[AttributeMapping, ...]:
        """The rows by which users are mapped."""
        return self.rules.mappings.rows

    def read_content(
        self, keep: Keep, *, checked_out: bool, before: Mapping[str, str] | None = None
    ) -> StateContent | BrokenState:
        """Read and check all users; give each to `keep`. The content is returned without them.

        `before`: as `report_concurrent_changes` says.
        """
        reader = self.build_reader(keep)
        reader.read()
        return self.check_content(reader, checked_out=checked_out, before=before)

    def build_reader(self, keep: Keep, names: NameRegister | None = None) -> DesiredUserReader:
        """Build the reader of the users."""
        return _build_reader(self.directory, self.rules, self.now, keep, names)

    def check_content(
        self, reader: DesiredUserReader, *, checked_out: bool, before: Mapping[str, str] | None = None
    ) -> StateContent | BrokenState:
        """Check the users that were read, and what refers to them."""
        directory, rules = self.directory, self.rules
        unseen = _check_users(directory, rules, reader, checked_out=checked_out, before=before)
        problems = directory.describe_problems()
        if self.is_broken:
            return BrokenState(problems)
        digest = compute_digest(directory.digests, rules.settings.value)
        return StateContent((), problems, digest, directory.digests, unseen)

    def check_users(self, *, checked_out: bool) -> CheckedState | BrokenState:
        """Read and check all users, without keeping anything of them."""
        reader = self.build_reader(lambda _user: None)
        reader.read()
        _check_users(self.directory, self.rules, reader, checked_out=checked_out)
        problems = self.directory.describe_problems()
        return BrokenState(problems) if self.is_broken else CheckedState(problems)

    def load(self, *, checked_out: bool) -> DesiredState | BrokenState:
        """Load the rest."""
        users: list[DesiredUser] = []
        content = self.read_content(users.append, checked_out=checked_out)
        return content if isinstance(content, BrokenState) else self.build(replace(content, users=tuple(users)))

    def build(self, content: Content) -> DesiredState:
        """Return the desired state with this content."""
        rules, settings = self.rules, self.rules.settings.value
        return DesiredState(
            profile=rules.profile,
            target=Target(rules.profile.name, settings.target.base_url.rstrip("/"), settings.target.tenant),
            policy=build_policy(rules.settings),
            mappings=rules.mappings.rows,
            owned=rules.owned,
            rules=rules.scope.rules,
            settings=settings.model_dump(mode="json", exclude={"notifications"}),
            content=content,
            credentials=build_credentials(rules.settings, rules.profile),
            provisioning=read_provisioning(settings),
        )


def prepare(
    root: Path, now: datetime, approval_date: date | None, cache: UsersCache | None
) -> Preparation | BrokenState:
    """Read everything of `root` but users. If a part cannot be read, users are checked too, as far as that goes."""
    return prepare_directory(Directory(root, cache=cache), now, approval_date)


def prepare_directory(
    directory: Directory, now: datetime, approval_date: date | None, *, checked_out: bool = True
) -> Preparation | BrokenState:
    """Read everything but users, as `prepare` does; `directory` chooses which users there are.

    `checked_out`: as for `load`, where users are checked because a part cannot be read.
    """
    rules = _read_rules(directory, now, approval_date, checked_out=checked_out)
    return rules if isinstance(rules, BrokenState) else Preparation(directory, rules, now)


def load(
    root: Path,
    now: datetime,
    approval_date: date | None = None,
    *,
    checked_out: bool = True,
    cache: UsersCache | None = None,
) -> DesiredState | BrokenState:
    """Load the desired state in `root` at `now` (UTC), with all diagnostics. Never raises for the content of files.

    `approval_date`: the day that the periods of approvals are checked by; None: they approve nothing. `checked_out`:
    whether git may have `root` in a work tree, and so knows which files there should be. `cache`: of parsed users.
    """
    found = prepare(root, now, approval_date, cache)
    return found if isinstance(found, BrokenState) else found.load(checked_out=checked_out)


def check(
    root: Path, now: datetime, watch: Callable[[str, YamlMapping], None] | None = None
) -> CheckedState | BrokenState:
    """Check the desired state in `root` as `load` does, without keeping its users.

    `watch`: called with the file and each entry of a user when it is read.
    """
    found = prepare_directory(Directory(root, watch=watch), now, None)
    return found if isinstance(found, BrokenState) else found.check_users(checked_out=True)


def _build_reader(
    directory: Directory, rules: _Rules, now: datetime, keep: Keep, names: NameRegister | None = None
) -> DesiredUserReader:
    domains = check_domains(rules.settings, directory.report)
    projector = Projector(rules.profile, rules.mappings.rows, domains, rules.mappings.invalid)
    keys = _build_keys(rules.mappings, rules.scope)
    return DesiredUserReader(directory, projector, rules.scope.rules, now, keys, keep=keep, names=names)


def _check_users(
    directory: Directory,
    rules: _Rules,
    reader: DesiredUserReader,
    *,
    checked_out: bool,
    before: Mapping[str, str] | None = None,
) -> str | None:
    """Check the users that were read, and what refers to them. Return why some may be missing."""
    unseen = _check_files(directory, before) if checked_out else None
    reader.names.check_references(rules.scope)
    check_inputs(directory, reader, (*list_inputs(rules.mappings.rows), *rules.scope.inputs))
    return unseen


def _is_broken(directory: Directory) -> bool:
    return any(item.severity is Severity.ERROR and item.address is None for item in directory.diagnostics)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What decides about every user."""

    settings: LocatedModel[schema.Settings]
    scope: CompiledScope
    profile: TargetProfile
    mappings: CompiledMappings
    owned: Predicate


def _read_rules(
    directory: Directory, now: datetime, approval_date: date | None, *, checked_out: bool
) -> _Rules | BrokenState:
    """Read all files but those of users and groups. If one cannot be read, only the names of users are checked."""
    directory.check_layout()
    settings = directory.read_settings() or directory.read_rest_of_settings()
    scope = read_scope(directory, now.date())
    if settings is None:
        directory.read_mappings()
        return _check_names(directory, scope, checked_out=checked_out)
    if approval_date is not None:
        check_approvals(settings, directory.report, approval_date)
    _check_base_url(settings, directory)
    check_recipients(settings, directory.report)
    profile = _choose_profile(settings.value.target)
    check_dates(settings, profile, now.date(), directory.report)
    mappings = compile_mappings(directory, profile, now)
    owned = compile_ownership(settings, directory)
    if directory.unread & _ABOUT_EACH_USER:
        return _check_names(directory, scope, checked_out=checked_out)
    return _Rules(settings, scope, profile, mappings, owned)


def _choose_profile(target: schema.TargetSettings) -> TargetProfile:
    """Return the profile, with what the settings know about the service."""
    profile = PROFILES[target.profile]
    if target.active_when_absent is None:
        return profile
    switch = Switch(target.active_when_absent, "target.active_when_absent in settings.yaml", Confidence.REPORTED)
    return replace(profile, active_when_absent=switch)


def _build_keys(mappings: CompiledMappings, scope: CompiledScope) -> UserKeys:
    """Build the check of users' keys: an attribute that is read is never a misspelling."""
    filtered = {attribute for attribute, *_ in scope.inputs}
    deciding = (row for row in mappings.rows if row.match or row.attribute.required)
    matched = {attribute for row in deciding for attribute in row.inputs}
    mapped = {attribute for row in mappings.rows for attribute in row.inputs}
    # The attributes of an invalid row are unknown: they could be any.
    return UserKeys(None if mappings.invalid else frozenset(filtered | mapped), filtered | matched)


def load_policy(root: Path, approval_date: date) -> Policy | BrokenState:
    """Load the policy of settings.yaml alone, with its approvals; the errors of settings.yaml if there are any."""
    directory = Directory(root)
    settings = directory.read_settings()
    if settings is not None:
        check_approvals(settings, directory.report, approval_date)
    if settings is None or any(item.severity is Severity.ERROR for item in directory.diagnostics):
        return BrokenState(directory.describe_problems())
    return build_policy(settings)


def _check_files(directory: Directory, before: Mapping[str, str] | None = None) -> str | None:
    """Check what was read against git's index and the files as they are now. Return why users may be missing."""
    unseen = check_work_tree(directory)
    report_concurrent_changes(directory, before)
    return unseen


def _check_names(directory: Directory, scope: CompiledScope, *, checked_out: bool) -> BrokenState:
    """Read the names of users only: errors about their other values might follow from what was not read."""
    names = UserNames(directory)
    for user in directory.read_users():
        names.register(user)
    names.report_taken()
    if checked_out:
        _check_files(directory)
    names.check_references(scope)
    return BrokenState(directory.describe_problems())


def load_users(
    root: Path,
    state: DesiredState,
    now: datetime,
    *,
    mappings: Sequence[AttributeMapping] | None = None,
    rules: ScopeRules | None = None,
    cache: UsersCache | None = None,
) -> Sequence[DesiredUser]:
    """Load the users of `root`, from which `state` was loaded, with other mappings or other scope rules."""
    domains = state.settings["target"]["domains"]
    projector = Projector(state.profile, mappings or state.mappings, domains)
    users: list[DesiredUser] = []
    found = Directory(root, cache=cache)
    DesiredUserReader(found, projector, rules or state.rules, now, keep=users.append).read()
    return users


# --- settings -----------------------------------------------------------------


def _check_base_url(settings: LocatedModel[schema.Settings], directory: Directory) -> None:
    """Report what is wrong with the target's address; a plan would send the token to it."""
    url = settings.value.target.base_url
    try:
        check_base_url(url)
    except BaseUrlError as exc:
        shown = escape_control(shorten(hide_secrets(url), 120))
        found = error(f"target.base_url {shown} {exc}", exc.hint, settings.at("target", "base_url"))
        # Not the line as written: it may have a password.
        directory.report(replace(found, source_line=f"base_url: {shown}"))
    else:
        check_address(settings, PROFILES[settings.value.target.profile], directory.report)
