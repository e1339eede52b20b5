"""Ask questions of `check` directly: a context on a workspace, and a service that answers as told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from reconciler.core.check import Answer
from reconciler.core.model import Target
from reconciler.desired.schema import Settings
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.run import run_checks
from reconciler.session.workspace import Workspace, parse_now
from support.recording_terminal import RecordingTerminal
from support.servers.http_server import HttpServer, Reply, Request

TOKEN = "tok-3n.J9x_Zq~Vb7"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def list_reply(total: int = 3, **changes: Any) -> Reply:
    """A list of no users that says that there are some."""
    body = {"schemas": [LIST_RESPONSE], "totalResults": total, "Resources": []}
    return Reply(**{"status": 200, "body": json.dumps(body).encode(), **changes})


class AskedService:
    """A service that answers every request with `reply`, and counts them by method."""

    def __init__(self, reply: Reply | Callable[[Request], Reply] | None = None) -> None:
        self.reply: Reply | Callable[[Request], Reply] = reply or list_reply()
        self.requests: list[Request] = []

    def __enter__(self) -> Self:
        self._server = HttpServer(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    @property
    def base_url(self) -> str:
        return f"{self._server.origin}/scim"

    @property
    def methods(self) -> Counter[str]:
        return Counter(request.method for request in self.requests)

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply(request) if callable(self.reply) else self.reply


def build_check_context(
    root: Path,
    resources: ExitStack,
    base_url: str = "https://federation.apple.com/feeds/business/scim",
    environment: Mapping[str, str] | None = None,
    *,
    profile: str = "scim",
    offline: bool = False,
    target: Mapping[str, Any] | None = None,
    **sections: Any,
) -> CheckContext:
    """Return a context whose settings were read: `target` and `sections` are parts of settings.yaml."""
    workspace = Workspace(root / "desired-state", root / "plans", sandbox=False, now=parse_now(None))
    variables = {"RECONCILER_TOKEN": TOKEN, "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
    environment = variables if environment is None else environment
    context = open_context(workspace, RecordingTerminal(), resources, offline=offline, environment=environment)
    content = {"profile": profile, "base_url": base_url, **(target or {})}
    context.settings = Settings.model_validate({"target": content, **sections})
    context.target = Target(profile, base_url)
    return context


def ask_all(context: CheckContext, *groups: CheckGroup) -> list[Answer]:
    """Return the answers to all groups, whatever they need."""
    return list(run_checks(context, [CheckGroup(group.ask, group.questions) for group in groups]))


def show(answers: Iterable[Answer]) -> Iterator[str]:
    """Yield `verdict question: summary | advice | advice` for each answer."""
    for answer in answers:
        yield " | ".join([f"{answer.verdict} {answer.question}: {answer.summary}", *answer.advice])
