from dataclasses import replace

from support.sandbox_requests import build_row

from reconciler.sandbox.store import Store

ADA = build_row("1", "Ada@example.com", body={"externalId": "e1"})
BOB = build_row("2", "bob@example.com", visible_from=100.0)
GROUP = build_row("3", "group", type="Group")


def test_users_are_found_by_id_name_and_external_id(store: Store) -> None:
    store.users.insert(ADA, BOB, GROUP)
    assert (store.users.get("1"), store.users.get("3"), store.users.get("3", "Group")) == (ADA, None, GROUP)
    assert store.users.find_by_name("ADA@EXAMPLE.COM") == ADA
    assert store.users.find_by_external_id("e1") == ADA
    assert (store.users.find_by_name("x"), store.users.find_by_external_id("E1")) == (None, None)


def test_users_are_listed_in_the_order_of_their_creation(store: Store) -> None:
    store.users.insert(BOB, ADA, GROUP)
    assert store.users.list_all() == [BOB, ADA]
    assert store.users.list_all(("Group", "User")) == [BOB, ADA, GROUP]


def test_a_page_has_the_visible_users_only(store: Store) -> None:
    store.users.insert(BOB, ADA)
    assert (store.users.count(now=99), store.users.count(now=100)) == (1, 2)
    assert store.users.list_page(now=99, skip=0, count=5) == [ADA]
    assert store.users.list_page(now=100, skip=1, count=5) == [ADA]
    assert store.users.list_page(now=100, skip=0, count=1) == [BOB]
    assert store.users.list_page(now=100, skip=10**30, count=10**30) == []


def test_an_update_keeps_the_place_in_the_list(store: Store) -> None:
    store.users.insert(BOB, ADA)
    renamed = replace(BOB, body={**BOB.body, "userName": "robert@example.com"})
    store.users.update(renamed)
    assert store.users.list_all() == [renamed, ADA]
    assert store.users.find_by_name("bob@example.com") is None


def test_a_deleted_user_is_gone(store: Store) -> None:
    store.users.insert(ADA, BOB)
    store.users.delete("1")
    assert store.users.list_all() == [BOB]


def test_a_lone_surrogate_is_stored(store: Store) -> None:
    row = build_row("1", "ada@example.com", body={"locale": "\ud800"})
    store.users.insert(row)
    assert store.users.get("1") == row
