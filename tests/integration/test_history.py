"""`log`: git history joined with the outcomes of applies, on real repositories and a real service."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.command import assert_harmless, stable
from support.git_repository import GitRepository
from support.git_workspace import RECORD_KEY, GitWorkspace, person
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, OpenWorkspace, Workspace, run
from syrupy.assertion import SnapshotAssertion

EVIL = "\x1b]0;owned\x07<script>alert(1)</script> `x` @team #1 ##[add-mask]x \u202egpj\r::error::no"
SETTINGS = "target: {profile: scim, base_url: 'https://scim.example.com/v2'}\n"
USERS = "desired-state/users/people.yaml"


def to_yaml(users: Iterable[Mapping[str, str]]) -> str:
    lines = []
    for each in users:
        for number, (key, value) in enumerate(each.items()):
            lines.append(f"{'  ' if number else '- '}{key}: {json.dumps(value)}\n")
    return "".join(lines)


def read_entries(logged: CommandResult) -> list[dict[str, Any]]:
    assert logged.code == 0, logged
    found: list[dict[str, Any]] = json.loads(logged.out)["entries"]
    return found


class LogRepository(GitRepository):
    """A repository, and `log` in it."""

    def commit_users(self, *users: Mapping[str, str], subject: str = "Edit", **more: Any) -> str:
        return self.commit(subject, {USERS: to_yaml(users)}, **more)

    def log(self, *arguments: str) -> CommandResult:
        options = ["--state", str(self.root / "desired-state"), "--plans", str(self.root / "plans")]
        return run(["reconciler", "log", *arguments, *options])

    def entries(self, *arguments: str) -> list[dict[str, Any]]:
        return read_entries(self.log(*arguments, "--format", "json"))


@pytest.fixture
def repository(tmp_path: Path) -> LogRepository:
    made = LogRepository(tmp_path)
    made.commit("Begin", {"desired-state/settings.yaml": SETTINGS, "desired-state/scope.yaml": "sync: all\n"})
    return made


def edits(entries: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Return action, address and changed fields of each entry."""
    return [(each["action"], each["address"], [row["path"] for row in each["changes"]]) for each in entries]


# --- git alone -----------------------------------------------------------------


def test_each_edit_of_a_user_is_listed_with_commit_and_author(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), person("bob"))
    repository.commit_users(
        person("ada", department="IT"), person("bob"), author="Eve <eve@example.com>", subject="To IT (#7)"
    )
    repository.commit_users(person("ada", department="IT"))
    first, second = repository.entries("ADA@example.com")
    assert (first["author"], first["email"], first["pull_request"]) == ("Eve", "eve@example.com", 7)
    assert first["changes"] == [{"path": "department", "before": "Sales", "after": "IT"}]
    assert first["outcome"]["state"] == "pending"
    assert second["action"] == "added"
    assert [each["action"] for each in repository.entries("id-bob")] == ["removed", "added"]


def test_renames_are_followed_by_the_objectid_even_from_a_former_name(repository: LogRepository) -> None:
    repository.commit_users(person("ada"))
    repository.commit_users(person("ada", userPrincipalName="countess@example.com"))
    repository.commit_users(person("ada", userPrincipalName="countess@example.com", department="IT"))
    for who in ("countess@example.com", "ada@example.com", "id-ada"):
        assert [each["action"] for each in repository.entries(who)] == ["changed", "changed", "added"], who
    assert 'countess@example.com"] (was "ada@example.com")' in repository.log("id-ada").out


def test_two_users_with_the_same_name_are_kept_apart(repository: LogRepository) -> None:
    repository.commit_users(person("ada"))
    repository.commit_users()
    repository.commit_users(person("ada", objectId="id-heir"))
    assert edits(repository.entries("ada@example.com"))[0][0] == "added"
    assert len(repository.entries("ada@example.com")) == 1
    assert [each["action"] for each in repository.entries("id-ada")] == ["removed", "added"]


