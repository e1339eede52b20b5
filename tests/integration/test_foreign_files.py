"""Files as strangers may write them: each command ends in words and an exit code of the contract, whatever they hold.

Any bytes give a value or an error with the project's root; no other exception, in bounded time and memory, and nothing
in what is printed steers a terminal or a runner.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.command import assert_harmless, run, sample_users
from support.foreign_bytes import as_lines, mutated
from support.servers.fake_scim import FakeScimServer
from support.workspace import CommandResult, Workspace

CODES = {0, 1, 3, 4, 5, 64}
SECONDS = 20
"""For one command, on a busy machine. None takes one."""
KIBIBYTES = 1_500_000
"""That the memory may grow by, while a test tries all of its examples."""
MANY = settings(
    max_examples=max(10, settings().max_examples // 3),  # each runs several commands or calls
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Three people, two of them on the service; one apply is on record, and a plan of its kind is saved."""
    live, people = sample_users(3, department="Moved")
    root = tmp_path_factory.mktemp("foreign")
    with pytest.MonkeyPatch.context() as patch, FakeScimServer(users=live[:2]) as service:
        made = Workspace(root, service.base_url, service.token, patch)
        made.users(people)
        assert run(["reconciler", "plan", *place(made), "-o", str(root / "plan.json")]).code == 0
        assert run(["reconciler", "apply", *place(made), "--auto-approve"]).code == 0
        shutil.copytree(made.plans, root / "original")
        yield made


@pytest.fixture(autouse=True)
def _bounded_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < KIBIBYTES


def place(work: Workspace) -> list[str]:
    return ["--state", str(work.state), "--plans", str(work.plans)]


def check(*line: str) -> CommandResult:
    """Run a command and hold its result against the law."""
    began = time.monotonic()
    answer = run(["reconciler", *line])
    assert time.monotonic() - began < SECONDS
    assert answer.code in CODES, (line, answer)
    assert answer.code in (0, 3) or answer.err or answer.out
    assert "Traceback" not in answer.err
    assert_harmless(answer.out.replace("\t", " "))
    assert_harmless(answer.err)
    return answer


@contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    """Put other bytes into a file for a while."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(content)
    yield
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)


def test_the_examples_are_valid(work: Workspace) -> None:
    assert check("validate", "--state", str(work.state)).code == 0
    assert check("status", *place(work)).code == 0
    assert check("show", str(work.root / "plan.json")).code == 0


# --- plans ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan(work: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((work.root / "plan.json").read_bytes())
    extras = {"severity": "error", "summary": "s", "detail": "d", "file": "users/a.yaml", "line": 1, "column": 2}
    diagnostic = {**extras, "address": 'user["a"]', "source_line": "- a"}
    base = {"ref": "main", "commit": "0" * 40, "offline": False}
    return {**found, "diagnostics": [diagnostic], "base": base, "notes": ["a note"]}


@MANY
@given(data=st.data())
def test_a_saved_plan(work: Workspace, plan: dict[str, Any], data: st.DataObject) -> None:
    path = work.root / "foreign.json"
    path.write_bytes(data.draw(mutated(plan, {**plan, "values": "digest"}), "plan"))
    for format_ in ("text", "markdown", "html", "json"):
        check("show", str(path), "--format", format_)
    check("show", str(path), "--redact")
    check("apply", str(path), *place(work))


# --- the record -------------------------------------------------------------------


def record(work: Workspace) -> Path:
    return next(path.parent for path in work.plans.glob("*/receipt.jsonl"))


def read_everything(work: Workspace) -> None:
    for command in ("status", "log", "plan", "drift"):
        check(command, *place(work))
    for line in (["status", "--format", "json"], ["log", "--format", "json"], ["log", "ada.0@example.com"]):
        check(*line, *place(work))
    check("rollback", record(work).name, *place(work), "--dry-run")
    check("show", str(record(work)))


@MANY
@given(data=st.data())
def test_a_receipt(work: Workspace, data: st.DataObject) -> None:
    path = record(work) / "receipt.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    quarantined = {**lines[0], "event": "quarantined", "reason": "a", "message": "b"}
    later = {**lines[-2], "event": "from_a_later_version"}
    content = data.draw(mutated([*lines[:-1], quarantined, later, lines[-1]]).map(as_lines), "receipt")
    with replaced(path, content):
        read_everything(work)
        for form in ("text", "json"):
            check("show", str(path), "--format", form)


@MANY
@given(data=st.data())
def test_a_plan_on_record(work: Workspace, plan: dict[str, Any], data: st.DataObject) -> None:
    with replaced(record(work) / "plan.json", data.draw(mutated(plan, {**plan, "values": "digest"}), "plan")):
        read_everything(work)


@MANY
@given(data=st.data())
def test_a_refusal(work: Workspace, data: st.DataObject) -> None:
    moments = {"began": "2026-03-01T00:00:00+00:00", "last": "2026-03-02T00:00:00+00:00", "answered": None}
    refusal = {"profile": "scim", "target": work.base_url, "message": "no", "count": 3, **moments}
    with replaced(work.plans / "refusal.json", data.draw(mutated({"format_version": "1.0", **refusal}), "refusal")):
        read_everything(work)


# --- the desired state ------------------------------------------------------------

SETTINGS = {
    "target": {"profile": "scim", "base_url": "https://scim.example.com", "domains": ["example.com"]},
    "ownership": 'externalId pr and not (userName sw "admin")',
    "lifecycle": {"actions": ["create", "update", "deactivate", "delete"], "delete_after_days": 30},
    "guards": {"removals": {"count": 10, "percent": 10}, "failures": {"count": 3}},
    "approvals": [{"plan": "sha256:" + "0" * 64, "removals": 42, "until": "2026-12-01", "reason": "why"}],
    "record": {"branch": "audit", "values": "digest"},
}
SCOPE = {
    "sync": "assigned",
    "assigned": {"users": ["ada.0@example.com"], "groups": ["engineering"]},
    "excluded": {"groups": ["others"]},
    "filters": [
        {
            "name": "a filter",
            "clauses": [
                {"attribute": "department", "operator": "REGEX MATCH", "value": "^(a|b)+$"},
                {"attribute": "hired", "operator": "DATE BEFORE", "value": "today+30"},
                {"attribute": "level", "operator": "GREATER THAN", "value": "3"},
            ],
        }
    ],
}
MAPPINGS = [
    {"target": "userName", "source": "userPrincipalName", "match": 1},
    {"target": "name.givenName", "expression": 'Replace([givenName], "a", , , "b", , )'},
    {"target": "name.familyName", "template": "{{ surname | upper }}"},
    {"target": "externalId", "source": "objectId", "match": 2},
    {"target": 'emails[type eq "work"].value', "source": "mail", "when_null": "clear"},
    {"target": "active", "constant": "true"},
]
USERS = [
    {
        "objectId": "3f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11",
        "userPrincipalName": "ada.0@example.com",
        "givenName": "Ada",
        "surname": "No",
        "accountEnabled": True,
        "mail": "ada@example.com",
        "department": "a",
        "hired": "2026-01-01",
        "level": 7,
        "extensionAttribute1": "0012",
        "lifecycle": {"starts": "2026-12-01", "expires": "2027-06-30", "protected": True},
    }
]
GROUPS = [
    {"name": "engineering", "members": {"users": ["ada.0@example.com"], "groups": ["others"]}},
    {"name": "others", "description": "nobody yet"},
]
FILES = {
    "settings.yaml": SETTINGS,
    "scope.yaml": SCOPE,
    "mappings.yaml": MAPPINGS,
    "users/people.yaml": USERS,
    "groups/all.yaml": GROUPS,
}


@MANY
@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_a_file_of_the_desired_state(name: str, work: Workspace, data: st.DataObject) -> None:
    content = data.draw(st.one_of(mutated(FILES[name]), as_block(FILES[name])), "file")
    path = work.state / name
    path.parent.mkdir(exist_ok=True)
    with replaced(path, content):
        check("validate", "--state", str(work.state))
        check("plan", *place(work), "--now", "2026-12-05")
        check("explain", "ada.0@example.com", "--offline", "--state", str(work.state))
        check("export", "entra-schema", "--state", str(work.state))


def test_the_examples_of_files_are_valid(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "state" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "state" / name).write_text(json.dumps(content))
    assert check("validate", "--state", str(tmp_path / "state")).code == 0
    (tmp_path / "seed.json").write_text(json.dumps(SEED))
    assert check("sandbox", "seed", str(tmp_path / "seed.json"), "--state", str(tmp_path / "state")).code == 0


def as_block(document: Any) -> st.SearchStrategy[bytes]:
    """Return a document in YAML's block style with odd text put into it."""
    lines = json.dumps(document, indent=1).replace("{", "").replace("}", "").splitlines()
    odd = [
        "- ",
        "? ",
        ": ",
        "&a ",
        "*a",
        "!!python/object:os.system x",
        "<<: *a",
        "|",
        ">-\n  x",
        "%YAML 1.2",
        "---",
        "...",
    ]
    odd += [
        "\t",
        "#",
        "'",
        '"',
        "[",
        "{",
        "!!binary ====",
        "0x1F",
        "1_000",
        "~",
        "2026-99-99",
        "\\x1b",
        "\x85",
        "\u2028",
        "key: " * 3_000,
    ]
    parts = st.lists(st.one_of(st.sampled_from(lines), st.sampled_from(odd), st.text(max_size=5)), max_size=12)
    return parts.map("\n".join).map(lambda text: text.encode("utf-8", "replace"))


