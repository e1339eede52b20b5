from datetime import date

import pytest
from support.builders import change, rename, values_of
from support.guard_verdicts import verdicts

from reconciler.core.plan import Action, Change, Guard

RESERVED = {"bob@example.com": date(2026, 3, 20)}
REUSED = Guard(
    "name-reuse",
    passed=False,
    message="1 user name of recently deleted accounts would be used again, which the target refuses:"
    ' "{} (free on 2026-03-20)"; wait until then, or choose other names',
)


@pytest.mark.parametrize(
    ("taker", "shown"),
    [
        (change("bob", Action.CREATE, after=values_of("bob", user_name="Bob@example.com")), "Bob@example.com"),
        (rename("ada", "bob"), "bob@example.com"),
        (rename("ada", "bob", Action.REACTIVATE), "bob@example.com"),
    ],
)
def test_the_name_of_a_recently_deleted_account_is_not_used_again(taker: Change, shown: str) -> None:
    found = verdicts(taker, reserved=RESERVED)["name-reuse"]
    assert found == Guard(REUSED.name, REUSED.passed, REUSED.message.format(shown))


@pytest.mark.parametrize(
    "other",
    [
        change("ada", Action.CREATE),
        change("bob"),
        change("bob", Action.DELETE),
        change("bob", Action.DEACTIVATE),
        rename("bob", "ada"),
    ],
)
def test_other_names_and_those_kept_are_no_reuse(other: Change) -> None:
    assert verdicts(other, reserved=RESERVED)["name-reuse"].passed
