"""`--incremental` chooses its users itself, and says why it looks at all of them."""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.session.incremental.options import check_incremental, describe_full


def test_no_other_choice_of_users_goes_with_it() -> None:
    check_incremental(users=())
    with pytest.raises(UsageError) as raised:
        check_incremental(users=("ada@example.com",))
    assert raised.value.summary == "--incremental cannot be combined with --user"
    with pytest.raises(UsageError) as raised:
        check_incremental(users=(), base="origin/main")
    assert raised.value.summary == "--incremental cannot be combined with --base"
    for base in (None, "origin/main"):
        with pytest.raises(UsageError) as raised:
            check_incremental(users=(), base=base, offline=True)
        assert raised.value.summary == "--incremental cannot be combined with --offline"


def test_a_full_plan_says_why() -> None:
    assert describe_full("the record is empty") == "Incremental: no, all users are looked at: the record is empty"
