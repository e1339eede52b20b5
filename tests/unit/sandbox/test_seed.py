import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.sandbox_seed import CORE, ENTERPRISE, FIVE

from reconciler.sandbox import admin
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.seed import edit_user, list_users, load_default_seed, reset, seed
from reconciler.sandbox.store import Store


def test_a_seed_is_kept_as_given(state: Path) -> None:
    seed(state, FIVE)
    ada, grace, *_, emile = list_users(state)
    assert {key: value for key, value in ada.items() if key != "meta"} == {
        key: value for key, value in FIVE["users"][0].items() if key != "meta"
    }
    assert ada["meta"]["lastModified"] == ada["meta"]["created"] == "2026-01-02T03:04:05Z"
    assert grace["active"] is False
    assert grace["schemas"] == [CORE]
    assert emile["userName"] == "Émile@EXAMPLE.com"
    with Store(state) as store:
        assert store.get_quirks() == Quirks(page_cap=2, patch_rejects=frozenset({"emails"}))
        assert store.get_domains() == {"example.com"}
        (gone,) = store.list_reserved_names()
        assert store.now().timestamp() - gone.deleted_at == pytest.approx(12.5 * 86400, abs=5)
    statuses = {row["userName"]: (row["source"], row["status"]) for row in admin.list_accounts(state)}
    assert statuses["ada@example.com"] == ("scim", "ACTIVE")
    assert statuses["grace@example.com"] == ("scim", "DEACTIVATED")
    assert statuses["personal@example.com"] == ("personal", "ACTIVE")
    assert statuses["gone@example.com"] == ("deleted", "DEACTIVATED")


def test_the_same_seed_gives_the_same_ids(state: Path, tmp_path: Path) -> None:
    seed(state, FIVE)
    seed(tmp_path / "other.db", FIVE)
    ids = [user["id"] for user in list_users(state)]
    assert ids == [user["id"] for user in list_users(tmp_path / "other.db")]
    assert len(set(ids)) == 5
    assert all(identifier.startswith("GN-") for identifier in ids)


def test_a_seed_replaces_everything_but_the_tokens(state: Path) -> None:
    seed(state, FIVE)
    token = admin.issue_token(state)
    admin.advance_clock(state, days=3)
    seed(state, {})
    with Store(state) as store:
        assert store.get_quirks() == Quirks()
        assert store.get_domains() is None
        assert store.get_setting("clock_offset") is None
        assert [kept.token for kept in store.list_tokens()] == [token]
    assert list_users(state) == []
    assert admin.list_accounts(state) == []


def test_the_document_is_not_changed_nor_kept_by_reference(state: Path) -> None:
    document = json.loads(json.dumps(FIVE))
    seed(state, document)
    assert document == FIVE


# -- reset --------------------------------------------------------------------


def test_reset_empties(state: Path) -> None:
    seed(state, FIVE)
    reset(state)
    assert list_users(state) == []
    assert admin.list_accounts(state) == []


def test_reset_makes_a_file(state: Path) -> None:
    reset(state)
    assert list_users(state) == []
    assert state.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"precious", b"SQLite format 3\x00" + bytes(200), b"x" * 5000])
def test_reset_leaves_a_foreign_file_alone(state: Path, content: bytes) -> None:
    state.write_bytes(content)
    with pytest.raises(SandboxError, match="not a sandbox file and was left alone"):
        reset(state)
    assert state.read_bytes() == content
    assert list(state.parent.iterdir()) == [state]


def test_reset_cures_a_damaged_sandbox(state: Path) -> None:
    seed(state, FIVE)
    content = bytearray(state.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    state.write_bytes(bytes(content))
    with pytest.raises(SandboxError, match="reconciler sandbox reset"):
        list_users(state)
    reset(state)
    assert list_users(state) == []


# -- edits --------------------------------------------------------------------


def test_an_edit_changes_what_it_names(state: Path) -> None:
    seed(state, FIVE)
    before = list_users(state)[0]
    changes = {
        "name.givenName": "Augusta",
        "enterprise:department": "Sales",
        f"{ENTERPRISE}:costCenter": None,
        "active": False,
        "locale": None,
    }
    edit_user(state, "ADA@example.com", changes)
    after = list_users(state)[0]
    assert after["name"] == {"givenName": "Augusta", "familyName": "Lovelace"}
    assert after[ENTERPRISE] == {"employeeNumber": "0012", "division": "D", "department": "Sales"}
    assert after["active"] is False
    assert "locale" not in after
    assert after["emails"] == before["emails"]
    assert after["meta"]["lastModified"] > before["meta"]["lastModified"]
    assert after["meta"]["version"] != before["meta"]["version"]
    assert admin.list_accounts(state)[0]["status"] == "DEACTIVATED"


def test_the_last_attribute_takes_its_block_along(state: Path) -> None:
    seed(state, FIVE)
    edit_user(state, "grace@example.com", {"enterprise:department": "Sales"})
    assert list_users(state)[1]["schemas"] == [CORE, ENTERPRISE]
    edit_user(state, "grace@example.com", {"enterprise:department": None})
    assert list_users(state)[1]["schemas"] == [CORE]
    assert ENTERPRISE not in list_users(state)[1]


@pytest.mark.parametrize(
    ("user_name", "changes", "message"),
    [
        ("nobody@example.com", {}, "There is no user 'nobody@example.com'"),
        ("ada@example.com", {"title": "x"}, "'title' is no attribute of an Apple account that can be edited"),
        ("ada@example.com", {"name": {}}, "'name' is no attribute"),
        ("ada@example.com", {"id": "x"}, "'id' is no attribute"),
        ("ada@example.com", {"name.givenName": 5}, "name.givenName: must be a string, not 5"),
        ("ada@example.com", {"active": "False"}, 'active: must be true or false, not "False"'),
        ("ada@example.com", {"userName": " "}, "userName can't be empty"),
        ("ada@example.com", {"emails": [{"value": 5}]}, "emails[0].value: must be a string, not 5"),
        ("ada@example.com", {"userName": None}, "userName can't be empty"),
        ("ada@example.com", {"userName": "Grace@example.com"}, "The name 'Grace@example.com' is taken"),
        ("ada@example.com", {"userName": "ADMIN@example.com"}, "The name 'ADMIN@example.com' is taken"),
    ],
)
def test_a_wrong_edit_is_refused(state: Path, user_name: str, changes: Mapping[str, object], message: str) -> None:
    seed(state, FIVE)
    before = list_users(state)
    with pytest.raises(SandboxError) as caught:
        edit_user(state, user_name, changes)
    assert message in str(caught.value)
    assert list_users(state) == before


def test_the_packaged_seed_is_valid_when_it_is_there(state: Path) -> None:
    try:
        document = load_default_seed()
    except SandboxError as error:
        assert "packaged seed" in str(error)  # noqa: PT017 - a checkout without the seed
    else:
        seed(state, document)
        assert len(list_users(state)) == len(document["users"])
