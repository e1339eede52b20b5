"""GitHub's OIDC token endpoint of a workflow run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.servers.graph.jwts import issue
from support.servers.graph.registrations import GITHUB_ISSUER


@dataclass(slots=True)
class WorkflowRun:
    """The job that asks. Repositories made since July 2026 have their ids in the subject (`immutable`)."""

    owner: str = "octo-org"
    repository: str = "accounts"
    owner_id: int = 65
    repository_id: int = 74
    context: str = "environment:import"
    """environment:NAME, ref:refs/heads/main or pull_request."""
    immutable: bool = False
    lifetime: int = 300
    """Seconds."""

    @property
    def subject(self) -> str:
        if self.immutable:
            return f"repo:{self.owner}@{self.owner_id}/{self.repository}@{self.repository_id}:{self.context}"
        return f"repo:{self.owner}/{self.repository}:{self.context}"


@dataclass(slots=True)
class ActionsOidc:
    run: WorkflowRun
    clock: Callable[[], float]
    request_token: str = "request-token-of-the-run"
    issuer: str = GITHUB_ISSUER
    issued: set[str] = field(default_factory=set)

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer with a status and a document."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.casefold() != "bearer" or token != self.request_token:
            return 401, {"message": "The request token is not valid."}
        query = parse_qs(urlsplit(target).query)
        if method != "GET" or "api-version" not in query:
            return 400, {"message": "The request is not valid."}
        value = self.issue(query.get("audience", [f"https://github.com/{self.run.owner}"])[-1])
        return 200, {"count": len(value), "value": value}

    def issue(self, audience: str) -> str:
        now = int(self.clock())
        run = self.run
        claims = {
            "iss": self.issuer,
            "sub": run.subject,
            "aud": audience,
            "iat": now,
            "nbf": now - 600,
            "exp": now + run.lifetime,
            "jti": f"{now}-{len(self.issued)}",
            "repository": f"{run.owner}/{run.repository}",
            "repository_id": str(run.repository_id),
            "repository_owner": run.owner,
            "repository_owner_id": str(run.owner_id),
            "ref": "refs/heads/main",
            "event_name": "schedule",
            "workflow": "import",
            "runner_environment": "github-hosted",
        }
        if run.context.startswith("environment:"):
            claims["environment"] = run.context.removeprefix("environment:")
        token = issue(claims)
        self.issued.add(token)
        return token
