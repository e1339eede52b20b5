"""`reconciler login` as a process against the sandbox, and a stand-in for the browser of its user."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from reconciler.sandbox import admin
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.server import RunningSandbox
from support.command import COMMAND, coverage_environment
from support.workspace import CommandResult

URL = re.compile(r"https?://\S+/authorize\?\S+")


class LoginWorkspace:
    """A desired state whose target is a sandbox, with auth: oauth, and the environment for it."""

    def __init__(self, root: Path, sandbox: RunningSandbox, port: int) -> None:
        self.root = root
        self.sandbox = sandbox
        self.port = port
        self.redirect = f"http://127.0.0.1:{port}/callback"
        admin.register_redirect_uris(sandbox.state, [self.redirect])
        self.store = root / "private" / "tokens"
        self.write_settings()
        client = sandbox.oauth_client
        self.environment = {
            **coverage_environment(),
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "LANG": "C.UTF-8",
            "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
            "RECONCILER_OAUTH_CLIENT_ID": client.client_id,
            "RECONCILER_OAUTH_CLIENT_SECRET": client.secret,
            "RECONCILER_OAUTH_AUTHORIZE_URL": sandbox.authorize_url,
            "RECONCILER_OAUTH_TOKEN_URL": sandbox.token_url,
            "RECONCILER_TOKEN_STORE": f"file:{self.store}",
        }

    def write_settings(self, **target: Any) -> None:
        """Write settings.yaml; `target` changes its target."""
        content = {"profile": "apple-business-manager", "base_url": self.sandbox.base_url, "auth": "oauth", **target}
        state = self.root / "desired-state"
        state.mkdir(exist_ok=True)
        (state / "settings.yaml").write_text(json.dumps({"target": content}))

    def switch(self, **quirks: Any) -> None:
        """Switch behaviours of the sandbox."""
        admin.set_quirks(self.sandbox.state, Quirks(**quirks))

    def start(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start `login` with pipes."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        line = [COMMAND, "login", *arguments]
        return subprocess.Popen(line, cwd=self.root, env=self.environment | dict(env or {}), **(pipes | options))

    def log_in(
        self,
        *arguments: str,
        browser: Callable[[str], object] | None = None,
        env: Mapping[str, str] | None = None,
        listens: bool = True,
    ) -> CommandResult:
        """Run `login`, whose URL `browser` gets; None: one that follows it. `listens`: on the workspace's port."""
        chosen = (*arguments, "--port", str(self.port)) if listens else arguments
        process = self.start(*chosen, env=env)
        assert process.stderr is not None
        seen: list[bytes] = []
        threads: list[threading.Thread] = []
        for line in process.stderr:
            seen.append(line)
            found = URL.search(line.decode())
            if found is not None:
                threads.append(threading.Thread(target=browser or follow, args=(found.group(),)))
                threads[-1].start()
        process.stderr = None
        out, _ = process.communicate(timeout=60)
        for thread in threads:
            thread.join(30)
        return CommandResult(process.returncode, out.decode(), b"".join(seen).decode())

    def run(self, *arguments: str) -> CommandResult:
        """Run another command."""
        line = [COMMAND, *arguments]
        done = subprocess.run(line, cwd=self.root, env=self.environment, capture_output=True, timeout=60, check=False)
        return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    def stored(self) -> dict[str, Any] | None:
        """The token document; None without one."""
        found: dict[str, Any] | None = json.loads(self.store.read_text()) if self.store.exists() else None
        return found

    def works(self) -> bool:
        """Whether the service accepts the stored access token."""
        token = (self.stored() or {}).get("access_token", "")
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.sandbox.base_url}/Users", headers=headers).status_code == 200


def follow(url: str) -> httpx.Response:
    """Follow redirects to the end, as a browser."""
    return httpx.get(url, follow_redirects=True, timeout=20)


def find_redirect(url: str) -> str:
    """Where the authorization server sends the browser, which does not go there."""
    return httpx.get(url).headers["location"]
