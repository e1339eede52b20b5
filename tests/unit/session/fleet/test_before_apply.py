from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.fleet_results import COMMIT, plan_id
from support.fleet_workspace import make_fleet_plan
from support.fleets import with_domains
from support.git_repository import GitRepository
from support.plans import every_action
from support.recording_terminal import RecordingTerminal

from reconciler.errors import BlockedError, PlanFileError, UsageError
from reconciler.fleet.applied import write_applied
from reconciler.fleet.fleet_plan import compute_fleet_plan_id
from reconciler.fleet.model import FleetApproval
from reconciler.fleet.result import TenantResult
from reconciler.record.plan_file import to_json
from reconciler.session.fleet.before_apply import (
    check_before_apply,
    check_plans,
    find_approved,
    find_changed,
    must_prove,
    refuse_unknown_base,
)
from reconciler.session.fleet.reviewed_plans import collect_plans
from reconciler.session.fleet.selected import FleetSelection, load_selected

NAMES = ("t0", "t1", "t2", "t3")
TODAY = date(2026, 11, 30)
WAVES = "waves: [{name: canary, tenants: [t0]}, {name: early, tenants: [t1]}, {name: rest}]\n"
GUARDS = "guards: {tenants_changed_by_defaults: 2, new_tenants: 1}\n"
DEFAULTS = {"defaults/scope.yaml": "sync: all\n"}


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": "[]\n" for name in NAMES}
    repository.commit("first", {"fleet.yaml": f"tenants: tenants/*\n{WAVES}{GUARDS}", **with_domains(files)})
    write_applied(repository.root, repository.head(), [])
    return repository


def plans(repository: GitRepository, *names: str) -> Path:
    folder = repository.root.parent / "-".join(("plans", *names))
    folder.mkdir(exist_ok=True)
    (folder / "fleet-plan.json").write_text(make_fleet_plan(dict.fromkeys(names, plan_id(1))))
    return folder


def check(repository: GitRepository, wave: str | None = None, *names: str, base: str | None = None) -> None:
    selection = FleetSelection(repository.root, base, wave, plans=plans(repository, *names) if names else None)
    check_before_apply(load_selected(selection, RecordingTerminal()), selection, TODAY)


def proves(repository: GitRepository, wave: str | None, *names: str) -> bool:
    selection = FleetSelection(repository.root, None, wave, plans=plans(repository, *names))
    return must_prove(load_selected(selection, RecordingTerminal()), selection)


def test_without_a_base_the_last_apply_says_what_changes(repository: GitRepository) -> None:
    check(repository)
    repository.commit("second", DEFAULTS)
    for selected in ({}, {"base": "HEAD~1"}):
        with pytest.raises(BlockedError) as caught:
            check(repository, None, *NAMES, **selected)
        assert caught.value.summary == (
            "the guard tenants_changed_by_defaults blocks this: defaults, a group or the program change 4 tenants, "
            "the limit is 2"
        )
        assert caught.value.detail == (
            "Apply it wave by wave: --wave, beginning with the first one.\n"
            "Or raise `guards: {tenants_changed_by_defaults: …}` in fleet.yaml, with a review."
        )
        check(repository, "canary", *NAMES, **selected)


def test_the_files_are_compared_once_for_all_who_ask(repository: GitRepository) -> None:
    repository.commit("second", DEFAULTS)
    selection = FleetSelection(repository.root)
    selected = load_selected(selection, RecordingTerminal())
    first = find_changed(selected, selection)
    (repository.root / "defaults/scope.yaml").unlink()
    assert find_changed(selected, selection) == first
    assert set(first.reasons) == set(NAMES)


def test_a_run_is_about_the_tenants_that_were_reviewed_or_are_run_again(repository: GitRepository) -> None:
    repository.commit("second", DEFAULTS)
    check(repository, None, "t0", "t3")
    selection = FleetSelection(repository.root, "HEAD~1", only=frozenset({"t1"}))
    selected = load_selected(selection, RecordingTerminal())
    check_before_apply(selected, selection, TODAY)
    assert find_changed(selected, selection).by_defaults == ("t1",)


