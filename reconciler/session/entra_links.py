"""The accounts that a plan matches, to compare them with those that Entra made."""

from __future__ import annotations

from reconciler.core.model import LiveUser
from reconciler.core.planning.matching import match_users
from reconciler.core.values import fold_case
from reconciler.session.live_export import read_accounts
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.sources.links import MatchedAccount
from reconciler.sources.state_files import read_state_files


def read_matched(session: Session, terminal: Terminal) -> list[MatchedAccount]:
    """Read all accounts, and return those that the plan matches with a user, in the order of the files.

    Raises `SourceError` if the accounts or the files cannot be read completely.
    """
    ids = {fold_case(user.name): user.object_id for user in read_state_files(session.workspace.state).current.users}
    live = read_accounts(session, terminal)
    state = session.state
    matching = match_users(state.users, live.users, state.mappings, state.policy.relink)
    found: list[tuple[str, LiveUser]] = [(user.key, account) for user, account in matching.pairs if account is not None]
    places = {user.key: place for place, user in enumerate(state.users)}
    found.sort(key=lambda pair: places[pair[0]])
    return [MatchedAccount(key, ids.get(fold_case(key), ""), account.id) for key, account in found]
