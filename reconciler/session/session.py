"""A session with a service: the desired state, the target and the connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from reconciler.core.model import AttributePath, Deactivation, Target, Value, format_user_address
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.core.planning.full_names import fold_full_name
from reconciler.core.planning.protection import collect_protected_names
from reconciler.core.policy import Approval
from reconciler.core.values import fold_case
from reconciler.desired.loader import DesiredState
from reconciler.record.account_history import AccountHistory
from reconciler.record.account_names import translate_names
from reconciler.record.reader import read_account_history
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.scim.adaptive_rate import LearnedRate
from reconciler.session.audit_record import build_redactor_for_reading, open_full_record, read_receipt_arrivals
from reconciler.session.connection import Connection, connect, explain_refusals
from reconciler.session.recorded_applies import read_moved_from
from reconciler.session.sandbox_service import run_sandbox
from reconciler.session.stored_tokens import connect_by_oauth
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import SANDBOX_URL, Workspace, approval_date, current_time


@dataclass(frozen=True, slots=True)
class Session:
    """A desired state and the connection to its target. `redactor`: of the record."""

    workspace: Workspace
    state: DesiredState
    target: Target
    connection: Connection
    redactor: Redactor = NO_REDACTION
    _history: list[AccountHistory] = field(default_factory=list, init=False, repr=False, compare=False)
    _offsets: list[timedelta] = field(default_factory=list, init=False, repr=False, compare=False)
    _rates: list[LearnedRate] = field(default_factory=list, init=False, repr=False, compare=False)
    _lists: list[datetime] = field(default_factory=list, init=False, repr=False, compare=False)

    def observe_clock(self, offset: timedelta | None) -> None:
        """Note how far this machine's clock is ahead of the service's (negative: behind); None: unknown."""
        self._offsets[:] = [] if offset is None else [offset]

    def observe_rate(self, learned: LearnedRate) -> None:
        """Note what reading showed the service to bear."""
        self._rates[:] = [learned]

    def observe_list(self, began: datetime | None) -> None:
        """Note when the last read of all users began; None: what it does not show may exist all the same."""
        self._lists[:] = [] if began is None else [began]

    @property
    def complete_since(self) -> datetime | None:
        """When the last read of all users began, if what it did not show did not exist."""
        return self._lists[0] if self._lists else None

    @property
    def learned_rate(self) -> LearnedRate | None:
        """What reading showed the service to bear; None: nothing was read."""
        return self._rates[0] if self._rates else None

    @property
    def service_time(self) -> datetime | None:
        """What time it is by the service's clock; None: it does not say, or was not asked yet."""
        if not self._offsets:
            return None
        with suppress(OverflowError):
            return current_time() - self._offsets[0]
        return datetime.max.replace(tzinfo=UTC)

    @property
    def service_ahead(self) -> timedelta | None:
        """How far the service's clock is ahead of this machine's; None: it is not known, or they agree."""
        wrong = self._offsets and abs(self._offsets[0]) > CLOCK_TOLERANCE
        return -self._offsets[0] if wrong else None

    @property
    def approval_date(self) -> date:
        """The day that approvals are judged by: the later one, by this machine and by the service."""
        today, there = approval_date(self.workspace), self.service_time
        return today if there is None else max(today, there.date())

    def history(self) -> AccountHistory:
        """Return what receipts say about the target's accounts. They are read once, after the live users."""
        if not self._history:
            self._history.append(self._read_history())
        return self._history[0]

    def approvals(self) -> tuple[Approval, ...]:
        """Return the approvals of the settings, with the day on which each was used."""
        used = self.history().used_approvals
        return tuple(
            # Receipts of version 0.1 do not say which approval an apply used.
            replace(each, used=used.get((each.plan_id, each.id)) or used.get((each.plan_id, "")))
            for each in self.state.policy.approvals
        )

    def _read_history(self) -> AccountHistory:
        """Return what receipts say about the target's accounts, with the names of users even if they hold digests."""
        days = int(self.state.profile.quarantine_days.value)
        protected = collect_protected_names(self.state.users, self.state.policy)
        history = read_account_history(
            self.workspace.history,
            self.target,
            days,
            self.workspace.now,
            # What is recent does not depend on `--now`: looking ahead must not lift a limit.
            present=current_time(),
            service_time=self.service_time if self.service_ahead is not None else None,
            names=bool(protected),
            store=self.workspace.cache,
        )
        recorded = replace(history.recorded, redactor=self.redactor)
        history = replace(history, deactivated=self._add_commit_times(history.deactivated), recorded=recorded)
        if self.redactor.key is None:
            return history
        names = {self.redactor.name(name): fold_case(name) for user in self.state.users for name in user.user_names}
        known = (fold_full_name(user.attributes) for user in self.state.users)
        full_names = {self.redactor.name(name): name for name in known}
        digests = [(self.redactor.name(name), name) for name in protected]
        users = [format_user_address(user.key) for user in self.state.users]
        addresses = {self.redactor.address(address): address for address in users}
        return replace(
            history,
            reserved={names.get(name, name): day for name, day in history.reserved.items()},
            names=translate_names(history.names, digests),
            names_elsewhere=translate_names(history.names_elsewhere, digests),
            recent=[
                replace(
                    each,
                    address=addresses.get(each.address, each.address),
                    user_names=tuple(names.get(name, name) for name in each.user_names),
                    full_names=tuple(full_names.get(name, name) for name in each.full_names),
                )
                for each in history.recent
            ],
        )

    def _add_commit_times(self, deactivated: Mapping[str, Deactivation]) -> Mapping[str, Deactivation]:
        """Add to each deactivation when its receipt was committed, if that can delay a deletion."""
        policy = self.state.policy
        if policy.delete_after_days is None or not deactivated:
            return deactivated
        arrivals = read_receipt_arrivals(self.workspace, policy.record_branch)
        return {key: replace(found, committed=arrivals.get(found.receipt)) for key, found in deactivated.items()}

    def is_settled_form(self, live_id: str, path: AttributePath, sent: Value, shown: Value) -> bool:
        """Whether an apply on record sent this value to the account, and it then showed the other one."""
        forms = self.history().forms
        return bool(forms) and self.redactor.form(live_id, path, sent, shown) in forms

    @property
    def unreadable(self) -> bool:
        """Whether the record has digests of another key, or of one that is not given."""
        return bool(self.history().key_ids - {self.redactor.key_id})

    def moved_from(self) -> str | None:
        """Return the target of earlier applies, if none was to this one."""
        return read_moved_from(self.workspace, self.target)


@contextmanager
def open_session(
    workspace: Workspace, state: DesiredState, terminal: Terminal, redactor: Redactor | None = None
) -> Iterator[Session]:
    """Open a session; the sandbox runs as long as it is open. `redactor` None: one for reading."""
    if redactor is None:
        redactor = build_redactor_for_reading(workspace, state, terminal)
    if not workspace.sandbox:
        to = explain_refusals(_connect(state, terminal), state.credentials, current_time().date())
        with open_full_record(workspace, state.policy.record_branch, terminal) as whole:
            yield Session(whole, state, state.target, to, redactor)
        return
    names = {name for user in state.users for name in user.user_names}
    with run_sandbox(workspace.sandbox_file, state.profile, names) as (connection, content):
        if content:
            terminal.note(f"Made a sandbox with {content}: {workspace.sandbox_file}")
        yield Session(workspace, state, replace(state.target, base_url=SANDBOX_URL), connection)


def _connect(state: DesiredState, terminal: Terminal) -> Connection:
    url, profile = state.target.base_url, state.profile
    if state.settings["target"]["auth"] == "oauth":
        return connect_by_oauth(url, profile, state.credentials, terminal.note, tenant=state.target.tenant)
    return connect(url, profile, tenant=state.target.tenant)
