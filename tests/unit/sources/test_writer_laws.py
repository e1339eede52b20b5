"""Laws: what is written is read as planned, the rest stays byte by byte, a second import changes nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.laws import examples
from support.user_files import KEYS, fields, states, texts

from reconciler.core.field_change import Field
from reconciler.history.edits import USER, Entity
from reconciler.sources.import_plan import EntryEdit, ImportPlan, MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.snapshot import GoneReason, Person, Snapshot, SourceGroup, SourceScope
from reconciler.sources.state_files import StateFiles, read_state_files
from reconciler.sources.writer import draft_files, write_files


@pytest.fixture(scope="module", autouse=True)
def _without_fsync() -> Iterator[None]:
    """Files need not survive a loss of power here: a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


def write_state(root: Path, contents: Mapping[str, bytes]) -> StateFiles:
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return read_state_files(root)


def as_set(files: StateFiles) -> dict[str, Mapping[str, Field]]:
    return {each.name: each.fields for each in files.current.users}


@settings(max_examples=examples(120), deadline=None)
@given(states(), st.data())
def test_entries_are_read_as_planned_and_all_other_bytes_stay(contents: dict[str, bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = write_state(Path(folder), contents)
        users = files.current.users
        chosen = data.draw(st.lists(st.sampled_from(range(len(users))), unique=True)) if users else []
        edits: list[EntryEdit] = []
        expected = as_set(files)
        for number in chosen:
            before = users[number]
            change = data.draw(st.none() | st.dictionaries(st.sampled_from(KEYS[:-1]), st.none() | texts, max_size=4))
            if change is None:
                edits.append(EntryEdit(before, None))
                del expected[before.name]
                continue
            after = {path: value for path, value in {**before.fields, **change}.items() if value is not None}
            edits.append(EntryEdit(before, Entity(USER, before.name, after, before.file)))
            expected[before.name] = after
        for number in range(data.draw(st.integers(0, 3))):
            name = f"{data.draw(st.sampled_from('avz'))}{number}@example.com"
            new = {"userPrincipalName": name, **data.draw(fields)}
            edits.append(
                EntryEdit(None, Entity(USER, name, new, data.draw(st.sampled_from(["users/a.yaml", "users/c.yaml"]))))
            )
            expected[name] = new
        drafted = draft_files(files, ImportPlan("law", tuple(edits)))
        assert set(drafted) <= {edit.entity.file for edit in edits}
        write_files(files, drafted)
        again = read_state_files(Path(folder))
        assert as_set(again) == expected
        for number, user in enumerate(users):
            if number not in chosen:
                text = files.places.cuts[user.file].get_text(contents[user.file], files.places.numbers[id(user)])
                body = text.rstrip().split(b"\n# ")[0].rstrip()
                assert body in again.contents[user.file]


people = st.lists(
    st.tuples(st.sampled_from([f"u{number}" for number in range(12)]), st.integers(0, 12), fields),
    unique_by=(lambda each: each[0], lambda each: each[1]),
    max_size=8,
)


@settings(max_examples=examples(120), deadline=None)
@given(states(), people, st.sampled_from(["report", "disable", "remove"]), st.booleans())
def test_a_second_import_changes_nothing(
    contents: dict[str, bytes], found: list[Any], on_missing: str, mails: bool
) -> None:
    """Users of the source have the objectId of one entry and perhaps the name of another: names are exchanged."""
    persons = [
        Person({
            "objectId": f"id-{identity}@example.com",
            "userPrincipalName": f"u{number}@example.com",
            **values,
            **({"otherMails": ("b@example.com", "a@example.com")} if mails else {}),
        })
        for identity, number, values in found
    ]  # fmt: skip
    ids = tuple(person.object_id for person in persons)
    gone = {f"id-u{number}@example.com": GoneReason.DELETED for number in range(9)}
    snapshot = Snapshot(
        "law",
        persons,
        frozenset((*KEYS, "userPrincipalName", "objectId")),
        groups=(SourceGroup("id-g", "g", users=ids[:3]), SourceGroup("id-new", "new", users=ids[2:])),
        scope=SourceScope(users=ids[1:4], groups=("id-g", "id-new")),
        gone={each: reason for each, reason in gone.items() if each not in ids},
    )
    rules = MergeRules(on_missing=on_missing)
    with tempfile.TemporaryDirectory() as folder:
        files = write_state(Path(folder), contents)
        write_files(files, draft_files(files, merge(snapshot, files.current, rules)))
        again = read_state_files(Path(folder))
        second = merge(snapshot, again.current, rules)
        assert draft_files(again, second) == {}
        assert second.edits == ()
