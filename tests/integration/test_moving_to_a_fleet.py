"""docs/fleet.md, "From one repository to a fleet", step by step: a tenant with a record moves, and nothing changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_repository import GitRepository
from support.servers.fake_scim import FakeScimServer
from support.servers.git_http import GitServer
from support.servers.github_api import REPOSITORY, Token
from support.servers.server_faults import ServerFaults
from support.workspace import CommandResult
from support.workspace import run as reconciler

BRANCH = "reconciler-record"


def person(number: int, **changed: str) -> str:
    names = {"objectId": f"id-{number}", "userPrincipalName": f"p{number}@example.com", "surname": "Lee"}
    return json.dumps({**names, "givenName": f"P{number}", **changed})


class Move:
    """The repository of one tenant, with applies on its record branch, and the fleet that it moves to."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.patch = root, patch
        self.service = FakeScimServer()
        self.service.start()
        self.old = GitRepository(root / "old")
        self.fleet = root / "fleet"
        self.tokens = root / "tokens"
        self.servers: list[GitServer] = []
        for name, value in {
            "RECONCILER_TOKEN": self.service.token,
            "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
            "XDG_STATE_HOME": str(root / "state-home"),
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": "t",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SHA": "a" * 40,
            "HOME": str(root),
        }.items():
            patch.setenv(name, value)
        patch.delenv("GITHUB_OUTPUT", raising=False)

    def close(self) -> None:
        for each in (*self.servers, self.service):
            each.close()

    def serve(self, repository: Path) -> None:
        server = GitServer(repository, lambda: {"t": Token(permissions={"contents": "write"})})
        self.servers.append(server)
        self.patch.setenv("GITHUB_SERVER_URL", server.url)

    def commit_people(self, *people: str) -> None:
        self.old.commit("People", {"desired-state/users/people.yaml": "".join(f"- {each}\n" for each in people)})

    def apply_old(self) -> CommandResult:
        options = ("--state", str(self.old.root / "desired-state"))
        plans = ("--plans", str(self.old.root / "plans"))
        done = reconciler(["reconciler", "apply", "--auto-approve", *options, *plans])
        assert reconciler(["reconciler", "github", "push-record", *options, *plans]).code == 0
        shutil.rmtree(self.old.root / "plans")
        return done

    def use(self, *command: str) -> CommandResult:
        """Run a command for the tenant alone."""
        return reconciler(["reconciler", *command, "--state", str(self.fleet / "tenants/acme")])

    def for_all(self, verb: str, *options: str) -> CommandResult:
        return reconciler(["reconciler", "fleet", verb, "--fleet", str(self.fleet), *options])


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Move]:
    made = Move(tmp_path, monkeypatch)
    yield made
    made.close()


def run_old_repository(move: Move) -> None:
    """An apply that ended well."""
    settings = {
        "target": {"profile": "scim", "base_url": move.service.base_url, "domains": ["example.com"]},
        "record": {"branch": BRANCH},
        "guards": {"removals": {"count": 10}},
    }
    files = {"desired-state/settings.yaml": json.dumps(settings), "desired-state/scope.yaml": "sync: all\n"}
    move.old.commit("Settings", files)
    move.serve(move.old.root)
    move.commit_people(*(person(number) for number in range(4)))
    assert move.apply_old().code == 0


def begin_quarantine(move: Move) -> None:
    """An apply that the service refused after some changes."""
    move.service.faults = ServerFaults(forbid_after=10)
    move.commit_people(*(person(number, givenName=f"Q{number}") for number in range(40)))
    assert move.apply_old().code == 5
    move.service.faults = ServerFaults()


def move_desired_state(move: Move) -> GitRepository:
    """Step 1: the fleet, with the desired state as the folder of a tenant and its domains in tenant.yaml."""
    assert reconciler(["reconciler", "init", str(move.fleet), "--fleet", "--profile", "scim"]).code == 0
    for name in ("tenants/acme", "tenants/acme-school", "groups/schools"):
        shutil.rmtree(move.fleet / name)
    for name in ("scope.yaml", "mappings.yaml"):
        (move.fleet / "defaults" / name).unlink()
    target = f"target: {{profile: scim, base_url: '{move.service.base_url}'}}\n"
    shared = f"{target}record: {{branch: {BRANCH}}}\nfinal: [target.profile, target.base_url, record.branch]\n"
    (move.fleet / "defaults/settings.yaml").write_text(shared)
    shutil.copytree(move.old.root / "desired-state", move.fleet / "tenants/acme")
    settings = json.loads((move.fleet / "tenants/acme/settings.yaml").read_text())
    del settings["target"], settings["record"]
    (move.fleet / "tenants/acme/settings.yaml").write_text(json.dumps(settings))
    (move.fleet / "tenants/acme/tenant.yaml").write_text("domains: [example.com]\n")
    repository = GitRepository(move.fleet, ".")
    repository.commit("Fleet")
    repository.git("fetch", "--quiet", str(move.old.root), "main")
    keep = ("-s", "ours", "--allow-unrelated-histories", "-m", "Keep the history of acme")
    repository.git("merge", "--quiet", *keep, "FETCH_HEAD")
    return repository


