"""Read and map the users of the desired state one at a time, and check the references to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from reconciler.core.model import (
    AttributeMapping,
    DesiredUser,
    Diagnostic,
    Origin,
    ScopeReason,
    SourceUser,
    Verdict,
    error,
    format_user_address,
    warning,
)
from reconciler.core.planning.mapping import Projector
from reconciler.core.scope.verdict import ScopeRules, decide_scope
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.desired.address_checks import AddressChecks
from reconciler.desired.directory import Directory
from reconciler.desired.look_alike_keys import UserKeys, suggest_attribute
from reconciler.desired.references import check_references
from reconciler.desired.scope import CompiledScope
from reconciler.desired.scoping_filters import AttributeUse

Keep = Callable[[DesiredUser], object]
"""Called with each user that was read and mapped."""
_MAX_SINGLE = 4
"""Beyond this many names that two files have, they are one error."""


class NameRegister(Protocol):
    """The names of users, userPrincipalName and objectId, each used once."""

    def register(self, user: SourceUser) -> bool:
        """Register the user's names; false if one is known to be taken."""

    def report_taken(self) -> None:
        """Report names that are used twice."""

    def check_references(self, scope: CompiledScope) -> None:
        """Report references of scope.yaml and groups to unknown users and groups, after all users were registered."""


def list_names(user: SourceUser) -> Iterator[tuple[str, str]]:
    """Yield the attributes that name the user, each with the case-folded name."""
    for attribute in ("userPrincipalName", "objectId"):
        value = user.attributes.get(attribute)
        if value is not None:
            yield attribute, fold_case(str(value))


class UserNames:
    """The names of users, userPrincipalName and objectId, each used once."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.origins: dict[str, Origin] = {}
        """Case-folded name -> origin of the user."""
        self._twice: dict[tuple[str, str], list[Diagnostic]] = {}
        """By the files of both users."""

    def register(self, user: SourceUser) -> bool:
        """Register the user's names; false if one is taken (see `report_taken`)."""
        taken: list[Origin] = []
        for attribute, name in list_names(user):
            other = self.origins.setdefault(name, user.origin)
            if other is not user.origin and other not in taken:  # an entry that is pasted twice is one error
                taken.append(other)
                summary = f"{attribute} {quote(str(user.attributes[attribute]))} is used twice"
                detail = f"The other is at {other}. Correct one of them, or merge the entries."
                files = (user.origin.file, other.file)
                self._twice.setdefault(files, []).append(error(summary, detail, user.at(attribute)))
        return not taken

    def check_references(self, scope: CompiledScope) -> None:
        """Report references of scope.yaml and groups to unknown users and groups."""
        check_references(self._directory, scope, self.origins)

    def report_taken(self) -> None:
        """Report names that are used twice; of many in two files, how many: one is often a copy of the other."""
        for (file, other), found in self._twice.items():
            if len(found) <= _MAX_SINGLE:
                for item in found:
                    self._directory.report(item)
                continue
            where = f"{file} and {other}" if file != other else file
            summary = f"{len(found):,} names of users are used twice in {where}"
            detail = f"The first: {found[0].summary}. Is one the copy of the other?"
            self._directory.report(error(summary, detail, found[0].origin))


class DesiredUserReader:
    """Reads users one at a time, and gives their mapped form to `keep`."""

    def __init__(
        self,
        directory: Directory,
        projector: Projector,
        rules: ScopeRules,
        now: datetime,
        keys: UserKeys | None = None,
        *,
        keep: Keep = lambda _user: None,
        names: NameRegister | None = None,
    ) -> None:
        self._directory = directory
        self.keys = keys or UserKeys()
        self._addresses = AddressChecks(directory, projector.mappings)
        self._projector = projector
        self._rules = rules
        self._today = now.date()
        self._keep = keep
        self.has_users = False
        self.names = names or UserNames(directory)
        self.attributes: set[str] = set()

    def read(self) -> None:
        """Read the users of all files."""
        for user in self._directory.read_users(self.keys):
            self.add(user)
        self.finish()

    def add(self, user: SourceUser) -> None:
        """Register and map a user."""
        self.attributes.update(user.attributes)
        if not self.names.register(user):
            return
        verdict = decide_scope(user, self._rules, self._today)
        if verdict.reason is ScopeReason.UNJUDGED:
            self._directory.report(_diagnose_undecided(user, verdict))
        desired, errors = self._projector.project(user, verdict)
        self.has_users = True
        self._keep(desired)
        if errors:
            self._directory.diagnostics.extend(self._addresses.locate(user, errors))
        else:
            self._addresses.count(user, desired)

    def finish(self) -> None:
        """Report what is known only after all users."""
        self.names.report_taken()
        self._addresses.report()

    def count_findings(self) -> tuple[int, ...]:
        """Return how much was found out about the users so far, other than that they are there."""
        found = self._directory
        return (len(found.diagnostics), len(found.rejected), len(found.unread), self._addresses.total)


def _diagnose_undecided(user: SourceUser, verdict: Verdict) -> Diagnostic:
    summary = f"the scoping filters cannot be evaluated for this user: {verdict.text}"
    detail = "The user is left unchanged until the clause or the value is fixed."
    found = error(summary, detail, user.at(verdict.attribute), format_user_address(user.key))
    return replace(found, cause="scope.yaml")


def check_inputs(directory: Directory, reader: DesiredUserReader, inputs: Iterable[AttributeUse]) -> None:
    """Warn about attributes that no user has: a typo would leave a target attribute or a filter empty."""
    if "users" in directory.unread | directory.unseen:
        return
    # The entries that were refused have their attributes too.
    known = reader.attributes.union(reader.keys.suggested, *directory.rejected)
    for attribute, origin, consequence in inputs:
        if reader.has_users and origin and attribute not in known and attribute != "IsSoftDeleted":
            near = suggest_attribute(attribute, reader.attributes)
            summary = f"no user has an attribute {quote(attribute)}"
            if near and consequence == _NO_ACCOUNT:
                _refuse(directory, error(summary, f"Did you mean {near}? {consequence}", origin))
            else:
                directory.report(warning(summary, f"Did you mean {near}?" if near else consequence, origin))


_NO_ACCOUNT = "No account can be matched by it."


def _refuse(directory: Directory, cause: Diagnostic) -> None:
    """Report the cause instead of the errors of users that follow from it."""
    directory.diagnostics[:] = [item for item in directory.diagnostics if item.cause != str(cause.origin)]
    directory.report(cause)


def list_inputs(mappings: Iterable[AttributeMapping]) -> Iterator[AttributeUse]:
    """Yield the source attributes that mappings read."""
    for row in mappings:
        for attribute in row.inputs:
            matched = row.match and row.direct == attribute
            yield attribute, row.origin, _NO_ACCOUNT if matched else "No user gets a value from it."
