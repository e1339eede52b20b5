"""docs/operations.md, followed to the letter: its YAML, its commands, and what it says about their results."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.servers.webhook import WebhookReceiver
from support.workspace import CommandResult, run

from reconciler.sandbox.server import RunningSandbox, start

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVED = "http://127.0.0.1:8767/feeds/business/scim"
DATE = re.compile(r"20\d\d-\d\d-\d\d")
WRITTEN = date(2026, 11, 29)
"""The day on which the page plays; its dates are moved as if that were today."""
IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]


def move_dates(text: str) -> str:
    """Return a text of the page as if it had been written today."""
    since = datetime.now(UTC).date() - WRITTEN
    return DATE.sub(lambda found: str(date.fromisoformat(found[0]) + since), text)


def read_step(number: int) -> list[tuple[str, str]]:
    """Return the blocks of code of a step of the page: language and text."""
    step = re.search(rf"^## {number}\. .*?(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert step is not None
    return BLOCK.findall(move_dates(step[0]))


def read_commands(number: int) -> list[list[str]]:
    """Return the commands of a step, in order."""
    lines = [line for language, text in read_step(number) if language == "sh" for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if not line.startswith("export ")]


def read_yaml(number: int) -> str:
    (text,) = (text for language, text in read_step(number) if language == "yaml")
    return text


class Year:
    """A repository on a sandbox that is served as if it were elsewhere."""

    def __init__(self, root: Path, served: RunningSandbox, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.served = served
        self.patch = patch

    @property
    def settings(self) -> Path:
        return self.root / "desired-state" / "settings.yaml"

    def set_target(self, text: str) -> None:
        """Replace the target's profile and address by those of a YAML block of the page."""
        block = text.replace(SERVED, self.served.base_url)
        lines = [*block.splitlines()[1:], "  domains: [example.com]"]
        changed = re.sub(r"^target:\n(?:  .*\n)+", "target:\n" + "\n".join(lines) + "\n", self.text, flags=re.MULTILINE)
        assert changed != self.text
        self.settings.write_text(changed, "utf-8")

    @property
    def text(self) -> str:
        return self.settings.read_text("utf-8")

    def run(self, number: int) -> list[CommandResult]:
        """Run all commands of a step, each of which must be one of `reconciler`."""
        results = []
        for command in read_commands(number):
            assert command[0] == "reconciler"
            results.append(run(command))
        return results

    def export(self, token: str) -> None:
        self.patch.setenv("RECONCILER_TOKEN", token.strip())


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
    assert run(["reconciler", "init", "."]).code == 0
    assert run(["reconciler", "sandbox", "reset"]).code == 0
    served = start(tmp_path / ".reconciler" / "sandbox.db")
    found = Year(tmp_path, served, monkeypatch)
    found.export(served.token)
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*IDENTITY, "commit", "-qm", "Begin"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    yield found
    served.close()


def test_a_connection_lives_through_its_first_year(year: Year) -> None:
    # 1. The first token
    year.set_target(read_yaml(1))
    checked, grace, linus, planned, applied = year.run(1)
    assert (checked.code, grace.code, linus.code, planned.code, applied.code) == (0, 0, 0, 0, 0), checked.out
    assert "The check passed" in checked.out
    assert "3 created" in applied.out

    # 2. Every day
    with WebhookReceiver() as receiver:
        year.patch.setenv("RECONCILER_WEBHOOK_URL", receiver.url)
        year.settings.write_text(f"{year.text}\n{read_yaml(2)}", "utf-8")
        notified, drift, status = year.run(2)
        assert (notified.code, drift.code, status.code) == (0, 0, 0), notified.out
        assert len(receiver.documents) == 1
        assert "reconciler_drift{" in (year.root / "reconciler.prom").read_text()
        assert "Health:        healthy" in status.out

        # 3. Sixty days before the token ends
        (warned,) = year.run(3)
        assert warned.code == 0
        assert move_dates("the token expires in 55 days, on 2027-11-29") in warned.out + warned.err
        old = year.served.token
        second = run(["reconciler", "sandbox", "token"]).out
        year.export(second)
        assert run(["reconciler", "check", "-q"]).code == 0
        assert second.strip() != old

        # 4. The token has ended
        year.set_target(read_yaml(4))
        advanced, refused = year.run(4)
        assert (advanced.code, refused.code) == (0, 1)
        assert move_dates("expired on 2026-11-28") in refused.err
        assert "settings.yaml:" in refused.err
        assert run(["reconciler", "apply", "--auto-approve"]).code == 1
        assert "Quarantine:" in run(["reconciler", "status"]).out
        assert run(["reconciler", "apply", "--auto-approve"]).code == 1
        told = receiver.documents[1:]
        assert [(each["kind"], each["ended"]) for each in told] == [("failure", False), ("expiry", False)], "once"
        year.export(run(["reconciler", "sandbox", "token"]).out)
        assert run(["reconciler", "apply", "--auto-approve"]).code == 0
        assert [(each["kind"], each["ended"]) for each in receiver.documents[3:]] == [("failure", True)]


def test_provisioning_is_off_for_a_weekend(year: Year) -> None:
    year.set_target(read_yaml(1))
    year.settings.write_text(f"{year.text}\n{read_yaml(6)}", "utf-8")
    planned, applied = year.run(6)
    assert (planned.code, applied.code) == (0, 0)
    for result in (planned, applied):
        assert "Migration of the directory" in result.out + result.err
    assert not list((year.root / "plans").glob("*/receipt.jsonl"))
    year.settings.write_text(year.text.replace("enabled: false", "enabled: true"), "utf-8")
    assert "1 created" in run(["reconciler", "apply", "--auto-approve"]).out


def test_a_disconnected_directory_is_recognized(year: Year) -> None:
    year.set_target(read_yaml(1))
    assert year.run(1)[-1].code == 0
    exported = run(["reconciler", "export", "-o", "snapshot"])
    assert exported.code == 0
    disconnect, reconnect, _ = read_commands(7)
    assert run(disconnect).code == 0
    assert run(["reconciler", "plan"]).code == 1, "401"
    year.export(run(reconnect).out)
    blocked = run(read_commands(7)[2])
    assert blocked.code == 3
    assert "The connection was cut" in blocked.out
    plan_id = re.search(r"sha256:[0-9a-f]{64}", blocked.out)
    assert plan_id is not None
    approved = ["reconciler", "apply", "--auto-approve", "--approve", plan_id[0], "--lift", "disconnect"]
    assert run(approved).code == 0
    assert "No changes." in run(["reconciler", "plan"]).out


def test_the_variables_of_the_network_are_those_that_are_read() -> None:
    (text,) = (text for language, text in read_step(5) if language == "sh")
    assert re.findall(r"RECONCILER_\w+", text) == ["RECONCILER_PROXY", "RECONCILER_CA_BUNDLE"]
