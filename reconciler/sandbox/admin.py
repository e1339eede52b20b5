"""The actions of an administrator in Apple's web interface, which do not exist over SCIM."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.sandbox.account_rules import DAY
from reconciler.sandbox.grants import Grants, OAuthClient
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.store import AccountKind, Activity, Store, open_store
from reconciler.sandbox.user_table import UserRow

# Documented by Microsoft: the web interface takes up to this long to show a new connection.
CONNECTION_LAG = 60.0


def add_account(state: Path, user_name: str, kind: AccountKind) -> None:
    """Add an account that SCIM doesn't own and whose name it can't have. Raises SandboxError if the name is taken."""
    with open_store(state) as store:
        if store.users.find_by_name(user_name) is not None:
            raise SandboxError(f"The name {user_name!r} is taken.")
        store.add_account(user_name, kind)


def remove_account(state: Path, user_name: str) -> None:
    """Remove an account that SCIM doesn't own."""
    with open_store(state) as store:
        store.remove_account(user_name)


def set_domains(state: Path, names: Iterable[str] | None) -> None:
    """Replace the verified domains; None accepts every domain."""
    with open_store(state) as store:
        store.set_domains(names)


def set_quirks(state: Path, quirks: Quirks) -> None:
    """Switch behaviours; running servers without their own quirks follow at once."""
    with open_store(state) as store:
        store.set_quirks(quirks)


def set_auto_merge(state: Path, *, on: bool) -> None:
    """Toggle Auto Merge."""
    with open_store(state) as store:
        store.set_quirks(replace(store.get_quirks(), auto_merge=on))


def advance_clock(state: Path, *, days: float = 0, seconds: float = 0) -> None:
    """Move the simulated clock forwards. Raises SandboxError for a negative time."""
    with open_store(state) as store:
        store.advance_clock(days * DAY + seconds)


def read_activity_log(state: Path) -> list[Activity]:
    """Return the activity log, oldest first."""
    with open_store(state) as store:
        return store.list_activity()


def issue_token(state: Path) -> str:
    """Return a new access token. Raises SandboxError if there are two already."""
    with open_store(state) as store:
        return store.issue_token()


def revoke_token(state: Path, token: str) -> None:
    """Revoke an access token. Raises SandboxError for the only one: Apple requires to disconnect instead."""
    with open_store(state) as store:
        _check_token(store, token)
        now = store.now().timestamp()
        if not [other for other in store.list_tokens() if other.token != token and other.valid(now)]:
            raise SandboxError("The only access token can't be revoked. Issue another one first, or disconnect.")
        store.change_token(token, revoked=True)


def expire_token(state: Path, token: str) -> None:
    """Expire an access token now."""
    with open_store(state) as store:
        _check_token(store, token)
        store.change_token(token, expires=store.now().timestamp())


def read_oauth_client(state: Path) -> OAuthClient:
    """Return the client of the authorization server."""
    with open_store(state) as store:
        return Grants(store).get_client()


def register_redirect_uris(state: Path, redirect_uris: Iterable[str]) -> None:
    """Replace the redirect URIs to which the authorization server sends codes."""
    with open_store(state) as store:
        Grants(store).set_redirect_uris(redirect_uris)


def renew_client_secret(state: Path) -> OAuthClient:
    """Replace the client secret; refresh tokens stay valid."""
    with open_store(state) as store:
        return Grants(store).renew_secret()


def expire_client_secret(state: Path) -> None:
    """Let the client secret expire now."""
    with open_store(state) as store:
        Grants(store).expire_secret()


def revoke_authorizations(state: Path) -> None:
    """Revoke every access and refresh token of the authorization server."""
    with open_store(state) as store:
        Grants(store).revoke()


def _check_token(store: Store, token: str) -> None:
    if store.find_token(token) is None:
        raise SandboxError("The sandbox has no such access token.")


def read_connection_status(state: Path, *, lag: float = CONNECTION_LAG) -> str:
    """Return DISCONNECTED, PENDING or ACTIVE, as shown `lag` seconds after the first good request."""
    with open_store(state) as store:
        if store.get_setting("broken"):
            return "DISCONNECTED"
        now = store.now().timestamp()
        used = [token.first_used for token in store.list_tokens() if token.first_used is not None and token.valid(now)]
        used += Grants(store).list_connections()
        return "ACTIVE" if used and now - min(used) >= lag else "PENDING"


def disconnect(state: Path) -> None:
    """Disconnect the directory: users become manual accounts, their ids are lost, every token is revoked."""
    with open_store(state) as store:
        for row in store.users.list_all():
            store.users.delete(row.id)
            store.add_account(str(row.user_name), "manual")
        for token in store.list_tokens():
            store.change_token(token.token, revoked=True)
        Grants(store).revoke()
        store.set_setting("broken", "disconnected")


def reconnect(state: Path, *, merge: bool = False) -> str:
    """Connect again, after a disconnection or a broken connection, and return a valid token.

    With `merge`, new users take over accounts of the same name; otherwise they are conflicts (409).
    """
    with open_store(state) as store:
        store.set_setting("broken", None)
        store.set_quirks(replace(store.get_quirks(), auto_merge=merge))
        return store.get_usable_token()


def sign_in(state: Path, user_name: str) -> None:
    """Sign a user in for the first time: the account's status changes from NEW to ACTIVE. Raises SandboxError."""
    with open_store(state) as store:
        row = _find_user(store, user_name)
        if row.status == "DEACTIVATED":
            raise SandboxError(f"{user_name!r} is deactivated.")
        store.users.update(replace(row, status="ACTIVE"))


def attach_licences(state: Path, user_name: str, count: int) -> None:
    """Attach purchased licences, which keep a deleted account from being erased. Raises SandboxError."""
    with open_store(state) as store:
        store.users.update(replace(_find_user(store, user_name), licences=count))


def delete_user(state: Path, user_name: str) -> None:
    """Delete a user manually; unlike over SCIM the account is erased and its name is free. Raises SandboxError."""
    with open_store(state) as store:
        store.users.delete(_find_user(store, user_name).id)
        store.log("UPDATED", user_name, "deleted by an administrator")


def _find_user(store: Store, user_name: str) -> UserRow:
    row = store.users.find_by_name(user_name)
    if row is None:
        raise SandboxError(f"There is no user {user_name!r} in the sandbox.")
    return row


def list_accounts(state: Path) -> list[dict[str, Any]]:
    """Return every account as an administrator sees it: `userName`, `source`, `status`, `role`, `licences`."""
    with open_store(state) as store:
        return [*_list_scim_accounts(store), *_list_other_accounts(store), *_list_deleted_accounts(store)]


def _list_scim_accounts(store: Store) -> list[dict[str, Any]]:
    return [_build_view(row.user_name, "scim", row.status, row.role, row.licences) for row in store.users.list_all()]


def _list_other_accounts(store: Store) -> list[dict[str, Any]]:
    roles = {"admin": "Administrator", "personal": None}
    return [
        _build_view(account.user_name, account.kind, "ACTIVE", roles.get(account.kind, "Staff"), 0)
        for account in store.list_accounts()
    ]


def _list_deleted_accounts(store: Store) -> list[dict[str, Any]]:
    return [
        _build_view(name.user_name, "deleted", "DEACTIVATED", None, name.licences)
        for name in store.list_reserved_names()
    ]


def _build_view(user_name: str | None, source: str, status: str, role: str | None, licences: int) -> dict[str, Any]:
    return {"userName": user_name, "source": source, "status": status, "role": role, "licences": licences}
