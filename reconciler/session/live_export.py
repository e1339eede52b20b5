"""Read the accounts of a target to export them, completely or not at all, and plan for what was written."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.core.model import LiveUser
from reconciler.core.plan import Plan
from reconciler.core.planning.matching import match_users
from reconciler.core.planning.omitted_active import settle_omitted_active
from reconciler.core.planning.request import LiveState
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.core.text import format_names, pluralize
from reconciler.desired.loader import BrokenState, load
from reconciler.errors import SourceError, UsageError
from reconciler.session.account_evidence import plan_with_evidence
from reconciler.session.live_plan import build_session_request, open_reader, read_live_state
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, approval_date

_NOTHING = "No file was written."
_EMPTY = "Name a directory that does not exist: existing files are never changed."


def read_accounts(session: Session, terminal: Terminal) -> LiveState:
    """Read all accounts by a client that cannot write.

    Raises `SourceError` if the list is not provably complete, and if nothing shows whether an account is active.
    """
    with open_reader(session, terminal) as (client, progress):
        live = read_live_state(client, session, progress)
    if live.problem is not None:
        raise SourceError(f"the accounts cannot be read completely: {live.problem}", _NOTHING)
    return live


def check_accounts(live: LiveState, *, unmanaged: bool) -> None:
    """Raise `SourceError` if there is nothing to export; `unmanaged`: accounts that are not managed count, too.

    A service that lists no accounts by mistake must not leave a snapshot without any.
    """
    if any(each.managed or unmanaged for each in live.users):
        return
    if live.users:
        others = pluralize(len(live.users), "account")
        detail = f"The ownership filter of settings.yaml excludes {others}: --unmanaged exports them as comments."
        raise SourceError("there are no managed accounts to export", detail)
    detail = (
        "The service lists none: check the token and target.base_url. After a new connection it may show no old one."
    )
    raise SourceError("there are no accounts to export", detail)


def settle_accounts(session: Session, live: LiveState) -> list[LiveUser]:
    """Return the accounts with what a left out `active` means for each. Raises `SourceError` if that is not known."""
    matching = match_users((), live.users, session.state.mappings)
    settled = settle_omitted_active(matching, live.users, live.inactive, session.is_settled_form)
    unknown = [each for each in settled.users if each.managed and each.id in settled.doubts.unknown]
    if unknown:
        names = format_names(sorted(each.user_name for each in unknown))
        accounts = pluralize(len(unknown), "account")
        are = "is" if len(unknown) == 1 else "are"
        detail = (
            "It leaves active out there, and shows true for others. Check these accounts at the target, then write\n"
            f"`active_when_absent: true` or `active_when_absent: false` under `target` in settings.yaml. {_NOTHING}"
        )
        raise SourceError(f"the service does not show whether {accounts} {are} active: {names}", detail)
    return list(settled.users)


def plan_export(session: Session, written: Path, live: LiveState) -> Plan:
    """Return the plan for the desired state in `written` and the accounts that it was written from.

    Raises `SourceError` if it cannot be planned from.
    """
    workspace = session.workspace
    state = load(written, workspace.now, approval_date(workspace), checked_out=False)
    if isinstance(state, BrokenState):
        first = state.diagnostics[0]
        raise SourceError(f"the exported users cannot be read: {first.summary} ({first.origin})", _NOTHING)
    again = replace(session, state=state)
    return plan_with_evidence(build_session_request(again, live), live, again)[0]


def check_destination(out: Path, workspace: Workspace) -> None:
    """Raise `UsageError` unless `out` is a new or an empty directory outside of the desired state."""
    if out.resolve().is_relative_to(workspace.state.resolve()):
        raise UsageError(f"{out} is in the desired state", _EMPTY)
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise UsageError(f"{out} exists already", _EMPTY)


@contextmanager
def open_destination(out: Path) -> Iterator[Path]:
    """Return a directory next to `out` that becomes `out` at the end, and is removed after an exception.

    Raises `SourceError` if `out` cannot be written, or has files by then.
    """
    scratch = out.parent / f".{out.name}.{secrets.token_hex(4)}"
    try:
        with _explain_refusal(out):
            scratch.mkdir(parents=True)
        yield scratch
        with _explain_refusal(out):
            scratch.replace(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _explain_refusal(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SourceError(f"cannot write {out}: {describe_os_error(exc)}", advise(exc, _EMPTY)) from exc
