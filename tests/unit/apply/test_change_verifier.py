from __future__ import annotations

from typing import Any

import pytest
from support.builders import change, resource, values_of
from support.scripted_service import LOST, Answered, Landed, ScriptedService, run_changes

from reconciler.core.plan import Action, Change

LEAVES = change("ada", Action.DEACTIVATE, after=values_of("ada", active=False))


class HidingService(ScriptedService):
    """Shows no account that is inactive."""

    def get_user(self, identity: str) -> dict[str, Any] | None:
        found = super().get_user(identity)
        return found if found is not None and found.get("active") is not False else None

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        return [user for user in super().find_users(attribute, value) if user.get("active") is not False]


@pytest.mark.parametrize("bodies", [True, False])
def test_a_deactivation_after_which_nothing_shows_the_account_is_done(*, bodies: bool) -> None:
    service = HidingService(resource("ada"), bodies=bodies)
    found = run_changes(service, LEAVES)
    (outcome,) = found.report.outcomes
    assert (found.results, outcome.unseen, outcome.live_id) == ({"ada": "done"}, "live-ada", "live-ada")
    assert outcome.message == "the service does not show it any more"
    assert [pause for pause in found.slept if pause] == []


def test_an_answer_that_shows_the_account_active_contradicts_it() -> None:
    service = HidingService(resource("ada"))
    service.script["PATCH live-ada"] = [Answered(resource("ada"))]
    service.script["GET live-ada"] = [lambda: None, service.users.clear]
    assert run_changes(service, LEAVES).results == {"ada": "not_in_effect"}


def test_without_an_answer_a_missing_account_proves_no_deactivation() -> None:
    service = HidingService(resource("ada"))
    service.script["PATCH live-ada"] = [Landed(LOST)]
    found = run_changes(service, LEAVES)
    assert found.results == {"ada": "not_in_effect"}


def test_a_filter_that_shows_the_account_active_contradicts_it() -> None:
    service = HidingService(resource("ada"))
    service.find_users = lambda _attribute, _value: [resource("ada")]  # type: ignore[method-assign]
    assert run_changes(service, LEAVES).results == {"ada": "not_in_effect"}


@pytest.mark.parametrize("planned", [change("ada", after=values_of("ada", family="King"))])
def test_a_missing_account_proves_no_other_change(planned: Change) -> None:
    service = ScriptedService(resource("ada"))
    service.script["PATCH live-ada"] = [lambda: service.script.update({"GET live-ada": [Answered(None)] * 20})]
    found = run_changes(service, planned)
    assert found.messages == {"ada": "the service accepted it, but it does not show the account"}
    assert found.results == {"ada": "not_in_effect"}
