"""Protection follows the account: a rename, another externalId or another entry does not end it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import CommandResult, OpenWorkspace, Workspace, source

People = list[dict[str, Any]]
OLD, NEW, NEWEST = "boss@example.com", "chief@example.com", "head@example.com"
KEY = "k" * 40


class Company:
    """A boss and five others, whose accounts are as desired."""

    def __init__(self, open_workspace: OpenWorkspace) -> None:
        accounts = [make_user(0, userName=OLD), *(make_user(number) for number in range(1, 6))]
        self.service = FakeScimServer(users=accounts)
        self.people = [source(account) for account in accounts]
        self.work: Workspace = open_workspace(self.service)
        self.protect(OLD)

    @property
    def boss(self) -> dict[str, Any]:
        return self.people[0]

    def protect(self, *names: str, **sections: Any) -> None:
        limits = {"removals": {"count": 1000, "percent": 100}, "name_takeovers": {"count": 1}}
        guards = {**limits, "protected": list(names)}
        self.work.settings(guards=guards, **sections)

    def apply(self) -> CommandResult:
        self.work.users(self.people)
        return self.work.apply()

    def rename(self, name: str) -> None:
        self.boss["userPrincipalName"] = name
        assert self.apply().code in (0, 5)

    def remove_boss(self) -> CommandResult:
        """Remove the boss from git, and plan."""
        self.work.users(self.people[1:])
        return self.work.plan()

    def assert_kept(self) -> None:
        """The removal of the boss is blocked by the guard `protected`."""
        planned = self.remove_boss()
        assert planned.code == 3, planned.out
        assert [guard["name"] for guard in planned.plan["guards"] if not guard["passed"]] == ["protected"]
        writes = len(self.service.writes)
        assert self.work.apply().code == 3
        assert len(self.service.writes) == writes


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> Company:
    return Company(open_workspace)


def diagnostics(result: CommandResult, severity: str) -> list[str]:
    return [item["summary"] for item in result.plan["diagnostics"] if item["severity"] == severity]


def test_a_renamed_account_stays_protected(company: Company) -> None:
    company.rename(NEW)
    company.assert_kept()


def test_two_renames_in_a_row_do_not_end_it(company: Company) -> None:
    company.rename(NEW)
    company.rename(NEWEST)
    company.assert_kept()


@pytest.mark.parametrize("entry", ["externalId", "id"])
def test_an_entry_that_is_an_identifier_protects_a_renamed_account(entry: str, company: Company) -> None:
    account = next(user for user in company.service.users.values() if user["userName"] == OLD)
    company.protect(account[entry])
    company.rename(NEW)
    company.assert_kept()


def test_an_account_with_another_external_id_stays_protected(company: Company) -> None:
    company.boss["department"] = "Board"
    company.rename(NEW)
    account = next(user for user in company.service.users.values() if user["userName"] == NEW)
    account["externalId"] = "given by an administrator"
    company.assert_kept()


def test_an_account_created_again_for_the_same_external_id_stays_protected(company: Company) -> None:
    company.rename(NEW)
    identity = next(key for key, user in company.service.users.items() if user["userName"] == NEW)
    del company.service.users[identity]
    assert company.apply().code == 5, "the entry names no account any more"
    company.assert_kept()


def test_a_rename_that_was_cut_short_is_known(company: Company) -> None:
    company.rename(NEW)
    for file in company.work.plans.glob("*/receipt.jsonl"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if '"finished"' not in line and '"apply_finished"' not in line))
        file.with_name("README.md").unlink()
    company.assert_kept()


def drop_new_keys(file: Path) -> None:
    """Make a receipt one of version 0.1."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line.pop("external_id", None)
        if line["event"] == "started":
            line.pop("user_name", None)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_receipts_of_version_0_1_are_read_with_their_plans(company: Company) -> None:
    company.rename(NEW)
    for file in company.work.plans.glob("*/receipt.jsonl"):
        drop_new_keys(file)
    company.assert_kept()