def test_moves_between_files_and_renames_of_files_are_not_edits(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), person("bob"))
    repository.commit(
        "Move", {USERS: to_yaml([person("bob")]), "desired-state/users/lab.yaml": to_yaml([person("ada")])}
    )
    repository.git("mv", "desired-state/users/lab.yaml", "desired-state/users/r and d.yml")
    repository.commit("Rename the file")
    assert edits(repository.entries("id-ada")) == [
        ("moved", 'user["ada@example.com"]', []),
        ("added", 'user["ada@example.com"]', sorted(person("ada"))),
    ]


def test_comments_and_layout_are_not_edits(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), person("bob"))
    flow = "".join(f"- {json.dumps(each)}  # here\n\n" for each in (person("ada"), person("bob")))
    repository.commit("Reformat", {USERS: "# People\n" + flow})
    repository.commit("As one list", {USERS: json.dumps([person("ada"), person("bob", department="IT")])})
    assert edits(repository.entries())[:1] == [("changed", 'user["bob@example.com"]', ["department"])]
    assert len(repository.entries("id-ada")) == 1


def test_log_shows_who_set_an_attribute(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), author="Bob <bob@example.com>")
    repository.commit_users(person("ada", department="IT"), author="Eve <eve@example.com>")
    repository.commit_users(person("ada", department="IT", jobTitle="Boss"), author="Mallory <m@example.com>")
    for name in ("department", "enterprise:department"):
        result = repository.log("id-ada", "--attribute", name)
        assert result.out.startswith('department = "IT"\n  set by Eve <eve@example.com> in '), result
    assert "No commit in this clone set nonsense." in repository.log("id-ada", "--attribute", "nonsense").out


def test_a_pull_request_is_identified_by_its_merge(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), person("bob"))
    repository.git("checkout", "--quiet", "-b", "feature")
    change = repository.commit_users(person("ada", department="IT"), person("bob"), author="Eve <eve@example.com>")
    repository.git("checkout", "--quiet", "main")
    repository.commit("Elsewhere", {"desired-state/users/more.yaml": to_yaml([person("cyd")])})
    repository.merge("feature", "Merge pull request #12 from eve/feature")
    (found,) = repository.entries("id-ada", "--limit", "1")
    assert (found["commit"], found["pull_request"], found["author"]) == (change, 12, "Eve")
    assert len(repository.entries("id-ada")) == 2, "the merge itself edited no user"


def test_an_edit_in_a_merge_commit_is_attributed_to_the_merge(repository: LogRepository) -> None:
    repository.commit_users(person("ada"))
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit_users(person("ada", department="IT"))
    repository.git("checkout", "--quiet", "main")
    repository.commit_users(person("ada", department="HR"))
    repository.git("merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", "feature")
    merge = repository.commit_users(person("ada", department="Ops"), subject="Resolve")
    found = repository.entries("id-ada")
    assert (found[0]["commit"], found[0]["changes"][0]["after"]) == (merge, "Ops")
    assert sorted(each["changes"][0]["after"] for each in found[1:3]) == ["HR", "IT"]


def test_escapes_do_not_hide_an_edit(repository: LogRepository) -> None:
    repository.commit_users(person("ada"))
    hidden = (
        to_yaml([person("ada")]).replace("ada@", "\\u0061da@").replace("id-ada", "id-\\x61da").replace("Sales", "IT")
    )
    repository.commit("Nothing to see here", {USERS: hidden})
    assert edits(repository.entries("id-ada"))[0][2] == ["department"]


def test_group_edits_are_listed_for_their_members(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), person("bob"))
    group = "- name: staff\n  members: {{users: [{}]}}\n"
    repository.commit("Group", {"desired-state/groups/g.yaml": group.format("bob@example.com")})
    repository.commit("Group", {"desired-state/groups/g.yaml": group.format("bob@example.com, ada@example.com")})
    found = repository.entries("id-ada")[0]
    assert (found["address"], found["changes"]) == (
        'group["staff"]',
        [{"path": "members.users", "before": None, "after": ["ada@example.com"]}],
    )
    assert len(repository.entries("id-bob")) == 2


def test_since_and_limit_narrow_the_log(repository: LogRepository) -> None:
    for number in range(5):
        repository.commit_users(person("ada", department=f"D{number}"))
    result = repository.log("--limit", "2")
    assert "D4" in result.out
    assert "D1" not in result.out
    assert "--limit" in result.err
    assert repository.entries("--since", "2100-01-01") == []
    assert repository.log("--since", "soon").code == 64
    assert repository.log("--limit", "0").code == 64


