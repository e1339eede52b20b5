from __future__ import annotations

import sys

import pytest
from support.builders import resource
from support.desired_state import ADA, SETTINGS, Load, good, messages

from reconciler.desired.loader import BrokenState


def test_an_account_is_managed_if_it_matches_the_filter(loaded: Load) -> None:
    state = good(loaded(settings=f'{SETTINGS}ownership: userType eq "staff"\n', users__a=ADA))
    assert state.owned(resource(userType="staff"))
    assert not state.owned(resource(userType="guest"))


def test_the_default_needs_no_parser(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("reconciler.desired.scim_filter_parser", raising=False)
    monkeypatch.setitem(sys.modules, "reconciler.desired.scim_filter_parser", None)
    state = good(loaded(settings=f"{SETTINGS}ownership: externalId pr\n", users__a=ADA))
    assert [state.owned(resource(externalId=each)) for each in ("a", None)] == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("externalId is there", "settings.yaml:5:23: ownership is not a SCIM filter: expected an operator"),
        ("externalID2 pr", 'settings.yaml:5:12: ownership: a User has no "externalID2". A User has userName, '),
    ],
)
def test_a_filter_that_means_something_else_is_an_error(loaded: Load, text: str, message: str) -> None:
    state = loaded(settings=f"{SETTINGS}ownership: {text}\n", users__a=ADA)
    assert isinstance(state, BrokenState)
    assert any(each.startswith(message) for each in messages(state))
