"""A repository on this machine, served by git itself over HTTP as GitHub serves it: no token, no answer."""

import base64
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from support.servers.github_api import REPOSITORY, Token
from support.servers.http_server import HttpServer, Reply, Request


class GitServer:
    """Serve `root` as the one repository to clients with one of `tokens`: `contents` read to fetch, write to push."""

    def __init__(self, root: Path, tokens: Callable[[], Mapping[str, Token]]) -> None:
        self.root = root
        self._tokens = tokens
        self.requests: list[Request] = []
        self.failing_users: list[Reply] = []
        """Answered in place of what was asked, one after the other."""
        self.before_push: list[Callable[[], object]] = []
        """What others do right before each request of a push is answered: that for the refs, and the push itself."""
        for name in ("uploadpack.allowAnySHA1InWant", "uploadpack.allowFilter", "http.receivepack"):
            subprocess.run(["git", "-C", str(root), "config", name, "true"], check=True)
        self._door = HttpServer(self._answer)

    @property
    def url(self) -> str:
        """What GITHUB_SERVER_URL is."""
        return self._door.origin

    @property
    def repository(self) -> str:
        return f"{self.url}/{REPOSITORY}"

    def close(self) -> None:
        self._door.close()
        assert self._door.failures == []

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.failing_users:
            return self.failing_users.pop(0)
        parts = urlsplit(request.target)
        headers = {name.casefold(): value for name, value in request.headers.items()}
        if len(headers) < len(request.headers):
            return Reply(status=400)  # As GitHub does with two tokens; here their names differ in case.
        token = self._token(headers.get("authorization", ""))
        if token is None:
            return Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
        pushes = "git-receive-pack" in request.target
        have = token.permissions.get("contents", "none")
        if have not in (("write",) if pushes else ("read", "write")) or not parts.path.startswith(f"/{REPOSITORY}/"):
            return Reply(status=403 if have != "none" else 404)
        if pushes and self.before_push:
            self.before_push.pop(0)()
        return self._backend(request, headers, parts.path.removeprefix(f"/{REPOSITORY}"), parts.query)

    def _token(self, header: str) -> Token | None:
        kind, _, value = header.partition(" ")
        if kind.casefold() != "basic":
            return None
        name, _, token = base64.b64decode(value).decode().partition(":")
        return self._tokens().get(token) if name == "x-access-token" else None

    def _backend(self, request: Request, headers: Mapping[str, str], path: str, query: str) -> Reply:
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": f"/.git{path}",
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "HTTP_GIT_PROTOCOL": headers.get("git-protocol", ""),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        completed = subprocess.run(
            ["git", "http-backend"], input=request.body, env=env, capture_output=True, check=True
        )
        head, _, body = completed.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(lines.pop("Status", "200").split()[0])
        return Reply(status=status, headers=lines, body=body)