def test_a_shallow_clone_is_reported_as_truncated_history(repository: LogRepository, tmp_path: Path) -> None:
    for number in range(4):
        repository.commit_users(person("ada", department=f"D{number}"))
    clone = LogRepository.__new__(LogRepository)
    clone.root = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth", "2", f"file://{repository.root}", str(clone.root))
    result = clone.log("id-ada")
    assert "shallow" in result.err
    assert "D3" in result.out
    assert json.loads(clone.log("--format", "json").out)["shallow"] is True


def test_outside_of_git_or_without_a_commit_log_fails(tmp_path: Path) -> None:
    state = tmp_path / "desired-state"
    state.mkdir()
    (state / "settings.yaml").write_text(SETTINGS)
    result = run(["reconciler", "log", "--state", str(state)])
    assert result.code == 1
    assert "not in a git repository" in result.err
    GitRepository(tmp_path)
    assert run(["reconciler", "log", "--state", str(state)]).code == 1
    assert run(["reconciler", "log", "--state", str(tmp_path / "nowhere")]).code == 1


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_untrusted_text_is_not_interpreted(repository: LogRepository, form: str) -> None:
    repository.commit_users(person("ada", department=EVIL.replace("\x1b", "").replace("\x07", "").replace("\r", "")))
    repository.commit_users(
        person("ada", userPrincipalName="<img src=x>@example.com"),
        subject=EVIL,
        author=f"{EVIL} <{EVIL.replace('<', '').replace('>', '')}>".replace("\r", ""),
    )
    result = repository.log("--format", form)
    assert result.code == 0
    assert_harmless(result.out + result.err)
    if form == "html":
        assert "<script" not in result.out
        assert "<img" not in result.out
        assert "default-src 'none'" in result.out


def test_with_redact_no_format_shows_a_value(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), author="Eve <eve@secret.example>", subject="Hire ada")
    for form in ("text", "html", "json"):
        out = repository.log("--redact", "--format", form).out
        for secret in ("ada", "Sales", "eve@secret", "Hire"):
            assert secret not in out.replace("data", ""), (form, secret)


def test_a_repository_cannot_run_commands(repository: LogRepository, tmp_path: Path) -> None:
    trap, mark = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {mark}\n")
    trap.chmod(0o755)
    repository.commit_users(person("ada"))
    for key in (
        "core.fsmonitor",
        "diff.external",
        "core.pager",
        "diff.evil.textconv",
        "diff.evil.command",
        "gpg.program",
    ):
        repository.git("config", key, str(trap))
    repository.git("config", "log.showSignature", "true")
    (repository.root / ".git" / "info" / "attributes").write_text("* diff=evil\n")
    assert repository.log("id-ada").code == 0
    assert not mark.exists()


# --- with applies -----------------------------------------------------------------


class LogWorkspace(GitWorkspace):
    """A git workspace, and `log` in it."""

    def __init__(self, work: Workspace, service: FakeScimServer) -> None:
        super().__init__(work, service)
        work.write("scope.yaml", "sync: all\n")

    def write(self, *users: Mapping[str, Any]) -> None:
        self.work.write("users/people.yaml", to_yaml(users))

    def apply(self, *arguments: str) -> int:
        return self.work.apply(*arguments).code

    def log(self, *arguments: str) -> CommandResult:
        return self.work.run("log", "--plans", str(self.work.plans), *arguments)

    def entries(self, *arguments: str) -> list[dict[str, Any]]:
        return read_entries(self.log(*arguments, "--format", "json"))


@pytest.fixture
def org(open_workspace: OpenWorkspace) -> LogWorkspace:
    service = FakeScimServer()
    return LogWorkspace(open_workspace(service), service)


def summary(entries: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["kind"], each["action"], each["outcome"]["state"]) for each in entries]


