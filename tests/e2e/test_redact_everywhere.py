"""--redact on every command that takes it: nothing that is said of a person in any byte that is written.

What holds people's data by its purpose is left aside: the desired state, a plan saved with -o, a record whose values
are `full`. docs/security.md says so.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import CommandWorkspace, run
from support.git_repository import GitRepository
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults
from support.servers.github_api import REPOSITORY, GitHubApi, Token
from support.servers.patching import Refused, User
from support.servers.users import make_user
from support.workspace import ENTERPRISE, CommandResult, source

from reconciler.core.plan import Plan
from reconciler.record.plan_file import from_json

MARK = "qzx"
"""In every name and value of everybody, and in no word of ours."""
TOKEN = "t0ken"
KEY = "k" * 32

MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: "enterprise:department", source: department}
- {target: "enterprise:employeeNumber", source: employeeId}
"""
FAILING = (
    'expression: "CBool([surname])"',
    "expression: 'DateAdd(\"d\", 1, [surname])'",
    'expression: "Error([surname])"',
    'expression: "Mid([surname], [givenName], 1)"',
    "expression: 'SelectUniqueValue([surname], Error([givenName]))'",
    "expression: 'Replace([surname], , [givenName], , \"\", , )'",
    "expression: 'ConvertFromBase64([surname])'",
    'template: "{{ surname | truncate(givenName) }}"',
    'template: "{{ surname < 1 }}"',
    "source: several",
)
"""Rules that fail for everybody, each in its own way."""
MISTAKES = f"""\
- userPrincipalName: "{MARK}-m1@{MARK}.example"
  objectId: {MARK}-same
  accountEnabled: {MARK}
  lifecycle: {{expires: {MARK}, starts: {MARK}, protected: {MARK}, {MARK}: x}}
- userPrincipalName: "{MARK}-m1@{MARK}.example"
  objectId: {MARK}-same
  surname: &{MARK} x
- userPrincipalName: !{MARK} "{MARK}-m2@{MARK}.example"
  surname: *{MARK}
  givenName: {{value: {MARK}}}
- {MARK}
- userPrincipalName: [{MARK}]
"""
BROKEN = (
    f'- userPrincipalName: "{MARK}\n',
    f"- userPrincipalName: {MARK}: {MARK}\n",
    f"- userPrincipalName: @{MARK}\n",
    f"- {MARK}: [{MARK}\n",
    f"- !x!{MARK} {MARK}\n",
    f'- "\\{MARK}"\n',
    f"%{MARK} {MARK}\n---\n- x\n",
    f"- userPrincipalName: {MARK}\x01\n",
)
"""Each is no YAML in its own way."""


def person(number: int, **overrides: Any) -> User:
    return make_user(
        number,
        id=f"id-{number}",
        userName=f'{MARK}"{number}@{MARK}.example',
        externalId=f"{MARK}-{number}",
        givenName=f"{MARK} {number} (",
        familyName=f"{MARK}' \\{number}",
        department=f"{MARK} {number}",
        **{"division": None, "costCenter": None, "employeeNumber": None, **overrides},
    )


def wanted(number: int, **overrides: Any) -> dict[str, Any]:
    return source(person(number), **overrides)


