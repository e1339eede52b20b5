"""Merge what a source returned into the desired state: which entries change, and how. Pure.

The same people, groups and assignments make the same plan in whatever order the source lists them, and a second merge
after the first finds nothing to do. Absence is never removal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.model import Diagnostic, error, warning
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.sources.import_plan import CurrentState, ImportPlan, MergeRules, MissingAction
from reconciler.sources.merge_findings import Findings
from reconciler.sources.merge_groups import GroupRules, edit_groups, note_unread
from reconciler.sources.merge_identity import match_people, refuse_collisions
from reconciler.sources.merge_missing import decide_missing
from reconciler.sources.merge_scope import edit_scope, takes_out
from reconciler.sources.merge_users import edit_users
from reconciler.sources.merge_values import is_importable_name
from reconciler.sources.placement import check_place
from reconciler.sources.references import Names, References, as_list, build_names
from reconciler.sources.snapshot import GoneReason, Snapshot

_PROTECTED = "guards.protected"


def merge(snapshot: Snapshot, current: CurrentState, rules: MergeRules) -> ImportPlan:
    """Return the edits that bring `current` in line with a complete read of a source.

    What cannot be decided is a diagnostic, and leaves the entries that it is about as they are. A `place` that is no
    file below users/ is one too, and nothing is edited.
    """
    wrong_place = check_place(rules.place, snapshot.attributes, rules.place_origin)
    if wrong_place is not None:
        refused = snapshot.refused + len(snapshot.people)
        return ImportPlan(snapshot.source, diagnostics=(*snapshot.diagnostics, wrong_place), refused=refused)
    findings = Findings(snapshot.source, current)
    matching = match_people(snapshot, current, rules.keep, findings)
    protected = _list_protected(current)
    missing, unlinked = decide_missing(matching.unmatched, snapshot.gone, rules, protected, matching.taken)
    leaving = [each.entity for each in missing if each.action is MissingAction.REMOVED]
    refuse_collisions(matching, missing, findings)
    if matching.refused and GoneReason.NOT_LISTED in snapshot.gone.values():
        return merge(keep_unlisted(snapshot), current, rules)
    users = edit_users(matching.people, missing, snapshot.attributes, current, rules)
    names = build_names(matching.people, leaving)
    references = References.of(matching.people, names)
    group_rules = GroupRules(takes_out(rules), snapshot.gone_groups, snapshot.unsure_groups)
    groups = edit_groups(snapshot.groups, current, references, findings, group_rules)
    scope = edit_scope(snapshot.scope, current, references, groups, rules, users=users.edits)
    reported = (*_check_attributes(snapshot), *findings.diagnostics, *_check_protected(protected, names, findings))
    edits = (*users.edits, *groups.edits, *((scope.edit,) if scope.edit is not None else ()))
    return ImportPlan(
        snapshot.source,
        edits=edits,
        names=names,
        missing=tuple(missing),
        kept=tuple(users.kept),
        diagnostics=(*snapshot.diagnostics, *reported),
        notes=(*snapshot.notes, *note_unread(groups.unread, edits), *groups.notes, *scope.notes),
        unchanged=users.unchanged,
        refused=snapshot.refused + matching.refused,
        unlinked=unlinked,
        is_partial=snapshot.is_partial,
    )


def keep_unlisted(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without what follows from a list: a user whom it refuses may be one that seems to be gone."""
    gone = {key: reason for key, reason in snapshot.gone.items() if reason is not GoneReason.NOT_LISTED}
    note = "But no missing user is disabled or removed, because some users could not be imported."
    return replace(snapshot, gone=gone, notes=(*snapshot.notes, note))


def _list_protected(current: CurrentState) -> dict[str, str]:
    """Return the names that settings.yaml protects, as written, by folded name."""
    listed = current.settings.fields.get(_PROTECTED) if current.settings is not None else None
    return {fold_case(each): each for each in as_list(listed)}


def _check_protected(protected: Mapping[str, str], names: Names, findings: Findings) -> tuple[Diagnostic, ...]:
    """Return a warning if users are renamed that settings.yaml protects: imports do not edit it."""
    affected = [(protected[each], new) for each, new in names.items() if each in protected and new is not None]
    renamed = [f"{quote(old)} is now {quote(new)}" for old, new in affected]
    settings = findings.current.settings
    if not renamed or settings is None:
        return ()
    what = pluralize(len(renamed), "user of guards.protected is renamed", "users of guards.protected are renamed")
    detail = f"{'; '.join(sorted(renamed)[:5])}. Change settings.yaml as well: it protects users by their names."
    return (warning(what, detail, findings.locate(settings, _PROTECTED)),)


def _check_attributes(snapshot: Snapshot) -> tuple[Diagnostic, ...]:
    """Return the error of attributes whose names no file can have as a key."""
    odd = sorted(each for each in snapshot.attributes if not is_importable_name(each))
    if not odd:
        return ()
    names = format_names([shorten(each, 80) for each in odd])
    detail = "A name is one line of at most 256 printable characters. These attributes were left out."
    return (error(f"attributes cannot be imported because of their names: {names}", detail),)
