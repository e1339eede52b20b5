from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import live, mappings

from reconciler.core.model import LiveUser
from reconciler.desired.directory import Directory
from reconciler.sources.live.export_report import ExportReport
from reconciler.sources.live.state_writer import SCOPE, USERS, USERS_PER_FILE, ExportSource, write_state


def write(root: Path, accounts: Sequence[LiveUser], *, unmanaged: bool = False) -> ExportReport:
    lines = {USERS: "# e\n", SCOPE: "# s\n"}
    source = ExportSource(accounts, mappings(), "https://scim.example.com (scim)", {"settings.yaml": b"x: y\n"}, lines)
    return write_state(root, source, unmanaged=unmanaged)


def names(root: Path) -> list[str]:
    directory = Directory(root)
    found = [user.key for user in directory.read_users()]
    assert directory.diagnostics == []
    return found


def test_users_are_sorted_and_counted(tmp_path: Path) -> None:
    report = write(tmp_path, [live("bob"), live("ada", active=False)])
    assert names(tmp_path) == ["ada@example.com", "bob@example.com"]
    assert (report.active, report.inactive, report.unmanaged, report.files) == (1, 1, 0, ["users/accounts.yaml"])
    assert report.losses.by_attribute == []
    text = (tmp_path / "users/accounts.yaml").read_text("utf-8")
    assert text.startswith("# e\n# Accounts of https://scim.example.com (scim), by `reconciler export`.\n- objectId: ")
    assert (tmp_path / "settings.yaml").read_bytes() == b"x: y\n"
    assert (tmp_path / "scope.yaml").read_text("utf-8").startswith("# s\n# Written by ")


def test_the_order_of_the_accounts_does_not_matter(tmp_path: Path) -> None:
    accounts = [live("bob"), live("ada"), live("cyd")]
    write(tmp_path / "one", accounts)
    write(tmp_path / "other", accounts[::-1])
    for name in ("users/accounts.yaml", "accounts.jsonl", "scope.yaml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_file_has_a_thousand_users_at_most(tmp_path: Path) -> None:
    report = write(tmp_path, [live(f"user-{number:04}") for number in range(USERS_PER_FILE + 1)])
    assert report.files == ["users/accounts-001.yaml", "users/accounts-002.yaml"]
    assert len(names(tmp_path)) == USERS_PER_FILE + 1
    assert (tmp_path / report.files[1]).read_text("utf-8").count("- objectId: ") == 1


def test_the_second_of_two_users_with_one_name_is_a_comment(tmp_path: Path) -> None:
    twin = replace(live("ada"), id="other", external_id="other", attributes={**live("ada").attributes})
    shared = {**twin.attributes, "externalId": "other"}
    report = write(tmp_path, [replace(twin, active=False, attributes=shared), live("ada")])
    assert names(tmp_path) == ["ada@example.com"]
    assert [(each.live_id, each.why) for each in report.omitted] == [
        ("other", 'another account has the userPrincipalName "ada@example.com"')
    ]
    assert (report.active, report.inactive) == (1, 0)


def test_a_file_of_comments_is_an_empty_list(tmp_path: Path) -> None:
    other = replace(live("eve"), managed=False)
    report = write(tmp_path, [other], unmanaged=True)
    assert report.files == ["users/accounts.yaml", "users/unmanaged.yaml"]
    assert (report.unmanaged, report.listed, names(tmp_path)) == (1, True, [])
    assert "userPrincipalName: eve@example.com" in (tmp_path / "users/unmanaged.yaml").read_text("utf-8")


def test_other_accounts_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    report = write(tmp_path, [live("ada"), replace(live("eve"), managed=False)])
    assert (report.unmanaged, report.listed, report.files) == (1, False, ["users/accounts.yaml"])


def test_the_snapshot_has_the_ids_of_all_accounts(tmp_path: Path) -> None:
    account = live("ada")
    write(tmp_path, [account, replace(live("eve"), managed=False, external_id=None, user_name="e\n\u2028@x")])
    lines = (tmp_path / "accounts.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "id": account.id,
            "userName": "ada@example.com",
            "externalId": account.external_id,
            "active": True,
            "managed": True,
        },
        {"id": live("eve").id, "userName": "e\n\u2028@x", "externalId": None, "active": True, "managed": False},
    ]


@pytest.mark.slow
def test_the_work_grows_with_the_number_of_accounts(tmp_path: Path) -> None:
    def measure(count: int) -> float:
        accounts = [live(f"user-{number:05}") for number in range(count)]
        start = time.process_time()
        write(tmp_path / str(count), accounts)
        return time.process_time() - start

    measure(100)
    # Four times as many accounts; names that are looked through one by one take sixteen times as long.
    assert measure(16_000) < 9 * measure(4_000)
