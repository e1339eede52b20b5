"""scim2-server's storage interface over the sandbox's SQLite file."""

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from scim2_models import (
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimProvider,
    SearchRequest,
    UniquenessException,
)
from scim2_server.memory import InMemoryStorage
from scim2_server.storage import ScimStorage, SearchPage

from reconciler.sandbox.account_rules import AccountRules
from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.store import Store
from reconciler.sandbox.user_table import UserRow


class SqliteStorage(ScimStorage):
    """Resources in the sandbox's file, under the account rules of one request.

    Raises scim2-models' exceptions as the interface requires, and RefusalError if an account rule is broken. Writes
    join the open transaction; without one, each has its own.
    """

    def __init__(self, store: Store, provider: ScimProvider, rules: AccountRules, *, visible_after: float = 0) -> None:
        self._store = store
        self._provider = provider
        self._rules = rules
        self._visible_after = visible_after

    def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,  # noqa: ARG002 - of the interface
    ) -> Resource[Any]:
        """Return the complete resource, whatever the response includes."""
        return self._load(self._stored(resource_type, resource_id))

    def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return a page; scim2-server's own storage filters, sorts and pages what the file holds."""
        now = self._store.now().timestamp()
        rows = self._store.users.list_all([str(resource_type.name) for resource_type in resource_types])
        scratch = InMemoryStorage()
        scratch.resources = [self._load(row) for row in rows if row.visible_from <= now]
        return scratch.search(resource_types, search_request, position=position)

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Store a new resource if the account rules admit it."""
        with self._store.transaction(write=True):
            body = _to_body(resource)
            with _translate_conflicts():
                admission = self._rules.admit(body)
            now = self._store.now()
            row = UserRow(
                id=admission.id,
                body=body,
                created=self._store.timestamp(),
                modified="",
                version=_new_version(),
                type=str(resource_type.name),
                visible_from=now.timestamp() + self._visible_after if self._visible_after else 0.0,
                status=self._rules.decide_status(body),
                role=self._rules.role,
            )
            row = replace(row, modified=row.created)
            if admission.stored:
                self._store.users.insert(row)
        return self._load(row)

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Replace a stored resource if the account rules allow its new state."""
        with self._store.transaction(write=True):
            before = self._stored(resource_type, resource.id, expected_version)
            body = _to_body(resource)
            with _translate_conflicts():
                self._rules.review(before, body)
            row = replace(
                before,
                body=body,
                modified=self._store.timestamp(),
                version=_new_version(),
                status=self._rules.decide_status(body, before.status),
            )
            self._store.users.update(row)
        return self._load(row)

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Remove a stored resource; its name may stay reserved."""
        with self._store.transaction(write=True):
            row = self._stored(resource_type, resource_id, expected_version)
            self._rules.record_deletion(row)
            self._store.users.delete(row.id)

    def _stored(
        self, resource_type: ResourceType, resource_id: str | None, expected_version: str | None = None
    ) -> UserRow:
        row = self._store.users.get(resource_id or "", str(resource_type.name))
        if row is None:
            raise NotFoundException(detail=f"{resource_type.name} {resource_id!r} not found")
        if expected_version is not None and row.version != expected_version:
            raise PreconditionFailedException
        return row

    def _load(self, row: UserRow) -> Resource[Any]:
        model: Any = self._provider.model_for(row.type)
        meta = {
            "resourceType": row.type,
            "created": row.created,
            "lastModified": row.modified,
            "version": row.version,
        }
        loaded: Resource[Any] = model.model_validate({**row.body, "id": row.id, "meta": meta})
        return loaded


@contextlib.contextmanager
def _translate_conflicts() -> Iterator[None]:
    """Raise a uniqueness refusal as the exception of scim2-server's interface."""
    try:
        yield
    except RefusalError as refusal:
        if refusal.scim_type != UniquenessException.scim_type:
            raise
        raise UniquenessException(detail=refusal.detail) from refusal


def _to_body(resource: Resource[Any]) -> dict[str, Any]:
    dumped: dict[str, Any] = resource.model_dump()
    return {key: value for key, value in dumped.items() if key not in ("id", "meta")}


def _new_version() -> str:
    # RFC 7644 §3.14: a weak entity tag.
    return f'W/"{secrets.token_hex(8)}"'


def select_user_types(resource_types: Sequence[ResourceType]) -> list[ResourceType]:
    """Return the resource types that the sandbox serves: only users."""
    return [resource_type for resource_type in resource_types if resource_type.id == "User"]
