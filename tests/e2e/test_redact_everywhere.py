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
"""In every name and value of a user, and in none of our messages."""
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
"""Rules that fail for all users, each in its own way."""
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


class RedactedWorkspace:
    """A workspace in a git repository, whose output and files are searched for values."""

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
def redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedactedWorkspace]:
    """Every kind of change, on record since an earlier commit."""
    monkeypatch.setenv("RECONCILER_RECORD_KEY", KEY)
    live = [person(number) for number in range(9)]
    live[1]["active"] = False
    del live[2]["externalId"]
    service = FakeScimServer(None, live, TOKEN).start()
    made = RedactedWorkspace(tmp_path / "repository", service, monkeypatch)
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


def keys(redacted: RedactedWorkspace) -> list[str]:
    return [wanted(number)["userPrincipalName"] for number in (0, 4, 6, 7, 8, 9)]


def test_plans_and_their_output_formats(redacted: RedactedWorkspace) -> None:
    planned = redacted.run("plan", "--log", str(redacted.root / "log.jsonl"))
    assert planned.code == 0
    assert planned.out.count("(hidden)") > 20
    assert len((redacted.root / "log.jsonl").read_bytes().splitlines()) > 5
    faces = [[], ["--format", "markdown"], ["--format", "html"], ["--format", "markdown", "--limit", "summary"]]
    saved = str(redacted.saved())
    for face in faces:
        for summary in ([], ["--summary"]):
            redacted.run("plan", *face, *summary)
            redacted.run("drift", *face, *summary)
            redacted.run("show", saved, *face, *summary)
    redacted.run("plan", "--base", "HEAD~1")
    redacted.run("plan", "--base", "HEAD~1", "--offline")
    redacted.run("validate", "--base", "HEAD~1")
    redacted.run("plan", "--user", keys(redacted)[0])
    assert redacted.run("plan", "--user", f"{MARK} nobody").code == 64
    redacted.run("plan", "-v")
    redacted.workspace.users([wanted(0, department=f"{MARK}\n"), wanted(1, userPrincipalName=f"{MARK}")])
    for face in faces:
        redacted.run("plan", *face)


def test_dates_of_users_are_values(redacted: RedactedWorkspace) -> None:
    people = [wanted(0), wanted(1, lifecycle={"starts": "2021-03-07", "expires": "2031-03-07"})]
    lines = [["plan"], ["explain", keys(redacted)[4]], ["explain", keys(redacted)[5], "--offline"]]
    lines += [["plan", "--offline", "--base", "HEAD", "--format", face] for face in ("text", "markdown", "html")]
    for number, line in enumerate(lines):
        if number == 3:
            redacted.workspace.users([wanted(0), wanted(1)])
            redacted.commit()
            redacted.workspace.users(people)
        answer = redacted.run(*line)
        assert "2021-03-07" not in answer.out
        assert "2031-03-07" not in answer.out


def test_explanations(redacted: RedactedWorkspace) -> None:
    for key, offline in itertools.product(keys(redacted), ([], ["--offline"])):
        redacted.run("explain", key, *offline)
    assert redacted.run("explain", f"{MARK} nobody").code == 64
    redacted.workspace.write("scope.yaml", f"sync: assigned\nassigned: {{users: ['{MARK}-4'], groups: [g]}}\n")
    redacted.workspace.write("groups/g.yaml", f"- {{name: g, members: {{users: ['{MARK}-0']}}}}\n")
    for key in keys(redacted):
        redacted.run("explain", key)


@pytest.mark.parametrize("rule", FAILING)
def test_mappings_that_fail(rule: str, redacted: RedactedWorkspace) -> None:
    redacted.workspace.write("mappings.yaml", f"{MAPPINGS}- {{target: title, apply: create, {rule}}}\n")
    people = [wanted(number, several=[f"{MARK}1", f"{MARK}2"]) for number in (0, 9)]
    redacted.workspace.users(people)
    planned = redacted.run("plan", "--log", str(redacted.root / "log.jsonl"))
    assert planned.code == 5, planned
    assert redacted.run("validate").code == 1
    saved = str(redacted.saved())
    for line in (
        ["explain", people[0]["userPrincipalName"]],
        ["show", saved, "--format", "markdown"],
        ["show", saved, "--format", "html"],
        ["github", "annotate"],
        ["apply", "--auto-approve"],
    ):
        redacted.run(*line)


