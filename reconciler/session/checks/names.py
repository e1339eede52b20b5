"""Questions about names that accounts at the service hold, or held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.identity import parse_identity
from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.matching import match_users
from reconciler.core.profile import Comparison
from reconciler.core.text import format_names, pluralize
from reconciler.core.values import fold_case, normalize_domain
from reconciler.desired.loader import DesiredState
from reconciler.errors import ReconcilerError, ScimError, TargetError
from reconciler.scim.client import ScimClient
from reconciler.scim.probes.verdicts import Fact, ok, skip, warn
from reconciler.scim.read_budget import TimeOverError
from reconciler.session.audit_record import build_redactor_for_reading, open_full_record
from reconciler.session.baseline import build_reader
from reconciler.session.checks.context import CheckContext
from reconciler.session.checks.people import show_places
from reconciler.session.session import Session

QUESTIONS = ("taken_names", "live_domains", "reserved_names")
MOST_READ = 10_000
"""Users of a service that is read whole."""
MOST_LOOKED_UP = 25
"""Names that are looked up at a larger one."""


@dataclass(frozen=True)
class _LiveNames:
    """Live users, for as many desired users as were `asked` for. `whole`: all live users; otherwise `why` not.

    `partial`: users are missing although all were requested. `any_case`: whether users whose names differ in case alone
    were found, too.
    """

    users: Sequence[LiveUser]
    whole: bool
    asked: int
    why: str = ""
    partial: bool = False
    any_case: bool = True


def ask_names(context: CheckContext) -> Iterator[Answer]:
    """Ask who holds the names of the users: accounts that are not theirs, or accounts that were deleted lately."""
    state, client = context.state, context.client
    if state is None or client is None:  # pragma: no cover - `needs` says so
        return
    wanted = [user for user in state.users if user.verdict.in_scope and not user.failed and user.user_names]
    live = _read_live(context, client, state, wanted)
    yield _judge_taken(state, live, wanted)
    if state.policy.domains:
        yield _judge_live_domains(state, live)
    if state.profile.quarantine_days.value:
        yield _judge_reserved(context, state, live, wanted)


# --- reading -------------------------------------------------------------------------------------


def _read_live(
    context: CheckContext, client: ScimClient, state: DesiredState, wanted: Sequence[DesiredUser]
) -> _LiveNames:
    total = dict(context.answers["users"].facts).get("users") if "users" in context.answers else None
    reader = build_reader(state)
    if isinstance(total, int) and total > MOST_READ:
        if not _filters_work(context):
            return _LiveNames((), whole=False, asked=0, why="users are too many to read, and filters do not work")
        found = _look_up(client, reader, wanted)
        if _filters_find_any_case(context, state):
            return found
        return replace(found, why=f"{found.why}, and not in other cases", any_case=False)
    with context.terminal.progress() as progress:
        report = context.budget.watch(progress)
        try:
            read = client.list_users(
                reader.read,
                page_size=int(state.profile.page_size.value),
                progress=lambda done, of: report("Reading live users", done, of),
            )
        except TargetError as exc:
            why = exc.summary if isinstance(exc, TimeOverError) else "the users could not be read"
            return _LiveNames((), whole=False, asked=0, why=why)
    # What plans take as proof, too: see `live_read`.
    whole = read.problem is None and (_filters_work(context) or not read.end_unproven)
    why = "" if whole else "the list of users is not complete"
    return _LiveNames([*read.users.values()], not why, len(wanted), why, partial=bool(why))


def _filters_work(context: CheckContext) -> bool:
    names = ("filter_nobody", "filter_user_name")
    return all(name in context.answers and context.answers[name].verdict is CheckVerdict.OK for name in names)


def _filters_find_any_case(context: CheckContext, state: DesiredState) -> bool:
    """Whether a filter finds each userName that the service takes for the same."""
    (row,) = (each for each in state.profile.attributes if each.path == "userName")
    found = context.answers.get("filter_case")
    return row.comparison is Comparison.EXACT or (found is not None and found.verdict is CheckVerdict.OK)


def _look_up(client: ScimClient, reader: LiveReader, wanted: Sequence[DesiredUser]) -> _LiveNames:
    """Look up a sample of the names, spread over all."""
    sample = wanted[:: max(1, len(wanted) // MOST_LOOKED_UP)][:MOST_LOOKED_UP]
    found: dict[str, LiveUser] = {}
    asked = 0
    for user in sample:
        try:
            resources = client.find_users("userName", user.user_names[0])
        except (ScimError, TargetError):
            break
        asked += 1
        users = [reader.read(each) for each in resources if parse_identity(each.get("id")) is not None]
        found |= {each.id: each for each in users if fold_case(each.user_name) == fold_case(user.user_names[0])}
    return _LiveNames(
        [*found.values()], whole=False, asked=asked, why=f"{asked:,} names of {len(wanted):,} were looked up"
    )


# --- names that others have ------------------------------------------------------------------------


def _judge_taken(state: DesiredState, live: _LiveNames, wanted: Sequence[DesiredUser]) -> Answer:
    name = "taken_names"
    if not live.asked:
        return skip(name, f"not learnt: {live.why or 'no user is in scope'}")
    taken = find_taken(state, live.users, wanted)
    facts: dict[str, Fact] = {"users": live.asked, "taken": len(taken), "whole": live.whole}
    note = f"; {live.why}" if live.why else ""
    if not taken and not live.any_case:
        return skip(name, f"not learnt: {live.why}")
    if not taken:
        summary = f"no userName of {pluralize(live.asked, 'user')} in scope is held by another person's account{note}"
        if live.partial:
            return warn(name, summary, "Plans are blocked until the list is complete.", **facts)
        return ok(name, summary, **facts)
    advice = (
        "Plans leave these users and these accounts untouched, with an error that says what to do for each.",
        "The same person with another id: see docs/relinking.md. Another person: choose another userName.",
        *show_places((user.key, user.origin) for user in taken),
    )
    return warn(name, f"{pluralize(len(taken), 'userName')} held by another person's account{note}", *advice, **facts)


def find_taken(state: DesiredState, live: Sequence[LiveUser], wanted: Sequence[DesiredUser]) -> list[DesiredUser]:
    """Return the users whose name an account has that is not theirs, and that will not free it."""
    matching = match_users(state.users, live, state.mappings, state.policy.relink)
    own = {id(user): account for user, account in matching.pairs if account is not None}
    owners = {account.id: user for user, account in matching.pairs if account is not None}
    holders = {fold_case(user.user_name): user for user in live if user.user_name}
    taken = []
    for user in wanted:
        holder = holders.get(fold_case(user.user_names[0]))
        if holder is None or own.get(id(user)) is holder:
            continue
        owner = owners.get(holder.id)
        renamed = owner is not None and owner.user_names and owner.user_names[0] not in user.user_names
        if not renamed:
            taken.append(user)
    return taken


def _judge_live_domains(state: DesiredState, live: _LiveNames) -> Answer:
    name, domains = "live_domains", {normalize_domain(each) for each in state.policy.domains}
    if not live.users:
        return skip(name, f"not learnt: {live.why or 'the service has no users'}")
    found = {normalize_domain(user.user_name.rpartition("@")[2]) for user in live.users if "@" in user.user_name}
    others = sorted(found - domains)
    facts: dict[str, Fact] = {"domains": len(found), "others": len(others), "whole": live.whole}
    if not others and not live.whole:
        return skip(name, f"not learnt: {live.why}, and these are in target.domains")
    if not others:
        return ok(name, "every live user is in one of target.domains", **facts)
    advice = "If the domain is verified, add it to target.domains; otherwise see whose accounts these are."
    summary = f"live users have {pluralize(len(others), 'domain')} that target.domains lacks: {format_names(others, 3)}"
    return warn(name, summary, advice, **facts)


# --- names that are reserved -----------------------------------------------------------------------


def _judge_reserved(
    context: CheckContext, state: DesiredState, live: _LiveNames, wanted: Sequence[DesiredUser]
) -> Answer:
    name, days = "reserved_names", int(state.profile.quarantine_days.value)
    try:
        reserved = _read_reserved(context, state)
    except ReconcilerError:
        return skip(name, "not learnt: the record cannot be read")
    holders = {fold_case(user.user_name) for user in live.users}
    names = {fold_case(user.user_names[0]): user for user in wanted}
    blocked = {each: user for each, user in names.items() if each in reserved and each not in holders}
    facts: dict[str, Fact] = {"reserved": len(reserved), "wanted": len(blocked), "days": days}
    if not blocked:
        summary = f"no user in scope needs a name that was deleted in the last {days} days"
        return ok(name, f"{summary}, by the record", **facts)
    until = max(reserved[each] for each in blocked)
    advice = (
        f"{state.profile.title} keeps the name of a deleted account for {days} days: wait, or use another userName.",
        *show_places((user.key, user.origin) for user in blocked.values()),
    )
    summary = f"{pluralize(len(blocked), 'userName')} of a deleted account, the last one free on {until:%Y-%m-%d}"
    return warn(name, summary, *advice, **facts)


def _read_reserved(context: CheckContext, state: DesiredState) -> Mapping[str, date]:
    """Return the reserved names of the record, with the day on which each is free again."""
    if context.connection is None or context.target is None or context.client is None:
        return {}
    quiet = context.terminal.quieter()
    redactor = build_redactor_for_reading(context.workspace, state, quiet)
    with open_full_record(context.workspace, state.policy.record_branch, quiet) as whole:
        session = Session(whole, replace(state, target=context.target), context.target, context.connection, redactor)
        session.observe_clock(context.client.clock_offset)
        return session.history().reserved
