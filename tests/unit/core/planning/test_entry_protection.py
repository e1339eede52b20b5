import pytest
from support.builders import change, desired, live

from reconciler.core.model import DesiredUser
from reconciler.core.plan import Action, ProtectionNote
from reconciler.core.planning.entry_protection import MOST_NOTED, judge_entries

BO = live("bo")
NOTED = frozenset({"live-bo"})


@pytest.mark.parametrize(
    ("people", "without", "ended"),
    [
        ([], {"live-bo"}, ()),
        ([desired("cy")], {"live-bo"}, ()),
        ([desired("bo")], set(), ("live-bo",)),
        # The same person under another name, by externalId.
        ([desired("new", external_id="id-bo")], set(), ("live-bo",)),
        # Another person who takes the name, and one who says nothing else.
        ([desired("bo", external_id="id-cy")], {"live-bo"}, ()),
        ([desired("bo", external_id=None)], set(), ("live-bo",)),
    ],
)
def test_an_entry_ends_the_protection_of_its_account_and_its_absence_does_not(
    people: list[DesiredUser], without: set[str], ended: tuple[str, ...]
) -> None:
    found = judge_entries(people, [BO, live("cy")], NOTED, frozenset())
    assert found.without_entry == without
    assert found.note == ProtectionNote(ended=ended, differs=bool(ended))


def test_an_account_that_an_entry_protects_is_noted_once() -> None:
    people = [desired("bo", protected=True)]
    first = judge_entries(people, [BO], frozenset(), NOTED)
    assert (first.without_entry, first.note) == (frozenset(), ProtectionNote(("live-bo",), differs=True))
    again = judge_entries(people, [BO], NOTED, NOTED)
    assert (again.without_entry, again.note) == (frozenset(), ProtectionNote(("live-bo",)))


def test_a_noted_account_that_is_gone_is_no_matter() -> None:
    found = judge_entries([], [live("cy")], NOTED, frozenset())
    assert (found.without_entry, found.note) == (frozenset(), ProtectionNote())


def test_a_protected_user_that_is_created_is_noted_by_its_address() -> None:
    people = [desired("bo", protected=True), desired("cy")]
    changes = [change("bo", Action.CREATE), change("cy", Action.CREATE)]
    assert judge_entries(people, [], frozenset(), frozenset(), changes).note.created == {'user["bo@example.com"]'}
    assert judge_entries(people, [], frozenset(), frozenset(), [change("bo")]).note.created == frozenset()


def test_what_is_noted_is_bounded() -> None:
    ids = frozenset(map(str, range(MOST_NOTED + 5)))
    assert len(judge_entries([], [], frozenset(), ids).note.protected) == MOST_NOTED
