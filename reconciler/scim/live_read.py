"""Read the live state so that a plan can rely on it: completely, and with every attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, TypeVar

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, Flow, LiveUser, Resource, Value
from reconciler.core.planning.blocks import OpenBlock
from reconciler.core.planning.joined_users import JoinedUsers, list_open_users
from reconciler.core.planning.listed_table import ListedUser
from reconciler.core.planning.live_user import ResourceReader
from reconciler.core.planning.request import LiveState
from reconciler.core.text import pluralize, quote
from reconciler.errors import ScimError
from reconciler.scim.contradictions import find_changed, find_contradiction, shows_less
from reconciler.scim.converted_pages import Helper, PageConverter
from reconciler.scim.inactive_users import find_inactive
from reconciler.scim.list_check import NO_CORRECTIONS, ListCheck
from reconciler.scim.listed_users import ConvertPage, Page, Settling
from reconciler.scim.missing_users import InListAndFound, look_up_missing, spread
from reconciler.scim.packed_users import PackingReader
from reconciler.scim.paging import ListRead, start_readers

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Called with a description of the step, how much of it is done and how much there is."""

_SAMPLE = 5
"""Users read again by id, to see whether lists leave attributes out."""
_OF_EACH_KIND = 3
"""So many if some lack attributes and others do not."""
_WORKERS = 8


class UserReader(Protocol):
    """What reading needs of a SCIM client."""

    def list_users(
        self,
        convert: Callable[[Resource], T],
        *,
        page_size: int,
        progress: Callable[[int, int], None],
        settling: Settling[T] | None = None,
        elsewhere: ConvertPage | None = None,
    ) -> ListRead[T]:
        """All users."""

    def get_user(self, identity: str) -> dict[str, Any] | None:
        """One user."""

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        """Users by filter."""

    def filter_by_active(self, *, active: bool, start: int = 1, cursor: str | None = None) -> Page:
        """One page of a filter by `active`."""


@dataclass(frozen=True, slots=True)
class Joining:
    """How live users are joined with the desired ones while they are read.

    `settles`: users that are as desired are settled, so that the live users are not those that the reader returned.
    `helper`: converts pages then, by an equal reader. `open_block`: as for `JoinedUsers`.
    """

    settles: bool = True
    helper: Helper | None = None
    open_block: OpenBlock | None = None


def read_live(
    client: UserReader,
    reader: ResourceReader,
    desired: Sequence[DesiredUser],
    mappings: Sequence[AttributeMapping],
    *,
    page_size: int,
    progress: Progress,
    check: ListCheck | None = None,
    joining: Joining = Joining(),
) -> LiveState:
    """Read the live state; a problem makes it incomplete. Raises `TargetError` if the service cannot be understood.

    `check`: corrects what the list shows too late.
    """
    packing = PackingReader(reader)
    settled, lacks = mappings if joining.settles else (), _find_lacks(mappings)
    listed = JoinedUsers(desired, settled, packing, lacks=lacks, open_block=joining.open_block)
    read = _read_list(client, reader, packing, listed, page_size=page_size, progress=progress, joining=joining)
    if read.problem is not None:
        return LiveState(listed, read.problem)
    matches = _ProbableMatches(listed, mappings)
    missing = matches.without_live()
    found = check(missing, listed.by_id, matches.find) if check is not None else NO_CORRECTIONS
    if found is not NO_CORRECTIONS:
        listed.correct(found.users)
        matches = _ProbableMatches(listed, mappings)
        missing = [user for user in matches.without_live() if user.key not in found.settled]
    state = _check_list(client, reader, listed, matches, missing, read=read, progress=progress)
    return replace(
        state,
        users=_add_hidden(state.users, found.hidden_users),
        hidden=found.hidden,
        awaited=found.awaited,
        unshown=found.unshown,
        notes=found.notes,
        inactive=find_inactive(client, reader, _list_witnesses(state.users)) if state.problem is None else frozenset(),
    )


def _read_list(
    client: UserReader,
    reader: ResourceReader,
    packing: PackingReader,
    listed: JoinedUsers,
    *,
    page_size: int,
    progress: Progress,
    joining: Joining,
) -> ListRead[ListedUser]:
    """Read the list of users into `listed`."""
    convert: Callable[[Resource], ListedUser] = packing.read if joining.settles else reader.read
    helper = joining.helper
    read = client.list_users(
        convert,
        page_size=page_size,
        progress=lambda done, total: progress("Reading live users", done, total),
        settling=listed,
        elsewhere=PageConverter(helper, packing).convert if helper is not None and joining.settles else None,
    )
    if helper is not None:
        helper.end_questions()
    listed.take(read.users)
    return read