# --- other files ------------------------------------------------------------------

FIXTURES = Path(__file__).parents[1] / "fixtures"
ENTRA = json.loads((FIXTURES / "entra-scim-application.json").read_bytes())


@MANY
@given(content=mutated(ENTRA))
def test_a_synchronization_schema_of_entra(work: Workspace, content: bytes) -> None:
    path = work.root / "schema.json"
    path.write_bytes(content)
    check("import", "entra-schema", str(path), "--dry-run", "--state", str(work.state))


SEED = {
    "domains": ["example.com"],
    "users": [
        {"userName": "ada@example.com", "name": {"givenName": "Ada"}, "emails": [{"value": "a@b", "type": "work"}]}
    ],
    "accounts": [{"userName": "eve@example.com", "kind": "manual"}],
    "deleted": [{"userName": "bob@example.com", "days_ago": 3}],
    "quirks": {},
}


@MANY
@given(content=mutated(SEED))
def test_a_seed_of_the_sandbox(work: Workspace, content: bytes) -> None:
    path = work.root / "seed.json"
    path.write_bytes(content)
    check("sandbox", "seed", str(path), "--state", str(work.root / "elsewhere/state"))


@MANY
@given(content=mutated({"givenName": "Ada", "mail": ["a", "b"], "hired": "2026-01-01", "accountEnabled": True}))
def test_attributes_for_an_expression(content: bytes) -> None:
    text = content.decode("utf-8", "surrogateescape").replace("\0", "")
    for expression in (
        "[givenName]",
        'Join(" ", [givenName], [mail], [hired])',
        "IIF([accountEnabled], [mail], [hired])",
    ):
        check("eval", expression, "--attributes", text)


@MANY
@given(content=st.binary(max_size=200) | st.just(b"SQLite format 3\0" + b"\0" * 52 + b"RCNS" + b"\xff" * 200))
def test_a_database_of_the_sandbox(work: Workspace, content: bytes) -> None:
    path = work.root / "odd/.reconciler/sandbox.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(work.state, work.root / "odd/state", dirs_exist_ok=True)
    with replaced(path, content):
        check("plan", "--sandbox", "--state", str(work.root / "odd/state"))
