"""The habits of services in the field, and a SCIM service that has them.

Habits combine with each other and with `ServerFaults`. `HabitServer.people` is the true state, past every habit of
showing users.
"""

import json
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Self

from support.servers.fake_scim import SCIM_JSON, FakeScimServer, Logged, ServerFaults
from support.servers.http_server import Reply
from support.servers.listing import LIST_RESPONSE, matching, view
from support.servers.patching import MULTI_VALUED, Refused, User, bad

Texts = Callable[[str], str]

_CURSOR = "cursor {}/+&=%"
"""A cursor is opaque, and may hold any character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchHabits:
    """Which forms of PATCH a service takes; all of them by default."""

    refused: int | None = None
    """Every PATCH is answered with this status."""

    operations: frozenset[str] = frozenset({"add", "replace", "remove"})
    """The operations that it takes."""

    refusal: int = HTTPStatus.NOT_IMPLEMENTED
    """The status with which it answers what it does not take; with 400, `refusal_type` is the scimType."""

    refusal_type: str | None = None
    """The scimType of the refusal."""

    path: bool | None = None
    """Operations must have a path (True), or may have none (False)."""

    filters: bool = True
    """Whether a path may have a filter."""

    single: bool = False
    """A request may have one operation only."""

    null_clears: bool = True
    """Whether it takes null as a value."""

    empty_clears: bool = True
    """Whether it takes "" as a value, which clears the attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHabits:
    """What a service does in its own way. With all of them off it follows RFC 7644."""

    drops: frozenset[str] = frozenset()
    """Sub-attributes of multi-valued attributes that are not stored: `type`, `primary`."""

    unique_names: bool = True
    """Whether a userName that is taken is refused."""

    hides_active: bool | None = None
    """`active` is left out of answers when it has this value."""

    filters_active: bool = False
    """Lists can be filtered by `active`: by the stored value, whatever is shown."""

    hides_inactive: bool = False
    """Inactive accounts are neither listed nor found by id. A PATCH by id still reaches them."""

    lag: float = 0
    """Seconds after which reads show a write."""

    lagging: frozenset[str] = frozenset({"list", "filter"})
    """Which reads lag: `list`, `filter`, `id`."""

    stores: Mapping[str, Texts] | None = None
    """How the text of a top-level attribute, or of the elements in it, is changed when it is stored."""

    cursors: bool = False
    """Lists are read by cursor only (RFC 9865): `startIndex` is ignored."""

    page: int = 10
    """Users in a page that is read by cursor."""

    empty_every: int = 0
    """Every so many GETs, an answer has status 200 and no body."""

    strict_booleans: bool = False
    """`primary` must be a boolean."""

    patch: PatchHabits = PatchHabits()
    """Which forms of PATCH it takes."""

    says_no_patch: bool | None = None
    """/ServiceProviderConfig says whether PATCH is supported: True says that it is not, whatever it takes."""


def lower_case(text: str) -> str:
    return text.lower()


def trimmed(text: str) -> str:
    return text.strip()


def decomposed(text: str) -> str:
    """The text in Unicode's NFD."""
    return unicodedata.normalize("NFD", text)


def with_dash(text: str) -> str:
    """A locale with a dash."""
    return text.replace("_", "-")


def digits_only(text: str) -> str:
    """A phone number without blanks and punctuation."""
    return "".join(each for each in text if each.isdigit() or each == "+")


