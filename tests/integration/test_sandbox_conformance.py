"""Two independent checks: scim2-server's storage contract and scim2-tester, on the sandbox with Apple's quirks off."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_models import PatchOp, ScimProvider
from scim2_server.testing import ScimStorageContract
from scim2_server.utils import load_default_provider
from scim2_tester import Status, check_server

from reconciler.sandbox.account_rules import AccountRules
from reconciler.sandbox.app import SandboxApp
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.scim_storage import SqliteStorage
from reconciler.sandbox.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "sandbox.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def default_provider() -> ScimProvider:
    return load_default_provider()


class TestStorage(ScimStorageContract):
    @pytest.fixture
    def provider(self, default_provider: ScimProvider) -> ScimProvider:
        return default_provider

    @pytest.fixture
    def storage(self, store: Store, provider: ScimProvider) -> SqliteStorage:
        return SqliteStorage(store, provider, AccountRules(store, Quirks.plain(), "business"))


def client_of(store: Store, quirks: Quirks) -> WSGISCIMClient:
    headers = {"Authorization": f"Bearer {store.get_usable_token()}"}
    return WSGISCIMClient(SandboxApp(store, quirks), "http://localhost/feeds/business/scim", headers=headers)


def test_scim2_tester_reports_no_errors(store: Store) -> None:
    results = check_server(client_of(store, Quirks.plain()))
    assert [(result.title, result.reason) for result in results if result.status is not Status.SUCCESS] == []
    assert len(results) > 100


def test_scim2_tester_detects_a_defect(store: Store) -> None:
    # The check is effective: a plain service with one of Apple's quirks doesn't pass.
    values = Quirks.plain().to_mapping() | {"unknown_attr": "ignore"}
    results = check_server(client_of(store, Quirks.from_mapping(values)))
    assert [result for result in results if result.status in (Status.ERROR, Status.DEVIATION)]


def test_scim2_client_works_with_apples_behaviour(store: Store) -> None:
    client = client_of(store, Quirks(discovery="rfc"))
    client.discover()
    model: Any = client.get_resource_model("User")
    name = {"givenName": "Ada", "familyName": "Lovelace"}
    created = client.create(model.model_validate({"userName": "ada@example.com", "name": name}))
    assert client.query(model, created.id).user_name == "ada@example.com"
    operation = {"op": "replace", "path": "active", "value": False}
    client.modify(model, created.id, PatchOp[model].model_validate({"Operations": [operation]}))
    assert client.query(model).resources[0].active is False
    client.delete(model, created.id)
    assert client.query(model).total_results == 0
