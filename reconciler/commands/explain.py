"""`explain`: why a user is in or out of scope, how each value is computed, what is live, what would change."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.model import DesiredUser, LiveUser, SourceUser
from reconciler.core.planning import explanation
from reconciler.core.planning.explanation import DecisionContext, Explanation
from reconciler.core.planning.matching import Matching
from reconciler.core.planning.planner import build_plan, match_accounts
from reconciler.core.planning.request import LiveState
from reconciler.core.policy import Policy
from reconciler.core.scope.trace import trace_scope
from reconciler.core.text import quote
from reconciler.desired.directory import Directory
from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode, UsageError
from reconciler.record.plan_file import json_text
from reconciler.render.explanation import render_explanation, to_document
from reconciler.render.formats import DATA, check_format
from reconciler.session.account_evidence import plan_with_evidence
from reconciler.session.live_plan import build_session_request, open_reader, read_live_state
from reconciler.session.session import open_session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """The command line of `explain`."""

    user: str
    format: str
    offline: bool


def run_explain(workspace: Workspace, options: ExplainOptions, terminal: Terminal) -> ExitCode:
    """Print everything about one user, given by userPrincipalName, objectId, userName or ID.

    Raises `UsageError` if there is no such user, and for options that do not go together.
    """
    check_format(options.format, DATA)
    if options.format == "json" and terminal.style.redact:
        raise UsageError("--redact cannot be combined with --format json", "JSON is for machines: use text.")
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    found = (
        _explain_offline(workspace, state, options.user)
        if options.offline
        else _explain_live(workspace, state, options.user, terminal)
    )
    as_json = options.format == "json"
    terminal.result(json_text(to_document(found)) if as_json else render_explanation(found, terminal.style))
    return ExitCode.OK


def _explain_offline(workspace: Workspace, state: DesiredState, name: str) -> Explanation:
    desired = explanation.find_desired(name, state.users)
    if desired is None:
        raise UsageError(
            f"user not found: {quote(name)}", "The desired state does not have it. Omit --offline to search the target."
        )
    source = _read_source(workspace, desired)
    return Explanation(
        name=desired.key,
        source=source,
        scope=trace_scope(source, state.rules, workspace.now.date()),
        lookups=explanation.look_up_matches(desired, (), state.mappings),
        rows=explanation.map_rows(source, state.mappings, None),
        live=None,
        decision=None,
        diagnostics=tuple(item for item in state.diagnostics if item.address == source.address),
        removal=explanation.find_removal_setting(desired, state.policy),
    )


def _explain_live(workspace: Workspace, state: DesiredState, name: str, terminal: Terminal) -> Explanation:
    with (
        open_session(workspace, state, terminal) as session,
        open_reader(session, terminal) as (client, progress),
    ):
        live = read_live_state(client, session, progress)
    plan, request = plan_with_evidence(build_session_request(session, live), live, session)
    permitted = build_plan(replace(request, policy=replace(request.policy, permitted=Policy().permitted)), live)
    # As the plan has them: the service may not show whether an account is active.
    matching, live = match_accounts(request, live)
    desired = explanation.find_desired(name, state.users)
    account = _find_account(desired, live, matching, state) if desired else explanation.find_live(name, live.users)
    if desired is None and account is None:
        raise UsageError(f"user not found: {quote(name)}", "Neither desired state nor target has it.")
    key = desired.key if desired else account.user_name or account.id if account else ""
    case = DecisionContext(key, desired, account, plan, permitted, request.policy)
    source = _read_source(workspace, desired) if desired else None
    return Explanation(
        name=case.key,
        source=source,
        scope=trace_scope(source, state.rules, workspace.now.date()) if source else None,
        lookups=explanation.look_up_matches(desired, live.users, state.mappings) if desired else (),
        rows=explanation.map_rows(source, state.mappings, account) if source else (),
        live=account,
        decision=explanation.explain_decision(case),
        diagnostics=explanation.select_diagnostics(case),
        removal=explanation.find_removal_setting(desired, state.policy),
    )


def _find_account(desired: DesiredUser, live: LiveState, matching: Matching, state: DesiredState) -> LiveUser | None:
    """Return the matched live user, or the one that a conflict is about."""
    found = next((account for user, account in matching.pairs if user is desired), None)
    if found is not None:
        return found
    ids = [
        identity
        for each in explanation.look_up_matches(desired, live.users, state.mappings)
        for identity in each.live_ids
    ]
    return next((user for user in live.users if ids and user.id == ids[0]), None)


def _read_source(workspace: Workspace, desired: DesiredUser) -> SourceUser:
    """Read the user as written: only mapped users stay in memory, so the files are read again."""
    for user in Directory(workspace.state).read_users():
        if user.key == desired.key and user.origin == desired.origin:
            return user
    raise UsageError(
        f"{quote(desired.key)} is no longer in the desired state", "It was edited meanwhile: run the command again."
    )
