from pathlib import Path
from typing import Any

import pytest
from support.sandbox_seed import ENTERPRISE, FIVE

from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.seed import list_users, seed

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


def test_all_problems_are_reported_at_once(state: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        seed(state, {"users": [{"userName": 5}] * 25, "domains": 5})
    lines = str(caught.value).splitlines()
    assert lines[0] == "The sandbox can't be filled with this:"
    assert lines[1].startswith("  - users[0].userName: ")
    assert len(lines) == 22
    assert lines[-1].startswith("  … and ")
    assert not state.exists()