def test_an_edit_is_pending_until_it_is_applied(org: LogWorkspace) -> None:
    org.commit(person("ada"), person("bob"))
    assert summary(org.entries("id-ada")) == [("edit", "added", "pending")]
    assert org.apply() == 0
    assert summary(org.entries("id-ada")) == [("edit", "added", "applied")]
    org.commit(person("ada", department="IT"), person("bob"))
    assert [each[2] for each in summary(org.entries("id-ada"))] == ["pending", "applied"]


def test_a_squashed_pull_request_is_identified_by_the_resulting_commit(org: LogWorkspace) -> None:
    org.commit(person("ada"), person("bob"))
    org.apply()
    org.git.git("switch", "--quiet", "--create", "change")
    org.commit(person("ada", department="IT"))
    saved = str(org.work.root / ".git" / "reviewed.json")
    assert org.work.run("plan", "-o", saved).code == 0
    org.git.git("switch", "--quiet", "main")
    org.commit(person("ada", department="IT"), subject="Move Ada (#7)")
    org.git.git("branch", "--quiet", "-D", "change")
    org.git.git("reflog", "expire", "--expire=now", "--all")
    org.git.git("gc", "--quiet", "--prune=now")
    assert org.work.run("apply", saved, "--strict").code == 0
    assert [each[2] for each in summary(org.entries("id-ada"))] == ["applied", "applied"]
    assert [each[2] for each in summary(org.entries("id-bob"))] == ["applied", "applied"]
    (page,) = (path for path in org.work.plans.glob("*/README.md") if "IT" in path.read_text("utf-8"))
    merged = org.git.git("rev-parse", "HEAD")
    assert merged in page.read_text("utf-8")
    undone = org.work.run("rollback", page.parent.name, "--plans", str(org.work.plans))
    assert undone.code == 0, undone
    assert org.work.state.joinpath("users/people.yaml").read_text() == to_yaml([person("ada"), person("bob")])


def test_corrected_drift_is_listed_as_drift(org: LogWorkspace) -> None:
    org.commit(person("ada"), person("bob"))
    org.apply()
    org.edit_live("ada", "Hacking")
    org.commit(person("ada"), person("bob", department="IT"))
    assert org.apply() == 0
    assert summary(org.entries("id-ada")) == [("drift", "update", "applied"), ("edit", "added", "applied")]
    assert [each[0] for each in summary(org.entries("id-bob"))] == ["edit", "edit"]
    everything = org.log().out
    assert everything.count("drift corrected") == 1
    assert 'department = "Hacking" -> "Sales"' in everything


def test_only_attributes_without_an_edit_are_drift(org: LogWorkspace) -> None:
    org.commit(person("ada"))
    org.apply()
    org.edit_live("ada", "Hacking")
    org.commit(person("ada", surname="Byron"))
    org.apply()
    drift = [each for each in org.entries("id-ada") if each["kind"] == "drift"]
    assert [row["path"].rpartition(":")[2] for row in drift[0]["changes"]] == ["department"]
    org.edit_live("ada", "Hacking")
    org.commit(person("ada", surname="Byron", department="IT"))
    org.apply()
    assert summary(org.entries("id-ada"))[0] == ("edit", "changed", "applied"), "it was edited in git"


def test_an_edited_mapping_is_not_drift(org: LogWorkspace) -> None:
    rows = (
        "- {target: externalId, source: objectId, match: 1}\n- {target: userName, source: userPrincipalName}\n"
        "- {target: name.givenName, source: givenName}\n- {target: name.familyName, source: surname}\n"
        "- {target: 'enterprise:department', source: department}\n"
    )
    org.work.write("mappings.yaml", rows)
    org.commit(person("ada"))
    org.apply()
    org.work.write("mappings.yaml", rows.replace("source: department", "source: surname"))
    org.git.commit("Map")
    org.apply()
    assert summary(org.entries("id-ada"))[0] == ("configuration", "update", "applied")
    found = org.entries()
    assert edits(found)[0][:2] == ("changed", 'mapping["enterprise:department"]')
    assert found[0]["outcome"]["state"] == "in effect"


def test_an_edit_that_does_not_affect_the_target_is_marked(org: LogWorkspace) -> None:
    org.commit(person("ada"))
    org.apply()
    org.commit(person("ada", hobby="chess"), person("bob"))
    org.apply()
    assert summary(org.entries("id-ada"))[0] == ("edit", "changed", "nothing to apply")


