"""A directory of desired state for a service, and the command run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler import cli

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def plan(self) -> dict[str, Any]:
        """The JSON plan on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def actions(self) -> dict[str, str]:
        """Key -> action of a JSON plan."""
        return {change["key"]: change["action"] for change in self.plan["resource_changes"]}


class Workspace:
    """Settings for one service; users as dictionaries in Entra's names."""

    def __init__(self, root: Path, base_url: str, token: str, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.state = root / "desired-state"
        self.plans = root / "plans"
        (self.state / "users").mkdir(parents=True)
        self.base_url = base_url
        patch.setenv("RECONCILER_TOKEN", token)
        patch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
        patch.setenv("COLUMNS", "80")
        patch.setenv("XDG_STATE_HOME", str(root / "state-home"))
        self.settings()

    def settings(self, **sections: Any) -> None:
        """Write settings.yaml, with generous guards by default. JSON is YAML.

        Accounts that were on the service from the start may be removed, unless a section `guards` says otherwise.
        """
        guards = sections.pop("guards", {"removals": {"count": 1000, "percent": 100}})
        content = {
            "target": {"profile": "scim", "base_url": self.base_url},
            "guards": {"foreign_accounts": {"count": 1000}, **guards} if isinstance(guards, Mapping) else guards,
            **sections,
        }
        self.write("settings.yaml", json.dumps(content, ensure_ascii=False))

    def users(self, users: Iterable[Mapping[str, Any]]) -> None:
        """Write users/people.yaml."""
        lines = [f"- {json.dumps(user, ensure_ascii=False)}\n" for user in users]
        self.write("users/people.yaml", "".join(lines) or "[]\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of the desired state."""
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def run(self, command: str, *arguments: str) -> CommandResult:
        """Run `reconciler command --state … arguments`."""
        line = ["reconciler", command, *arguments, "--state", str(self.state)]
        if command in ("plan", "apply"):
            line += ["--plans", str(self.plans)]
        return run(line)

    def plan(self, *arguments: str) -> CommandResult:
        """Plan, with JSON output."""
        return self.run("plan", "--format", "json", "--detailed-exitcode", *arguments)

    def apply(self, *arguments: str) -> CommandResult:
        """Apply without asking for approval."""
        return self.run("apply", "--auto-approve", *arguments)

    def receipt(self) -> list[dict[str, Any]]:
        """Return all lines of all receipts."""
        files = sorted(self.plans.glob("*/receipt.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


OpenWorkspace = Callable[[Any], Workspace]
"""Starts a service (`FakeScimServer` or `PlainScim`) and returns a workspace that targets it."""


def run(line: list[str]) -> CommandResult:
    """Run a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = line
    code: Any = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = before
    return CommandResult(int(code or 0), out.getvalue(), err.getvalue())


def source(resource: Mapping[str, Any], **overrides: Any) -> dict[str, Any]:
    """Return the source user that the default mapping of `scim` turns into `resource`."""
    extension = resource.get(ENTERPRISE, {})
    user = {
        "objectId": resource["externalId"],
        "userPrincipalName": resource["userName"],
        "givenName": resource["name"]["givenName"],
        "surname": resource["name"]["familyName"],
        "employeeId": extension.get("employeeNumber"),
        "costCenter": extension.get("costCenter"),
        "division": extension.get("division"),
        "department": extension.get("department"),
        **overrides,
    }
    return {key: value for key, value in user.items() if value is not None}
