from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.builders import MAPPINGS, OUT, change, desired, live, mapping

from reconciler.core.model import AttributeMapping, DesiredUser, LiveUser
from reconciler.core.plan import Action, Change, ProtectionNote
from reconciler.core.planning.entry_protection import MOST_NOTED, EntryProtection, judge_entries
from reconciler.core.planning.matching import match_users

BO = live("bo")
NOTED = frozenset({"live-bo"})


def judge(
    people: list[DesiredUser],
    accounts: list[LiveUser],
    *,
    noted: frozenset[str] = NOTED,
    protected: frozenset[str] = frozenset(),
    changes: Sequence[Change] = (),
    mappings: Sequence[AttributeMapping] = MAPPINGS,
) -> EntryProtection:
    pairs = match_users(people, accounts, mappings).pairs
    return judge_entries(pairs, accounts, noted=noted, protected=protected, mappings=mappings, changes=changes)


@pytest.mark.parametrize(
    ("people", "without", "ended"),
    [
        ([], {"live-bo"}, ()),
        ([desired("cy")], {"live-bo"}, ()),
        ([desired("bo")], set(), ("live-bo",)),
        ([desired("bo", external_id="ID-BO")], set(), ("live-bo",)),
        # The same person under another name, by externalId.
        ([desired("new", external_id="id-bo")], set(), ("live-bo",)),
        # Another person who takes the name, and one who says nothing else: errors.
        ([desired("bo", external_id="id-cy")], {"live-bo"}, ()),
        ([desired("bo", external_id=None)], {"live-bo"}, ()),
        # Another person whose externalId, userName or key is the service's id of the account.
        ([desired("new", external_id="live-bo")], {"live-bo"}, ()),
        ([desired("new", user_name="live-bo", external_id=None)], {"live-bo"}, ()),
        ([desired("new", key="id-bo")], {"live-bo"}, ()),
        # The entry, and another with the same externalId: both in error.
        ([desired("bo"), desired("new", external_id="id-bo")], {"live-bo"}, ()),
        ([desired("bo", failed=True)], {"live-bo"}, ()),
        ([desired("bo", verdict=OUT)], set(), ("live-bo",)),
    ],
)
def test_an_entry_ends_the_protection_of_its_account_and_its_absence_does_not(
    people: list[DesiredUser], without: set[str], ended: tuple[str, ...]
) -> None:
    found = judge(people, [BO, live("cy")])
    assert found.without_entry == without
    assert found.note == ProtectionNote(ended=ended, differs=bool(ended))


def test_an_account_without_an_external_id_has_the_entry_that_it_matches() -> None:
    account = live("bo", external_id=None, managed=True)
    assert judge([desired("bo")], [account]).note.ended == ("live-bo",)


def test_without_a_match_by_external_id_the_entry_must_have_that_of_the_account() -> None:
    by_name = (mapping("externalId", "objectId"), mapping("userName", "userPrincipalName", match=1))
    account = replace(BO, match=BO.match[1:])
    for external_id, ended in ((None, ()), ("id-bo", ("live-bo",))):
        user = replace(desired("bo", external_id=external_id), match=BO.match[1:])
        assert judge([user], [account], mappings=by_name).note.ended == ended
    # A directory that maps no externalId.
    user = replace(desired("bo", external_id=None), match=BO.match[1:])
    assert judge([user], [account], mappings=by_name[1:]).note.ended == ("live-bo",)


def test_an_external_id_that_no_source_value_gives_makes_the_entry_no_other_users() -> None:
    """A default, or one that was generated once: the entry cannot have another."""
    by_name = (mapping("externalId", "objectId"), mapping("userName", "userPrincipalName", match=1))
    account = replace(live("bo", external_id="shared"), match=BO.match[1:])
    defaulted = replace(desired("bo", external_id="shared"), match=BO.match[1:], anchor=None)
    assert judge([defaulted], [account], mappings=by_name).note.ended == ("live-bo",)
    generated = (replace(by_name[0], once=True), by_name[1])
    made = replace(desired("bo", external_id="made now"), match=BO.match[1:])
    assert judge([made], [account], mappings=generated).note.ended == ("live-bo",)
    assert judge([made], [account], mappings=by_name).note.ended == ()


def test_an_account_that_an_entry_protects_is_noted_once() -> None:
    people = [desired("bo", protected=True)]
    first = judge(people, [BO], noted=frozenset(), protected=NOTED)
    assert (first.without_entry, first.note) == (frozenset(), ProtectionNote(("live-bo",), differs=True))
    again = judge(people, [BO], protected=NOTED)
    assert (again.without_entry, again.note) == (frozenset(), ProtectionNote(("live-bo",)))


def test_a_noted_account_that_is_gone_is_no_matter() -> None:
    found = judge([], [live("cy")])
    assert (found.without_entry, found.note) == (frozenset(), ProtectionNote())


def test_a_protected_user_that_is_created_is_noted_by_its_address() -> None:
    people = [desired("bo", protected=True), desired("cy")]
    changes = [change("bo", Action.CREATE), change("cy", Action.CREATE)]
    assert judge(people, [], changes=changes).note.created == {'user["bo@example.com"]'}
    assert judge(people, [], changes=[change("bo")]).note.created == frozenset()


def test_what_is_noted_is_bounded() -> None:
    ids = frozenset(map(str, range(MOST_NOTED + 5)))
    assert len(judge([], [], protected=ids).note.protected) == MOST_NOTED
