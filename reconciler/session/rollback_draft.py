"""The edit of a rollback: new contents of files, planned from three commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.values import fold_case
from reconciler.errors import ReconcilerError
from reconciler.git.commits import Commits
from reconciler.history.edits import GROUP, USER, Edit, Entity, TrackedUser, compare_entities
from reconciler.history.reference_edit import edit_references
from reconciler.history.revert import Conflict, RevertPlan, RevertStep, plan_revert
from reconciler.history.yaml_edit import EditedFile
from reconciler.history.yaml_entries import Piece, detect_kind, diff_entries, parse_entries, split_entries
from reconciler.history.yaml_fields import Names
from reconciler.history.yaml_nodes import EditError


@dataclass(frozen=True, slots=True)
class Versions:
    """Commits: the version to restore, the one that is undone, and today's."""

    wanted: str
    undone: str
    today: str


@dataclass(frozen=True, slots=True)
class RollbackScope:
    """What is restored: one `user` or all, other files too (`everything`), later edits overwritten (`force`)."""

    user: str | None = None
    everything: bool = False
    force: bool = False


@dataclass(slots=True)
class RollbackDraft:
    """The edit. `files`: new contents by name, None: the file is deleted."""

    files: dict[str, bytes | None] = field(default_factory=dict)
    restoration: RevertPlan = field(default_factory=RevertPlan)
    whole: list[str] = field(default_factory=list)
    """Files that are restored as a whole."""
    others: list[str] = field(default_factory=list)
    """Files without users that differ, and are not restored."""


def draft_rollback(repository: Commits, versions: Versions, scope: RollbackScope) -> RollbackDraft:
    """Plan the edit. Raises `ReconcilerError` if a file cannot be edited without a change to other entries."""
    return _Drafting(repository, versions, scope).draft()


def _describe_error(name: str, exc: EditError) -> ReconcilerError:
    return ReconcilerError(
        f"{name} cannot be edited by this command: {exc}", "Nothing was written. Edit the file manually; see git diff."
    )


class _Drafting:
    """One rollback while it is planned."""

    def __init__(self, repository: Commits, versions: Versions, scope: RollbackScope) -> None:
        self._repository = repository
        self._scope = scope
        self._cut: dict[str, tuple[bytes, list[Piece]]] = {}
        self._wanted, self._undone, self._today = (
            repository.list_files(commit) for commit in (versions.wanted, versions.undone, versions.today)
        )

    def draft(self) -> RollbackDraft:
        draft = RollbackDraft()
        today = self._read_entities(self._today)
        edits = [edit for edit in self._find_edits() if self._is_wanted(edit)]
        draft.restoration = plan_revert(edits, today, force=self._scope.force)
        self._edit_user_files(draft)
        differing_files = sorted(
            name
            for name in self._wanted.keys() | self._undone.keys()
            if detect_kind(name) not in (USER, None) and name != "settings.yaml" and self._differs(name)
        )
        if self._scope.everything and self._scope.user is None:
            for name in differing_files:
                self._restore_file(name, draft)
        else:
            draft.others = differing_files
        self._edit_references(draft, self._find_lost_names(draft.restoration.steps, today))
        draft.others = [name for name in draft.others if not self._is_restored(name, draft)]
        return draft

    def _find_lost_names(self, steps: Iterable[RevertStep], today: Iterable[Entity]) -> dict[str, str | None]:
        """Return the names and objectIds that no user has after the rollback, with the new name of a renamed user."""
        changed = [(step.now, step.result) for step in steps if step.now is not None]
        names: dict[str, str | None] = {}
        for now, result in changed:
            new = None if result is None else str(result.get("userPrincipalName", ""))
            names.update({key: new for key in (fold_case(now.name), now.object_id) if key})
        touched = {id(now) for now, _ in changed}
        left = [each.fields for each in today if id(each) not in touched]
        left += [step.result for step in steps if step.result is not None]
        for fields in left:
            for key in ("userPrincipalName", "objectId"):
                names.pop(fold_case(str(fields.get(key, ""))), None)
        return names

    def _edit_references(self, draft: RollbackDraft, names: Names) -> None:
        """Edit the groups and the scope that name users who are gone: they would be errors."""
        for name, blob in sorted(self._today.items()) if names else ():
            if detect_kind(name) != GROUP and name != "scope.yaml":
                continue
            content = draft.files.get(name, self._repository.read_blob(blob)) if name not in draft.whole else None
            try:
                edited, steps = edit_references(name, content, names) if content is not None else (b"", [])
            except EditError as exc:
                raise _describe_error(name, exc) from exc
            if steps:
                draft.files[name] = edited
                draft.restoration.steps += steps

    def _is_restored(self, name: str, draft: RollbackDraft) -> bool:
        wanted = self._wanted.get(name)
        return wanted is not None and draft.files.get(name) == self._repository.read_blob(wanted)

    def _differs(self, name: str) -> bool:
        return self._wanted.get(name) != self._undone.get(name)

    def _read_entities(self, files: Mapping[str, str]) -> list[Entity]:
        return [
            each
            for name, blob in files.items()
            if detect_kind(name) == USER
            for each in parse_entries(name, self._repository.read_blob(blob))
        ]

    def _find_edits(self) -> list[Edit]:
        """Return the edits from the undone version to the wanted one."""
        before: list[Entity] = []
        after: list[Entity] = []
        for name in sorted(self._wanted.keys() | self._undone.keys()):
            if detect_kind(name) == USER and self._differs(name):
                read = self._repository.read_blob
                gone, came = diff_entries(name, read(self._undone.get(name)), read(self._wanted.get(name)))
                before += gone
                after += came
        return compare_entities(before, after)

    def _is_wanted(self, edit: Edit) -> bool:
        user = self._scope.user
        if user is None:
            return True
        tracked = TrackedUser({fold_case(user)})
        return tracked.matches(edit.before) or tracked.matches(edit.after)

    def _edit_user_files(self, draft: RollbackDraft) -> None:
        by_file: dict[str, list[RevertStep]] = {}
        for step in draft.restoration.steps:
            by_file.setdefault(step.now.file if step.now is not None else step.entity.file, []).append(step)
        for name, steps in by_file.items():
            draft.files[name] = self._edit_file(name, steps)

    def _edit_file(self, name: str, steps: list[RevertStep]) -> bytes | None:
        exists = name in self._today
        try:
            file = EditedFile(name, self._repository.read_blob(self._today[name]) if exists else None)
            own = [
                RevertStep(file.find(step.now), step.wanted, step.fields) if step.now is not None else step
                for step in steps
            ]
            for step in own:
                file.apply(step, *self._old_pieces(step))
            file.check()
        except EditError as exc:
            raise _describe_error(name, exc) from exc
        return None if file.is_empty and name not in self._wanted else file.content

    def _old_pieces(self, step: RevertStep) -> tuple[bytes, list[Piece]]:
        """Return the head and the entries of the file that the user was in."""
        name = step.wanted.file if step.wanted is not None else ""
        if name not in self._cut:
            cut = split_entries(name, self._repository.read_blob(self._wanted[name])) if name in self._wanted else None
            self._cut[name] = cut if cut is not None else (b"", [])
        return self._cut[name]

    def _restore_file(self, name: str, draft: RollbackDraft) -> None:
        undone, today = self._undone.get(name), self._today.get(name)
        wanted = self._wanted.get(name)
        if today == wanted:
            return
        if today != undone:
            draft.restoration.conflicts.append(Conflict(name, None, None, None, "edited since"))
            if not self._scope.force:
                return
        draft.files[name] = self._repository.read_blob(wanted) if wanted is not None else None
        draft.whole.append(name)
