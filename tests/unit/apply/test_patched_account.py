"""An account on a scripted service: requests in the spelling of the profile, and comparison with the change."""

from __future__ import annotations

from typing import Any

from support.builders import APPLE, MAPPINGS, OWNED, change, resource, values_of
from support.scripted_service import LoggedReceipt, ScriptedService

from reconciler.apply.execution import Execution
from reconciler.apply.patched_account import PatchedAccount
from reconciler.apply.verification import reads_everything
from reconciler.core.planning.live_user import LiveReader

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
