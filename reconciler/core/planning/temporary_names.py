"""Temporary user names: users that exchange names need one, and no account is to keep it.

An apply that was killed in the middle leaves one account with its temporary name. The next plan finds it by its name,
gives it the one that is desired, or else the one it had before, and reports it either way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import DesiredUser, Diagnostic, LiveUser, Origin, error, format_user_address, warning
from reconciler.core.plan import REMOVALS, Action, ActionReason, Change
from reconciler.core.text import quote
from reconciler.core.values import fold_case

_TEMPORARY = re.compile(r"renaming-[0-9a-f]{12}(-[0-9a-f]{16})?(@[^@]*)?", re.IGNORECASE)
"""The second digest is of the name before. Version 0.1 left it out."""
_ATTEMPTS = 100
_CUT_SHORT = "An apply was cut short while users exchanged their names."


def make_temporary_name(change: Change, taken: Container[str]) -> str:
    """Return a free name of the same form and domain, the same in every plan for the same change.

    `taken`: folded user names.
    """
    for candidate in _list_candidates(change):
        if fold_case(candidate) not in taken:
            return candidate
    raise AssertionError("a hundred sha256 digests are all user names")  # pragma: no cover


def _list_candidates(change: Change) -> Iterator[str]:
    name, original = str(change.after["userName"]), str(change.before.get("userName", ""))
    _, at, domain = name.rpartition("@")
    for attempt in range(_ATTEMPTS):
        digest = _digest(f"{change.live_id}\n{name}\n{attempt}", 12)
        yield f"renaming-{digest}-{_seal(change.live_id, original)}{at}{domain if at else ''}"


def _seal(live_id: str | None, original: str) -> str:
    """Return the part of a temporary name that proves which name the account had before."""
    return _digest(f"{live_id}\n{fold_case(original)}", 16)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def continues_exchange(change: Change, names: Iterable[str]) -> bool:
    """Whether the account has the temporary name that an apply gave it to make this very change.

    `names`: the folded user names that other users have or get. One of them is the name that the account had before:
    another member of the exchange took it, or is to. Names of version 0.1 do not prove it.
    """
    if not begins_exchange(change):
        return False
    local_part = fold_case(str(change.before["userName"])).partition("@")[0]
    sealed = local_part.count("-") > 1
    return not sealed or any(local_part.endswith(f"-{_seal(change.live_id, name)}") for name in names)


def begins_exchange(change: Change) -> bool:
    """Whether the account has a temporary name that was made for its id and the name that it gets."""
    present = str(change.before.get("userName", ""))
    if not is_temporary(present) or not change.after.get("userName"):
        return False
    began = fold_case(present).partition("-")[2].partition("@")[0].partition("-")[0]
    name = str(change.after["userName"])
    return any(began == _digest(f"{change.live_id}\n{name}\n{attempt}", 12) for attempt in range(_ATTEMPTS))


def is_temporary(user_name: str) -> bool:
    """Whether it is a name that `make_temporary_name` makes."""
    return _TEMPORARY.fullmatch(user_name) is not None


def proves_original_name(user: LiveUser, original: str) -> bool:
    """Whether the temporary name of an account proves that it had the name `original` before."""
    if not is_temporary(user.user_name):
        return False
    return fold_case(user.user_name).partition("@")[0].endswith(f"-{_seal(user.id, original)}")


@dataclass(frozen=True, slots=True)
class Repair:
    """The changes that give accounts their own names back, and what to report."""

    changes: list[Change] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RepairContext:
    """What repairs are planned from. `planned`: the changes so far, without those that cannot be made."""

    planned: Sequence[Change]
    live: Sequence[LiveUser]
    desired: Mapping[str, DesiredUser]
    """By live id."""
    original_names: Mapping[str, str]
    """By live id, from receipts: the names before temporary ones."""
    hindrance: str | None = None
    """Why no account may get its original name; None if it may."""


def find_temporarily_named(live: Iterable[LiveUser]) -> list[LiveUser]:
    """Return the accounts with a temporary name, by id."""
    # The cheap test first: this looks at each live user of each plan.
    found = [user for user in live if user.user_name[:1] in "rR" and is_temporary(user.user_name)]
    return sorted(found, key=lambda user: user.id)


def plan_repairs(context: RepairContext) -> Repair:
    """Plan what becomes of each account with a temporary name."""
    repair = Repair()
    found = find_temporarily_named(context.live)
    if not found:
        return repair
    planned = {change.live_id: change for change in context.planned if change.live_id is not None}
    for user in found:
        _repair(user, context.desired.get(user.id), planned.get(user.id), context, repair)
    return repair


def _repair(
    user: LiveUser, desired: DesiredUser | None, change: Change | None, context: RepairContext, repair: Repair
) -> None:
    planned_name = None if change is None else change.after.get("userName")
    original = context.original_names.get(user.id)
    if change is not None and change.action is Action.DELETE:
        return
    if planned_name is not None and not is_temporary(str(planned_name)):
        repair.diagnostics.append(
            _report(user, change, f"This plan gives the account the name {_quoted(planned_name)}.")
        )
    elif change is not None and change.action in REMOVALS:
        # A removal must not fail because of a name.
        then = "the next one restores its name." if original else "its original name is not on record."
        repair.diagnostics.append(_report(user, change, f"This plan deactivates the account; {then}"))
    elif not user.managed:
        repair.diagnostics.append(_report(user, change, "It is not managed, so it is left as it is."))
    else:
        hindrance = _find_hindrance(user, desired, original, context)
        if hindrance is not None:
            repair.diagnostics.append(_report_stuck(user, desired, hindrance))
            return
        found = _restore_name(user, desired, change, str(original))
        repair.changes.append(found)
        repair.diagnostics.append(_report(user, found, f"This plan gives it back the name {_quoted(original)}."))


def _find_hindrance(
    user: LiveUser, desired: DesiredUser | None, original: str | None, context: RepairContext
) -> str | None:
    """Return why the account cannot have its original name again; None if it can."""
    if user.unreadable is not None or (desired is not None and desired.failed):
        return "the user cannot be planned"
    if context.hindrance is not None:
        return context.hindrance
    if original is None:
        return "its original name is not on record"
    # The record may have been edited: the account's own name proves what it was called.
    if not proves_original_name(user, original):
        return f"the record says that its name was {_quoted(original)}, but its temporary name does not confirm it"
    wanted = fold_case(original)
    holder = next((other for other in context.live if fold_case(other.user_name) == wanted), None)
    if holder is not None:
        return f"its original name {_quoted(original)} belongs to account {quote(holder.id)} now"
    taker = next((each for each in context.planned if fold_case(str(each.after.get("userName", ""))) == wanted), None)
    return None if taker is None else f"its original name {_quoted(original)} is given to another user"


def _restore_name(user: LiveUser, desired: DesiredUser | None, change: Change | None, original: str) -> Change:
    before = change.before if change is not None else user.attributes
    after = change.after if change is not None else user.attributes
    return Change(
        key=desired.key if desired is not None else user.user_name,
        action=change.action if change is not None else Action.UPDATE,
        reason=ActionReason.TEMPORARY_USER_NAME,
        detail="an exchange of names was cut short: the account gets its name back",
        live_id=user.id,
        before={**before, "userName": user.user_name},
        after={**after, "userName": original},
        origin=_origin(desired),
    )


def _origin(desired: DesiredUser | None) -> Origin | None:
    return desired.origin if desired is not None else None


def _quoted(name: object) -> str:
    return quote(str(name))


def _report(user: LiveUser, change: Change | None, what: str) -> Diagnostic:
    summary = f"account {quote(user.id)} has the temporary user name {quote(user.user_name)}"
    address = change.address if change is not None else format_user_address(user.user_name)
    return warning(summary, f"{_CUT_SHORT} {what}", change.origin if change is not None else None, address)


def _report_stuck(user: LiveUser, desired: DesiredUser | None, hindrance: str) -> Diagnostic:
    summary = f"account {quote(user.id)} has the temporary user name {quote(user.user_name)}, and keeps it: {hindrance}"
    address = format_user_address(desired.key if desired is not None else user.user_name)
    detail = f"{_CUT_SHORT} Rename the account at the target, or give the user with its externalId a free name here."
    return error(summary, detail, _origin(desired), address)


def without_repaired(changes: Iterable[Change], repairs: Iterable[Change]) -> list[Change]:
    """Return the changes with each repair in place of the change of the same account."""
    repaired = {repair.live_id: repair for repair in repairs}
    return [change for change in changes if change.live_id not in repaired] + list(repaired.values())