class Office:
    """A desk in a git repository, and what may be watched of it."""

    def __init__(self, root: Path, service: FakeScimServer, patch: pytest.MonkeyPatch) -> None:
        self.workspace = CommandWorkspace(root, service, patch)
        self.service = service
        self.root = root
        self.git = GitRepository(root)
        self.workspace.write("mappings.yaml", MAPPINGS)
        self.workspace.write("scope.yaml", "sync: all\n")
        self.settings()

    def settings(self, **sections: Any) -> None:
        self.workspace.settings(record={"values": "digest"}, **sections)

    def commit(self) -> str:
        return self.git.commit(f"Move {MARK}", author=f"Grace <{MARK}@{MARK}.example>")

    def run(self, *line: str) -> CommandResult:
        """With --redact, and what has to be said of places; asserts that nothing leaks."""
        words = ["reconciler", *line, "--redact"]
        if line[0] not in ("show", "github") or "annotate" in line:
            words += ["--state", str(self.workspace.state)]
        if line[0] in ("plan", "apply", "drift", "explain", "log", "rollback", "status"):
            words += ["--plans", str(self.workspace.plans)]
        before = self._files()
        answer = run(words)
        self._assert_silent(line, answer, before)
        return answer

    def _files(self) -> dict[Path, bytes]:
        return {
            path: path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_relative_to(self.root / ".git") and not self._is_input(path)
        }

    def _is_input(self, path: Path) -> bool:
        return path.is_relative_to(self.workspace.state) or path.name == "saved.json"

    def _assert_silent(self, line: tuple[str, ...], answer: CommandResult, before: dict[Path, bytes]) -> None:
        assert "Traceback" not in answer.err
        for stream in (answer.out, answer.err):
            found = stream.casefold().find(MARK)
            assert found < 0, (line, stream[max(0, found - 200) : found + 100])
        for path, content in self._files().items():
            if content != before.get(path):
                assert MARK not in path.name
                found = content.lower().find(MARK.encode())
                assert found < 0, (line, path, content[max(0, found - 200) : found + 100])

    def saved(self) -> Path:
        file = self.root / "saved.json"
        self.run("plan", "-o", str(file))
        return file


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Every kind of change, on record since an earlier commit."""
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    live = [person(number) for number in range(9)]
    live[1]["active"] = False
    del live[2]["externalId"]
    service = FakeScimServer(None, live, TOKEN).start()
    made = Office(tmp_path / "office", service, monkeypatch)
    people = [wanted(number) for number in (0, 1, 2, 3, 4, 5, 9)]
    people[0]["department"] = f"{MARK} moved"
    people[3]["accountEnabled"] = False
    people[4]["userPrincipalName"], people[5]["userPrincipalName"] = (
        people[5]["userPrincipalName"],
        people[4]["userPrincipalName"],
    )
    people[6]["lifecycle"] = {"starts": "2026-01-01", "expires": "2031-03-07"}
    people.append(wanted(8, lifecycle={"expires": "2021-03-07"}))
    made.workspace.users([wanted(0), wanted(7)])
    made.commit()
    made.workspace.users(people)
    made.commit()
    yield made
    service.close()


def keys(office: Office) -> list[str]:
    return [wanted(number)["userPrincipalName"] for number in (0, 4, 6, 7, 8, 9)]


def test_plans_and_their_faces(office: Office) -> None:
    planned = office.run("plan", "--log", str(office.root / "log.jsonl"))
    assert planned.code == 0
    assert planned.out.count("(hidden)") > 20
    assert len((office.root / "log.jsonl").read_bytes().splitlines()) > 5
    faces = [[], ["--format", "markdown"], ["--format", "html"], ["--format", "markdown", "--limit", "summary"]]
    saved = str(office.saved())
    for face in faces:
        for summary in ([], ["--summary"]):
            office.run("plan", *face, *summary)
            office.run("drift", *face, *summary)
            office.run("show", saved, *face, *summary)
    office.run("plan", "--base", "HEAD~1")
    office.run("plan", "--base", "HEAD~1", "--offline")
    office.run("validate", "--base", "HEAD~1")
    office.run("plan", "--user", keys(office)[0])
    assert office.run("plan", "--user", f"{MARK} nobody").code == 64
    office.run("plan", "-v")
    office.workspace.users([wanted(0, department=f"{MARK}\n"), wanted(1, userPrincipalName=f"{MARK}")])
    for face in faces:
        office.run("plan", *face)


def test_dates_of_people_are_values(office: Office) -> None:
    people = [wanted(0), wanted(1, lifecycle={"starts": "2021-03-07", "expires": "2031-03-07"})]
    lines = [["plan"], ["explain", keys(office)[4]], ["explain", keys(office)[5], "--offline"]]
    lines += [["plan", "--offline", "--base", "HEAD", "--format", face] for face in ("text", "markdown", "html")]
    for number, line in enumerate(lines):
        if number == 3:
            office.workspace.users([wanted(0), wanted(1)])
            office.commit()
            office.workspace.users(people)
        answer = office.run(*line)
        assert "2021-03-07" not in answer.out
        assert "2031-03-07" not in answer.out


def test_explanations(office: Office) -> None:
    for key, offline in itertools.product(keys(office), ([], ["--offline"])):
        office.run("explain", key, *offline)
    assert office.run("explain", f"{MARK} nobody").code == 64
    office.workspace.write("scope.yaml", f"sync: assigned\nassigned: {{users: ['{MARK}-4'], groups: [g]}}\n")
    office.workspace.write("groups/g.yaml", f"- {{name: g, members: {{users: ['{MARK}-0']}}}}\n")
    for key in keys(office):
        office.run("explain", key)


@pytest.mark.parametrize("rule", FAILING)
def test_mappings_that_fail(rule: str, office: Office) -> None:
    office.workspace.write("mappings.yaml", f"{MAPPINGS}- {{target: title, apply: create, {rule}}}\n")
    people = [wanted(number, several=[f"{MARK}1", f"{MARK}2"]) for number in (0, 9)]
    office.workspace.users(people)
    planned = office.run("plan", "--log", str(office.root / "log.jsonl"))
    assert planned.code == 5, planned
    assert office.run("validate").code == 1
    saved = str(office.saved())
    for line in (
        ["explain", people[0]["userPrincipalName"]],
        ["show", saved, "--format", "markdown"],
        ["show", saved, "--format", "html"],
        ["github", "annotate"],
        ["apply", "--auto-approve"],
    ):
        office.run(*line)


def test_mistakes_in_files(office: Office) -> None:
    office.workspace.write("users/mistakes.yaml", MISTAKES)
    office.workspace.write("scope.yaml", f"sync: assigned\nassigned: {{users: ['{MARK}9', '{MARK}-7'], groups: []}}\n")
    office.workspace.write("groups/g.yaml", f"- {{name: g, members: {{users: ['{MARK}-77', '{MARK}-4 ']}}}}\n")
    office.settings(guards={"protected": [f"{MARK} nobody"]})
    lines = (["validate"], ["plan"], ["apply", "--auto-approve"], ["explain", "x"], ["github", "annotate"])
    for line in lines:
        assert office.run(*line).code in (0, 1)
    for number, text in enumerate(BROKEN):
        office.workspace.write("users/mistakes.yaml", text)
        for line in lines:
            answer = office.run(*line)
            assert "users/mistakes.yaml" in answer.out + answer.err, number


SCOPES = (
    f"attribute: surname, operator: REGEX MATCH, value: '\\b{MARK}.*'",
    "attribute: surname, operator: Greater_Than, value: '5'",
    "attribute: several, operator: EQUALS, value: x",
    "attribute: lifecycle.expires, operator: IS NOT NULL",
    f"attribute: surname, operator: EQUALS, value: {MARK}",
)


@pytest.mark.parametrize("clause", SCOPES)
def test_scopes_that_cannot_judge(clause: str, office: Office) -> None:
    office.workspace.write("scope.yaml", f"sync: all\nfilters: [{{name: f, clauses: [{{{clause}}}]}}]\n")
    people = [wanted(0, surname=f"{MARK}é", several=[f"{MARK}1", f"{MARK}2"]), wanted(9)]
    office.workspace.users(people)
    office.run("validate")
    for line in (["plan"], ["apply", "--auto-approve"], *(["explain", each["userPrincipalName"]] for each in people)):
        office.run(*line)


def test_an_apply_and_all_that_is_told_of_it(office: Office) -> None:
    office.service.faults = ServerFaults(refuse_user=person(0)["userName"])
    log = str(office.root / "log.jsonl")
    applied = office.run("apply", "--auto-approve", "--log", log)
    assert applied.code == 5
    (receipt,) = office.workspace.receipts()
    assert receipt.with_name("README.md").exists()
    office.run("show", str(receipt))
    for line in (["status"], ["status", "--format", "json"], ["plan"], ["apply", "--auto-approve"]):
        office.run(*line)
    for form in ("text", "json", "html"):
        office.run("log", "--format", form)
        for key in keys(office):
            office.run("log", key, "--format", form)
            office.run("log", key, "--attribute", "department", "--format", form)
    office.run("log", f"{MARK} nobody")


def test_rollbacks(office: Office) -> None:
    for line in (["--dry-run"], ["--user", keys(office)[0], "--dry-run"], ["--all", "--dry-run"], []):
        office.run("rollback", "HEAD~1", *line)
    assert "not as committed" in office.run("rollback", "HEAD~2").err or True
    office.git.git("checkout", "--quiet", "--", ".")
    office.workspace.write("users/people.yaml", f"[{json.dumps(wanted(0))}]\n")
    office.commit()
    assert office.run("rollback", "HEAD~1").code in (0, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_service_that_repeats_people_in_its_refusals(
    status: int, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = f'no {MARK}: "{MARK}" \\'
    on: dict[str, bool] = {"reads": True}
    answer = office.service._gate

    def gate(entry: Logged) -> None:
        answer(entry)
        if entry.path == "/Users" and entry.method == "GET" and on["reads"]:
            raise Refused(status, detail)
        if entry.nth_write:
            raise Refused(status, detail, "uniqueness" if status == 409 else "")

    monkeypatch.setattr(office.service, "_gate", gate)
    log = str(office.root / "log.jsonl")
    for line in (["plan"], ["apply", "--auto-approve"], ["status"], ["explain", keys(office)[0]]):
        office.run(*line)
    on["reads"] = False
    saved = str(office.saved())
    assert office.run("apply", saved, "--log", log).code in (1, 5)
    for line in (["apply", saved], ["status"], ["status", "--format", "json"], ["log"], ["log", "--format", "json"]):
        office.run(*line)
    for receipt in office.workspace.receipts():
        office.run("show", str(receipt))


def test_stale_and_blocked_plans(office: Office) -> None:
    saved = office.saved()
    for user in office.service.users.values():
        user[ENTERPRISE]["department"] = f"{MARK} by hand"
    assert office.run("apply", str(saved), "--strict").code == 4
    assert office.run("apply", str(saved), "--approve", f'sha256:{MARK}"').code == 4
    office.settings(guards={"protected": [person(6)["userName"]], "removals": {"count": 0}})
    assert office.run("plan").code == 3
    assert office.run("apply", "--auto-approve", "--log", str(office.root / "log.jsonl")).code == 3
    office.service.faults = ServerFaults(empty_lie=True)
    assert office.run("plan").code == 3
    office.service.faults = ServerFaults(user_without_id=person(6)["userName"])
    assert office.run("plan").code == 3


def test_a_people_in_the_way_of_names(office: Office) -> None:
    office.workspace.users([wanted(0, objectId=f"{MARK}-x"), wanted(1, userPrincipalName=person(5)["userName"])])
    office.run("plan")
    for key in (keys(office)[0], f"{MARK}-1"):
        office.run("explain", key)


def test_github(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    api = GitHubApi()
    api.tokens["t"] = Token(permissions=dict.fromkeys(("issues", "pull-requests"), "write"))
    api.pull(7, "a" * 40, None)
    outside = {
        "GITHUB_API_URL": api.url,
        "GITHUB_TOKEN": "t",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "5",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STEP_SUMMARY": str(office.root / "summary.md"),
        "GITHUB_OUTPUT": str(office.root / "outputs"),
    }
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    saved = office.saved()
    plan: Plan = from_json(saved.read_bytes())
    assert len(plan.changes) > 5
    try:
        office.run("github", "comment", str(saved), "--pull", "7")
        office.run("github", "drift-issue", str(saved))
        office.run("github", "summary", str(saved))
        run(["reconciler", "github", "outputs", str(saved)])
    finally:
        api.close()
    said = [text["body"] for text in (*api.comments[7], *api.issues)]
    said += [Path(os.environ[name]).read_text() for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")]
    assert len(said) == 4
    assert all(text and MARK not in text.casefold() for text in said)
