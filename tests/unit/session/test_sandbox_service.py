from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.builders import SCIM

from reconciler.errors import ReconcilerError
from reconciler.sandbox.seed import list_users, load_default_seed
from reconciler.session.sandbox_service import (
    edit_sandbox,
    empty_sandbox,
    is_sample_company,
    reset_sandbox,
    run_sandbox,
    seed_sandbox,
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / ".reconciler/sandbox.db"


def test_it_is_filled_emptied_and_edited(database: Path) -> None:
    count = seed_sandbox(database, None)
    users = list_users(database)
    assert count == len(users) > 0
    name = users[0]["userName"]
    edit_sandbox(database, name.casefold(), {"active": False})
    assert [user["active"] for user in list_users(database) if user["userName"] == name] == [False]
    reset_sandbox(database)
    assert list_users(database) == []


def test_a_new_one_verifies_the_domains(database: Path) -> None:
    empty_sandbox(database, ["example.org"])
    assert list_users(database) == []


def test_it_runs_on_this_machine_and_is_filled_if_new(database: Path) -> None:
    empty_sandbox(database, ["example.org"])
    with run_sandbox(database, SCIM, []) as (connection, content):
        assert connection.endpoint.base_url.startswith("http://127.0.0.1:")
        assert not content


SAMPLE = [user["userName"] for user in load_default_seed()["users"]]


@pytest.mark.parametrize(
    ("names", "sample"),
    [
        ([], False),
        (["ada@acme.example"], False),
        ([f"user{number}@example.com" for number in range(300)], False),
        # A few of the sample's users, kept as examples.
        ([*SAMPLE[:20], "ada@acme.example"], False),
        (SAMPLE, True),
        ([name.upper() for name in SAMPLE[: len(SAMPLE) * 3 // 4]], True),
    ],
    ids=["none", "a team", "the same domain", "a few", "all", "most"],
)
def test_only_the_sandbox_of_the_sample_company_is_filled(database: Path, names: list[str], sample: bool) -> None:
    assert is_sample_company(names) is sample
    with run_sandbox(database, SCIM, names) as (_, content):
        assert content == ("the sample company's live users" if sample else "no users")
    assert len(list_users(database)) == (len(SAMPLE) if sample else 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot read the seed"),
        ("[]", "is not a JSON object"),
        (json.dumps({"users": [{"userName": 7}]}), r"users\[0\]\.userName: must be a string, not 7"),
    ],
)
def test_an_invalid_seed_is_an_error(tmp_path: Path, database: Path, content: str, message: str) -> None:
    (tmp_path / "seed.json").write_text(content)
    with pytest.raises(ReconcilerError, match=message):
        seed_sandbox(database, tmp_path / "seed.json")


def test_an_installation_without_the_extra_says_so(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reconciler.sandbox.seed", None)
    with pytest.raises(ReconcilerError, match=r"the sandbox is not installed \(reconciler\.sandbox\.seed is missing\)"):
        reset_sandbox(database)
