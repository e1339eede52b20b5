"""Where the token of a request comes from: one that never changes, or one that is renewed while a command runs."""

from __future__ import annotations

from typing import Protocol

from reconciler.scim.secret import Secret


class TokenSource(Protocol):
    """The tokens for one service. Thread-safe; both methods raise `ReconcilerError` if there can be no token."""

    advice: str
    """What to check if the service accepts no token, in sentences."""

    def current(self) -> Secret:
        """Return the token for a request. It is asked before each one: cheap as long as the token lasts."""

    def renew(self, rejected: Secret) -> Secret | None:
        """Return another token than the one that the service rejected (401); None if there is no other."""


class FixedToken:
    """One token, as RECONCILER_TOKEN: there is no other one. `variable`: where it is from, for messages."""

    advice = "Check RECONCILER_TOKEN: expired, revoked, mistyped, or made for a different service?"

    def __init__(self, token: Secret, variable: str = "RECONCILER_TOKEN") -> None:
        self._token = token
        if variable != "RECONCILER_TOKEN":
            self.advice = f"Check the token of {variable}: expired, revoked, or of a different tenant or service?"

    def current(self) -> Secret:
        """Return the token."""
        return self._token

    def renew(self, rejected: Secret) -> Secret | None:  # noqa: ARG002 - as TokenSource
        """Return None."""
        return None
