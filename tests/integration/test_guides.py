"""The how-to guides, followed on the sandbox: offboarding, rotating tokens, merging companies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.guide import Guide
from support.workspace import CommandResult, run

from reconciler.sandbox.server import start
from reconciler.session.sandbox_service import make_sandbox

PEOPLE = Path("desired-state/users/people.yaml")
SETTINGS = Path("desired-state/settings.yaml")
PLAN = ["reconciler", "plan", "--sandbox"]
GRACE = """
- objectId: 7b0e4c11-0f6d-4a57-8a7e-2f4f5f0f3d52
  userPrincipalName: grace.hopper@example.com
  givenName: Grace
  surname: Hopper
"""
OTHERS = "".join(
    f"- {{objectId: id-{name}, userPrincipalName: {name}@example.com, givenName: {name}, surname: Smith}}\n"
    for name in ("ann", "bob", "jo.smith", "cleo", "dora", "emil")
)


def apply() -> CommandResult:
    return run(["reconciler", "apply", "--sandbox", "--auto-approve", "-q"])


def codes(results: list[CommandResult]) -> list[int]:
    return [result.code for result in results]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The users of a company of eight, which are all applied; the text of users/people.yaml without Grace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    assert run(["reconciler", "init", ".", "-q"]).code == 0
    scope = Path("desired-state/scope.yaml")
    scope.write_text("sync: all\n", "utf-8")
    make_sandbox(Path(".reconciler/sandbox.db"), ["ann@example.com", "jo.smith@acquired.example"])
    others = PEOPLE.read_text("utf-8") + OTHERS
    PEOPLE.write_text(others + GRACE, "utf-8")
    applied = apply()
    assert applied.code == 0, applied.err
    return others


def test_a_user_is_offboarded_today_and_comes_back(people: str) -> None:
    guide = Guide("offboarding.md")
    (entry,) = guide.read("One user, today", "yaml")
    PEOPLE.write_text(people + entry, "utf-8")
    planned, applied, explained, after = guide.run("One user, today")
    assert "0 to create, 0 to update, 1 to deactivate" in planned.out
    assert applied.code == 0
    assert "out of scope" in explained.out
    assert "active" in explained.out
    assert "No changes." in after.out

    PEOPLE.write_text(people + entry.replace("accountEnabled: false", "accountEnabled: true"), "utf-8")
    assert "will be reactivated" in run(PLAN).out


def test_a_user_is_offboarded_on_a_planned_date(people: str) -> None:
    guide = Guide("offboarding.md")
    (entry,) = guide.read("On a planned date", "yaml")
    PEOPLE.write_text(people + entry, "utf-8")
    assert "No changes." in run([*PLAN, "--now", "2027-06-29"]).out
    (then,) = guide.run("On a planned date")
    assert "1 to deactivate" in then.out


def test_one_user_is_offboarded_urgently_whatever_else_is_pending(people: str) -> None:
    PEOPLE.write_text(
        people.replace("givenName: ann", "givenName: Anna") + GRACE + "  accountEnabled: false\n", "utf-8"
    )
    (applied,) = Guide("offboarding.md").run("Urgently")
    assert applied.code == 0, applied.err
    left = run(PLAN).out
    assert "1 to update" in left
    assert "deactivate" not in left


def test_many_are_offboarded_at_once_after_an_approval(people: str) -> None:
    guide = Guide("offboarding.md")
    PEOPLE.write_text("".join(people.partition("- {objectId: id-dora")[:1]), "utf-8")
    assert run([*PLAN, "-o", "plan.json"]).code == 3
    assert apply().code == 3
    (approval,) = guide.read("Many at once", "yaml")
    found = json.loads(Path("plan.json").read_text("utf-8"))["plan_id"]
    text = approval.replace("sha256:…", found).replace("removals: 4", "removals: 3")
    SETTINGS.write_text(SETTINGS.read_text("utf-8") + text, "utf-8")
    applied = apply()
    assert (applied.code, "3 deactivated" in applied.out) == (0, True), applied.err


def test_a_token_is_rotated_without_a_gap(people: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Guide("rotating-tokens.md")
    served = start(Path(".reconciler/sandbox.db"))
    try:
        text = SETTINGS.read_text("utf-8")
        (block,) = guide.read("The SCIM token", "yaml")
        apple = "https://federation.apple.com/feeds/business/scim"
        tail = text[text.index("# Accounts that do not match") :]
        SETTINGS.write_text(f"{block.replace(apple, served.base_url)}\n{tail}", "utf-8")
        monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
        monkeypatch.setenv("RECONCILER_TOKEN", served.token)
        commands = [line.split() for text in guide.read("The SCIM token", "sh") for line in text.splitlines()]
        assert [command[1] for command in commands] == ["sandbox", "check", "status", "plan"]
        assert run(commands[3]).code == 0
        second = run(commands[0]).out.strip()
        assert second != served.token
        monkeypatch.setenv("RECONCILER_TOKEN", second)
        assert codes([run(command) for command in (commands[1], commands[3])]) == [0, 0]
        monkeypatch.setenv("RECONCILER_TOKEN", served.token)
        assert run(commands[3]).code == 0, "both are valid: no gap"
    finally:
        served.close()


def test_two_companies_are_merged(people: str) -> None:
    guide = Guide("merging-companies.md")
    file = Path("desired-state/users/acquired.yaml")
    (stock,) = guide.run("1. Take stock")
    assert stock.code == 0, stock.err

    text = SETTINGS.read_text("utf-8")
    (permitted,) = guide.read("2. Verify the domain", "yaml")
    SETTINGS.write_text(permitted + text[text.index("# Accounts that do not match") :], "utf-8")
    assert "No changes." in run(PLAN).out

    (newcomers,) = guide.read("3. Bring the people in", "yaml")
    file.write_text(newcomers.replace("91d2b7c0-55c4-4d0e-8d43-70a3c0c2a9f4", "id-ann"), "utf-8")
    assert run(["reconciler", "validate"]).code != 0, "an id that both companies have"
    file.write_text(newcomers, "utf-8")
    valid, planned, applied = guide.run("3. Bring the people in")
    assert (valid.code, applied.code) == (0, 0), applied.err
    assert "2 to create, 0 to update, 0 to delete" in planned.out

    (renamed,) = guide.read("4. Move them to one domain", "yaml")
    file.write_text(renamed, "utf-8")
    planned, applied, after = guide.run("4. Move them to one domain")
    assert "0 to create, 2 to update, 0 to delete" in planned.out
    assert applied.code == 0, applied.err
    assert "No changes." in after.out
