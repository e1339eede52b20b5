"""What a desired state knows only when all files of users were read: at once, or later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.model import DesiredUser, Diagnostic
from reconciler.errors import ReconcilerError


class BrokenStateError(ReconcilerError):
    """A desired state that was read later has errors: it must not be planned. Exit code 1."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("the desired state has errors", "`reconciler validate` lists them.")
        self.diagnostics = diagnostics


class Content(Protocol):
    """The content of a desired state, which may come later."""

    @property
    def users(self) -> Sequence[DesiredUser]:
        """The users. Each access waits as `wait` does."""

    @property
    def in_scope(self) -> int:
        """The number of users in scope. Waits too."""

    def wait(self) -> StateContent:
        """Return the content when all of it is there.

        Raises `BrokenStateError` if it has errors, `MachineLimitError` if the process that read it was ended.
        """

    def check(self) -> None:
        """Raise what `wait` would raise, if that is known; never wait."""

    def ask(self, question: bytes) -> bytes | None:
        """Return the answer of the process that has read it; None if there is none. May be called by threads."""

    def end_questions(self) -> None:
        """Say that `ask` is not called any more."""

    def close(self) -> None:
        """End what still reads it."""


@dataclass(frozen=True, slots=True)
class StateContent:
    """Content that is there."""

    users: Sequence[DesiredUser]
    diagnostics: tuple[Diagnostic, ...]
    digest: str
    files: Mapping[str, str]
    unseen: str | None

    @property
    def in_scope(self) -> int:
        """The number of users in scope."""
        return sum(user.verdict.in_scope for user in self.users)

    def wait(self) -> StateContent:
        """Return itself."""
        return self

    def check(self) -> None:
        """It is there."""

    def ask(self, _question: bytes) -> None:
        """No other process has read it."""

    def end_questions(self) -> None:
        """No process waits for them."""

    def close(self) -> None:
        """Nothing reads it."""