def test_the_complete_timeline_matches_its_snapshot(org: LogWorkspace, snapshot: SnapshotAssertion) -> None:
    org.commit(person("ada"), person("bob"), subject="Hire Ada and Bob (#1)")
    org.apply()
    org.edit_live("ada", "Hacking")
    org.commit(person("ada", userPrincipalName="countess@example.com"), subject="Bob leaves, Ada marries (#2)")
    org.apply()
    org.commit(person("ada", userPrincipalName="countess@example.com", department="IT"), subject="To IT (#3)")
    out = stable(org.log().out)
    out = out.replace(org.git.head()[:12], "HEAD")
    assert mask(out) == snapshot


def mask(text: str) -> str:
    """Mask times, which depend on the clock, and ids, which depend on the port of the service."""
    import re  # noqa: PLC0415

    text = re.sub(r"(applied|apply of|to apply) \d{4}-\d\d-\d\d \d\d:\d\d UTC", r"\1 TIME", text)
    text = re.sub(r"(in effect) \d{4}-\d\d-\d\d \d\d:\d\d UTC", r"\1 TIME", text)
    text = re.sub(r"plan [0-9a-f]{12}", "plan ID", text)
    return re.sub(r"commit [0-9a-f]{12}", "commit ID", text)


def test_a_page_that_a_crash_left_out_is_written_by_the_next_apply(org: LogWorkspace) -> None:
    org.commit(person("ada"))
    org.apply()
    (page,) = org.work.plans.glob("*/README.md")
    text = page.read_text("utf-8")
    assert "## Done: 1" in text
    assert '`user["ada@example.com"]`: `create`' in text
    assert org.git.head() in text
    page.unlink()
    assert org.apply() == 0
    assert page.read_text("utf-8") == text


# --- digests -----------------------------------------------------------------


@pytest.fixture
def redacted(org: LogWorkspace, monkeypatch: pytest.MonkeyPatch) -> LogWorkspace:
    org.digest_record(monkeypatch)
    return org


def test_digests_contain_no_names_and_no_values(redacted: LogWorkspace) -> None:
    # These words cannot occur in a hexadecimal digest.
    redacted.commit(person("wynn"), person("tomo"))
    assert redacted.apply() == 0
    redacted.commit(person("wynn", department="Research"))
    assert redacted.apply() == 0
    files = [path for path in redacted.work.plans.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"plan.json", "receipt.jsonl", "README.md"}
    for path in files:
        text = path.read_text("utf-8").casefold()
        assert [word for word in ("wynn", "tomo", "sales", "research", "lee", RECORD_KEY) if word in text] == [], path
    assert "hmac:" in files[0].read_text("utf-8")


