from typing import Any

import pytest
from support.sandbox_requests import build_row

from reconciler.sandbox.account_rules import DAY, AccountRules
from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.store import ReservedName, Store

ADA: dict[str, Any] = {"userName": "ada@example.com", "name": {"givenName": "Ada", "familyName": "Lovelace"}}


def build_rules(store: Store, edition: str = "business", **quirks: Any) -> AccountRules:
    return AccountRules(store, Quirks(**quirks), edition)


def refusal(store: Store, user: dict[str, Any], **quirks: Any) -> tuple[int, str, list[str]]:
    """Status, detail and codes of the activity log."""
    rules = build_rules(store, **quirks)
    with pytest.raises(RefusalError) as caught:
        rules.admit(user)
    return caught.value.status, caught.value.detail, [code for code, _, _ in rules.journal]


def test_a_new_user_gets_an_id_and_a_role(store: Store) -> None:
    rules = build_rules(store)
    admission = rules.admit(ADA)
    assert (admission.id[:3], admission.stored, rules.role) == ("GN-", True, "Staff")
    assert rules.journal == [("UPDATED", "ada@example.com", "created")]
    assert build_rules(store, "school").role == "Student"
    assert not build_rules(store, gn_ids=False).admit(ADA).id.startswith("GN-")


@pytest.mark.parametrize(
    ("user", "detail"),
    [
        ({**ADA, "userName": None}, "userName is required"),
        ({**ADA, "name": {"givenName": "Ada"}}, "name.familyName is required"),
        ({**ADA, "userName": "ada"}, "userName 'ada' is not an email address"),
        ({**ADA, "userName": "ada@other.org"}, "The domain of userName 'ada@other.org' is not verified"),
    ],
)
def test_a_wrong_user_is_refused(store: Store, user: dict[str, Any], detail: str) -> None:
    store.set_domains(["example.com"])
    assert refusal(store, user) == (400, detail, [])


TAKEN = "userName 'ada@example.com' is already in use"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("personal", "USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID"),
        ("manual", "EMAIL_UNAVAILABLE_AS_MAID"),
        ("jit", "EMAIL_UNAVAILABLE_AS_MAID"),
        ("admin", "NOT_ENOUGH_PRIVILEGE"),
    ],
)
def test_only_the_activity_log_gives_the_reason_of_a_conflict(store: Store, kind: Any, code: str) -> None:
    store.add_account("ADA@example.com", kind)
    assert refusal(store, ADA) == (409, TAKEN, [code])


def test_a_name_and_an_external_id_are_used_once(store: Store) -> None:
    store.users.insert(build_row("1", "ADA@example.com", body={"externalId": "e"}))
    assert refusal(store, ADA) == (409, TAKEN, [])
    other = {**ADA, "userName": "new@example.com", "externalId": "e"}
    assert refusal(store, other) == (409, "externalId 'e' is already in use", [])
    assert build_rules(store, unique_external_id=False).admit(other).stored


def test_auto_merge_takes_over_an_account_and_a_deleted_user(store: Store) -> None:
    store.add_account("ada@example.com", "jit")
    assert build_rules(store, auto_merge=True).admit(ADA).stored
    assert store.list_accounts() == []
    store.reserve(ReservedName("ada@example.com", "GN-old", store.now().timestamp()))
    assert build_rules(store, auto_merge=True).admit(ADA).id == "GN-old"


def test_an_administrator_may_be_ignored_silently(store: Store) -> None:
    store.add_account("ada@example.com", "admin")
    assert not build_rules(store, admin_collision="silently_ignored").admit(ADA).stored


@pytest.mark.parametrize(("edition", "days"), [("business", 30), ("school", 120)])
def test_the_name_of_a_deleted_user_is_reserved_for_some_days(store: Store, edition: str, days: int) -> None:
    rules = build_rules(store, edition)
    rules.record_deletion(build_row("GN-1", "ada@example.com"))
    store.advance_clock((days - 1) * DAY)
    with pytest.raises(RefusalError):
        rules.admit(ADA)
    store.advance_clock(DAY)
    assert rules.admit(ADA).stored


def test_licences_keep_a_deleted_account(store: Store) -> None:
    rules = build_rules(store)
    rules.record_deletion(build_row("GN-1", "ada@example.com", licences=2))
    assert [code for code, _, _ in rules.journal] == ["UPDATED", "OPERATION_NOT_ALLOWED_BY_VPP"]
    store.advance_clock(999 * DAY)
    with pytest.raises(RefusalError):
        rules.admit(ADA)


def test_a_user_may_keep_its_name_but_not_take_another_ones(store: Store) -> None:
    before, other = build_row("1", "ada@example.com"), build_row("2", "bob@example.com")
    store.users.insert(before, other)
    rules = build_rules(store)
    rules.review(before, ADA)
    for name in ("bob@example.com", "boss@example.com"):
        store.add_account("boss@example.com", "admin")
        with pytest.raises(RefusalError, match="is already in use"):
            rules.review(before, {**ADA, "userName": name})


@pytest.mark.parametrize(
    ("active", "before", "status"),
    [
        (False, "ACTIVE", "DEACTIVATED"),
        (True, "DEACTIVATED", "ACTIVE"),
        (None, "NEW", "NEW"),
        (True, "ACTIVE", "ACTIVE"),
    ],
)
def test_the_status_follows_active(store: Store, active: bool | None, before: str, status: str) -> None:
    assert build_rules(store).decide_status({"active": active}, before) == status
    assert build_rules(store, active_false="stored_only").decide_status({"active": active}, before) == before
