"""What the questions of `check` know: the command's workspace, and what earlier questions found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.model import Target
from reconciler.core.profile import TargetProfile
from reconciler.desired import schema
from reconciler.desired.loader import DesiredState
from reconciler.profiles import PROFILES
from reconciler.scim.client import ScimClient
from reconciler.scim.network import DIRECT, Network
from reconciler.scim.secret import Secret
from reconciler.scim.transport import Endpoint
from reconciler.session.checks.budget import CheckBudget
from reconciler.session.connection import Connection
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time


@dataclass(slots=True)
class CheckContext:
    """What questions are asked with. Those of one group fill in what later ones need; None: not known.

    `now`: this machine's time, for dates in the settings. `resources`: closed when the check ends.
    """

    workspace: Workspace
    terminal: Terminal
    environment: Mapping[str, str] = field(repr=False)
    now: datetime
    resources: ExitStack
    offline: bool = False
    notify: bool = False
    budget: CheckBudget = field(default_factory=CheckBudget)
    state: DesiredState | None = None
    """The desired state, if it is valid."""
    settings: schema.Settings | None = None
    """settings.yaml, if that is valid; the desired state may not be."""
    target: Target | None = None
    endpoint: Endpoint | None = None
    """Where the token may be sent."""
    network: Network = DIRECT
    """How connections leave this machine."""
    connection: Connection | None = None
    client: ScimClient | None = None
    """Sends requests to the service, GET only, within the budget."""
    secrets: list[Secret] = field(default_factory=list, repr=False)
    """What no answer may show, from any source."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """The answers so far, by question."""

    @property
    def profile(self) -> TargetProfile | None:
        """The profile of the target."""
        return None if self.target is None else PROFILES[self.target.profile]

    def passed(self, question: str) -> bool:
        """Whether a question was answered with ok or a warning."""
        found = self.answers.get(question)
        return found is not None and found.verdict in (CheckVerdict.OK, CheckVerdict.WARNING)


def open_context(
    workspace: Workspace,
    terminal: Terminal,
    resources: ExitStack,
    *,
    offline: bool = False,
    notify: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> CheckContext:
    """Return the context of a check that begins now. `offline`: no network. `notify`: send a test notification."""
    return CheckContext(workspace, terminal, environment, current_time(), resources, offline, notify)


@dataclass(frozen=True, slots=True)
class CheckGroup:
    """Questions that are answered together, by `ask`, which yields one answer for each, in any order.

    `section`: the heading that they are shown below. `needs`: questions that must have been answered with ok or a
    warning; otherwise these are skipped, and so they are with `--offline` if they need the `network`. A question that
    `ask` does not answer is left out, unless `ask` raises a `ReconcilerError`: then the first of them has failed with
    it, and the others are skipped. `details`: those of the questions that are shown one by one only if they need
    attention, or with -v.
    """

    ask: Callable[[CheckContext], Iterator[Answer]]
    questions: tuple[str, ...]
    section: str = ""
    needs: tuple[str, ...] = ()
    network: bool = False
    details: frozenset[str] = frozenset()
