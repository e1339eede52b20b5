from dataclasses import replace

import pytest
from support.import_reports import group, scope, user, with_fields

from reconciler.core.field_change import Field
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState
from reconciler.sources.import_risk import assess_import, count_lost_comments, find_merge_obstacles

ADA, BOB = user("ada@x.org", objectId="a-1", department="IT"), user("bob@x.org", objectId="b-1")
EVE = user("eve@x.org", objectId="e-1")
STAFF, MORE = group("Staff", "ada@x.org", "bob@x.org"), group("More", "ada@x.org")
SCOPE = replace(scope(), fields={"sync": "assigned", "assigned.groups": ("Staff", "More")})
BEFORE = CurrentState((ADA, BOB), (STAFF, MORE), SCOPE)


SHRINKS = "groups or the scope lose members, or change in another way"
IDENTITY = "1 user changes its identity"
STAFF_OF_THREE = group("Staff", "ada@x.org", "bob@x.org", "eve@x.org")
RENAMED = replace(STAFF, name="All", fields={**STAFF.fields, "name": "All"})


def changed(entity: Entity, **fields: Field | None) -> Entity:
    return with_fields(entity, {path.replace("_", "."): value for path, value in fields.items()})


def without(name: str) -> CurrentState:
    return replace(BEFORE, users=tuple(each for each in BEFORE.users if each.name != name))


@pytest.mark.parametrize(
    ("after", "labels"),
    [
        (replace(BEFORE, users=(changed(ADA, department="R&D"), BOB)), ("updates only",)),
        (replace(BEFORE, users=(ADA, BOB, EVE)), ("additions",)),
        (
            replace(BEFORE, users=(ADA, BOB, EVE), groups=(STAFF_OF_THREE, MORE)),
            ("additions", "scope"),
        ),
        (replace(BEFORE, groups=(STAFF, MORE, group("New", "ada@x.org"))), ("scope",)),
        (replace(BEFORE, groups=(changed(STAFF, description="Everyone"), MORE)), ("scope",)),
        (replace(BEFORE, scope=changed(SCOPE, assigned_users=("eve@x.org",))), ("scope",)),
    ],
)
def test_additions_and_updates_need_no_review_within_the_limit(after: CurrentState, labels: tuple[str, ...]) -> None:
    risk = assess_import(BEFORE, after, ())
    assert risk.labels == labels
    assert risk.reasons == ()
    assert find_merge_obstacles(risk, 1) == ()


@pytest.mark.parametrize(
    ("after", "label", "reason"),
    [
        (without("bob@x.org"), "removals", "1 user is taken out"),
        (replace(BEFORE, users=(ADA, changed(BOB, accountEnabled="false"))), "removals", "1 user is disabled"),
        (replace(BEFORE, groups=(group("Staff", "ada@x.org"), MORE)), "removals", "1 user leaves the provisioning"),
        (
            replace(BEFORE, groups=(STAFF, group("More"))),
            "scope",
            SHRINKS,
        ),
        (replace(BEFORE, groups=(STAFF,)), "scope", SHRINKS),
        (
            replace(BEFORE, groups=(RENAMED, MORE)),
            "scope",
            SHRINKS,
        ),
        (replace(BEFORE, scope=changed(SCOPE, sync="all")), "scope", SHRINKS),
        (replace(BEFORE, scope=changed(SCOPE, excluded_users=("x",))), "scope", SHRINKS),
        (replace(BEFORE, scope=None), "scope", SHRINKS),
        (replace(BEFORE, users=(changed(ADA, userPrincipalName="b@x.org"), BOB)), "identity", IDENTITY),
        (
            replace(BEFORE, users=(changed(ADA, accountEnabled="true"), BOB)),
            "identity",
            "1 user changes its identity",
        ),
        (
            replace(BEFORE, users=(changed(ADA, lifecycle_expires="2030-01-01"), BOB)),
            "identity",
            "1 user changes its lifecycle",
        ),
    ],
)
def test_everything_else_needs_a_review(after: CurrentState, label: str, reason: str) -> None:
    risk = assess_import(BEFORE, after, ())
    assert any(each.startswith(reason) for each in risk.reasons), risk.reasons
    assert not label or label in risk.labels
    assert find_merge_obstacles(risk, 1_000_000)


def test_settings_and_mappings_need_a_review() -> None:
    risk = assess_import(BEFORE, BEFORE, ("settings.yaml", "mappings.yaml"))
    assert risk.labels == ("settings",)
    assert risk.reasons == ("mappings.yaml changes", "settings.yaml changes")


def test_the_limit_counts_users_and_without_one_nothing_is_merged() -> None:
    risk = assess_import(BEFORE, replace(BEFORE, users=(changed(ADA, department="R&D"), BOB, EVE)), ())
    assert find_merge_obstacles(risk, 2) == ()
    assert find_merge_obstacles(risk, 1) == ("2 users of at most 1 (source.entra.auto_merge)",)
    assert find_merge_obstacles(risk, None) == ("source.entra.auto_merge is not set",)
    assert risk.counts == "1 to add, 1 to change, 0 to disable, 0 to remove"


def test_the_limit_counts_users_of_the_files_that_come_into_scope() -> None:
    before = replace(BEFORE, groups=(STAFF, group("More")), scope=changed(SCOPE, assigned_groups=("More",)))
    risk = assess_import(before, replace(before, groups=(STAFF, group("More", "ada@x.org", "bob@x.org"))), ())
    assert find_merge_obstacles(risk, 1) == ("2 users of at most 1 (source.entra.auto_merge)",)
    assert find_merge_obstacles(risk, 2) == ()


def test_counts_name_groups_if_they_change() -> None:
    assert assess_import(BEFORE, replace(BEFORE, groups=(MORE,)), ()).counts.endswith("; 1 group")


def test_files_that_change_no_entry_need_a_review() -> None:
    after = replace(BEFORE, users=(changed(ADA, department="R&D"), BOB))
    assert assess_import(BEFORE, after, (ADA.file,)).reasons == ()
    risk = assess_import(BEFORE, after, (ADA.file, "groups/a.yaml", "users/b.yaml"))
    assert risk.reasons == ("2 files change without a change of an entry",)


def test_lost_comments_need_a_review() -> None:
    before = {"a": b"# hold\n- x: 1 # why\n- y: 'a#b'\n", "b": b"# gone\n"}
    assert count_lost_comments(before, {"a": b"- x: 2   # why\r\n# hold\r\n", "new": b"# x"}) == 0
    assert count_lost_comments(before, {"a": b"# hold\n- x: 1\n", "b": None}) == 2
    assert count_lost_comments({"a": b"# x\n# x\n"}, {"a": b"# x\n"}) == 1
    risk = assess_import(BEFORE, replace(BEFORE, users=(ADA, BOB, EVE)), (), lost_comments=1)
    assert risk.reasons == ("comments are removed from 1 file",)
