"""The account that a PATCH is for: send a request to it, read it, and compare it with the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.apply.execution import Execution
from reconciler.apply.patch_styles import Operation, build_body
from reconciler.core.model import Resource
from reconciler.core.plan import AttributeChange, Change
from reconciler.core.planning.element_matching import settle_elements
from reconciler.core.values import is_same_value
from reconciler.errors import ScimError, UnknownOutcomeError

Answer = tuple[Mapping[str, Any] | None, UnknownOutcomeError | None]
"""The answer to a write; or how it was lost."""
_NOT_FOUND, _GONE = 404, 410


@dataclass(frozen=True, slots=True)
class PatchedAccount:
    """The live account of `change`. `deliver`: calls what sends a write, and resolves a lost answer.

    `unseen`: what an account is by the record that the service does not show.
    """

    execution: Execution
    change: Change
    deliver: Callable[[Callable[[], Mapping[str, Any] | None]], Answer]

    unseen: Resource | None = None

    def send(self, operations: Sequence[Operation]) -> Answer:
        """Send one request. Raises `ScimError` if it is refused."""
        capitalised = bool(self.execution.profile.patch_op_capitalised.value)
        body = build_body(operations, capitalised=capitalised)
        try:
            return self.deliver(lambda: self.execution.service.patch_user(self.change.live_id or "", body))
        except ScimError as exc:
            if self.unseen is None or exc.status != _NOT_FOUND:
                raise
            # Of an account that no read shows, this is no statement about PATCH: the account is gone.
            raise ScimError(_GONE, exc.scim_type, exc.summary, exc.detail) from exc

    def read(self) -> Resource | None:
        """Read the user; None if there is none."""
        return self.execution.service.get_user(self.change.live_id or "") or self.unseen

    def has(self, rows: Sequence[AttributeChange], user: Resource | None, *, after: bool) -> bool:
        """Whether the user has the values of the rows before the change, or `after` it."""
        if user is None:
            # Some services do not show accounts that are inactive.
            return after and all(row.path == "active" and row.after is False for row in rows)
        before = {row.path: row.before for row in rows if row.before is not None}
        wanted = {row.path: row.after for row in rows if row.after is not None}
        mappings = self.execution.mappings
        shown = settle_elements(self.execution.reader.read(user), before, wanted, mappings).attributes
        attributes = {row.target: row.attribute for row in mappings}
        return all(
            is_same_value(attributes[row.path], row.after if after else row.before, shown.get(row.path)) for row in rows
        )

    def pause(self, seconds: float) -> None:
        """Wait before the next read."""
        self.execution.sleep(seconds)

    def declares_no_patch(self) -> bool:
        """Whether the service declares that it takes no PATCH."""
        return self.execution.service.supports_patch() is False
