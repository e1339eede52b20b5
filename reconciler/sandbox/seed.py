"""Fill, empty, edit and list a sandbox file without a server."""

import contextlib
import importlib.resources
import json
import secrets
import sqlite3
import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.sandbox.account_rules import DAY
from reconciler.sandbox.attributes import name_key, schemas_of, split_path
from reconciler.sandbox.database import CREDENTIAL_TABLES, check_path
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.seed_document import SeedDocument, check_value, parse_editable_path, read_seed_document
from reconciler.sandbox.store import ReservedName, Store, open_store
from reconciler.sandbox.user_table import UserRow


def reset(state: Path) -> None:
    """Empty a sandbox: users, names, log, domains, quirks and clock; its access tokens stay valid.

    Creates the file if there is none, and replaces a damaged or outdated sandbox. Raises SandboxError for a file that
    isn't a sandbox, which is left unchanged.
    """
    check_path(state)
    try:
        with open_store(state) as store:
            store.clear(keep=CREDENTIAL_TABLES)
    except SandboxError as error:
        # Locked, read-only or a full disk: a new file would not help.
        if isinstance(error.__cause__, sqlite3.OperationalError):
            raise
        _recreate(state)


def _recreate(state: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        state.with_name(state.name + suffix).unlink(missing_ok=True)
    Store(state).close()


def seed(state: Path, document: Mapping[str, Any]) -> None:
    """Replace the content of a sandbox by a seed document; its access tokens stay valid.

    The document: `{"domains": […], "quirks": {…}, "users": [SCIM user, …], "accounts": [{"kind": "manual|jit|admin|
    personal", "userName": …}], "deleted": [{"userName": …, "days_ago": n}]}`, every key optional. `id` and `meta` of
    a user are kept. Raises SandboxError with all problems, and changes nothing then.
    """
    checked = read_seed_document(document)
    with open_store(state) as store:
        store.clear(keep=CREDENTIAL_TABLES)
        _fill(store, checked)


def _fill(store: Store, document: SeedDocument) -> None:
    store.set_domains(document.domains)
    store.set_quirks(document.quirks)
    now = store.timestamp()
    store.users.insert(*[_build_row(user, now) for user in document.users])
    for account in document.accounts:
        store.add_account(account.user_name, account.kind)
    for user_name, days_ago in document.deleted:
        deleted_at = store.now().timestamp() - days_ago * DAY
        store.reserve(ReservedName(user_name, _derive_id(user_name), deleted_at))


def _derive_id(user_name: str) -> str:
    # The same seed gives the same ids, so that plans are reproducible.
    return f"GN-{uuid.uuid5(uuid.NAMESPACE_URL, name_key(user_name))}"


def _build_row(user: Mapping[str, Any], now: str) -> UserRow:
    body = {key: deepcopy(value) for key, value in user.items() if key not in ("schemas", "id", "meta")}
    meta = user.get("meta", {})
    modified = meta.get("lastModified") or meta.get("created") or now
    return UserRow(
        id=user.get("id") or _derive_id(user["userName"]),
        body={"schemas": schemas_of(body), **body},
        created=meta.get("created") or modified,
        modified=modified,
        version=_new_version(),
        status="DEACTIVATED" if user.get("active") is False else "ACTIVE",
    )


def _new_version() -> str:
    return f'W/"{secrets.token_hex(8)}"'


def load_default_seed() -> dict[str, Any]:
    """Return the packaged seed document. Raises SandboxError if it is missing or can't be read."""
    packaged = importlib.resources.files("reconciler.sandbox").joinpath("seed.json")
    try:
        document: dict[str, Any] = json.loads(packaged.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SandboxError(f"The packaged seed can't be read: {error}. Install the package again.") from error
    return document


def edit_user(state: Path, user_name: str, changes: Mapping[str, object]) -> None:
    """Change a user manually, as an administrator does in Apple's web interface.

    `changes` maps attribute paths (`name.givenName`, `enterprise:department`, `active`, …) to values; None removes.
    Raises SandboxError for an unknown user, path or value, or a name that is taken; nothing is changed then.
    """
    paths = {parse_editable_path(path): value for path, value in changes.items()}
    for path, value in paths.items():
        if value is not None:
            check_value(path, value)
    with open_store(state) as store:
        row = store.users.find_by_name(user_name)
        if row is None:
            raise SandboxError(f"There is no user {user_name!r} in the sandbox.")
        body = _apply_changes(row.body, paths)
        _check_name(store, row, body)
        status = "DEACTIVATED" if body.get("active") is False else "ACTIVE"
        changed = replace(row, body=body, modified=store.timestamp(), version=_new_version(), status=status)
        store.users.update(changed)
        store.log("UPDATED", str(body["userName"]), "edited by an administrator")


def _apply_changes(body: Mapping[str, Any], paths: Mapping[str, object]) -> dict[str, Any]:
    edited = deepcopy(dict(body))
    for path, value in paths.items():
        head, sub = split_path(path)
        block, key = (edited, head) if sub is None else (edited.setdefault(head, {}), sub)
        if value is None:
            block.pop(key, None)
        else:
            block[key] = deepcopy(value)
        if sub is not None and not edited[head]:
            del edited[head]
    return {**edited, "schemas": schemas_of(edited)}


def _check_name(store: Store, row: UserRow, body: Mapping[str, Any]) -> None:
    name = body.get("userName")
    if not isinstance(name, str) or not name.strip():
        raise SandboxError("userName can't be empty.")
    holder = store.users.find_by_name(name)
    if (holder is not None and holder.id != row.id) or store.find_account(name) is not None:
        raise SandboxError(f"The name {name!r} is taken.")


def list_users(state: Path) -> list[dict[str, Any]]:
    """Return every SCIM user as stored, without omissions, oldest first. Raises SandboxError."""
    with contextlib.closing(Store(state)) as store, store.transaction(write=False):
        return [to_scim_json(row) for row in store.users.list_all()]


def to_scim_json(row: UserRow) -> dict[str, Any]:
    """Return a stored user as SCIM JSON."""
    meta = {"resourceType": row.type, "created": row.created, "lastModified": row.modified, "version": row.version}
    return {"id": row.id, **row.body, "meta": meta}
