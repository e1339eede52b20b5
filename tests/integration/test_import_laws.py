"""Imports into real files: what a merge plans is what the files say afterwards, for any directory and any files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from support.import_strategies import RULES, snapshots, states
from support.merging import apply, show

from reconciler.core.field_change import Field
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState, MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.snapshot import Snapshot
from reconciler.sources.state_files import read_state_files
from reconciler.sources.writer import draft_files, write_files


@pytest.fixture(scope="module", autouse=True)
def _without_fsync() -> Iterator[None]:
    """Files need not survive a loss of power here: a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


@given(snapshots(), states(), RULES)
def test_the_files_say_what_was_planned_and_a_second_import_changes_no_byte(
    read: Snapshot, current: CurrentState, rules: MergeRules
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write(root, current)
        files = read_state_files(root)
        assert _list(files.current) == _list(current)
        plan = merge(read, files.current, rules)
        drafts = draft_files(files, plan)
        assert bool(drafts) is not plan.is_empty
        write_files(files, drafts)
        after = read_state_files(root)
        assert _list(after.current) == _list(apply(plan, files.current))
        for name, content in files.contents.items():
            assert name in drafts or after.contents[name] == content
        again = merge(read, after.current, rules)
        assert show(again) == []
        assert draft_files(after, again) == {}


def _list(state: CurrentState) -> list[tuple[str, str, tuple[tuple[str, Field], ...]]]:
    """Return all entries; their order, and that of members, is the writer's, which sorts what is new."""

    def comparable(value: Field) -> Field:
        return tuple(sorted(value)) if isinstance(value, tuple) else value

    entities = (*state.users, *state.groups, *([state.scope] if state.scope is not None else []))
    return sorted(
        (each.file, each.name, tuple(sorted((path, comparable(value)) for path, value in each.fields.items())))
        for each in entities
    )


def _write(root: Path, state: CurrentState) -> None:
    by_file: dict[str, list[Entity]] = {}
    for entity in (*state.users, *state.groups):
        by_file.setdefault(entity.file, []).append(entity)
    for file, entities in by_file.items():
        text = "# Comment\n\n" + "\n".join("- " + "\n  ".join(_dump(each)) + "\n" for each in entities)
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text(text)
    if state.scope is not None:
        (root / "scope.yaml").write_text("\n".join(_dump(state.scope)) + "\n")


def _dump(entity: Entity) -> Iterable[str]:
    """Return the lines of an entry: fields with a dot are below their section."""
    sections: dict[str, list[str]] = {}
    for path, value in entity.fields.items():
        section, _, key = path.partition(".")
        lines = sections.setdefault(section, [])
        if isinstance(value, tuple):
            indent = "    " if key else "  "
            items = [f"{indent}- {json.dumps(each)} # why" for each in value]
            lines += [f"  {key}:", *items] if key else items
        else:
            lines.append(f"  {key}: {json.dumps(value)}" if key else json.dumps(value))
    for section, lines in sections.items():
        yield from [f"{section}: {lines[0]}"] if lines[0].startswith('"') else [f"{section}:", *lines]
