from __future__ import annotations

from support.builders import live

from reconciler.scim.list_check import NO_CORRECTIONS, Corrections

ADA, BOB, CYD = live("ada"), live("bob"), live("cyd")


def test_corrections_add_replace_and_drop_users_in_the_order_of_the_list() -> None:
    renamed = live("ada", family="King")
    found = Corrections({"live-ada": renamed, "live-bob": None, "live-cyd": CYD})
    corrected = found.correct({"live-ada": ADA, "live-bob": BOB})
    assert list(corrected.items()) == [("live-ada", renamed), ("live-cyd", CYD)]


def test_no_corrections_change_nothing() -> None:
    listed = {"live-ada": ADA}
    assert NO_CORRECTIONS.correct(listed) == listed