class HabitServer(FakeScimServer):
    """The fake server, with habits. `clock` is the time in seconds that lag is measured with."""

    def __init__(
        self,
        habits: ServiceHabits | None = None,
        users: Iterable[User] = (),
        *,
        faults: ServerFaults | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.habits = habits or ServiceHabits()
        self.clock = clock
        self._past: list[tuple[float, dict[str, User]]] = []
        self._gets = 0
        super().__init__(faults, users)

    def start(self) -> Self:
        self._past = [(float("-inf"), dict(self.users))]
        return super().start()

    # The true state

    @property
    def people(self) -> list[User]:
        """Every stored user, as it is stored."""
        return [deepcopy(user) for user in self.users.values()]

    def accounts_of(self, external_id: str) -> list[User]:
        """The stored users with this externalId."""
        return [user for user in self.people if user.get("externalId") == external_id]

    # Storing

    def add(self, user: User) -> User:
        return super().add(self._stored(user))

    def _store(self, old: User, new: User) -> User:
        return super()._store(old, self._stored(new))

    def _stored(self, user: User) -> User:
        """The user as it is stored: without what is dropped, with texts changed."""
        stored: User = _without_empty(deepcopy(user))
        for name in MULTI_VALUED & stored.keys():
            elements = [{k: v for k, v in each.items() if k not in self.habits.drops} for each in stored[name]]
            stored[name] = [each for each in elements if each]
        for name, change in (self.habits.stores or {}).items():
            if name in stored:
                stored[name] = _with_texts(stored[name], change)
        return stored

    def _must_be_free(self, user_name: str, own_id: str | None) -> None:
        if self.habits.unique_names:
            super()._must_be_free(user_name, own_id)

    def _post(self, entry: Logged) -> Reply:
        self._check_booleans(entry.body)
        return super()._post(entry)

    def _patch(self, entry: Logged, old: User) -> Reply:
        habits = self.habits.patch
        if habits.refused is not None:
            raise Refused(habits.refused, "Not Implemented")
        operations = entry.body.get("Operations", []) if isinstance(entry.body, dict) else []
        for operation in operations:
            if not takes_operation(habits, operation, len(operations)):
                raise Refused(habits.refusal, "this form of PATCH is not supported", habits.refusal_type)
            self._check_booleans({"elements": operation.get("value")})
        return super()._patch(entry, old)

    def _check_booleans(self, body: Any) -> None:
        if not self.habits.strict_booleans or not isinstance(body, dict):
            return
        for elements in body.values():
            for element in elements if isinstance(elements, list) else []:
                if isinstance(element, dict) and not isinstance(element.get("primary", False), bool):
                    raise bad("primary is a boolean", "invalidValue")

    # Showing

    def _route(self, entry: Logged) -> Reply:
        if entry.method == "GET":
            self._gets += 1
            if self.habits.empty_every and self._gets % self.habits.empty_every == 0:
                return Reply(status=HTTPStatus.OK, headers={"Content-Type": SCIM_JSON})
        reply = super()._route(entry)
        if entry.method != "GET":
            self._past.append((self.clock(), dict(self.users)))
        if entry.path == "/ServiceProviderConfig" and self.habits.says_no_patch is not None:
            document = json.loads(reply.body)
            document["patch"]["supported"] = not self.habits.says_no_patch
            return _answer(document)
        return reply

    def _shown_users(self, read: str) -> dict[str, User]:
        known = self.users
        if self.habits.lag and read in self.habits.lagging and self._past:
            seen = self.clock() - self.habits.lag
            known = [users for written, users in self._past if written <= seen][-1]
        hidden = self.habits.hides_inactive
        return {id_: user for id_, user in known.items() if not hidden or user.get("active") is not False}

    def _existing(self, id_: str, *, read: bool = False) -> User:
        if not read:
            return super()._existing(id_)
        found = self._shown_users("id").get(id_)
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"no user {id_}")
        return found

    def _on_user(self, entry: Logged, id_: str) -> Reply:
        if entry.method == "GET":
            return self._one(self._existing(id_, read=True))
        return super()._on_user(entry, id_)

    def _shown(self, status: int, user: User) -> Reply:
        return super()._shown(status, self._without_active(user))

    def _without_active(self, user: User) -> User:
        hidden = self.habits.hides_active is not None and user.get("active") is self.habits.hides_active
        return {k: v for k, v in user.items() if k != "active"} if hidden else user

    def _list(self, entry: Logged) -> Reply:
        shown = self._shown_users("filter" if "filter" in entry.query else "list")
        wanted = re.fullmatch("active eq (true|false)", entry.query.get("filter", ""))
        if wanted and self.habits.filters_active:
            shown = {id_: user for id_, user in shown.items() if user.get("active") is (wanted[1] == "true")}
            entry = replace(entry, query={name: value for name, value in entry.query.items() if name != "filter"})
        real, self.users = self.users, {id_: self._without_active(user) for id_, user in shown.items()}
        try:
            return self._cursor_page(entry) if self.habits.cursors else super()._list(entry)
        finally:
            self.users = real

    def _cursor_page(self, entry: Logged) -> Reply:
        users = list(self.users.values())
        if "filter" in entry.query:
            users = matching(users, entry.query["filter"])
        cursors = {_CURSOR.format(start): start for start in range(0, len(users) + 1, self.habits.page)}
        start = cursors.get(entry.query.get("cursor") or _CURSOR.format(0))
        if start is None:
            raise bad("no such cursor", "invalidCursor")
        resources = [view(user, self.faults, self.base_url) for user in users[start : start + self.habits.page]]
        body = {"schemas": [LIST_RESPONSE], "totalResults": len(users), "itemsPerPage": len(resources)}
        if start + self.habits.page < len(users):
            body["nextCursor"] = _CURSOR.format(start + self.habits.page)
        return _answer({**body, "Resources": resources})


def takes_operation(habits: PatchHabits, operation: Mapping[str, Any], number: int) -> bool:
    """Whether an operation, one of so many in its request, is in a form that the service takes."""
    path, value = operation.get("path"), operation.get("value")
    if habits.path is not None and bool(path) is not habits.path:
        return False
    if not habits.filters and path and "[" in path:
        return False
    values = list(_leaves(value)) if "value" in operation else []
    if not habits.null_clears and None in values:
        return False
    if not habits.empty_clears and "" in values:
        return False
    return str(operation.get("op")).lower() in habits.operations and (number == 1 or not habits.single)


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    else:
        yield value


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v != ""}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value


def _with_texts(value: Any, change: Texts) -> Any:
    """The value with `change` made to each text; of elements, to their `value` only."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [{k: change(v) if k == "value" and isinstance(v, str) else v for k, v in each.items()} for each in value]
    if isinstance(value, dict):
        return {k: _with_texts(v, change) for k, v in value.items()}
    return value


def _answer(document: Any) -> Reply:
    body = json.dumps(document).encode()
    return Reply(status=HTTPStatus.OK, headers={"Content-Type": SCIM_JSON}, body=body)
