from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.builders import MAPPINGS, OUT, DesiredUser, LiveUser, change, desired, live, mapping, mappings

from reconciler.core.model import AttributeMapping, Flow
from reconciler.core.plan import Action, Change
from reconciler.core.planning.freed_names import plan_freed_names
from reconciler.core.planning.matching import match_users

CREATION = change("ada", Action.CREATE, after={"userName": "ADA@example.com"})
LEAVER = desired("ada", user_name="former@example.com", verdict=OUT)
ACCOUNT = live("ada", active=False)


def renames(
    user: DesiredUser = LEAVER,
    account: LiveUser = ACCOUNT,
    *changes: Change,
    rows: Sequence[AttributeMapping] = MAPPINGS,
) -> dict[str, Change]:
    return plan_freed_names(changes or [CREATION], match_users([user], [account], rows), rows)


def test_a_leaver_gives_up_a_name_that_another_user_needs() -> None:
    (found,) = renames().values()
    assert (found.action, found.key, found.live_id) == (Action.UPDATE, "former@example.com", "live-ada")
    (row,) = found.attribute_changes()
    assert (row.path, row.before, row.after) == ("userName", "ada@example.com", "former@example.com")


@pytest.mark.parametrize(
    ("user", "account"),
    [
        (LEAVER, live("ada")),  # still active: it is deactivated first
        (LEAVER, live("ada", active=False, managed=False, adoptable=False)),
        (LEAVER, live("ada", active=False, unreadable="x")),
        (desired("ada", user_name="former@example.com"), ACCOUNT),  # in scope: an ordinary rename
        (desired("ada", verdict=OUT), ACCOUNT),  # no other name in git
        (desired("ada", user_name="ADA@example.com", verdict=OUT), ACCOUNT),
        (replace(LEAVER, failed=True), ACCOUNT),
        (desired("ada", user_name="reconciler-swap-ada@example.com\x00", verdict=OUT), ACCOUNT),
    ],
)
def test_otherwise_nothing_is_renamed(user: DesiredUser, account: LiveUser) -> None:
    assert renames(user, account) == {}


def test_nothing_is_renamed_while_the_name_is_not_needed() -> None:
    assert renames(LEAVER, ACCOUNT, change("bob", Action.CREATE, after={"userName": "bob@example.com"})) == {}


def test_a_user_name_that_flows_on_create_only_is_not_changed() -> None:
    rows = mappings(mapping("userName", "userPrincipalName", match=2, flow=Flow.CREATE))
    assert renames(rows=rows) == {}
