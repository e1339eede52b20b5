"""An account in memory that takes PATCH in some forms, for the tests of `reconciler.apply.patch_sender`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from reconciler.apply.patch_styles import Operation
from reconciler.core.elements import find_carrier
from reconciler.core.model import Resource
from reconciler.core.paths import compile_reader, get, parse
from reconciler.core.plan import AttributeChange
from reconciler.errors import ScimError, UnknownOutcomeError
from support.servers.patching import PATCH_OP, Refused, patched
from support.servers.service_habits import PatchHabits, takes_operation


class ListedAccount:
    """One account of a service with `habits`. `sent`: the operations of each request."""

    def __init__(
        self,
        user: Mapping[str, Any],
        habits: PatchHabits | None = None,
        *,
        drops: str = "",
        declares: bool | None = None,
        refuses: Callable[[Operation], ScimError | None] = lambda _operation: None,
    ) -> None:
        self.user = dict(deepcopy(dict(user)))
        self.habits = habits or PatchHabits()
        self.drops = drops
        self.declares = declares
        self.refuses = refuses
        self.sent: list[Sequence[Operation]] = []
        self.asked = 0

    def send(self, operations: Sequence[Operation]) -> tuple[Mapping[str, Any] | None, UnknownOutcomeError | None]:
        self.sent.append(operations)
        habits = self.habits
        if habits.refused is not None:
            raise ScimError(habits.refused, "", "no")
        for operation in operations:
            if not takes_operation(habits, operation, len(operations)):
                raise ScimError(habits.refusal, habits.refusal_type or "", "no")
            error = self.refuses(operation)
            if error is not None:
                raise error
        try:
            self.user = patched(self.user, {"schemas": [PATCH_OP], "Operations": list(operations)})
        except Refused as exc:
            raise ScimError(exc.status, exc.scim_type or "", exc.detail) from exc
        for elements in self.user.values():
            for element in elements if isinstance(elements, list) else []:
                if isinstance(element, dict):
                    element.pop(self.drops, None)
        self.user = {name: value for name, value in self.user.items() if value != ""}
        return deepcopy(self.user), None

    def read(self) -> Resource | None:
        return deepcopy(self.user)

    def has(self, rows: Sequence[AttributeChange], user: Resource | None, *, after: bool) -> bool:
        return user is not None and all(self._has(row, user, row.after if after else row.before) for row in rows)

    @staticmethod
    def _has(row: AttributeChange, user: Resource, value: Any) -> bool:
        path = parse(row.path)
        if path.filter is None:
            return compile_reader(path)(user) == value
        found = find_carrier(get(user, path.attribute) or [], path, value)
        return (found or {}).get(path.sub or "value") == value

    def pause(self, seconds: float) -> None:
        """No time passes."""

    def declares_no_patch(self) -> bool:
        self.asked += 1
        return self.declares is False