def test_history_joins_digests_with_the_key_only(redacted: LogWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    redacted.commit(person("ada"), person("bob"))
    redacted.apply()
    redacted.edit_live("ada", "Hacking")
    redacted.commit(person("ada"), person("bob", department="IT"))
    redacted.apply()
    assert summary(redacted.entries("id-ada")) == [("drift", "update", "applied"), ("edit", "added", "applied")]
    monkeypatch.delenv("RECONCILER_RECORD_KEY")
    result = redacted.log("id-ada")
    assert result.code == 0
    assert "RECONCILER_RECORD_KEY is not set" in result.err
    assert "applied" not in result.out


def test_digests_require_a_key_before_any_change(redacted: LogWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    redacted.commit(person("ada"))
    for key in ("", "short"):
        monkeypatch.setenv("RECONCILER_RECORD_KEY", key)
        result = redacted.work.apply()
        assert result.code == 1
        assert "RECONCILER_RECORD_KEY" in result.err
    assert not redacted.work.plans.exists()
    assert redacted.service.users == {}


def test_an_interrupted_reviewed_plan_is_finished_with_digests_too(redacted: LogWorkspace) -> None:
    redacted.commit(person("ada"), person("bob"), person("cyd"))
    saved = redacted.work.root / "plan.json"
    redacted.work.run("plan", "-o", str(saved))
    assert redacted.apply(str(saved)) == 0
    # As if the apply had been killed before it finished bob and cyd.
    for identity in list(redacted.service.users)[1:]:
        del redacted.service.users[identity]
    receipt = next(redacted.work.plans.glob("*/receipt.jsonl"))
    lines = receipt.read_text("utf-8").splitlines(keepends=True)
    receipt.write_text("".join(lines[:-1]))
    receipt.with_name("README.md").unlink()
    assert redacted.apply(str(saved)) == 0, "no user is left out as not reviewed"
    assert len(redacted.service.users) == 3


def test_a_different_key_is_reported(redacted: LogWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    redacted.commit(person("ada"))
    redacted.apply()
    monkeypatch.setenv("RECONCILER_RECORD_KEY", "x" * 64)
    assert "another RECONCILER_RECORD_KEY" in redacted.work.apply().err


def test_a_plan_on_record_with_digests_cannot_be_applied(redacted: LogWorkspace) -> None:
    redacted.commit(person("ada"))
    redacted.apply()
    plan = next(redacted.work.plans.glob("*/plan.json"))
    shutil.copy(plan, redacted.work.root / "copy.json")
    result = redacted.work.apply(str(redacted.work.root / "copy.json"))
    assert result.code == 1
    assert "digests" in result.err
    assert "reconciler show" in result.err


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_a_record_with_digests_is_shown_as_such(
    redacted: LogWorkspace, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    redacted.commit(person("wynn"))
    redacted.apply()
    monkeypatch.delenv("RECONCILER_RECORD_KEY")
    (directory,) = redacted.work.plans.iterdir()
    result = run(["reconciler", "show", str(directory), "--format", form])
    assert result.code == 0, result
    assert "digests (hmac:…)" in result.err
    assert "wynn" not in (result.out + result.err).casefold()
    address = next(json.loads(line) for line in (directory / "receipt.jsonl").read_text().splitlines()[1:])["address"]
    assert address.removeprefix('user["').removesuffix('"]') in result.out, "the same digest as in the receipt"
    if form == "json":
        assert json.loads(result.out)["values"] == "digest"
    if form == "text":
        assert "apply finished: 1 done" in result.out


def test_the_commit_on_record_cannot_inject_terminal_commands_into_show(redacted: LogWorkspace) -> None:
    redacted.commit(person("wynn"))
    redacted.apply()
    file = next(redacted.work.plans.glob("*/plan.json"))
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "commit": "\x1b[2J\n::error::forged"}))
    result = run(["reconciler", "show", str(file)])
    assert result.code == 0
    assert "\x1b" not in result.err
    assert "\n::error" not in result.err


def test_notes_and_branches_of_a_plan_contain_no_names_on_a_record_with_digests(redacted: LogWorkspace) -> None:
    redacted.commit(person("wynn"))
    redacted.git.git("branch", "about-wynn")
    settings = {"record": {"values": "digest"}, "guards": {"protected": ["wynn@example.com"]}}
    redacted.work.settings(**settings)
    users = to_yaml([person("wynn"), person("tomo")])
    redacted.git.commit("Protect", {USERS: users + "  lifecycle: {protected: true}\n"})
    saved = redacted.work.root / "plan.json"
    assert redacted.work.run("plan", "--base", "about-wynn", "-o", str(saved)).code == 0
    assert "wynn@example.com" in saved.read_text()
    assert redacted.apply(str(saved)) == 0
    (plan,) = redacted.work.plans.glob("*/plan.json")
    assert "settings.yaml: guards.protected" in plan.read_text()
    assert [word for word in ("wynn", "tomo") if word in plan.read_text().casefold()] == []


# --- edge cases ----------------------------------------------------------------------


def test_a_user_that_replaces_another_under_the_same_name_is_a_different_user(repository: LogRepository) -> None:
    repository.commit_users(person("ada"))
    repository.commit_users(person("ada", objectId="id-heir"))
    assert [each["action"] for each in repository.entries("id-ada")] == ["removed", "added"]
    assert [each["action"] for each in repository.entries("id-heir")] == ["added"]


def test_edits_of_its_parents_are_not_attributed_to_a_merge(repository: LogRepository) -> None:
    repository.commit_users(person("ada"), person("bob"))
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit_users(person("ada", department="IT"), person("bob"))
    repository.git("checkout", "--quiet", "main")
    repository.commit_users(person("ada"), person("bob", department="HR"))
    repository.git("merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", "feature")
    merge = repository.commit_users(person("ada", department="IT", jobTitle="Boss"), person("bob", department="HR"))
    found = [each for each in repository.entries() if each["commit"] == merge]
    assert edits(found) == [("changed", 'user["ada@example.com"]', ["jobTitle"])]


def test_a_change_left_out_of_an_apply_is_not_drift_in_the_next(org: LogWorkspace) -> None:
    org.commit(person("ada"), person("bob"))
    org.apply()
    org.commit(person("ada", department="IT"), person("bob", department="HR"))
    org.apply("--user", "bob@example.com")
    org.apply()
    assert summary(org.entries("id-ada"))[0] == ("edit", "changed", "applied")


def test_an_interrupted_apply_leaves_no_page_of_the_previous_one(
    org: LogWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise SystemExit(9)

    org.commit(person("ada"), person("bob"))
    saved = str(org.work.root / "plan.json")
    org.work.run("plan", "-o", saved)
    assert org.apply(saved) == 0
    (page,) = org.work.plans.glob("*/README.md")
    del org.service.users[next(iter(org.service.users))]
    with monkeypatch.context() as patch:
        patch.setattr("reconciler.session.execution.execute", die)
        assert org.apply(saved) == 9
    assert not page.exists()
    assert org.apply(saved) == 0
    assert "did not end" in page.read_text("utf-8")


CONFLICT = "<<<<<<< HEAD\n  department: A\n=======\n  department: B\n>>>>>>> x\n"


@pytest.mark.parametrize(
    ("name", "valid", "broken"),
    [
        (USERS, "- userPrincipalName: {}@example.com\n  surname: X\n", CONFLICT),
        (USERS, "- userPrincipalName: {}@example.com\n  surname: X\n", "   indented: more\n"),
        (USERS, "- userPrincipalName: {}@example.com\n  surname: X\n", "\tdepartment: X\n"),
        ("desired-state/groups/a.yaml", "- name: {}\n  members:\n    users: [x]\n", "   groups: [y]\n"),
        ("desired-state/mappings.yaml", "- target: {}\n  source: x\n", CONFLICT),
        ("desired-state/scope.yaml", "sync: all\nexcluded: {{users: [{}]}}\n", CONFLICT),
    ],
)
def test_a_version_that_cannot_be_read_removes_nothing(
    name: str, valid: str, broken: str, repository: LogRepository
) -> None:
    first = "".join(valid.format(each) for each in (("ada",) if "scope" in name else ("ada", "bob")))
    repository.commit("First", {name: first})
    before = len(repository.entries())
    repository.commit("Broken", {name: first.rstrip("\n") + "\n" + broken})
    repository.commit("Fixed", {name: first.replace("ada", "eve")})
    added = repository.entries()[:-before]
    assert [each["action"] for each in added if each["subject"] == "Broken"] == ["unreadable"]
    assert [each["file"] for each in added if each["subject"] == "Broken"] == [name.removeprefix("desired-state/")]
    fixed = [each for each in added if each["subject"] == "Fixed"]
    assert not any("bob" in str(each["address"]) for each in fixed)
    assert {each["action"] for each in fixed} == ({"changed"} if "scope" in name else {"added", "removed"})
    shown = repository.log().out
    assert f"? {name.removeprefix('desired-state/')} could not be read in this commit" in shown
    assert "not valid: no plan can be made of this commit" in shown


def test_a_file_that_is_emptied_is_unreadable_and_one_that_is_deleted_is_not(repository: LogRepository) -> None:
    repository.commit("First", {USERS: to_yaml([person("ada")])})
    repository.commit("Emptied", {USERS: ""})
    assert repository.entries()[0]["action"] == "unreadable"
    repository.commit("Again", {USERS: to_yaml([person("ada")])})
    assert [each["subject"] for each in repository.entries()][:2] == ["Emptied", "First"]
    (repository.root / USERS).unlink()
    repository.commit("Deleted", {})
    assert repository.entries()[0]["action"] == "removed"
