from typing import Any

import pytest
from scim2_models import NotFoundException, PreconditionFailedException, ResourceType, UniquenessException
from scim2_server.utils import load_default_resource_types

from reconciler.sandbox.account_rules import AccountRules
from reconciler.sandbox.protocol import load_provider
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.scim_storage import SqliteStorage, select_user_types
from reconciler.sandbox.store import Store


@pytest.fixture
def user_type() -> ResourceType:
    """The only resource type."""
    (found,) = select_user_types(list(load_default_resource_types().values()))
    return found


@pytest.fixture
def storage(store: Store) -> SqliteStorage:
    """A storage in which new users are listed after a minute."""
    return SqliteStorage(store, load_provider(), AccountRules(store, Quirks(), "business"), visible_after=60)


def build_user(name: str = "ada@example.com") -> Any:
    return (
        load_provider()
        .model_for("User")
        .model_validate({"userName": name, "name": {"givenName": "Ada", "familyName": "Lovelace"}})
    )


def test_users_are_the_only_type(user_type: ResourceType) -> None:
    assert user_type.id == "User"


def test_a_created_user_is_read_updated_and_deleted(
    store: Store, storage: SqliteStorage, user_type: ResourceType
) -> None:
    created = storage.create(user_type, build_user())
    assert storage.get(user_type, str(created.id)) == created
    row = store.users.get(str(created.id))
    assert row is not None
    assert (row.status, row.role, row.visible_from > 0) == ("NEW", "Staff", True)
    created.active = False  # type: ignore[attr-defined]
    storage.update(user_type, created)
    changed = store.users.get(str(created.id))
    assert changed is not None
    assert (changed.status, changed.version != row.version) == ("DEACTIVATED", True)
    storage.delete(user_type, str(created.id))
    with pytest.raises(NotFoundException):
        storage.get(user_type, str(created.id))


def test_a_taken_name_is_an_error_of_the_interface(storage: SqliteStorage, user_type: ResourceType) -> None:
    storage.create(user_type, build_user())
    with pytest.raises(UniquenessException):
        storage.create(user_type, build_user("ADA@example.com"))


def test_another_version_is_a_failed_precondition(storage: SqliteStorage, user_type: ResourceType) -> None:
    created = storage.create(user_type, build_user())
    with pytest.raises(PreconditionFailedException):
        storage.delete(user_type, str(created.id), expected_version='W/"other"')