def test_errors_in_files(redacted: RedactedWorkspace) -> None:
    redacted.workspace.write("users/mistakes.yaml", MISTAKES)
    redacted.workspace.write(
        "scope.yaml", f"sync: assigned\nassigned: {{users: ['{MARK}9', '{MARK}-7'], groups: []}}\n"
    )
    redacted.workspace.write("groups/g.yaml", f"- {{name: g, members: {{users: ['{MARK}-77', '{MARK}-4 ']}}}}\n")
    redacted.settings(guards={"protected": [f"{MARK} nobody"]})
    lines = (["validate"], ["plan"], ["apply", "--auto-approve"], ["explain", "x"], ["github", "annotate"])
    for line in lines:
        assert redacted.run(*line).code in (0, 1)
    for number, text in enumerate(BROKEN):
        redacted.workspace.write("users/mistakes.yaml", text)
        for line in lines:
            answer = redacted.run(*line)
            assert "users/mistakes.yaml" in answer.out + answer.err, number


SCOPES = (
    f"attribute: surname, operator: REGEX MATCH, value: '\\b{MARK}.*'",
    "attribute: surname, operator: Greater_Than, value: '5'",
    "attribute: several, operator: EQUALS, value: x",
    "attribute: lifecycle.expires, operator: IS NOT NULL",
    f"attribute: surname, operator: EQUALS, value: {MARK}",
)


@pytest.mark.parametrize("clause", SCOPES)
def test_scopes_that_cannot_judge(clause: str, redacted: RedactedWorkspace) -> None:
    redacted.workspace.write("scope.yaml", f"sync: all\nfilters: [{{name: f, clauses: [{{{clause}}}]}}]\n")
    people = [wanted(0, surname=f"{MARK}é", several=[f"{MARK}1", f"{MARK}2"]), wanted(9)]
    redacted.workspace.users(people)
    redacted.run("validate")
    for line in (["plan"], ["apply", "--auto-approve"], *(["explain", each["userPrincipalName"]] for each in people)):
        redacted.run(*line)


def test_an_apply_and_all_its_output(redacted: RedactedWorkspace) -> None:
    redacted.service.faults = ServerFaults(refuse_user=person(0)["userName"])
    log = str(redacted.root / "log.jsonl")
    applied = redacted.run("apply", "--auto-approve", "--log", log)
    assert applied.code == 5
    (receipt,) = redacted.workspace.receipts()
    assert receipt.with_name("README.md").exists()
    redacted.run("show", str(receipt))
    for line in (["status"], ["status", "--format", "json"], ["plan"], ["apply", "--auto-approve"]):
        redacted.run(*line)
    for form in ("text", "json", "html"):
        redacted.run("log", "--format", form)
        for key in keys(redacted):
            redacted.run("log", key, "--format", form)
            redacted.run("log", key, "--attribute", "department", "--format", form)
    redacted.run("log", f"{MARK} nobody")


