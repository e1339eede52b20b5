"""Apple's rules for accounts: which may be created, renamed and deleted, and which names are taken."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.attributes import name_key
from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.store import Account, ReservedName, Store
from reconciler.sandbox.user_table import UserRow

DAY = 86400.0
# Documented by Apple for its two services; that it applies to accounts created over SCIM is inferred.
WINDOW_DAYS = {"business": 30, "school": 120}
# Documented by Apple: what a new account is.
ROLES = {"business": "Staff", "school": "Student"}

# Documented codes of Apple's activity log; their assignment to kinds of accounts is inferred.
NAME_CODES = {
    "personal": "USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID",
    "manual": "EMAIL_UNAVAILABLE_AS_MAID",
    "jit": "EMAIL_UNAVAILABLE_AS_MAID",
    "admin": "NOT_ENOUGH_PRIVILEGE",
}


@dataclass(frozen=True, slots=True)
class Admission:
    """The result of a creation: the id, and whether the user is stored at all."""

    id: str
    stored: bool = True


class AccountRules:
    """The rules for one request.

    `journal` collects lines for the activity log, which are written after the request, also if it was refused.
    """

    def __init__(self, store: Store, quirks: Quirks, edition: str) -> None:
        self._store = store
        self._quirks = quirks
        self._edition = edition
        self.journal: list[tuple[str, str, str]] = []

    @property
    def role(self) -> str:
        """The role of a new account."""
        return ROLES[self._edition]

    def admit(self, user: Mapping[str, Any]) -> Admission:
        """Check a creation. Raises RefusalError (400, 409)."""
        name = user.get("userName")
        identifier = self._new_id()
        self._check_user(user)
        if name is None:
            return Admission(identifier)
        if self._store.users.find_by_name(name) is not None:
            raise self._name_taken_error(name)
        admission = self._check_name_holders(name, identifier)
        self._check_external_id(user, admission.id)
        self.journal.append(("UPDATED", name, "created"))
        return admission

    def review(self, before: UserRow, user: Mapping[str, Any]) -> None:
        """Check the new state of an existing user. Raises RefusalError (400, 409)."""
        self._check_user(user)
        name = user.get("userName")
        if name is not None:
            self._check_rename(before, name)
            self.journal.append(("UPDATED", name, "updated"))
        self._check_external_id(user, before.id)

    def record_deletion(self, row: UserRow) -> None:
        """Record a deletion: the name stays reserved, and the account is deactivated, not erased."""
        name = row.user_name
        if name is None or not self._quirks.reserve_names:
            return
        self._store.reserve(ReservedName(name, row.id, self._store.now().timestamp(), row.licences))
        self.journal.append(("UPDATED", name, "deleted: the account is deactivated"))
        if row.licences:
            detail = f"{row.licences} licences are attached: the account is not erased"
            self.journal.append(("OPERATION_NOT_ALLOWED_BY_VPP", name, detail))

    def decide_status(self, user: Mapping[str, Any], before: str = "NEW") -> str:
        """Return the account's status as an administrator sees it."""
        if self._quirks.active_false == "stored_only":
            return before
        if user.get("active") is False:
            return "DEACTIVATED"
        return "ACTIVE" if before == "DEACTIVATED" else before

    def _new_id(self) -> str:
        return f"GN-{uuid.uuid4()}" if self._quirks.gn_ids else str(uuid.uuid4())

    def _check_user(self, user: Mapping[str, Any]) -> None:
        name = user.get("userName")
        if self._quirks.required_names:
            block = user.get("name") or {}
            given = {"userName": name, **{f"name.{sub}": block.get(sub) for sub in ("givenName", "familyName")}}
            for path, value in given.items():
                if not value or not str(value).strip():
                    raise RefusalError(400, f"{path} is required", scim_type="invalidValue")
        if name is not None and self._quirks.domain_rule:
            self._check_domain(name)

    def _check_domain(self, name: str) -> None:
        # Documented: the name is an address in a verified domain, at creation and later. The status is inferred.
        local, _, domain = name.rpartition("@")
        if not local.strip() or not domain or any(character.isspace() for character in domain):
            raise RefusalError(400, f"userName {name!r} is not an email address", scim_type="invalidValue")
        domains = self._store.get_domains()
        if domains is not None and name_key(domain) not in domains:
            raise RefusalError(400, f"The domain of userName {name!r} is not verified", scim_type="invalidValue")

    def _check_rename(self, before: UserRow, name: str) -> None:
        holder = self._store.users.find_by_name(name)
        if holder is not None and holder.id != before.id:
            raise self._name_taken_error(name)
        if holder is None:
            account, reserved = self._store.find_account(name), self._find_reservation(name)
            if account is not None or reserved is not None:
                raise self._block_name(name, account)

    def _check_external_id(self, user: Mapping[str, Any], identifier: str) -> None:
        external_id = user.get("externalId")
        if external_id is None or not self._quirks.unique_external_id:
            return
        holder = self._store.users.find_by_external_id(external_id)
        if holder is not None and holder.id != identifier:
            raise RefusalError(409, f"externalId {external_id!r} is already in use", scim_type="uniqueness")

    def _check_name_holders(self, name: str, identifier: str) -> Admission:
        account = self._store.find_account(name)
        if account is not None:
            return self._resolve_collision(account, name, identifier)
        reserved = self._find_reservation(name)
        if reserved is None:
            return Admission(identifier)
        if not self._quirks.auto_merge:
            raise self._block_name(name, None)
        # Documented: with Auto Merge the old account is merged with the new one; that its id lives on is inferred.
        self._store.release(name)
        return Admission(reserved.id)

    def _resolve_collision(self, account: Account, name: str, identifier: str) -> Admission:
        if account.kind == "admin" and self._quirks.admin_collision == "silently_ignored":
            # Documented: "no syncing is performed and the source field remains unchanged".
            self.journal.append((NAME_CODES["admin"], name, "an administrator has this name: nothing was changed"))
            return Admission(identifier, stored=False)
        if account.kind in ("manual", "jit") and self._quirks.auto_merge:
            self._store.remove_account(name)
            self.journal.append(("UPDATED", name, f"merged with the {account.kind} account"))
            return Admission(identifier)
        raise self._block_name(name, account)

    def _find_reservation(self, name: str) -> ReservedName | None:
        """Return the deleted user that still holds a name; after the window it is free."""
        reserved = self._store.find_reserved(name) if self._quirks.reserve_names else None
        if reserved is None or reserved.licences:
            return reserved
        age = self._store.now().timestamp() - reserved.deleted_at
        return reserved if age < WINDOW_DAYS[self._edition] * DAY else None

    def _name_taken_error(self, name: str) -> RefusalError:
        return RefusalError(409, f"userName {name!r} is already in use", scim_type="uniqueness")

    def _block_name(self, name: str, account: Account | None) -> RefusalError:
        # The answer doesn't give the reason; only Apple's activity log does.
        code = NAME_CODES[account.kind] if account else "OPERATION_NOT_ALLOWED"
        reason = f"the name belongs to a {account.kind} account" if account else "a deleted account holds the name"
        self.journal.append((code, name, reason))
        return self._name_taken_error(name)