def _add_hidden(users: Sequence[LiveUser], hidden: Sequence[LiveUser]) -> Sequence[LiveUser]:
    """Return the live users with those that the service does not show."""
    if not isinstance(users, JoinedUsers) or any(user.id in users.by_id for user in hidden):
        return [*users, *hidden]
    users.correct({user.id: user for user in hidden})
    return users


def _list_witnesses(users: Sequence[LiveUser]) -> Sequence[LiveUser]:
    """Return the users that can show something about `active`: of the settled ones, which all show it, the first."""
    shown = list(list_open_users(users))
    if len(shown) == len(users):
        return shown
    known = {user.id for user in shown}
    return [*shown, *islice((user for user in users if user.id not in known), 1)]


def _check_list(
    client: UserReader,
    reader: ResourceReader,
    listed: JoinedUsers,
    matches: _ProbableMatches,
    missing: Sequence[DesiredUser],
    *,
    read: ListRead[ListedUser],
    progress: Progress,
) -> LiveState:
    """Return the live state of a list, with what makes it incomplete."""
    completeness = look_up_missing(client, reader, missing, listed.by_id)
    if completeness.hidden:
        names = ", ".join(quote(name) for name in completeness.hidden[:3])
        problem = f"the list leaves out {pluralize(len(completeness.hidden), 'user')} that a filter finds: {names}"
        return LiveState(listed, problem)
    if read.end_unproven and not completeness.answered:
        problem = "the service refuses both a page past the end and filters: nothing shows that the list is whole"
        return LiveState(listed, problem)
    doubtful = [user for user in listed.list_open() if user.omits_active]
    chosen = {user.id: user for user in (*doubtful[:1], *doubtful[-1:], *matches.sample(read.large))}
    sample = _read_sample(client, reader, list(chosen.values()))
    otherwise = completeness.otherwise
    changed = find_changed(sample)
    if changed is not None:
        listed.correct({changed.id: changed})
    unchanged = [pair for pair in sample if pair[1] is not changed]
    contradiction = find_contradiction(unchanged) or find_contradiction(otherwise, found="a filter shows it as")
    if contradiction is not None:
        return LiveState(listed, contradiction)
    if any(map(shows_less, (*sample, *otherwise))):
        return _confirm_found(_read_one_by_one(client, reader, listed, listed.by_id, progress), otherwise)
    if any(in_list.omits_active and not alone.omits_active for in_list, alone in sample):
        found = _read_one_by_one(client, reader, doubtful, {user.id: user for user in doubtful}, progress)
        listed.correct({user.id: user for user in found.users})
        return replace(found, users=listed)
    return LiveState(listed)


class _ProbableMatches:
    """Matches live with desired users by any matching attribute. Only to choose samples, never to plan."""

    def __init__(self, listed: JoinedUsers, mappings: Sequence[AttributeMapping]) -> None:
        self._listed = listed
        self._mappings = mappings
        self._levels = range(sum(row.match is not None for row in mappings))
        rows = listed.list_desired(listed.list_rows())
        self._open = {row: user for row, user in rows if user.verdict.in_scope and not user.failed}
        self._by_value = [{user.match[level]: row for row, user in self._open.items()} for level in self._levels]

    def find(self, live: LiveUser) -> DesiredUser | None:
        """Return the desired user of a live one."""
        for level, value in zip(self._levels, live.match, strict=True):
            row = self._find_row(value, level)
            if row is not None:
                return self._open.get(row) or self._listed.desired[row]
        return None

    def _find_row(self, value: Value | None, level: int) -> int | None:
        """Return the number of the last desired user with a matching value."""
        if value is None:
            return None
        rows = (self._by_value[level].get(value), self._listed.find_settled(value, level))
        return max((row for row in rows if row is not None), default=None)

    def without_live(self) -> list[DesiredUser]:
        """Return the desired users that the list does not show."""
        seen = [{user.match[level] for user in self._listed.list_open()} - {None} for level in self._levels]

        def is_shown(value: Value | None, level: int) -> bool:
            return value in seen[level] or (value is not None and self._listed.find_settled(value, level) is not None)

        return [
            user
            for user in self._open.values()
            if not any(is_shown(value, level) for level, value in zip(self._levels, user.match, strict=True))
        ]

    def sample(self, large: range | None) -> list[LiveUser]:
        """Return live users that lack an attribute they should have, or one to be cleared; others; inactive ones.

        The first of each kind, the last, and some between them: of those that only `large` pages brought, if there are.
        """
        paths, clearable = _list_expected(self._mappings)

        def judge(user: LiveUser) -> bool:
            missing = paths - user.attributes.keys()
            wanted = self.find(user) if missing else None
            return wanted is not None and bool(missing & wanted.attributes.keys() or missing.intersection(clearable))

        def is_inactive(user: LiveUser) -> bool:
            return not user.active and not user.omits_active and self.find(user) is not None

        lacking = self._listed.list_lacking(judge)
        kinds = [_SampleKind(lacking, value, large) for value in (1, 0)]
        count = _OF_EACH_KIND if all(kind.size for kind in kinds) else _SAMPLE
        places = [place for kind in kinds for place in kind.spread(count)]
        inactive = _SampleKind(self._listed.list_open_if(is_inactive), 1, large)
        return self._listed.pick([*places, *inactive.spread(_OF_EACH_KIND)])


