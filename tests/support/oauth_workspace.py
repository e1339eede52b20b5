"""A workspace on the sandbox with `target.auth: oauth`, logged in, for runs of the installed command."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.oauth.token_document import TokenBinding, TokenDocument, build_token_document
from reconciler.oauth.token_store import TokenStore, parse_token_store
from reconciler.sandbox import admin
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.seed import seed
from reconciler.sandbox.server import RunningSandbox, start
from reconciler.scim.secret import Secret
from support.command import COMMAND, coverage_environment, wait_for_exit
from support.oauth_client import log_in
from support.sample_org import person
from support.workspace import CommandResult, Workspace

HOUR = timedelta(hours=1)


class OAuthWorkspace(Workspace):
    """Desired state of one user, and the tokens of a login in a file."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, **quirks: Any) -> None:
        self.sandbox_file = root / "service" / "sandbox.db"
        self.sandbox_file.parent.mkdir(parents=True)
        seed(self.sandbox_file, {"domains": ["example.com"], "users": []})
        self.sandbox: RunningSandbox = start(self.sandbox_file)
        super().__init__(root / "work", self.sandbox.base_url, "unused", patch)
        patch.delenv("RECONCILER_TOKEN")
        self.settings(target={"profile": "scim", "base_url": self.base_url, "auth": "oauth"})
        self.users([person("ada")])
        self.tokens = root / "store" / "tokens"
        client = self.sandbox.oauth_client
        self.variables = {
            "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
            "RECONCILER_OAUTH_CLIENT_ID": client.client_id,
            "RECONCILER_OAUTH_CLIENT_SECRET": client.secret,
            "RECONCILER_OAUTH_TOKEN_URL": self.sandbox.token_url,
            "RECONCILER_TOKEN_STORE": f"file:{self.tokens}",
        }
        for name, value in self.variables.items():
            patch.setenv(name, value)
        self.binding = TokenBinding(client.client_id, self.sandbox.token_url, self.base_url)
        self.log_in()
        self.switch(**quirks)

    def close(self) -> None:
        """Stop the sandbox."""
        self.sandbox.close()

    def switch(self, **quirks: Any) -> None:
        """Choose how the sandbox behaves."""
        admin.set_quirks(self.sandbox_file, Quirks(**quirks))

    @property
    def store(self) -> TokenStore:
        """The file with the tokens."""
        return parse_token_store({"RECONCILER_TOKEN_STORE": f"file:{self.tokens}"})

    @property
    def stored(self) -> TokenDocument:
        """What is in it."""
        found = self.store.load()
        assert found is not None
        return found

    def log_in(self) -> None:
        """Store the tokens of a new authorization."""
        found = log_in(self.sandbox)
        access, refresh = Secret(found["access_token"]), Secret(found["refresh_token"])
        self.store.save(build_token_document(self.binding, access, refresh, HOUR, asked=datetime.now(UTC)))

    def age(self, by: timedelta = HOUR) -> None:
        """Make the stored access token older."""
        found = self.stored
        self.store.save(replace(found, obtained=found.obtained - by, expires=found.expires - by))

    def keep_by_command(self, script: str) -> None:
        """Let a script of Python keep the tokens; `FILE` in it is the file with them, `VERB` get or put."""
        file = self.root / "store.py"
        file.write_text(f"import os, sys\nFILE, VERB = {str(self.tokens)!r}, sys.argv[-1]\n{script}", "utf-8")
        self.variables["RECONCILER_TOKEN_STORE"] = f"cmd:{shlex.quote(sys.executable)} {shlex.quote(str(file))}"

    def issued(self) -> list[str]:
        """All tokens that the sandbox issued by OAuth."""
        query = "SELECT token FROM oauth_refresh_tokens UNION SELECT token FROM oauth_access_tokens"
        return [token for (token,) in self._ask(query)]

    def refreshes(self) -> int:
        """How often tokens were refreshed."""
        return int(self._ask("SELECT count(*) - 1 FROM oauth_access_tokens")[0][0])

    def is_revoked(self) -> bool:
        """Whether the connection was revoked."""
        return bool(self._ask("SELECT max(revoked) FROM oauth_families")[0][0])

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.sandbox_file)) as database:
            return database.execute(query).fetchall()

    # --- the command as a process ----------------------------------------------

    def line(self, command: str, *arguments: str) -> list[str]:
        """The arguments of a command line."""
        return [command, *arguments, "--state", str(self.state), "--plans", str(self.plans)]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process."""
        home = {"HOME": str(self.root), "XDG_STATE_HOME": str(self.root / "state-home"), "PATH": os.environ["PATH"]}
        return {**coverage_environment(), "LANG": "C.UTF-8", **home, **self.variables, **more}

    def start(self, command: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start the installed command; `more`: variables."""
        return self._start([str(COMMAND), *self.line(command, *arguments)], self.environment(**more))

    def command(self, command: str, *arguments: str, **more: str) -> CommandResult:
        """Run the installed command."""
        return wait_for_exit(self.start(command, *arguments, **more))

    def patched(self, code: str, command: str, *arguments: str, **more: str) -> CommandResult:
        """Run the command after `code`, in one process of its own."""
        run = f"{code}\nfrom reconciler import cli\ncli.main()\n"
        line = [sys.executable, "-c", run, *self.line(command, *arguments)]
        return wait_for_exit(self._start(line, self.environment(**more)))

    def _start(self, line: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            line,
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
