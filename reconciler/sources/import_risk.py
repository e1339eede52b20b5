"""What an import puts at risk, found from the files before and after it alone. Pure.

Nothing that the import itself reports is used: what decides about a merge without a review must not come from the job
that reads the directory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.text import pluralize
from reconciler.history.edits import GROUP, USER, Edit, Entity, compare_entities
from reconciler.sources.departures import Departures, find_departures
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan
from reconciler.sources.import_report import ImportAction, find_action

UPDATES_ONLY, ADDITIONS, REMOVALS = "updates only", "additions", "removals"
IDENTITY, SCOPE, SETTINGS = "identity", "scope", "settings"
LABELS = (UPDATES_ONLY, ADDITIONS, REMOVALS, IDENTITY, SCOPE, SETTINGS)
"""The labels of a pull request, by risk."""
_COMMENT = re.compile(rb"(?:^|[ \t])(#[^\r\n]*)", re.MULTILINE)
_IDENTITY = ("userPrincipalName", "objectId", "accountEnabled")
_ASSIGNED = ("assigned.users", "assigned.groups")
_MEMBERS = ("members.users", "members.groups")


@dataclass(frozen=True, slots=True)
class ImportRisk:
    """Numbers of users by action, and why a person has to review the import; none: it only adds and updates."""

    add: int
    change: int
    disable: int
    remove: int
    groups: int
    departures: Departures
    labels: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def counts(self) -> str:
        """Return `3 to add, 2 to change, 0 to disable, 0 to remove`, and how many groups change."""
        users = (
            f"{self.add:,} to add, {self.change:,} to change, {self.disable:,} to disable, {self.remove:,} to remove"
        )
        return f"{users}; {pluralize(self.groups, 'group')}" if self.groups else users


def count_lost_comments(before: Mapping[str, bytes], after: Mapping[str, bytes | None]) -> int:
    """Return the number of files in `after` that have not all comments that they had before."""
    return sum(
        bool(_find_comments(content) - _find_comments(after[name] or b""))
        for name, content in before.items()
        if name in after
    )


def assess_import(
    before: CurrentState, after: CurrentState, files: Collection[str], *, lost_comments: int = 0
) -> ImportRisk:
    """Return the risk of the difference.

    `files`: the names of all files that differ; `lost_comments`: how many of them lose comments.
    """
    edits = [_to_entry(edit) for edit in compare_entities(_entries(before), _entries(after))]
    users = [edit for edit in edits if edit.entity.kind == USER]
    others = [edit for edit in edits if edit.entity.kind != USER]
    counts = {action: sum(find_action(edit) is action for edit in users) for action in ImportAction}
    departures = find_departures(before, ImportPlan("", tuple(edits)))
    changed, dated = sum(map(_changes_identity, users)), sum(map(_changes_lifecycle, users))
    found = [
        (REMOVALS, counts[ImportAction.REMOVE], "is taken out", "are taken out"),
        (REMOVALS, counts[ImportAction.DISABLE], "is disabled", "are disabled"),
        (REMOVALS, len(departures.people), "leaves the provisioning", "leave the provisioning"),
        (IDENTITY, changed, "changes its identity or is enabled", "change theirs or are enabled"),
        (IDENTITY, dated, "changes its lifecycle", "change their lifecycle"),
    ]
    labels = {label for label, count, *_ in found if label and count}
    reasons = [f"{pluralize(count, 'user')} {one if count == 1 else many}" for _, count, one, many in found if count]
    if any(map(_shrinks, others)):
        reasons.append("groups or the scope lose members, or change in another way")
    decided = sorted({"settings.yaml", "mappings.yaml"}.intersection(files))
    reasons += [f"{name} changes" for name in decided]
    reasons += _list_reasons_of_files(edits, {*files} - {*decided}, lost_comments)
    labels |= {SCOPE} if others else set()
    labels |= {SETTINGS} if decided else set()
    return ImportRisk(
        add=counts[ImportAction.ADD],
        change=counts[ImportAction.CHANGE],
        disable=counts[ImportAction.DISABLE],
        remove=counts[ImportAction.REMOVE],
        groups=sum(edit.entity.kind == GROUP for edit in others),
        departures=departures,
        labels=_complete_labels(labels, adds=counts[ImportAction.ADD] > 0),
        reasons=tuple(reasons),
    )


def _list_reasons_of_files(edits: Iterable[EntryEdit], files: set[str], lost_comments: int) -> Iterator[str]:
    """Yield what changes in files apart from their entries."""
    plain = len(files - {each.file for edit in edits for each in (edit.before, edit.after) if each})
    if plain:
        yield f"{pluralize(plain, 'file changes', 'files change')} without a change of an entry"
    if lost_comments:
        yield f"comments are removed from {pluralize(lost_comments, 'file')}"


def _complete_labels(labels: Collection[str], *, adds: bool) -> tuple[str, ...]:
    """Return the labels in their order, with those of an import that risks less."""
    found = {*labels}
    if not found & {REMOVALS, IDENTITY, SETTINGS}:
        found |= {ADDITIONS} if adds else set()
        found |= {UPDATES_ONLY} if not found else set()
    return tuple(label for label in LABELS if label in found)


def find_merge_obstacles(risk: ImportRisk, limit: int | None) -> tuple[str, ...]:
    """Return why the import is not merged without a review. `limit`: the most users; None: never.

    Users are those that are added, change, or come into scope.
    """
    if limit is None:
        return ("source.entra.auto_merge is not set",)
    users = risk.add + risk.change + len(risk.departures.arrivals)
    beyond = (f"{pluralize(users, 'user')} of at most {limit:,} (source.entra.auto_merge)",) if users > limit else ()
    return (*risk.reasons, *beyond)


def _find_comments(content: bytes) -> Counter[bytes]:
    return Counter(found[1].strip() for found in _COMMENT.finditer(content))


def _entries(state: CurrentState) -> list[Entity]:
    return [*state.users, *state.groups, *([state.scope] if state.scope is not None else [])]


def _to_entry(edit: Edit) -> EntryEdit:
    return EntryEdit(edit.before, edit.after)


def _changes_identity(edit: EntryEdit) -> bool:
    """Whether an entry that stays becomes another person's, or an account active again."""
    stays = edit.before is not None and edit.after is not None
    return stays and any(row.path in _IDENTITY for row in edit.rows)


def _changes_lifecycle(edit: EntryEdit) -> bool:
    """Whether dates or protection change, which no source knows."""
    return any(row.path.startswith("lifecycle") for row in edit.rows)


def _shrinks(edit: EntryEdit) -> bool:
    """Whether a group or the scope does anything but gain members."""
    if edit.entity.kind == GROUP and edit.before is None:
        return False
    growing = _MEMBERS if edit.entity.kind == GROUP else _ASSIGNED
    if edit.before is None or edit.after is None:
        return True
    return any(
        row.path not in growing or set(_items(edit.before, row.path)) - set(_items(edit.after, row.path))
        for row in edit.rows
        if row.path != "description"
    )


def _items(entity: Entity, path: str) -> tuple[str, ...]:
    value = entity.fields.get(path)
    return value if isinstance(value, tuple) else (value,) if value else ()
