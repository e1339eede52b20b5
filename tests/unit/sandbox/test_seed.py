import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import admin
from reconciler.sandbox.errors import SandboxError
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.seed import edit_user, list_users, load_default_seed, reset, seed
from reconciler.sandbox.store import Store

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"

FIVE: Mapping[str, Any] = {
    "domains": ["example.com"],
    "quirks": {"page_cap": 2, "patch_rejects": ["emails"]},
    "users": [
        {
            "schemas": [CORE, ENTERPRISE],
            "id": "GN-given",
            "userName": "ada@example.com",
            "externalId": "e1",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "active": True,
            "locale": "en_GB",
            "timezone": "Europe/London",
            "emails": [{"value": "ada@example.com", "type": "work", "primary": True, "display": "A"}],
            ENTERPRISE: {"employeeNumber": "0012", "costCenter": "1", "division": "D", "department": "Engineering"},
            "meta": {"resourceType": "User", "lastModified": "2026-01-02T03:04:05Z"},
        },
        {"userName": "grace@example.com", "active": False},
        {"userName": "o'brien+x@example.com", "name": {"givenName": "名", "familyName": "姓"}},
        {"userName": '"a b"@example.com'},
        {"userName": "Émile@EXAMPLE.com"},
    ],
    "accounts": [{"kind": kind, "userName": f"{kind}@example.com"} for kind in ("manual", "jit", "admin", "personal")],
    "deleted": [{"userName": "gone@example.com", "days_ago": 12.5}],
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


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


PROBLEMS: list[tuple[Any, str]] = [
    ([], "the document: must be an object, not []"),
    ({"user": []}, "the document: unknown key 'user'; known are domains, quirks, users, accounts, deleted"),
    ({"users": {}}, "users: must be a list, not {}"),
    ({"users": ["ada"]}, 'users[0]: must be an object, not "ada"'),
    ({"users": [{}]}, "users[0].userName: must be a string that isn't empty, not null"),
    ({"users": [{"userName": " "}]}, 'users[0].userName: must be a string that isn\'t empty, not " "'),
    ({"users": [{"userName": "a", "title": "x"}]}, "users[0]: unknown key 'title'; known are schemas, id, "),
    ({"users": [{"userName": "a", "active": "True"}]}, 'users[0].active: must be true or false, not "True"'),
    ({"users": [{"userName": "a", "id": 5}]}, "users[0].id: must be a string, not 5"),
    ({"users": [{"userName": "a", "name": "A"}]}, 'users[0].name: must be an object, not "A"'),
    ({"users": [{"userName": "a", "name": {"givenName": 5}}]}, "users[0].name.givenName: must be a string, not 5"),
    ({"users": [{"userName": "a", "name": {"middleName": "x"}}]}, "users[0].name: unknown key 'middleName'"),
    ({"users": [{"userName": "a", ENTERPRISE: {"manager": "x"}}]}, f"users[0].{ENTERPRISE}: unknown key 'manager'"),
    ({"users": [{"userName": "a", "emails": ["x"]}]}, 'users[0].emails[0]: must be an object, not "x"'),
    ({"users": [{"userName": "a", "emails": [{"primary": 1}]}]}, "users[0].emails[0].primary: must be true or false"),
    (
        {"users": [{"userName": "a", "meta": {"lastModified": 5}}]},
        "users[0].meta.lastModified: must be a string",
    ),
    ({"users": [{"userName": "a"}, {"userName": "A"}]}, 'users[1].userName: "a" is taken by users[0] already'),
    (
        {"users": [{"userName": "a", "externalId": "e"}, {"userName": "b", "externalId": "e"}]},
        'users[1].externalId: "e" is taken by users[0] already',
    ),
    (
        {"users": [{"userName": "a", "id": "i"}, {"userName": "b", "id": "i"}]},
        'users[1].id: "i" is taken by users[0] already',
    ),
    (
        {"users": [{"userName": "a"}], "accounts": [{"kind": "jit", "userName": "A"}]},
        'accounts[0].userName: "a" is taken by users[0] already',
    ),
    (
        {"accounts": [{"kind": "jit", "userName": "a"}], "deleted": [{"userName": "a", "days_ago": 1}]},
        'deleted[0].userName: "a" is taken by accounts[0] already',
    ),
    (
        {"accounts": [{"kind": "root", "userName": "a"}]},
        "accounts[0].kind: must be one of manual, jit, admin",
    ),
    ({"accounts": [{"kind": ["jit"], "userName": "a"}]}, "accounts[0].kind: must be one of manual, jit"),
    ({"accounts": [{"kind": "jit"}]}, "accounts[0].userName: must be a string that isn't empty, not null"),
    ({"deleted": [{"userName": "a"}]}, "deleted[0].days_ago: must be a number of days from 0 on, not null"),
    (
        {"deleted": [{"userName": "a", "days_ago": -1}]},
        "deleted[0].days_ago: must be a number of days from 0",
    ),
    ({"deleted": [{"userName": "a", "days_ago": True}]}, "deleted[0].days_ago: must be a number of days from 0 on"),
    ({"domains": "example.com"}, 'domains: must be a list, not "example.com"'),
    ({"domains": ["a@b"]}, 'domains[0]: must be a domain such as example.com, not "a@b"'),
    ({"domains": [5]}, "domains[0]: must be a domain such as example.com, not 5"),
    ({"domains": ["b.org"], "users": [{"userName": "a@c.org"}]}, 'users[0].userName: "a@c.org" is in none of the'),
    ({"domains": [], "users": [{"userName": "a@c.org"}]}, 'users[0].userName: "a@c.org" is in none of the'),
    ({"quirks": {"nope": 1}}, "quirks: Unknown quirk 'nope'."),
    ({"quirks": []}, "quirks: must be an object, not []"),
    ({"users": [{"userName": "\ud800"}]}, "the document: holds something that isn't JSON in UTF-8"),
]


@pytest.mark.parametrize(("document", "message"), PROBLEMS)
def test_a_wrong_document_is_refused_and_changes_nothing(state: Path, document: Any, message: str) -> None:
    seed(state, FIVE)
    before = list_users(state)
    with pytest.raises(SandboxError) as caught:
        seed(state, document)
    assert message in str(caught.value)
    assert list_users(state) == before


def test_all_problems_are_told_at_once(state: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        seed(state, {"users": [{"userName": 5}] * 25, "domains": 5})
    lines = str(caught.value).splitlines()
    assert lines[0] == "The sandbox can't be filled with this:"
    assert lines[1].startswith("  - users[0].userName: ")
    assert len(lines) == 22
    assert lines[-1].startswith("  … and ")
    assert not state.exists()


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
