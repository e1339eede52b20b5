"""The join and the plan of very many users, without files and requests: `large_join.py 10000000 --changed 20000`.

A worker maps generated source users and sends their rows; this process reads generated pages, packs the live users,
joins both sides and builds the plan: the code of a plan but for YAML, JSON and HTTP. `--floor` does the least instead:
one of the sides in a dictionary. Prints the numbers of settled users and of changes, as JSON. Measure it as
`processes.timed` does, which counts the worker.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generate import ENTERPRISE, live_users, people, write_desired_state

from reconciler import __version__
from reconciler.core.model import Origin, SourceUser
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.mapping import Projector
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.scope.verdict import decide_scope
from reconciler.desired.content import StateContent
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.desired.user_table import UserSink
from reconciler.desired.worker import start_worker
from reconciler.disk_blocks import open_block
from reconciler.scim.listed_users import ListedUsers, Page
from reconciler.scim.packed_users import PackingReader
from reconciler.session.baseline import build_reader

_COMPARED = ("userPrincipalName", "givenName", "surname", "department")
_PAGE = 1000
_USERS_A_FILE = 5000
_NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def join(users: int, changed: int) -> tuple[int, int]:
    """Plan; return how many pairs are settled, and how many changes there are."""
    state = _load_state()
    projector = Projector(state.profile, state.mappings, state.settings["target"]["domains"])

    def read(sink: UserSink) -> StateContent:
        for number, person in enumerate(people(users, 1)):
            file, within = divmod(number, _USERS_A_FILE)
            source = SourceUser(person, Origin(f"users/users-{file + 1:05d}.yaml", 12 * within + 1, 3))
            user, _ = projector.project(source, decide_scope(source, state.rules, _NOW.date()))
            sink.append(user)
        return StateContent((), (), "", {}, None)

    content = start_worker(read)
    packing = PackingReader(build_reader(state))
    joined = JoinedUsers(content.users, state.mappings, packing, open_block=open_block)
    listed = ListedUsers(packing.read, lambda _done, _of: None, joined)
    listed.restart()
    for page in _cut(live_users(users, 1, changed / users)):
        listed.add(listed.read_page("a page", Page(users, page), users), users)
    joined.take(listed.users)
    settled = len(joined) - sum(1 for _ in joined.list_open())
    request = PlanRequest(state.target, content.users, state.mappings, state.policy, _NOW, __version__)
    plan = build_plan(request, LiveState(joined))
    content.close()
    return settled, len(plan.changes)


def _load_state() -> DesiredState:
    with TemporaryDirectory() as folder:
        write_desired_state(Path(folder), 1, base_url="http://127.0.0.1/scim")
        state = load(Path(folder), _NOW)
    assert not isinstance(state, BrokenState)
    return state


def _cut(users: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while page := list(islice(users, _PAGE)):
        yield page


def floor(users: int, changed: int) -> tuple[int, int]:
    """Join by a dictionary of some of the values; return how many users are equal, and how many are not."""
    wanted = {person["objectId"]: "\0".join(person[name] for name in _COMPARED) for person in people(users, 1)}
    different = 0
    for shown in live_users(users, 1, changed / users):
        name = shown["name"]
        text = "\0".join((shown["userName"], name["givenName"], name["familyName"], shown[ENTERPRISE]["department"]))
        different += wanted[shown["externalId"]] != text
    return users - different, different


def main() -> None:
    parser = argparse.ArgumentParser(description="The join and the plan of very many users.")
    parser.add_argument("users", type=int)
    parser.add_argument("--changed", type=int, default=20_000)
    parser.add_argument("--floor", action="store_true")
    options = parser.parse_args()
    settled, changes = (floor if options.floor else join)(options.users, min(options.changed, options.users))
    sys.stdout.write(json.dumps({"settled": settled, "changes": changes}) + "\n")


if __name__ == "__main__":
    main()
