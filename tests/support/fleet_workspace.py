"""A fleet at one address that serves all its tenants, each with users, a desired state and a token of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.fleet.fleet_plan import FORMAT_VERSION, compute_fleet_plan_id
from support.command import COMMAND, coverage_environment
from support.servers.patching import User
from support.servers.shared_address import SharedAddress, TenantService
from support.servers.users import make_user
from support.workspace import CommandResult, run, source


def users_of(tenant: str, size: int) -> list[User]:
    """The users of a tenant: their names, ids and externalIds are no other tenant's."""
    return [
        make_user(
            number,
            id=f"{tenant}-{number}",
            externalId=f"{tenant}-person-{number}",
            userName=f"u{number}@{tenant}.example",
        )
        for number in range(size)
    ]


class FleetWorkspace:
    """The files of a fleet and the service of each tenant, by name."""

    def __init__(self, root: Path, names: list[str], size: int) -> None:
        self.root = root
        self.size = size
        self.out = root / "out"
        self.tokens = root / "tokens"
        self.services = {
            name: TenantService(users=users_of(name, size), token=f"canary-of-{name}-0123456789") for name in names
        }
        self.address = SharedAddress(*self.services.values())

    @property
    def environment(self) -> dict[str, str]:
        """Of a command as a process."""
        return {
            **coverage_environment(),
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "LANG": "C.UTF-8",
            "RECONCILER_TOKEN_DIR": str(self.tokens),
            "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        }

    def write(self, **fleet: Any) -> None:
        """Write all files; `fleet`: keys of fleet.yaml."""
        self.tokens.mkdir(mode=0o700)
        (self.root / "fleet.yaml").write_text(json.dumps({"tenants": "tenants/*", **fleet}))
        for name, service in self.services.items():
            (self.tokens / name).write_text(service.token)
            (self.tokens / name).chmod(0o600)
            self.configure(name)
            self.desire(name)

    def folder(self, name: str) -> Path:
        return self.root / "tenants" / name

    def configure(self, name: str, **sections: Any) -> None:
        """Write settings.yaml of a tenant."""
        content = {
            "target": {"profile": "scim", "base_url": self.address.base_url},
            "guards": {"foreign_accounts": {"count": 1000}, "removals": {"count": 1000, "percent": 100}},
            **sections,
        }
        (self.folder(name) / "users").mkdir(parents=True, exist_ok=True)
        (self.folder(name) / "settings.yaml").write_text(json.dumps(content))
        (self.folder(name) / "tenant.yaml").write_text(f"domains: [{name}.example]\n")

    def desire(self, name: str, size: int | None = None, **overrides: Any) -> None:
        """Write the first users of a tenant; `overrides` change all of them."""
        wanted = users_of(name, self.size if size is None else size)
        lines = [f"- {json.dumps(source(user, **overrides), ensure_ascii=False)}\n" for user in wanted]
        (self.folder(name) / "users" / "people.yaml").write_text("".join(lines))

    def run(self, verb: str, *arguments: str) -> CommandResult:
        """Run `fleet VERB` in this process, its tenants in theirs."""
        return run(["reconciler", "fleet", verb, "--fleet", str(self.root), *arguments])

    def start(self, verb: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start `fleet VERB` as a process."""
        usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        line = [COMMAND, "fleet", verb, *arguments]
        return subprocess.Popen(line, cwd=self.root, **{"env": self.environment, **usual, **options})

    def result(self, name: str) -> dict[str, Any]:
        """result.json of a tenant."""
        found: dict[str, Any] = json.loads((self.out / name / "result.json").read_text())
        return found

    def departments(self, name: str) -> set[str]:
        return {
            user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].get("department")
            for user in self.services[name].users.values()
        }

    def receipts(self, name: str) -> list[Path]:
        return sorted((self.folder(name) / "plans").glob("*/receipt.jsonl"))


@contextmanager
def open_fleet(
    root: Path, patch: pytest.MonkeyPatch, *names: str, size: int = 5, **fleet: Any
) -> Iterator[FleetWorkspace]:
    """Start the service and write the fleet."""
    work = FleetWorkspace(root, list(names), size)
    with work.address:
        for name, value in work.environment.items():
            patch.setenv(name, value)
        patch.delenv("RECONCILER_TOKEN", raising=False)
        work.write(**fleet)
        yield work


def make_fleet_plan(tenants: dict[str, str], *failed: str, **counts: int) -> str:
    """A fleet plan with these plans; `failed`: tenants without one; `counts`: of the users of each plan."""
    document = {
        "format_version": FORMAT_VERSION,
        "id": compute_fleet_plan_id(tenants, dict.fromkeys(tenants, counts), failed),
        "failed": dict.fromkeys(failed, ""),
        "tenants": tenants,
        "results": {name: {"counts": counts} for name in tenants},
    }
    return json.dumps(document)


def list_processes(word: str) -> dict[int, bytes]:
    """The processes whose command line or environment has `word`, and what these are."""
    found: dict[int, bytes] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            content = b"\0".join((folder / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:  # it has ended, or is another user's
            continue
        if word.encode() in content:
            found[int(folder.name)] = content
    return found