def test_rollbacks(redacted: RedactedWorkspace) -> None:
    for line in (["--dry-run"], ["--user", keys(redacted)[0], "--dry-run"], ["--all", "--dry-run"], []):
        redacted.run("rollback", "HEAD~1", *line)
    assert "not as committed" in redacted.run("rollback", "HEAD~2").err or True
    redacted.git.git("checkout", "--quiet", "--", ".")
    redacted.workspace.write("users/people.yaml", f"[{json.dumps(wanted(0))}]\n")
    redacted.commit()
    assert redacted.run("rollback", "HEAD~1").code in (0, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_service_that_quotes_users_in_its_refusals(
    status: int, redacted: RedactedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = f'no {MARK}: "{MARK}" \\'
    on: dict[str, bool] = {"reads": True}
    answer = redacted.service._gate

    def gate(entry: Logged) -> None:
        answer(entry)
        if entry.path == "/Users" and entry.method == "GET" and on["reads"]:
            raise Refused(status, detail)
        if entry.nth_write:
            raise Refused(status, detail, "uniqueness" if status == 409 else "")

    monkeypatch.setattr(redacted.service, "_gate", gate)
    log = str(redacted.root / "log.jsonl")
    for line in (["plan"], ["apply", "--auto-approve"], ["status"], ["explain", keys(redacted)[0]]):
        redacted.run(*line)
    on["reads"] = False
    saved = str(redacted.saved())
    assert redacted.run("apply", saved, "--log", log).code in (1, 5)
    for line in (["apply", saved], ["status"], ["status", "--format", "json"], ["log"], ["log", "--format", "json"]):
        redacted.run(*line)
    for receipt in redacted.workspace.receipts():
        redacted.run("show", str(receipt))


def test_stale_and_blocked_plans(redacted: RedactedWorkspace) -> None:
    saved = redacted.saved()
    for user in redacted.service.users.values():
        user[ENTERPRISE]["department"] = f"{MARK} by hand"
    assert redacted.run("apply", str(saved), "--strict").code == 4
    assert redacted.run("apply", str(saved), "--approve", f'sha256:{MARK}"').code == 4
    redacted.settings(guards={"protected": [person(6)["userName"]], "removals": {"count": 0}})
    assert redacted.run("plan").code == 3
    assert redacted.run("apply", "--auto-approve", "--log", str(redacted.root / "log.jsonl")).code == 3
    redacted.service.faults = ServerFaults(empty_lie=True)
    assert redacted.run("plan").code == 3
    redacted.service.faults = ServerFaults(user_without_id=person(6)["userName"])
    assert redacted.run("plan").code == 3


def test_an_entry_in_the_way_of_names(redacted: RedactedWorkspace) -> None:
    redacted.workspace.users([wanted(0, objectId=f"{MARK}-x"), wanted(1, userPrincipalName=person(5)["userName"])])
    redacted.run("plan")
    for key in (keys(redacted)[0], f"{MARK}-1"):
        redacted.run("explain", key)


def test_github(redacted: RedactedWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    api = GitHubApi()
    api.tokens["t"] = Token(permissions=dict.fromkeys(("issues", "pull-requests"), "write"))
    api.pull(7, "a" * 40, None)
    outside = {
        "GITHUB_API_URL": api.url,
        "GITHUB_TOKEN": "t",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "5",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STEP_SUMMARY": str(redacted.root / "summary.md"),
        "GITHUB_OUTPUT": str(redacted.root / "outputs"),
    }
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    saved = redacted.saved()
    plan: Plan = from_json(saved.read_bytes())
    assert len(plan.changes) > 5
    try:
        redacted.run("github", "comment", str(saved), "--pull", "7")
        redacted.run("github", "drift-issue", str(saved))
        redacted.run("github", "summary", str(saved))
        run(["reconciler", "github", "outputs", str(saved)])
    finally:
        api.close()
    said = [text["body"] for text in (*api.comments[7], *api.issues)]
    said += [Path(os.environ[name]).read_text() for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")]
    assert len(said) == 4
    assert all(text and MARK not in text.casefold() for text in said)


# --- names of places ----------------------------------------------------------------


def run_at(line: list[str], state: Path, plans: Path) -> CommandResult:
    words = ["reconciler", *line, "--redact"]
    words += ["--state", str(state)] if line[0] != "show" else []
    words += [f"--plans={plans}"] if line[0] not in ("show", "validate") else []
    answer = run(words)
    assert "Traceback" not in answer.err
    for stream in (answer.out, answer.err):
        found = stream.casefold().find(MARK)
        assert found < 0, (line, stream[max(0, found - 200) : found + 100])
    return answer


EVERY = (
    *(
        ["validate"],
        ["plan"],
        ["plan", "-v"],
        ["plan", "--format", "markdown"],
        ["plan", "--format", "html"],
        ["drift"],
    ),
    *(["status"], ["status", "--format", "json"], ["log"], ["log", "--format", "json"], ["log", "--format", "html"]),
    *(["rollback", "HEAD~1", "--dry-run"], ["explain", f"{MARK} nobody"], ["apply", "--auto-approve"]),
)


def test_paths_of_the_command_line(redacted: RedactedWorkspace) -> None:
    state, plans = redacted.root / f"{MARK} state", redacted.root / f"of-{MARK}" / "plans"
    for line in EVERY:
        assert run_at(line, state, plans).code in (1, 64)
    redacted.workspace.state.rename(state)
    redacted.commit()
    for line in (*EVERY, *EVERY):
        run_at(line, state, plans)
    saved, missing = redacted.root / f"{MARK}.json", redacted.root / MARK / "missing.json"
    lines = [["plan", "-o", str(saved)], ["show", str(saved)], ["apply", str(saved)], ["show", str(missing)]]
    lines += [["plan", "-o", str(redacted.root)], ["plan", "--log", str(missing)], ["apply", str(missing)]]
    lines += [["show", str(path)] for path in (*plans.rglob("receipt.jsonl"), *plans.iterdir(), state)]
    lines += [["plan", "--template", str(missing), "--format", "html"], ["plan", str(missing)], ["plan", "--now", MARK]]
    for line in lines:
        run_at(line, state, plans)
    (plans / "x").mkdir()
    (plans / "x/receipt.jsonl").write_text("{")
    (plans / "refusal.json").mkdir()
    (plans / "x/receipt.jsonl").write_text("[]\n{}\n")
    for line in EVERY:
        run_at(line, state, plans)


def test_the_pages_of_a_report(redacted: RedactedWorkspace) -> None:
    site = redacted.root / "site"
    place = ["--plans", str(redacted.workspace.plans), "-o", str(site)]
    assert redacted.run("report", *place).code == 0
    assert redacted.run("apply", "--auto-approve").code in (0, 3, 5)
    redacted.workspace.users([wanted(0), wanted(1, department=f"{MARK} again"), wanted(6)])
    redacted.commit()
    assert redacted.run("report", *place).code == 0
    assert redacted.run("report", *place, "--plan", str(redacted.saved())).code == 0
    for content in ("[]\n", f'{{"{MARK}": "{MARK}"\n'):
        for receipt in redacted.workspace.plans.glob("*/receipt.jsonl"):
            receipt.write_text(content)
        assert redacted.run("report", *place).code == 1
    assert redacted.run("report", *place[:-1], str(redacted.root / MARK)).code == 1
    (site / "reconciler-report.json").unlink()
    assert redacted.run("report", *place[:-1], str(redacted.workspace.state / MARK)).code == 64
    assert redacted.run("report", *place).code == 64


def test_names_of_branches(redacted: RedactedWorkspace) -> None:
    redacted.git.git("branch", f"{MARK}-leaves", "HEAD~1")
    for base in (f"{MARK}-leaves", f"{MARK}-nowhere", f"-{MARK}", f"refs/heads/{MARK}-leaves"):
        for face in ("text", "markdown", "html"):
            redacted.run("plan", f"--base={base}", "--format", face)
            redacted.run("plan", f"--base={base}", "--format", face, "--offline")
        redacted.run("validate", "--base", base)
        redacted.run("rollback", base, "--dry-run")
    redacted.workspace.settings(record={"branch": f"{MARK}-record", "values": "digest"})
    for line in EVERY:
        redacted.run(*line)
    saved = redacted.root / "saved.json"
    redacted.run("plan", "--base", f"{MARK}-leaves", "-o", str(saved))
    for face in ("text", "markdown", "html"):
        redacted.run("show", str(saved), "--format", face)


def test_keys_of_attributes(redacted: RedactedWorkspace) -> None:
    for value in ("a", "b"):
        redacted.workspace.users([wanted(number, **{f"{MARK}Likes": value}) for number in (0, 1, 9)])
        redacted.commit()
    lines = [["plan", "--base", "HEAD~1"], ["plan", "--base", "HEAD~1", "--offline"], ["explain", keys(redacted)[0]]]
    lines += [["log", keys(redacted)[0], "--attribute", f"{MARK}Likes"], ["log", "--attribute", f"{MARK}Likes"]]
    for line in (*EVERY, *lines):
        redacted.run(*line)
