"""Sending a PATCH: which requests are sent to services that take some forms only, and what is learnt from them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from support.builders import DEPARTMENT, ENTERPRISE
from support.patched_account import ListedAccount
from support.servers.service_habits import PatchHabits

from reconciler.apply.patch_sender import PatchSender, PatchUnsupportedError
from reconciler.core.plan import AttributeChange
from reconciler.errors import ScimError, UnknownOutcomeError

WORK = 'emails[type eq "work"].value'
HOME = {"type": "home", "value": "home@example.com"}
USER = {
    "userName": "ada",
    "title": "Countess",
    "name": {"givenName": "Ada", "familyName": "Lovelace", "middleName": "K"},
    ENTERPRISE: {"department": "Maths", "division": "North"},
    "emails": [HOME, {"type": "work", "value": "old@example.com", "display": "Ada"}],
}
SET = AttributeChange("name.givenName", "Ada", "Augusta")
MOVE = AttributeChange(DEPARTMENT, "Maths", "Engines")
CLEAR = AttributeChange("title", "Countess", None)
MAIL = AttributeChange(WORK, "old@example.com", "new@example.com")
NO_MAIL = AttributeChange(WORK, "old@example.com", None)
ALL = (MAIL, SET, CLEAR, MOVE)
AFTER = {
    "name": {"givenName": "Augusta", "familyName": "Lovelace", "middleName": "K"},
    ENTERPRISE: {"department": "Engines", "division": "North"},
    "emails": [HOME, {"type": "work", "value": "new@example.com", "display": "Ada"}],
}


def takes(*operations: str, **changed: Any) -> PatchHabits:
    return PatchHabits(operations=frozenset(operations or ("add", "replace", "remove")), **changed)


SERVICES = {
    "everything": (takes(), []),
    "no remove": (takes("add", "replace"), ["PATCH with remove to clear an attribute: replace with null is used"]),
    "no remove, no null": (
        takes("add", "replace", null_clears=False),
        ['remove to clear an attribute: replace with ""'],
    ),
    "remove and add": (
        takes("add", "remove"),
        ["replace with a path to set an attribute: add with a path", "a filter in the path to change an element"],
    ),
    "no path": (
        takes("add", "replace", path=False, refusal=400, refusal_type="invalidPath"),
        ["replace without a path", "replace of the whole list, without a path", "with null, without a path"],
    ),
    "no filter": (
        takes(filters=False, refusal=400, refusal_type="invalidFilter"),
        ["PATCH with a filter in the path to change an element of a list: replace of the whole list is used"],
    ),
    "one operation": (takes(single=True, refusal=400, refusal_type="invalidValue"), ["several operations"]),
    "one operation, no filter": (takes(single=True, filters=False), ["replace of the whole list"]),
}


@pytest.mark.parametrize("service", SERVICES)
def test_every_form_leads_to_the_same_user(service: str) -> None:
    habits, sentences = SERVICES[service]
    said: list[str] = []
    sender = PatchSender(said.append)
    account = ListedAccount(USER, habits)
    sent = sender.send(ALL, account.user, account)
    assert (sent.lost, sent.left_out) == (None, {})
    assert {name: account.user[name] for name in AFTER} == AFTER
    assert "title" not in account.user
    assert [sentence for sentence in sentences if sentence not in " ".join(said)] == []
    _assert_learnt(sender, habits, said)


def _assert_learnt(sender: PatchSender, habits: PatchHabits, said: list[str]) -> None:
    """Assert that the second user after the first costs no more than its own requests, and that nothing is repeated."""
    sender.send(ALL, USER, ListedAccount(USER, habits))  # several operations may be refused only now
    third = ListedAccount(USER, habits)
    sender.send(ALL, third.user, third)
    assert {name: third.user[name] for name in AFTER} == AFTER
    operations = [operation for request in third.sent for operation in request]
    assert len(third.sent) == (len(operations) if habits.single else 1)
    assert len(said) == len(set(said))


def test_what_one_step_taught_is_used_for_the_next() -> None:
    said: list[str] = []
    account = ListedAccount(USER, takes("add", "remove"))
    PatchSender(said.append).send((SET, MOVE, AttributeChange("title", "Countess", "Lady")), USER, account)
    # One joint, three apart, and each with add.
    assert (len(account.sent), len(said)) == (7, 1)


def test_an_element_is_removed_and_the_others_stay() -> None:
    for habits in (takes(), takes("add", "replace"), takes(filters=False)):
        account = ListedAccount(USER, habits)
        PatchSender(lambda _said: None).send([NO_MAIL], account.user, account)
        assert account.user["emails"] == [HOME]


@pytest.mark.parametrize("habits", [takes(), takes("remove", "add")], ids=["all", "no replace"])
def test_an_element_without_its_type_is_replaced_and_not_added(habits: PatchHabits) -> None:
    other = {"value": "other@example.com"}
    account = ListedAccount({**USER, "emails": [other, {"value": "old@example.com"}]}, habits, drops="type")
    PatchSender(lambda _said: None).send([MAIL], account.user, account)
    assert account.user["emails"] == [other, {"value": "new@example.com"}]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_service_without_patch_is_asked_once(status: int) -> None:
    said: list[str] = []
    sender = PatchSender(said.append)
    first, second = (ListedAccount(USER, PatchHabits(refused=status)) for _ in range(2))
    for account in (first, second):
        with pytest.raises(PatchUnsupportedError, match=rf"takes no PATCH \({status}\)"):
            sender.send([SET], USER, account)
    assert ([len(account.sent) for account in (first, second)], first.asked, len(said)) == ([4, 0], 1, 1)


def test_one_refusal_is_enough_if_the_service_declares_it() -> None:
    sender = PatchSender(lambda _said: None)
    account = ListedAccount(USER, PatchHabits(refused=501), declares=False)
    with pytest.raises(PatchUnsupportedError):
        sender.send(ALL, USER, account)
    assert len(account.sent) == 1


def test_the_declaration_of_a_service_that_takes_patch_is_not_asked_for() -> None:
    sender = PatchSender(lambda _said: None)
    account = ListedAccount(USER, takes("add", "replace"), declares=False)
    sender.send([SET], USER, account)
    sender.send([CLEAR], account.user, account)
    assert (account.asked, "title" in account.user) == (0, False)


def refuse_value(operation: dict[str, Any]) -> ScimError | None:
    bad = operation.get("value") == "Augusta"
    return ScimError(400, "invalidValue", "not this name") if bad else None


def test_a_value_that_is_refused_teaches_no_form() -> None:
    said: list[str] = []
    sender = PatchSender(said.append)
    for _ in range(5):
        account = ListedAccount(USER, refuses=refuse_value)
        with pytest.raises(ScimError, match="not this name"):
            sender.send([SET], USER, account)
        assert len(account.sent) == 1
    fine = ListedAccount(USER)
    sender.send(ALL, USER, fine)
    assert (len(fine.sent), said) == (1, [])


def test_values_that_are_refused_without_a_reason_are_tried_in_no_other_form() -> None:
    account = ListedAccount(USER, refuses=lambda _operation: ScimError(400, "", "no"))
    with pytest.raises(ScimError):
        PatchSender(lambda _said: None).send([SET], USER, account)
    assert len(account.sent) == 1


def test_forms_are_tried_a_few_times_only() -> None:
    sender = PatchSender(lambda _said: None)
    counts = []
    for _ in range(6):
        account = ListedAccount(USER, refuses=lambda _operation: ScimError(400, "", "no"))
        with pytest.raises(ScimError):
            sender.send([CLEAR], USER, account)
        counts.append(len(account.sent))
    assert counts == [7, 7, 7, 1, 1, 1]


def test_a_refused_value_among_others_does_not_teach_single_operations() -> None:
    said: list[str] = []
    sender = PatchSender(said.append)
    account = ListedAccount(USER, refuses=refuse_value)
    with pytest.raises(ScimError, match="not this name"):
        sender.send((SET, MOVE), USER, account)
    assert (account.user[ENTERPRISE]["department"], said) == ("Engines", [])
    fine = ListedAccount(USER)
    sender.send((SET, MOVE), USER, fine)
    assert len(fine.sent) == 1


def test_a_form_that_was_accepted_is_not_in_doubt() -> None:
    sender = PatchSender(lambda _said: None)
    sender.send(ALL, USER, ListedAccount(USER))
    account = ListedAccount(USER, refuses=lambda _operation: ScimError(400, "", "no"))
    with pytest.raises(ScimError):
        sender.send(ALL, USER, account)
    assert len(account.sent) == 1


def test_nothing_is_tried_after_a_refusal_that_had_an_effect() -> None:
    account = ListedAccount(USER, takes("add", "replace"))
    account.user = {**USER, "title": "Another"}
    with pytest.raises(ScimError):
        PatchSender(lambda _said: None).send([CLEAR], USER, account)
    assert len(account.sent) == 1


@pytest.mark.parametrize(
    "error", [ScimError(409, "uniqueness", "taken"), ScimError(400, "mutability", "read only"), ScimError(412, "", "x")]
)
def test_a_refusal_that_is_about_no_form_is_final(error: ScimError) -> None:
    account = ListedAccount(USER, refuses=lambda _operation: error)
    with pytest.raises(ScimError) as raised:
        PatchSender(lambda _said: None).send(ALL, USER, account)
    assert (raised.value, len(account.sent)) == (error, 1)


def test_a_purpose_that_no_form_serves_is_left_out_and_the_rest_arrives() -> None:
    said: list[str] = []
    sender = PatchSender(said.append)
    habits = takes("add", "replace", null_clears=False, empty_clears=False)
    why = "the service takes no PATCH to clear an attribute (501)"
    # One joint, two apart, six other ways to clear, and the rest.
    for requests in (10, 1):
        account = ListedAccount(USER, habits)
        sent = sender.send((SET, CLEAR), USER, account)
        assert sent.left_out == {"title": why}
        assert (account.user["name"]["givenName"], account.user["title"]) == ("Augusta", "Countess")
        assert len(account.sent) == requests
    only = ListedAccount(USER, habits)
    assert sender.send([CLEAR], USER, only).left_out == {"title": why}
    assert (only.sent, len(said)) == ([], 1)


def test_a_service_that_clears_nothing_may_take_patch() -> None:
    sender = PatchSender(lambda _said: None)
    habits = takes("add", "replace", null_clears=False, empty_clears=False)
    first = ListedAccount(USER, habits)
    why = "the service takes no PATCH to clear an attribute (501)"
    assert sender.send([CLEAR], USER, first).left_out == {"title": why}
    second = ListedAccount(USER, habits)
    sender.send([SET], USER, second)
    assert (len(second.sent), second.user["name"]["givenName"]) == (1, "Augusta")


def test_a_form_that_is_accepted_without_an_effect_is_not_learnt() -> None:
    class Ignoring(ListedAccount):
        def send(self, operations: Any) -> Any:
            if "None" in str(operations):
                self.sent.append(operations)
                return self.user, None
            return super().send(operations)

    said: list[str] = []
    account = Ignoring(USER, takes("add", "replace"))
    PatchSender(said.append).send([CLEAR], USER, account)
    assert "title" not in account.user
    assert said == ['The service refuses PATCH with remove to clear an attribute: replace with "" is used instead.']


def test_a_form_whose_effect_is_shown_late_is_used_for_the_next_user() -> None:
    class Lagging(ListedAccount):
        def read(self) -> Any:
            return USER

    sender = PatchSender(lambda _said: None)
    first, second = (Lagging(USER, takes("add", "replace")) for _ in range(2))
    for account in (first, second):
        assert sender.send([CLEAR], USER, account).left_out == {}
        assert "title" not in account.user
    assert len(second.sent) == 1


def test_an_answer_that_is_lost_during_a_trial_ends_it() -> None:
    lost = UnknownOutcomeError(0, "", "lost")

    class Losing(ListedAccount):
        def send(self, operations: Any) -> Any:
            if len(self.sent) == 1:
                self.sent.append(operations)
                return None, lost
            return super().send(operations)

    account = Losing(USER, takes("add", "replace"))
    assert PatchSender(lambda _said: None).send([CLEAR], USER, account).lost is lost
    assert len(account.sent) == 2


def test_many_threads_send_one_request_to_a_service_without_patch() -> None:
    class Slow(ListedAccount):
        def send(self, operations: Any) -> Any:
            time.sleep(0.05)
            return super().send(operations)

    said: list[str] = []
    sender = PatchSender(said.append)
    accounts = [Slow(USER, PatchHabits(refused=501), declares=False) for _ in range(16)]
    begin = threading.Barrier(len(accounts))
    errors: list[str] = []

    def run(account: ListedAccount) -> None:
        begin.wait()
        try:
            sender.send(ALL, USER, account)
        except PatchUnsupportedError as exc:
            errors.append(exc.summary)

    threads = [threading.Thread(target=run, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(len(account.sent) for account in accounts) == 1
    assert (len(errors), len(set(errors)), len(said)) == (16, 1, 1)


def test_after_the_first_request_threads_send_at_once() -> None:
    sender = PatchSender(lambda _said: None)
    sender.send(ALL, USER, ListedAccount(USER))
    together = threading.Barrier(4, timeout=20)

    class Meeting(ListedAccount):
        def send(self, operations: Any) -> Any:
            together.wait()
            return super().send(operations)

    threads = [threading.Thread(target=sender.send, args=(ALL, USER, Meeting(USER))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not together.broken


def test_many_threads_that_meet_a_refusal_at_once_try_one_after_the_other() -> None:
    said: list[str] = []
    sender = PatchSender(said.append)
    habits = takes("add", "replace", single=True)
    accounts = [ListedAccount(USER, habits) for _ in range(16)]
    begin = threading.Barrier(len(accounts))

    def run(account: ListedAccount) -> None:
        begin.wait()
        sender.send(ALL, USER, account)

    threads = [threading.Thread(target=run, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [{name: account.user[name] for name in AFTER} == AFTER for account in accounts] == [True] * len(accounts)
    assert sorted(said) == sorted(set(said))
    refusals = sum(len(account.sent) - len(ALL) for account in accounts)
    # Each meets the refusal at most three times: joint, with remove, and one that another user taught meanwhile.
    assert refusals <= 3 * len(accounts) + 6