@dataclass(frozen=True, slots=True)
class _SampleKind:
    """The places of a list with a `value` in `values`; only those within `large` if there are any."""

    values: bytearray
    value: int
    large: range | None

    @property
    def size(self) -> int:
        """How many there are in all."""
        return self.values.count(self.value)

    def spread(self, count: int) -> list[int]:
        """Return the first place, the last, and others between them, `count` in all."""
        within = self.large if self.large is not None and self._count(self.large) else range(len(self.values))
        size = self._count(within)
        numbers = set(spread(size, count))
        places = (place for place in within if place < len(self.values) and self.values[place] == self.value)
        return [place for number, place in enumerate(places) if number in numbers]

    def _count(self, within: range) -> int:
        return self.values.count(self.value, within.start, within.stop)


def _list_expected(mappings: Sequence[AttributeMapping]) -> tuple[set[AttributePath], list[AttributePath]]:
    """Return the attributes that a live user may have to have, and those that are cleared."""
    paths = {row.target for row in mappings if row.flow is not Flow.CREATE and row.target != "active"}
    return paths, [row.target for row in mappings if row.clear]


def _find_lacks(mappings: Sequence[AttributeMapping]) -> Callable[[AbstractSet[AttributePath]], bool]:
    """Return whether a user with some attributes lacks one that may be cleared: a sample has users of both kinds."""
    paths, clearable = _list_expected(mappings)
    cleared = paths.intersection(clearable)
    return lambda present: not cleared <= present


def _read_sample(client: UserReader, reader: ResourceReader, sample: Sequence[LiveUser]) -> list[InListAndFound]:
    """Read users of the list by id, up to the first one that cannot be read: not every service offers it."""
    found = []
    for user in sample:
        try:
            resource = client.get_user(user.id)
        except ScimError:
            break
        if resource is not None:
            found.append((user, reader.read(resource)))
    return found


def _confirm_found(state: LiveState, otherwise: Sequence[InListAndFound]) -> LiveState:
    """Return users read one by one, incomplete if one of them is not what a look-up of its name showed."""
    if state.problem is not None:
        return state
    by_id = {user.id: user for user in state.users}
    return replace(state, problem=find_contradiction([(found, by_id[found.id]) for _, found in otherwise], "a filter"))


def _read_one_by_one(
    client: UserReader,
    reader: ResourceReader,
    shown: Sequence[LiveUser],
    listed: Mapping[str, LiveUser],
    progress: Progress,
) -> LiveState:
    """Read every user by id: slow, but lists that omit attributes cannot be relied on. `shown`: those in `listed`."""
    users: list[LiveUser] = []
    with start_readers(_WORKERS) as pool:
        try:
            for resource in pool.map(client.get_user, listed):
                if resource is None:
                    problem = "lists leave attributes out, and a listed user is not found by its id"
                    return LiveState(shown, problem)
                users.append(reader.read(resource))
                progress("Reading each live user, because lists leave attributes out", len(users), len(listed))
        except ScimError as exc:
            return LiveState(shown, f"lists leave attributes out, and a user can't be read: {exc.summary}")
    return LiveState(users)