def test_without_a_record_all_tenants_count(repository: GitRepository) -> None:
    (repository.root / "fleet/applied.json").unlink()
    with pytest.raises(BlockedError) as caught:
        check(repository)
    assert "All tenants count, because no apply of this fleet is on record here." in caught.value.detail


def test_a_change_that_no_earlier_wave_can_prove_is_not_applied(repository: GitRepository) -> None:
    files = {"fleet.yaml": f"tenants: tenants/*\n{WAVES.replace(', tenants: [t1]', ', percent: 0')}{GUARDS}"}
    repository.commit("third", {**files, **DEFAULTS})
    check(repository, "rest", *NAMES)
    with pytest.raises(BlockedError, match="the limit is 2; none of them is in a wave before the last one"):
        check(repository, "rest", "t1", "t2", "t3")


def test_the_first_wave_that_changes_proves_it_for_the_others(repository: GitRepository) -> None:
    repository.commit("second", DEFAULTS)
    assert [proves(repository, wave, *NAMES) for wave in ("canary", "early", "rest", None)] == [True, *[False] * 3]
    assert [proves(repository, wave, "t1", "t2", "t3") for wave in ("canary", "early", "rest")] == [False, True, False]
    assert not proves(repository, "canary", "t0", "t1"), "these are not more than the limit"


def test_too_many_new_tenants_are_not_applied_until_they_are_approved(repository: GitRepository) -> None:
    new = ("t4", "t5")
    repository.commit("new", with_domains({f"tenants/{name}/users/a.yaml": "[]\n" for name in new}))
    check(repository, "rest", "t4")
    for wave in (None, "canary", "rest"):
        with pytest.raises(BlockedError, match="the guard new_tenants blocks this: 2 new tenants, the limit is 1"):
            check(repository, wave, *new)
    identity = compute_fleet_plan_id(dict.fromkeys(new, plan_id(1)))
    approval = f"approvals: [{{plan: '{identity}', lifts: [new_tenants], until: 2026-12-01, reason: two schools}}]\n"
    repository.commit("approve", {"fleet.yaml": f"tenants: tenants/*\n{WAVES}{GUARDS}{approval}"})
    check(repository, "rest", *new)
    with pytest.raises(BlockedError, match="new_tenants"):
        check(repository, "rest", *NAMES, *new)


def test_what_was_stopped_is_still_stopped_when_it_is_on_record(repository: GitRepository) -> None:
    head = repository.commit("second", DEFAULTS)
    write_applied(repository.root, head, NAMES, ["t2", "t3"], NAMES)
    with pytest.raises(BlockedError, match="2 new tenants"):
        check(repository, "canary", *NAMES)
    write_applied(repository.root, head, NAMES, [], NAMES)
    assert proves(repository, "canary", *NAMES)
    with pytest.raises(BlockedError, match="change 4 tenants"):
        check(repository, None, *NAMES)


def test_the_plans_of_all_waves_count_together_before_the_first_write(repository: GitRepository) -> None:
    folder = plans(repository, *NAMES)
    file = folder / "fleet-plan.json"
    reviewed = dict.fromkeys(NAMES, plan_id(1))
    for document, message in (
        (make_fleet_plan(reviewed, delete=1, unchanged=24), "4 users of 100 would be removed in all tenants"),
        (make_fleet_plan(reviewed, "t8", "t9"), "2 tenants of 6 failed, the limit is 5 %"),
    ):
        file.write_text(document)
        selection = FleetSelection(repository.root, None, "canary", plans=folder)
        selected = load_selected(selection, RecordingTerminal())
        with pytest.raises(BlockedError, match=message):
            check_before_apply(selected, selection, TODAY)