def test_a_record_with_digests_protects_too(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    company.protect(OLD, record={"values": "digest"})
    company.rename(NEW)
    assert all(OLD not in file.read_text() for file in company.work.plans.rglob("*") if file.is_file())
    company.assert_kept()


@pytest.mark.parametrize("key", ["x" * 40, None])
@pytest.mark.parametrize("values", ["digest", "full"])
def test_a_record_whose_digests_cannot_be_read_blocks_removals_while_an_entry_names_nobody(
    values: str, key: str | None, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    company.protect(OLD, record={"values": "digest"})
    company.rename(NEW)
    if key is None:
        monkeypatch.delenv("RECONCILER_RECORD_KEY")
    else:
        monkeypatch.setenv("RECONCILER_RECORD_KEY", key)
    company.protect(OLD, record={"values": values})
    planned = company.remove_boss()
    assert planned.code == 3, planned.out
    (failed,) = [guard for guard in planned.plan["guards"] if not guard["passed"]]
    assert failed["name"] == "protected"
    assert failed["message"] == (
        f'guards.protected lists "{OLD}", which no account is called now, and earlier names on record are digests of '
        "another RECONCILER_RECORD_KEY: set that key, with `record: {values: digest}`, or change the entry to the name "
        "that its account has now, or remove it"
    )
    for lost in ("earlier names", "protection", "24 hours", "deleted accounts", "keep failing", "interrupted"):
        assert planned.err.count(lost) == 1, planned.err
    if key is not None or values == "full":
        assert company.work.apply().code == 3
        assert company.service.writes[-1].method == "PATCH"
    # Either way out works: the entry follows its account, or the key and the setting are as they were.
    company.protect(NEW, record={"values": values})
    (message,) = [guard["message"] for guard in company.remove_boss().plan["guards"] if not guard["passed"]]
    assert message.startswith("1 protected user would be removed")
    company.protect(record={"values": values})
    assert company.remove_boss().code == 2
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    company.protect(OLD, record={"values": "digest"})
    company.assert_kept()


def test_with_another_key_users_can_be_removed_if_every_entry_names_an_account(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    company.protect(OLD, record={"values": "digest"})
    company.boss["department"] = "Board"
    assert company.apply().code == 0
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "x" * 40)
    company.people.pop()
    assert company.apply().code == 0


def test_a_user_protected_in_git_is_protected_under_earlier_names(company: Company) -> None:
    """The user is disabled, and git knows the person by the entry's new name only."""
    company.protect()
    company.boss["lifecycle"] = {"protected": True}
    company.rename(NEW)
    company.boss["accountEnabled"] = False
    company.work.users(company.people)
    planned = company.work.plan()
    assert [guard["name"] for guard in planned.plan["guards"] if not guard["passed"]] == ["protected"]


# --- what is said -----------------------------------------------------------------


def test_the_plan_that_renames_a_protected_account_warns(company: Company) -> None:
    company.boss["userPrincipalName"] = NEW
    company.work.users(company.people)
    planned = company.work.plan()
    assert planned.code == 2
    assert diagnostics(planned, "warning") == [f'guards.protected: "{OLD}" will be called "{NEW}"']
    (item,) = planned.plan["diagnostics"]
    assert (item["file"], item["line"]) == ("settings.yaml", 1)
    assert "change the entry" in item["detail"]
    company.protect(NEW)
    assert diagnostics(company.work.plan(), "warning") == []


def test_an_entry_whose_account_was_renamed_is_an_error(company: Company) -> None:
    company.rename(NEW)
    planned = company.work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert diagnostics(planned, "error") == [f'guards.protected: the account "{OLD}" is now called "{NEW}"']
    assert planned.plan["diagnostics"][0]["file"] == "settings.yaml"
    company.protect(NEW)
    assert company.work.plan().code == 0
    company.assert_kept()


def test_an_entry_whose_account_is_gone_is_an_error(company: Company) -> None:
    company.rename(NEW)
    identity = next(key for key, user in company.service.users.items() if user["userName"] == NEW)
    del company.service.users[identity]
    company.work.users(company.people[1:])
    planned = company.work.plan()
    assert (planned.code, planned.actions) == (5, {})
    assert diagnostics(planned, "error") == [f'guards.protected: the account "{OLD}" no longer exists']


def test_an_entry_that_never_matched_is_a_warning(company: Company) -> None:
    company.protect(OLD, "never@example.com")
    company.rename(OLD)
    planned = company.work.plan()
    assert diagnostics(planned, "warning") == ['guards.protected: user not found: "never@example.com"']


@pytest.mark.parametrize("entry", ["boss@example.org", "mailto:boss@example.com", "BOSS", "boss@exmaple.com"])
def test_an_entry_with_another_domain_than_its_account_blocks_the_removal(entry: str, company: Company) -> None:
    company.protect(entry)
    assert company.apply().code == 0
    planned = company.remove_boss()
    assert (planned.code, planned.actions) == (3, {OLD: "deactivate"})
    (message,) = [guard["message"] for guard in planned.plan["guards"] if not guard["passed"]]
    assert message == (
        f'guards.protected lists "{entry.lower()}", which no account is called, and "{OLD}" would be removed: '
        "correct the entry, or remove it if it means another account"
    )
    company.assert_kept()
    company.protect()
    assert company.work.apply().code == 0, "the way out"


def test_an_entry_of_another_account_with_the_same_name_before_the_at_blocks_no_removal(company: Company) -> None:
    company.people.append(source(make_user(9, userName="boss@example.org")))
    company.protect("boss@example.org")
    assert company.apply().code == 0
    assert company.remove_boss().code == 2


@pytest.mark.parametrize("entry", ["", " ", "*", None, "*@example.com"])
def test_an_entry_that_can_name_no_account_is_an_error_at_its_place(entry: str | None, company: Company) -> None:
    text = (company.work.state / "settings.yaml").read_text()
    column = text.index(json.dumps(OLD)) + 1
    company.work.write("settings.yaml", text.replace(json.dumps(OLD), json.dumps(entry)))
    company.work.users(company.people[1:])
    result = company.work.apply()
    assert result.code == 1
    assert f"settings.yaml:1:{column}" in result.out + result.err
    assert company.service.writes == []


# --- another user takes the name --------------------------------------------------


def newcomer(company: Company) -> dict[str, Any]:
    user = source(make_user(9, userName=OLD))
    company.people.append(user)
    assert company.apply().code == 0
    return user


def test_a_new_user_with_the_old_name_is_protected_while_the_entry_names_it(company: Company) -> None:
    company.rename(NEW)
    user = newcomer(company)
    planned = company.work.plan()
    assert diagnostics(planned, "warning") == [
        f'guards.protected: "{OLD}" now names another account; the one it named before is now called "{NEW}"'
    ]
    company.assert_kept()
    company.people.remove(user)
    company.work.users(company.people)
    assert company.work.plan().code == 3, "the entry names this account"


def test_a_new_user_with_the_old_name_is_not_protected_once_the_entry_follows(company: Company) -> None:
    company.rename(NEW)
    user = newcomer(company)
    company.protect(NEW)
    company.assert_kept()
    company.people.remove(user)
    company.work.users(company.people)
    planned = company.work.plan()
    assert (planned.code, planned.actions) == (2, {OLD: "deactivate"})


def test_two_accounts_that_swap_names_are_both_protected(company: Company) -> None:
    other = company.people[1]
    other["userPrincipalName"], company.boss["userPrincipalName"] = OLD, other["userPrincipalName"]
    assert company.apply().code == 0
    company.assert_kept()
    company.people.remove(other)
    company.work.users(company.people)
    assert company.work.plan().code == 3


@pytest.mark.parametrize("name", [OLD, NEW])
def test_without_protected_users_nothing_is_protected(name: str, company: Company) -> None:
    company.protect()
    company.rename(name)
    assert company.remove_boss().code == 2


# --- the service under another address ---


def move(company: Company, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Write an alias of the same service, which takes no approval of a plan with a removal to reach."""
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "localhost,127.0.0.1")
    address = company.service.base_url.replace("127.0.0.1", "localhost")
    company.protect(*names, target={"profile": "scim", "base_url": address, "domains": ["example.com"]})


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("by", ["settings", "entry"])
def test_protection_by_the_record_follows_the_accounts_to_another_address(
    by: str, applied: bool, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after an apply to the new address."""
    names = [OLD] if by == "settings" else []
    if by == "settings":
        company.rename(NEW)
    else:
        protect_by_entry(company)
    move(company, monkeypatch, *names)
    if applied:
        company.people[1]["department"] = "Board"
        company.work.users(company.people if by == "settings" else company.people[1:])
        # Only the change of the other user, so that no entry notes anything.
        chosen = ("--user", company.people[1]["userPrincipalName"])
        plan_id = company.work.plan(*chosen).plan["plan_id"]
        assert company.work.apply(*chosen, "--approve", plan_id, "--lift", "target").code in {0, 5}
    planned = company.remove_boss()
    failed = [guard["name"] for guard in planned.plan["guards"] if not guard["passed"]]
    assert failed == ["protected"] if applied else ["protected", "target"]
    lifted = company.work.apply("--approve", planned.plan["plan_id"], "--lift", "target")
    assert lifted.code == 3
    boss = next(user for user in company.service.users.values() if user["userName"] in {OLD, NEW})
    assert boss["active"] is True


def test_the_way_out_works_at_another_address(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    protect_by_entry(company)
    move(company, monkeypatch)
    company.boss.update(lifecycle={"protected": False}, department="Board")
    company.work.users(company.people)
    planned = company.work.plan()
    assert company.work.apply("--approve", planned.plan["plan_id"], "--lift", "target").code == 0
    assert company.remove_boss().code == 2


# --- protected by the user's entry ------------------------------------------------


def protect_by_entry(company: Company) -> None:
    company.protect()
    company.boss["lifecycle"] = {"protected": True}
    assert company.apply().code == 0


def test_a_user_whose_protected_entry_is_deleted_stays_protected(company: Company) -> None:
    """The apply has no changes to make, and notes the account all the same."""
    protect_by_entry(company)
    planned = company.remove_boss()
    (message,) = [guard["message"] for guard in planned.plan["guards"] if not guard["passed"]]
    assert message == (
        "1 account would be removed whose user was protected (lifecycle.protected) by an entry that is gone: "
        f'"{OLD}" (externalId "{company.boss["objectId"]}"). Restore the entry with this externalId and '
        "`protected: false`, apply, then remove it"
    )
    company.assert_kept()


@pytest.mark.parametrize("others_fail", [False, True])
def test_the_way_out_is_an_entry_that_does_not_protect(others_fail: bool, company: Company) -> None:
    protect_by_entry(company)
    company.assert_kept()
    company.boss["lifecycle"] = {"protected": False}
    if others_fail:
        company.people[1]["department"] = "a\u0007b"
    assert company.apply().code == (5 if others_fail else 0)
    if others_fail:
        company.people[1].pop("department")
    planned = company.remove_boss()
    assert planned.actions[OLD] == "deactivate"
    assert planned.code == 2


@pytest.mark.parametrize("renamed", [False, True])
def test_the_way_out_works_for_an_account_that_was_edited_at_the_target(renamed: bool, company: Company) -> None:
    protect_by_entry(company)
    account = next(user for user in company.service.users.values() if user["userName"] == OLD)
    account.update(externalId="given by an administrator", **({"userName": NEW} if renamed else {}))
    planned = company.remove_boss()
    (message,) = [guard["message"] for guard in planned.plan["guards"] if not guard["passed"]]
    assert '(externalId "given by an administrator"). Restore the entry with this externalId' in message
    company.boss.update(objectId="given by an administrator", lifecycle={"protected": False})
    assert company.apply().code == 0
    assert company.remove_boss().code == 2


@pytest.mark.parametrize("stranger", ["id", "userName", "userName and protected: false"])
def test_the_entry_of_another_user_does_not_end_it(stranger: str, company: Company) -> None:
    """An entry with the service's id of the account, or one that names the account and is in error."""
    protect_by_entry(company)
    identity = next(key for key, user in company.service.users.items() if user["userName"] == OLD)
    hire = source(make_user(30))
    if stranger == "id":
        hire["objectId"] = identity
    else:
        hire["userPrincipalName"] = OLD
        del hire["objectId"]
    if stranger.endswith("false"):
        hire["lifecycle"] = {"protected": False}
    company.work.users([hire, *company.people[1:]])
    company.work.apply()
    assert company.service.users[identity]["active"] is True
    company.assert_kept()


def test_a_user_who_is_no_longer_protected_can_be_removed_at_once_by_the_entry(company: Company) -> None:
    protect_by_entry(company)
    company.boss.update(lifecycle={"protected": False}, accountEnabled=False)
    assert company.apply().code == 0
    company.work.users(company.people[1:])
    assert company.work.plan().code == 0


def test_other_applies_do_not_end_it(company: Company) -> None:
    """Whatever they are about, and whether the entry is there."""
    protect_by_entry(company)
    company.people[1]["department"] = "Board"
    company.work.users(company.people[1:])
    assert company.work.apply("--user", company.people[1]["userPrincipalName"]).code == 0
    company.assert_kept()


def test_another_user_who_takes_the_name_does_not_end_it(company: Company) -> None:
    protect_by_entry(company)
    person = {**company.boss, "objectId": "of another user"}
    del person["lifecycle"]
    company.work.users([person, *company.people[1:]])
    assert company.work.apply().code == 5
    company.assert_kept()


def test_a_protected_user_that_was_created_a_moment_ago_stays_protected(company: Company) -> None:
    company.protect()
    company.people.insert(0, {**source(make_user(30)), "lifecycle": {"protected": True}})
    assert company.apply().code == 0
    company.assert_kept()


def test_an_apply_that_notes_nothing_new_writes_no_receipt(company: Company) -> None:
    protect_by_entry(company)
    receipts = company.work.receipt()
    assert [line["event"] for line in receipts] == ["apply_started", "apply_finished"]
    assert company.apply().code == 0
    assert company.work.receipt() == receipts


@pytest.mark.parametrize("change", [{"unprotected": None}, {"protected": None}, {"protected": []}])
def test_a_receipt_that_says_nothing_ends_nothing(change: dict[str, Any], company: Company) -> None:
    protect_by_entry(company)
    (file,) = company.work.plans.glob("*/receipt.jsonl")
    line = {**json.loads(file.read_text().splitlines()[0]), **change, "time": "2026-11-01T00:00:00+00:00"}
    (company.work.plans / "2026-11-01-forged").mkdir()
    (company.work.plans / "2026-11-01-forged/receipt.jsonl").write_text(f"{json.dumps(line)}\n")
    company.assert_kept()