def move_record(move: Move, repository: GitRepository) -> None:
    """Step 2, as docs/fleet.md writes it."""
    repository.git("fetch", "--quiet", str(move.old.root), BRANCH)
    commands = [
        ("worktree", "add", "--quiet", "-b", BRANCH, "../record", "FETCH_HEAD"),
        ("-C", "../record", "mv", "plans", "tenants/acme/plans"),
        ("-C", "../record", "commit", "--quiet", "-m", "Move the record of acme"),
        ("worktree", "remove", "../record"),
    ]
    repository.git(*commands[0])
    (move.root / "record/tenants/acme").mkdir(parents=True)
    for command in commands[1:]:
        repository.git(*command)


def move_further_record(move: Move, repository: GitRepository) -> None:
    """Step 2, for a tenant that is not the first."""
    repository.git("worktree", "add", "--quiet", "--detach", "../record")
    there = ("-C", "../record")
    repository.git(*there, "checkout", "--quiet", "--orphan", BRANCH)
    repository.git(*there, "rm", "--quiet", "-rf", ".")
    (move.root / "record/tenants/other/plans").mkdir(parents=True)
    (move.root / "record/tenants/other/plans/note.txt").write_text("")
    repository.git(*there, "add", ".")
    repository.git(*there, "commit", "--quiet", "-m", "Another tenant")
    repository.git(*there, "fetch", "--quiet", str(move.old.root), BRANCH)
    repository.git(*there, "read-tree", "--prefix=tenants/acme/plans/", "-u", "FETCH_HEAD:plans")
    repository.git(*there, "commit", "--quiet", "-m", "Move the record of acme")
    repository.git("worktree", "remove", "../record")


def move_token(move: Move) -> None:
    """Step 4."""
    move.tokens.mkdir()
    (move.tokens / "acme").write_text(move.service.token)
    (move.tokens / "acme").chmod(0o600)
    move.patch.delenv("RECONCILER_TOKEN")
    move.patch.setenv("RECONCILER_TOKEN_DIR", str(move.tokens))


def move_all(move: Move) -> None:
    move_record(move, move_desired_state(move))
    move_token(move)
    valid = move.for_all("validate")
    assert valid.code == 0, valid.err


def test_a_tenant_with_a_record_moves_into_a_fleet_and_nothing_changes(move: Move) -> None:
    run_old_repository(move)
    writes = len(move.service.writes)
    move_all(move)
    planned = move.for_all("plan")
    assert (planned.code, planned.out.splitlines()[1]) == (
        0,
        "Users: 0 to create, 0 to update, 0 to remove, 4 unchanged, 0 failed.",
    )
    assert '+ user["p3@example.com"]' in move.use("log").out, "its history is that of the old repository"
    assert "complete: 4 done" in move.use("status").out
    assert move.for_all("apply", "--auto-approve").code == 0
    assert len(move.service.writes) == writes, "nothing was created twice, or changed"


def test_edits_in_the_target_are_told_apart_after_the_first_apply_of_the_fleet(move: Move) -> None:
    run_old_repository(move)
    move_all(move)
    assert move.for_all("apply", "--auto-approve").code == 0
    user = next(each for each in move.service.users.values() if each["userName"] == "p0@example.com")
    user["name"]["givenName"] = "Edited"
    found = move.use("drift")
    assert "is not applied" not in found.out
    assert "givenName" in found.out
    assert "Edited in the target: 0 to create, 1 to update, 0 to delete." in found.out, found.out + found.err


def test_a_quarantine_goes_on_in_the_fleet_and_each_account_is_created_once(move: Move) -> None:
    run_old_repository(move)
    begin_quarantine(move)
    move_all(move)
    status = move.use("status")
    assert (status.code, "Quarantine:    since" in status.out) == (1, True)
    assert "Not applied: 35 to create, 0 to update, 0 to delete." in move.use("drift").out
    assert move.for_all("apply", "--auto-approve", "-o", str(move.root / "out")).code == 0
    assert "begins with a probe of 5 changes" in (move.root / "out/acme/output.txt").read_text()
    names = [each["userName"] for each in move.service.users.values()]
    assert sorted(names) == sorted(f"p{number}@example.com" for number in range(40))
    assert move.use("status").code == 0


def test_a_further_tenant_brings_its_record_too(move: Move) -> None:
    run_old_repository(move)
    repository = move_desired_state(move)
    move_further_record(move, repository)
    move_token(move)
    assert "complete: 4 done" in move.use("status").out
    listed = repository.git("ls-tree", "-r", "--name-only", BRANCH).splitlines()
    assert "tenants/other/plans/note.txt" in listed
    assert all(name.startswith("tenants/") for name in listed)


def test_without_its_record_the_tenant_is_as_new(move: Move) -> None:
    run_old_repository(move)
    begin_quarantine(move)
    move_desired_state(move)
    move_token(move)
    assert "Quarantine:" not in move.use("status").out