def test_plans_without_a_fleet_plan_count_together_before_the_first_write(repository: GitRepository) -> None:
    folder = repository.root.parent / "saved"
    for name in ("t0", "t3"):
        (folder / name).mkdir(parents=True)
        (folder / name / "plan.json").write_text(to_json(every_action()))
    selection = FleetSelection(repository.root, None, "canary", plans=folder)
    selected = load_selected(selection, RecordingTerminal())
    with pytest.raises(BlockedError, match=r"the guard removals blocks this: \d users of \d+ would be removed in all"):
        check_before_apply(selected, selection, TODAY)
    identity = collect_plans(folder, NAMES).plan_id
    approval = FleetApproval(identity, ("removals",), TODAY, "a school closes")
    approved = replace(selected, fleet=replace(selected.fleet, approvals=(approval,)))
    assert check_before_apply(approved, selection, TODAY) == {"removals"}
    assert find_approved(approved, selection, TODAY) == {"removals"}


def test_a_base_that_names_nothing_is_an_error_of_an_apply(repository: GitRepository) -> None:
    def refuse(base: str | None) -> None:
        selection = FleetSelection(repository.root, base)
        refuse_unknown_base(load_selected(selection, RecordingTerminal()), selection)

    for base in (None, "HEAD", "applied"):
        refuse(base)
    with pytest.raises(UsageError, match=r"^--base .*nosuch") as caught:
        refuse("nosuch")
    assert (
        caught.value.detail == "Name a branch, a tag or a commit that is here. Without --base, all tenants are applied."
    )
    with pytest.raises(UsageError, match="there is no commit before this one"):
        refuse("0" * 40)


def test_plans_that_were_just_made_are_judged_before_anybody_is_asked(repository: GitRepository) -> None:
    selected = load_selected(FleetSelection(repository.root), RecordingTerminal())
    made = [TenantResult(name, "plan", COMMIT, "local", 2, plan_id(1), counts={"delete": 1}) for name in NAMES]
    with pytest.raises(BlockedError, match="the guard removals blocks this: 4 users of 4 would be removed"):
        check_plans(selected, made, TODAY)
    identity = compute_fleet_plan_id(dict.fromkeys(NAMES, plan_id(1)), {name: {"delete": 1} for name in NAMES})
    approval = FleetApproval(identity, ("removals",), TODAY, "a school closes")
    approved = replace(selected, fleet=replace(selected.fleet, approvals=(approval,)))
    assert check_plans(approved, made, TODAY) == {"removals"}


def test_a_plan_that_is_not_what_was_counted_stops_the_apply(repository: GitRepository) -> None:
    plan = every_action()
    folder = plans(repository, "t0")
    (folder / "fleet-plan.json").write_text(make_fleet_plan({"t0": plan.plan_id}, unchanged=5))
    (folder / "t0").mkdir()
    (folder / "t0/plan.json").write_text(to_json(plan))
    selection = FleetSelection(repository.root, plans=folder)
    with pytest.raises(PlanFileError, match="and the fleet plan says 0 of 5"):
        check_before_apply(load_selected(selection, RecordingTerminal()), selection, TODAY)


def test_an_approval_lets_the_others_be_applied_though_some_have_no_plan(repository: GitRepository) -> None:
    """Else two tenants with a bad token would keep the leavers of all others."""
    folder = plans(repository, *NAMES)
    document = make_fleet_plan(dict.fromkeys(NAMES[:2], plan_id(1)), *NAMES[2:])
    (folder / "fleet-plan.json").write_text(document)
    selection = FleetSelection(repository.root, plans=folder)
    with pytest.raises(BlockedError, match="2 tenants of 4 failed"):
        check_before_apply(load_selected(selection, RecordingTerminal()), selection, TODAY)
    identity = json.loads(document)["id"]
    approval = f"approvals: [{{plan: '{identity}', lifts: [failed], until: 2026-12-01, reason: no tokens}}]\n"
    repository.commit("approve", {"fleet.yaml": f"tenants: tenants/*\n{WAVES}{GUARDS}{approval}"})
    assert check_before_apply(load_selected(selection, RecordingTerminal()), selection, TODAY) == {"failed"}
