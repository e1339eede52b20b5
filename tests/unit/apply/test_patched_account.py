"""An account on a scripted service: requests in the spelling of the profile, and comparison with the change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import APPLE, MAPPINGS, OWNED, change, resource, values_of
from support.scripted_service import LoggedReceipt, ScriptedService

from reconciler.apply.execution import Execution
from reconciler.apply.patched_account import PatchedAccount
from reconciler.apply.verification import reads_everything
from reconciler.core.plan import Action
from reconciler.core.planning.live_user import LiveReader
from reconciler.errors import ScimError

KING = change("ada", after=values_of("ada", family="King"))


def account(service: ScriptedService) -> PatchedAccount:
    execution = Execution(
        service=service,
        record=LoggedReceipt(service.log),
        reader=LiveReader(APPLE, reads_everything(MAPPINGS), OWNED),
        mappings=MAPPINGS,
        profile=APPLE,
        on_outcome=lambda _outcome: None,
    )
    return PatchedAccount(execution, KING, lambda send: (send(), None))


def test_a_request_is_sent_in_the_spelling_of_the_profile() -> None:
    service = ScriptedService(resource("ada"))
    operation: dict[str, Any] = {"op": "replace", "path": "name.familyName", "value": "King"}
    answer, lost = account(service).send([operation])
    assert (answer or {})["name"]["familyName"] == "King"
    assert lost is None
    assert service.sent[0][1]["Operations"] == [{**operation, "op": "Replace"}]


def test_an_account_is_compared_with_the_rows_of_a_change() -> None:
    service = ScriptedService(resource("ada"))
    one, rows = account(service), KING.attribute_changes()
    assert [one.has(rows, one.read(), after=after) for after in (False, True)] == [True, False]
    service.users[KING.live_id or ""]["name"]["familyName"] = " King "
    assert [one.has(rows, one.read(), after=after) for after in (False, True)] == [False, True]
    assert not one.has(rows, None, after=False)


def test_an_account_that_is_not_shown_may_only_have_been_deactivated() -> None:
    leaves = change("ada", Action.DEACTIVATE, after=values_of("ada", active=False)).attribute_changes()
    one = account(ScriptedService())
    assert [one.has(leaves, None, after=after) for after in (False, True)] == [False, True]
    assert not one.has(KING.attribute_changes(), None, after=True)


def test_a_404_of_an_account_that_no_read_shows_is_no_statement_about_patch() -> None:
    service = ScriptedService()
    service.script[f"PATCH {KING.live_id}"] = [ScimError(404, "", "no such user")] * 2
    known = account(service)
    for one, status in ((known, 404), (replace(known, unseen={"id": KING.live_id, "active": False}), 410)):
        with pytest.raises(ScimError, match="no such user") as caught:
            one.send([])
        assert caught.value.status == status
    assert replace(known, unseen={"active": False}).read() == {"active": False}


def test_only_a_plain_no_is_a_declaration() -> None:
    class Declaring(ScriptedService):
        declared: bool | None = None

        def supports_patch(self) -> bool | None:
            return self.declared

    service = Declaring(resource("ada"))
    found = []
    for declared in (None, True, False):
        service.declared = declared
        found.append(account(service).declares_no_patch())
    assert found == [False, False, True]
