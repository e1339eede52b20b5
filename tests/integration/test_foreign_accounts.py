"""Accounts that were not created or adopted here are not removed: administrators, people of another repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.git_workspace import GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.servers.patching import CORE, User
from support.workspace import ENTERPRISE, CommandResult, OpenWorkspace

STRICT = {"removals": {"count": 1000, "percent": 100}, "foreign_accounts": {"count": 0}}


def account(who: str, *, external_id: str | None = "", active: bool = True) -> User:
    """The account of `person(who)`; `external_id` None: it has none."""
    user: User = {
        "schemas": [CORE, ENTERPRISE],
        "id": f"live-{who}",
        "userName": f"{who}@example.com",
        "externalId": external_id or f"id-{who}",
        "active": active,
        "name": {"givenName": who.title(), "familyName": "Lee"},
        ENTERPRISE: {"department": "Sales"},
    }
    return user if external_id is not None else {key: value for key, value in user.items() if key != "externalId"}


class Company(GitWorkspace):
    """A git workspace with the guard at its default."""

    def settings(self, **sections: object) -> None:
        self.work.settings(**{"guards": STRICT, **sections})

    def foreign(self, *arguments: str) -> str | None:
        """Return the message of the guard if it blocks the plan."""
        found = self.work.plan(*arguments).plan["guards"]
        return next(
            (each["message"] for each in found if each["name"] == "foreign-accounts" and not each["passed"]), None
        )

    def active(self) -> set[str]:
        return {str(user["userName"]).partition("@")[0] for user in self.service.users.values() if user["active"]}

    def assert_blocked(self, *names: str) -> CommandResult:
        """Check that plan and apply are blocked because of these accounts, and that they stay active."""
        message = self.foreign()
        assert message is not None
        assert all(f'"{name}@example.com"' in message for name in names), message
        result = self.work.apply()
        assert result.code == 3, result
        assert self.active() >= set(names)
        return result


@pytest.fixture
def company(open_workspace: OpenWorkspace) -> Company:
    service = FakeScimServer()
    found = Company(open_workspace(service), service)
    (found.work.root / ".gitignore").write_text("plans/\nstate-home/\n")
    found.settings()
    return found


def add(company: Company, *users: User) -> None:
    for user in users:
        company.service.add(user)


def test_a_wider_ownership_filter_removes_no_administrators(company: Company) -> None:
    add(company, account("admin", external_id=None), account("boss", external_id=None))
    company.commit(person("ada"), person("bob"))
    assert company.work.apply().code == 0
    company.settings(ownership="userName pr")
    company.assert_blocked("admin", "boss")


def test_the_people_of_another_repository_are_not_removed(company: Company) -> None:
    add(company, *(account(f"other{number}") for number in range(3)))
    company.commit(person("ada"))
    result = company.assert_blocked("other0", "other1", "other2")
    assert "no receipt and no commit shows that they were created, adopted or listed" in " ".join(result.out.split())


@pytest.mark.parametrize("way", ["limit", "approval"])
def test_accounts_of_others_are_removed_on_request(company: Company, way: str) -> None:
    add(company, account("old"))
    company.commit(person("ada"))
    company.assert_blocked("old")
    if way == "limit":
        company.settings(guards={**STRICT, "foreign_accounts": {"count": 1}})
        result = company.work.apply()
    else:
        approval = ("--approve", company.work.plan().plan["plan_id"])
        assert company.work.apply(*approval).code == 3, "the guard is not named"
        result = company.work.apply(*approval, "--lift", "foreign-accounts")
    assert result.code == 0, result
    assert company.active() == {"ada"}


# --- evidence: the record --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["created", "adopted", "updated", "reactivated"])
def test_an_account_on_record_is_ours(company: Company, way: str) -> None:
    users = {
        "created": [],
        "adopted": [account("bob", external_id=None)],
        "updated": [{**account("bob"), ENTERPRISE: {"department": "Old"}}],
        "reactivated": [account("bob", active=False)],
    }
    add(company, *users[way])
    company.write(person("ada"), person("bob"))
    assert company.work.apply().code == 0
    company.write(person("ada"))
    assert (company.foreign(), company.work.apply().code) == (None, 0)
    assert company.active() == {"ada"}


def test_digests_on_record_are_evidence_too(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.digest_record(monkeypatch)
    company.settings(record={"values": "digest"})
    company.write(person("ada"), person("bob"))
    assert company.work.apply().code == 0
    company.write(person("ada"))
    assert (company.foreign(), company.work.apply().code) == (None, 0)


def test_the_record_of_another_target_is_no_evidence(company: Company) -> None:
    company.write(person("ada"), person("bob"))
    assert company.work.apply().code == 0
    for receipt in company.work.plans.glob("*/receipt.jsonl"):
        text = receipt.read_text()
        receipt.write_text(text.replace(company.work.base_url, "https://other.example.com"))
    company.write(person("ada"))
    assert company.foreign() is not None


def test_what_an_apply_deactivated_can_be_deleted_later(company: Company) -> None:
    add(company, account("old"))
    company.settings(guards={**STRICT, "foreign_accounts": {"count": 1}})
    company.write(person("ada"))
    assert company.work.apply().code == 0
    company.settings(lifecycle={"removed": "delete"})
    assert (company.foreign(), company.work.apply().code) == (None, 0)
    assert len(company.service.users) == 1


# --- evidence: the desired state of today ----------------------------------------------------------


def test_users_out_of_scope_are_ours(company: Company) -> None:
    add(company, account("ada"), account("bob"))
    company.write(person("ada"), person("bob", accountEnabled=False))
    assert (company.foreign(), company.work.apply().code) == (None, 0)
    assert company.active() == {"ada"}


# --- evidence: git's history ------------------------------------------------------------------------


@pytest.fixture
def adopted(company: Company) -> Company:
    """Two accounts that are as desired from the start: no apply has changed them, and no receipt names one."""
    add(company, account("ada"), account("bob"))
    company.commit(person("ada"), person("bob"))
    assert company.work.apply().code == 0
    assert {line["event"] for line in company.work.receipt()} == {"apply_started", "apply_finished"}
    return company


def test_a_user_in_an_earlier_commit_is_ours(adopted: Company) -> None:
    adopted.commit(person("ada"))
    assert (adopted.foreign(), adopted.work.apply().code) == (None, 0)
    assert adopted.active() == {"ada"}


def test_a_user_that_was_removed_long_ago_is_ours(adopted: Company) -> None:
    adopted.commit(person("ada"))
    for number in range(5):
        adopted.commit(person("ada", department=f"D{number}"), person(f"new{number}"))
    assert adopted.foreign() is None


def test_a_user_of_before_the_directory_was_renamed_is_ours(adopted: Company) -> None:
    adopted.commit(person("ada"))
    adopted.git.git("mv", "desired-state", "identities")
    adopted.git.commit("Rename", tracked="identities")
    adopted.work.state = adopted.work.root / "identities"
    assert adopted.foreign() is None


def test_a_user_of_a_file_that_was_renamed_is_ours(adopted: Company) -> None:
    adopted.git.git("mv", "desired-state/users/people.yaml", "desired-state/users/all.yaml")
    adopted.git.commit("Rename")
    (adopted.work.state / "users/all.yaml").unlink()
    adopted.commit(person("ada"))
    assert adopted.foreign() is None


def test_a_user_added_by_a_merge_is_ours(company: Company) -> None:
    add(company, account("ada"), account("bob"))
    company.commit(person("ada"))
    company.git.git("checkout", "--quiet", "-b", "other")
    company.git.commit("Elsewhere", {"desired-state/users/more.yaml": "[]\n"})
    company.git.git("checkout", "--quiet", "main")
    company.git.commit("Meanwhile", {"desired-state/users/most.yaml": "[]\n"})
    company.git.git("merge", "--quiet", "--no-commit", "--no-ff", "other")
    company.commit(person("ada"), person("bob"), subject="Merge, with an edit")
    company.git.git("checkout", "--quiet", "-b", "another")
    company.git.commit("Elsewhere", {"desired-state/users/more.yaml": "[] # more\n"})
    company.git.git("checkout", "--quiet", "main")
    company.git.commit("Meanwhile", {"desired-state/users/most.yaml": "[] # most\n"})
    company.git.git("merge", "--quiet", "--no-commit", "--no-ff", "another")
    company.commit(person("ada"), subject="Merge, with an edit")
    assert company.foreign() is None


@pytest.mark.parametrize(
    "text",
    [
        "- {objectId: ID-BOB, userPrincipalName: b@example.com}",
        "- objectId: other\n  userPrincipalName: Bob@Example.com   # left\n",
        "- objectId: 'other'\n  \"userPrincipalName\": 'bob@example.com'\n",
        '- {"objectId":"id-b\\u006fb","userPrincipalName":"b@example.com"}',
    ],
)
def test_values_are_found_however_they_are_written(company: Company, text: str) -> None:
    add(company, account("ada"), account("bob"))
    company.git.commit("Old", {"desired-state/users/old.yaml": text})
    company.git.commit("Remove", {"desired-state/users/old.yaml": None})
    company.commit(person("ada"))
    assert company.foreign() is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users/old.yaml", "- {objectId: x, userPrincipalName: x@example.com, manager: bob@example.com}\n"),
        ("users/old.yaml", "- {objectId: id-bob2, userPrincipalName: bob@example.com.de}\n"),
        ("users/old.yaml", "- {objectId: x-id-bob, userPrincipalName: jimbob@example.com}\n"),
        ("users/old.yaml", "# bob@example.com\n"),
        ("groups/old.yaml", "- {objectId: id-bob, userPrincipalName: bob@example.com}\n"),
        ("../elsewhere/users/old.yaml", "- {objectId: id-bob, userPrincipalName: bob@example.com}\n"),
    ],
)
def test_other_mentions_are_no_evidence(company: Company, name: str, text: str) -> None:
    add(company, account("ada"), account("bob"))
    company.git.commit("Old", {f"desired-state/{name}": text}, tracked=".")
    company.git.commit("Remove", {f"desired-state/{name}": None}, tracked=".")
    company.commit(person("ada"))
    company.assert_blocked("bob")


ADMIN = "- {objectId: x, userPrincipalName: admin@example.com}\n"


@pytest.fixture
def widened(company: Company) -> Company:
    """A company whose wider ownership filter has the account of an administrator, which no state ever had."""
    add(company, account("admin", external_id=None))
    company.commit(person("ada"))
    assert company.work.apply().code == 0
    company.settings(ownership="userName pr")
    company.git.commit("Widen")
    return company


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("more.yaml", "# Never add this one:\n#   userPrincipalName: admin@example.com\n[]\n"),
        ("more.yaml", "- objectId: c\n  userPrincipalName: c@example.com # userPrincipalName: admin@example.com\n"),
        ("more.yaml", "- userPrincipalName: c@example.com\n  note: |\n    userPrincipalName: admin@example.com\n"),
        ("more.yaml", "- userPrincipalName: c@example.com\n  note: 'userPrincipalName: admin@example.com'\n"),
        ("README.md", "Not managed:\nuserPrincipalName: admin@example.com\n"),
        ("README.md", ADMIN),
        (".gitattributes", f"# {ADMIN}"),
    ],
)
def test_a_note_that_names_an_account_is_no_evidence(widened: Company, name: str, text: str) -> None:
    widened.git.commit("Note", {f"desired-state/users/{name}": text})
    widened.assert_blocked("admin")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users/.more.yaml", ADMIN),
        ("users/.hidden/more.yaml", ADMIN),
        ("users/more.txt", ADMIN),
        ("users/more.yaml", f"{ADMIN}- userPrincipalName: [unclosed\n"),
        ("users/more.yaml", f"{ADMIN}=======\n"),
        ("users/more.yaml", f"{ADMIN}---\n[]\n"),
        ("users/more.yaml", "users: [{userPrincipalName: admin@example.com}]\n"),
        (
            "users/more.yaml",
            "- userPrincipalName: c@example.com\n  lifecycle: {userPrincipalName: admin@example.com}\n",
        ),
    ],
)
def test_a_file_that_was_never_read_is_no_evidence(widened: Company, name: str, text: str) -> None:
    widened.git.commit("Stray", {f"desired-state/{name}": text})
    widened.git.commit("Remove", {f"desired-state/{name}": None})
    widened.assert_blocked("admin")


def test_a_commit_of_a_branch_is_no_evidence(widened: Company) -> None:
    before = widened.git.git("rev-parse", "HEAD^{tree}")
    widened.git.git("checkout", "--quiet", "-b", "topic")
    widened.git.commit("Add", {"desired-state/users/more.yaml": ADMIN})
    widened.git.commit("Remove", {"desired-state/users/more.yaml": None})
    widened.git.git("checkout", "--quiet", "main")
    widened.git.git("merge", "--quiet", "--no-edit", "--no-ff", "topic")
    assert widened.git.git("rev-parse", "HEAD^{tree}") == before
    widened.assert_blocked("admin")


def test_a_link_is_no_evidence(widened: Company) -> None:
    link = widened.work.state / "users/more.yaml"
    link.symlink_to("[{userPrincipalName: admin@example.com}]")
    widened.git.commit("Link")
    widened.git.commit("Remove", {"desired-state/users/more.yaml": None})
    widened.assert_blocked("admin")


def test_replacements_and_notes_are_no_evidence(widened: Company) -> None:
    head = widened.git.git("rev-parse", "HEAD")
    widened.git.git("checkout", "--quiet", "-b", "topic")
    widened.git.commit("Add", {"desired-state/users/more.yaml": ADMIN})
    added = widened.git.git("rev-parse", "HEAD")
    widened.git.git("checkout", "--quiet", "main")
    widened.git.git("replace", head, added)
    widened.git.git("notes", "add", "-m", ADMIN, head)
    widened.assert_blocked("admin")


def test_a_shallow_clone_says_what_is_missing(adopted: Company, tmp_path: Path) -> None:
    adopted.commit(person("ada"))
    adopted.commit(person("ada"), subject="Later")
    adopted.git.commit("More", {"desired-state/users/more.yaml": "[]\n"})
    clone = tmp_path / "clone"
    adopted.git.git("clone", "--quiet", "--depth=1", f"file://{adopted.work.root}", str(clone))
    adopted.work.state = clone / "desired-state"
    message = adopted.foreign()
    assert message is not None
    assert "this clone is shallow" in message
    assert "`fetch-depth: 0`" in message


@pytest.mark.parametrize(
    ("have", "reason"),
    [
        ("nothing", "the desired state is not in a git repository: "),
        ("no commit", "the current branch has no commit yet: "),
        ("no users", "no commit has a file in users/: "),
    ],
)
def test_without_commits_of_users_the_message_has_the_reason_and_a_way_that_works(
    adopted: Company, have: str, reason: str
) -> None:
    shutil.rmtree(adopted.work.root / ".git")
    if have != "nothing":
        adopted.git = GitRepository(adopted.work.root)
    if have == "no users":
        adopted.git.git("add", "desired-state/settings.yaml")
        adopted.git.git("commit", "--quiet", "--message", "Settings")
    adopted.write(person("ada"))
    message = adopted.foreign()
    assert message is not None
    assert message.startswith(
        "1 account would be deactivated or deleted, and no receipt and no commit shows that it was created, adopted or "
        'listed in users/ here: "bob@example.com", '
    )
    assert f"; {reason}with git, add the removed users again, commit users/, then remove them" in message
    adopted.git = GitRepository(adopted.work.root)
    adopted.commit(person("ada"), person("bob"))
    adopted.commit(person("ada"))
    assert adopted.work.apply().code == 0
    assert adopted.active() == {"ada"}


def test_history_is_read_only_if_the_record_is_not_enough(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.commit(person("ada"), person("bob"))
    assert company.work.apply().code == 0
    company.commit(person("ada"))

    def fail(*_: object) -> None:
        raise AssertionError("git's history was searched")

    monkeypatch.setattr("reconciler.session.account_evidence.search_history", fail)
    assert company.foreign() is None


def test_one_user_at_a_time_is_blocked_too(company: Company) -> None:
    add(company, account("old"))
    company.commit(person("ada"))
    assert company.work.apply("--user", "old@example.com").code == 3
    assert "old" in company.active()
