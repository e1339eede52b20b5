"""Users are found by any of their names."""

from __future__ import annotations

from reconciler.core.planning.name_index import NameIndex


def test_names_are_found_with_all_who_have_them() -> None:
    index = NameIndex()
    names = [f"name-{number}" for number in range(1000)]
    for number, name in enumerate(names):
        index.add({name, f"alias-{number}", "everyone"} if number < 2 else {name}, number)
    assert [index.find({name}) for name in names] == [{number} for number in range(1000)]
    assert index.find({"everyone", "name-7"}) == {0, 1, 7}
    assert index.find({"nobody"}) == set()
    assert index.find_shared() == {0, 1}
    index.add({"name-7"}, 2000)
    assert index.find_shared() == {0, 1, 7, 2000}
