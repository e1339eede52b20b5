from collections.abc import Mapping

import pytest

from reconciler.record.late_changes import LateChanges, hash_key, hash_keys, pack_hashes
from reconciler.record.runs import AppliedChange

ADA = AppliedChange('user["ada"]', "update", "", "", "L1", {}, {"externalId": "X1"})
CHANGES = dict.fromkeys(ADA.keys, ADA)


class Loader:
    """Counts how often the changes are read."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Mapping[str, AppliedChange]:
        self.calls += 1
        return CHANGES


def test_nothing_is_read_for_a_key_that_is_not_there() -> None:
    load = Loader()
    late = LateChanges(map(hash_key, CHANGES), load)
    assert 'user["bob"]' not in late
    assert late.get("live:L2") is None
    with pytest.raises(KeyError):
        late["id:x2"]
    assert hash_keys(late) is late.hashes
    assert load.calls == 0


def test_it_is_the_mapping_that_is_loaded() -> None:
    load = Loader()
    late = LateChanges(map(hash_key, CHANGES), load)
    assert "live:L1" in late
    assert late["id:x1"] is ADA
    assert late == CHANGES
    assert (len(late), set(late), dict(late.items())) == (3, set(CHANGES), CHANGES)
    assert {id(each) for each in late.values()} == {id(ADA)}
    assert sorted(hash_keys(late)) == sorted(hash_keys(CHANGES))


def test_a_key_that_only_has_the_hash_of_another_is_not_there() -> None:
    late = LateChanges(map(hash_key, [*CHANGES, 'user["bob"]']), Loader())
    assert 'user["bob"]' not in late
    with pytest.raises(KeyError):
        late['user["bob"]']


def test_no_changes_are_never_read() -> None:
    load = Loader()
    assert len(LateChanges((), load)) == 0
    assert not LateChanges((), load)
    assert load.calls == 0


def test_packed_hashes_are_the_hashes() -> None:
    late = LateChanges(pack_hashes(map(hash_key, CHANGES)), Loader())
    assert sorted(late.hashes) == sorted(map(hash_key, CHANGES))
    assert late["id:x1"] is ADA
    assert 'user["bob"]' not in late


def test_a_key_has_the_same_hash_in_every_run() -> None:
    assert hash_key("live:L1") == 8914876285934404019
    assert hash_key("\ud800") != hash_key("\ud801")
