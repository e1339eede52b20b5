from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import plan_id, write_result
from support.fleet_workspace import make_fleet_plan
from support.fleets import SETTINGS, with_domains
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal
from syrupy.assertion import SnapshotAssertion

from reconciler.commands.fleet.gather import GatherOutput, run_gather
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.applied import AppliedFleet, read_applied, write_applied
from reconciler.fleet.drift_record import read_drift
from reconciler.fleet.fleet_plan import compute_fleet_plan_id, read_fleet_plan
from reconciler.session.fleet.gathering import GatherOptions
from reconciler.session.fleet.selected import FleetSelection
from reconciler.session.workspace import current_time

NAMES = ("acme", "beta", "gamma")


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": "[]\n" for name in NAMES}
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", ".gitignore": "/fleet/\n", **with_domains(files)})
    return repository


def gather(
    repository: GitRepository,
    *directories: Path,
    verb: str = "plan",
    out: Path | None = None,
    form: str = "text",
    page: Path | None = None,
    **selection: Any,
) -> tuple[ExitCode, RecordingTerminal]:
    terminal = RecordingTerminal()
    options = GatherOptions(FleetSelection(repository.root, **selection), directories, verb)
    return run_gather(options, GatherOutput(out, form, page), terminal), terminal


def write(directory: Path, repository: GitRepository, *names: str, **fields: Any) -> Path:
    for name in names:
        write_result(directory, name, commit=repository.head(), run="local", **fields)
    return directory


def test_the_plans_of_all_shards_get_one_id(
    repository: GitRepository, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    one = write(tmp_path / "1", repository, "acme", "gamma", counts={"create": 2})
    other = write(tmp_path / "2", repository, "beta")
    code, terminal = gather(repository, one, other, out=tmp_path / "x.json")
    identity = compute_fleet_plan_id(dict.fromkeys(NAMES, plan_id(1)), {})
    assert code == ExitCode.OK
    assert terminal.out == snapshot
    assert read_fleet_plan(tmp_path / "x.json").plan_id == identity
    assert read_applied(repository.root) is None


def test_the_document_is_beside_the_plans_and_says_what_is_missing(repository: GitRepository, tmp_path: Path) -> None:
    code, terminal = gather(repository, write(tmp_path / "1", repository, "acme"))
    assert code == ExitCode.ERROR
    assert "2 without a result\n  beta, gamma\n" in terminal.out
    document = json.loads((tmp_path / "1/fleet-plan.json").read_text())
    assert (document["failed"], document["expected"]) == ({"beta": "no result", "gamma": "no result"}, 3)


def test_only_affected_tenants_are_expected(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("second", {"tenants/beta/users/a.yaml": "# 2\n[]\n"})
    assert gather(repository, write(tmp_path / "1", repository, "beta"), base="HEAD~1")[0] == ExitCode.OK
    assert gather(repository, tmp_path / "1", base="HEAD")[0] == ExitCode.OK


def test_another_verb_is_refused(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not one of plan, apply, drift"):
        gather(repository, tmp_path, verb="x")


def test_results_of_plans_are_no_apply(repository: GitRepository, tmp_path: Path) -> None:
    write(tmp_path / "1", repository, *NAMES)
    with pytest.raises(UsageError, match="the results are of plan, none is of apply"):
        gather(repository, tmp_path / "1", verb="apply")
    assert read_applied(repository.root) is None


# --- formats ------------------------------------------------------------------------


def test_json_is_the_document(repository: GitRepository, tmp_path: Path) -> None:
    _, terminal = gather(repository, write(tmp_path / "1", repository, *NAMES), form="json")
    assert terminal.out == (tmp_path / "1/fleet-plan.json").read_text()


def test_each_format_shows_the_guards_that_stop_it(repository: GitRepository, tmp_path: Path) -> None:
    write(tmp_path / "1", repository, *NAMES, counts={"delete": 70, "unchanged": 9})
    for form in ("text", "markdown", "html"):
        _, terminal = gather(repository, tmp_path / "1", form=form)
        assert "210 users of 237 would be removed in all tenants, the limit is 200" in terminal.out
        assert "lifts: [removals]" in terminal.out


def test_the_page_links_to_the_pages_beside_it(repository: GitRepository, tmp_path: Path) -> None:
    write(tmp_path / "1", repository, *NAMES)
    (tmp_path / "1/beta/plan.html").touch()
    gather(repository, tmp_path / "1", page=tmp_path / "1/index.html")
    page = (tmp_path / "1/index.html").read_text()
    assert [name for name in NAMES if f'href="{name}/plan.html"' in page] == ["beta"]
    assert gather(repository, tmp_path / "1", form="html")[1].out == page


def test_an_unknown_format_changes_nothing(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--format x does not exist"):
        gather(repository, write(tmp_path / "1", repository, *NAMES, verb="apply"), verb="apply", form="x")
    assert read_applied(repository.root) is None
    assert not (tmp_path / "1/fleet-apply.json").exists()


# --- how far applies have come --------------------------------------------------


def apply(repository: GitRepository, out: Path, good: str, bad: str = "", **selection: Any) -> AppliedFleet | None:
    """Gather an apply in which some tenants end well and some do not; the others have no result."""
    write(out, repository, *good.split(), verb="apply")
    write(out, repository, *bad.split(), verb="apply", exit_code=5)
    gather(repository, out, verb="apply", **selection)
    return read_applied(repository.root)


def test_after_the_first_apply_the_tenants_without_success_are_open(repository: GitRepository, tmp_path: Path) -> None:
    assert apply(repository, tmp_path / "1", "acme", "beta") == AppliedFleet(repository.head(), ("beta", "gamma"))
    assert apply(repository, tmp_path / "2", "beta", base="applied") == AppliedFleet(repository.head(), ("gamma",))
    assert apply(repository, tmp_path / "3", "gamma", base="applied") == AppliedFleet(repository.head())


def test_a_tenant_that_is_held_stays_open(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    write(tmp_path / "2", repository, "acme", verb="apply", held=True)
    gather(repository, tmp_path / "2", verb="apply")
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("acme", "beta", "gamma"))
    apply(repository, tmp_path / "3", "acme", base="applied")
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("beta", "gamma"))


def test_a_run_about_others_is_not_red_because_of_a_tenant_that_is_held(
    repository: GitRepository, tmp_path: Path
) -> None:
    off = {"tenants/acme/settings.yaml": "provisioning: {enabled: false}\n"}
    repository.commit("off", {"defaults/settings.yaml": SETTINGS, **off})
    apply(repository, tmp_path / "1", "beta gamma")
    write(tmp_path / "1", repository, "acme", verb="apply", held=True)
    assert gather(repository, tmp_path / "1", verb="apply")[0] == ExitCode.OK
    still_open = AppliedFleet(repository.head(), ("acme",))
    (tmp_path / "none").mkdir()
    assert read_applied(repository.root) == still_open
    found, terminal = gather(repository, tmp_path / "none", verb="apply", base="applied")
    assert (found, read_applied(repository.root)) == (ExitCode.OK, still_open)
    assert 'Held, left open, and not part of this apply: "acme".' in terminal.notes
    for files in ({"tenants/acme/users/a.yaml": "# 2\n[]\n"}, {"tenants/acme/settings.yaml": "{}\n"}):
        repository.commit("a change of the tenant", files)
        assert gather(repository, tmp_path / "none", verb="apply", base="applied")[0] == ExitCode.ERROR
        assert read_applied(repository.root) == AppliedFleet(repository.head(), ("acme",))


def test_no_tenant_is_lost_whatever_the_run_was_about(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    first = repository.head()
    repository.commit("second", {"tenants/beta/users/a.yaml": "# 2\n[]\n"})
    # beta's apply never began, and the next run is about another change.
    repository.commit("third", {"tenants/acme/users/a.yaml": "# 3\n[]\n"})
    third = repository.head()
    assert apply(repository, tmp_path / "3", "acme", base="HEAD~1") == AppliedFleet(third, ("beta",))
    assert read_applied(repository.root) != AppliedFleet(first)
    # A failure of a tenant that did not change stays open, too.
    assert apply(repository, tmp_path / "4", "acme beta", "gamma") == AppliedFleet(third, ("gamma",))


def test_what_is_not_as_in_the_commit_stays_open(repository: GitRepository, tmp_path: Path) -> None:
    (repository.root / "tenants/beta/users/a.yaml").write_text("# not committed\n[]\n")
    (repository.root / "tenants/acme/plans").mkdir()
    (repository.root / "tenants/acme/plans/receipt.jsonl").write_text("")
    write(tmp_path / "1", repository, *NAMES, verb="apply")
    _, terminal = gather(repository, tmp_path / "1", verb="apply")
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("beta",))
    assert terminal.notes[0] == 'Not as in the commit, and so left open: "beta".'
    (repository.root / "defaults").mkdir()
    (repository.root / "defaults/scope.yaml").write_text("sync: all\n")
    gather(repository, tmp_path / "1", verb="apply")
    found = read_applied(repository.root)
    assert found is not None
    assert found.open == NAMES


def test_another_version_of_the_program_leaves_no_tenant_open(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    repository.commit("program", {"requirements/reconciler.txt": "2\n"})
    repository.commit("change", {"tenants/acme/users/a.yaml": "# 2\n[]\n"})
    write(tmp_path / "2", repository, "acme", verb="apply")
    _, terminal = gather(repository, tmp_path / "2", verb="apply", only=frozenset({"acme"}))
    assert read_applied(repository.root) == AppliedFleet(repository.head())
    assert terminal.notes[0] == (
        "The version of the program changed since the last apply. For 2 other tenants the next drift shows what it"
        " would change."
    )


def test_another_version_of_the_program_hides_no_other_change(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme", "beta")
    repository.commit(
        "change", {"requirements/reconciler.txt": "2\n", "tenants/acme/users/a.yaml": "# 2\n[]\n", "defaults/x": ""}
    )
    found = apply(repository, tmp_path / "2", "beta", only=frozenset({"acme"}))
    assert found == AppliedFleet(repository.head(), NAMES)


def test_many_tenants_of_another_version_are_not_unproven(repository: GitRepository, tmp_path: Path) -> None:
    limits = "waves: [{name: canary, tenants: [acme]}, {name: rest}]\nguards: {tenants_changed_by_defaults: 1}\n"
    write_applied(repository.root, repository.commit("waves", {"fleet.yaml": f"tenants: tenants/*\n{limits}"}), [])
    repository.commit("change", {"requirements/a.txt": "2\n", "tenants/acme/users/a.yaml": "# 2\n[]\n"})
    found = apply(repository, tmp_path / "2", "acme", "", only=frozenset({"acme"}))
    assert found == AppliedFleet(repository.head())


def go_back(repository: GitRepository) -> str:
    """Record an apply of a change of acme, check out the commit before it again, and return the later one."""
    first = repository.head()
    later = repository.commit("second", {"tenants/acme/users/a.yaml": "# 2\n[]\n"})
    write_applied(repository.root, later, ["beta"], due=["gamma"])
    repository.git("checkout", "--quiet", first)
    return later


def test_a_run_of_an_earlier_commit_moves_the_record_not_back(repository: GitRepository, tmp_path: Path) -> None:
    later = go_back(repository)
    out = write(tmp_path / "1", repository, "acme", "beta", verb="apply")
    code, terminal = gather(repository, out, verb="apply", base="applied")
    assert (code, read_applied(repository.root)) == (ExitCode.OK, AppliedFleet(later, due=("gamma",)))
    assert f"The later commit {later[:12]} has been applied before: the record stays at that commit." in terminal.notes


def test_what_an_earlier_commit_was_refused_for_stays_as_it_is_on_record(
    repository: GitRepository, tmp_path: Path
) -> None:
    later = go_back(repository)
    out = write(tmp_path / "1", repository, "acme", verb="apply", exit_code=4)
    write(tmp_path / "1", repository, "gamma", verb="apply", exit_code=5)
    assert gather(repository, out, verb="apply", base="applied")[0] == ExitCode.ERROR
    assert read_applied(repository.root) == AppliedFleet(later, ("beta", "gamma"), due=("gamma",))
    write(tmp_path / "1", repository, "acme", verb="apply", exit_code=5)
    gather(repository, out, verb="apply", base="applied")
    assert read_applied(repository.root) == AppliedFleet(later, NAMES, due=("gamma",)), "something was sent"


def test_a_run_of_an_earlier_commit_needs_nothing_that_changed_since(repository: GitRepository, tmp_path: Path) -> None:
    later = go_back(repository)
    out = write(tmp_path / "1", repository, "beta", verb="apply")
    assert gather(repository, out, verb="apply", base="applied")[0] == ExitCode.OK
    assert read_applied(repository.root) == AppliedFleet(later, due=("gamma",))


def test_a_wave_leaves_the_others_open(repository: GitRepository, tmp_path: Path) -> None:
    waves = "waves: [{name: canary, tenants: [acme]}, {name: rest}]\n"
    repository.commit("waves", {"fleet.yaml": f"tenants: tenants/*\n{waves}"})
    found = apply(repository, tmp_path / "1", "acme", wave="canary")
    assert found == AppliedFleet(repository.head(), ("beta", "gamma"))


def test_it_is_recorded_when_drift_was_looked_for(repository: GitRepository, tmp_path: Path) -> None:
    write(tmp_path / "1", repository, "acme", verb="drift", counts={"update": 2, "unchanged": 7, "adopt": 1})
    write(tmp_path / "1", repository, "beta", verb="drift", exit_code=1)
    gather(repository, tmp_path / "1", verb="drift")
    found = read_drift(repository.root)
    assert {name: each.differences for name, each in found.items()} == {"acme": 3}
    write(tmp_path / "2", repository, "beta", verb="drift")
    gather(repository, tmp_path / "2", verb="drift")
    assert read_drift(repository.root)["acme"] == found["acme"]
    assert read_drift(repository.root)["beta"].differences == 0


def test_drift_was_looked_for_when_the_run_began(repository: GitRepository, tmp_path: Path) -> None:
    now = current_time().replace(microsecond=0)
    old, older = now - timedelta(days=40), now - timedelta(days=41)
    for began, expected in ((old, old), (older, old), (now, now)):
        write(tmp_path / "1", repository, "acme", verb="drift", began=int(began.timestamp()))
        gather(repository, tmp_path / "1", verb="drift")
        assert read_drift(repository.root)["acme"].at == expected


# --- what waits for an apply though no file changed ---------------------------------


def drift(
    repository: GitRepository,
    out: Path,
    *names: str,
    waiting: int,
    more: Mapping[str, int] | None = None,
    **fields: Any,
) -> AppliedFleet | None:
    counts = {"not_applied": waiting, "unchanged": 7} if waiting else {"unchanged": 7}
    write(out, repository, *names, verb="drift", counts={**counts, **(more or {})}, **fields)
    gather(repository, out, verb="drift")
    return read_applied(repository.root)


def test_what_drift_finds_waiting_is_applied_next(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    head = repository.head()
    assert drift(repository, tmp_path / "2", "acme", "beta", waiting=1) == AppliedFleet(head, due=("acme", "beta"))
    # What is known of others stays; a later look settles it.
    assert drift(repository, tmp_path / "3", "beta", "gamma", waiting=0) == AppliedFleet(head, due=("acme",))
    assert drift(repository, tmp_path / "4", "acme", waiting=0, exit_code=1) == AppliedFleet(head, due=("acme",))
    assert apply(repository, tmp_path / "5", "acme", base="applied") == AppliedFleet(head)


@pytest.mark.parametrize("code", [ExitCode.OK, ExitCode.BLOCKED])
def test_an_apply_of_before_the_drift_run_settles_nothing(
    repository: GitRepository, tmp_path: Path, code: ExitCode
) -> None:
    """Its results are still in the directory that another apply wrote to. Of drift, `code` is the exit code."""
    now = int(current_time().timestamp())
    write(tmp_path / "1", repository, *NAMES, verb="apply", began=now - 50)
    gather(repository, tmp_path / "1", verb="apply")
    drift(repository, tmp_path / "2", "beta", "gamma", waiting=1, began=now - 20, exit_code=code)
    write(tmp_path / "1", repository, "beta", verb="apply", began=now - 10)
    found, terminal = gather(repository, tmp_path / "1", verb="apply", base="applied")
    gamma_is_due = AppliedFleet(repository.head(), due=("gamma",))
    assert (found, read_applied(repository.root)) == (ExitCode.OK, gamma_is_due)
    assert 'Still due, because these applies began before the drift run: "gamma".' in terminal.notes
    assert drift(repository, tmp_path / "3", "gamma", waiting=0, began=now - 30) == gamma_is_due, "it is older, too"
    write(tmp_path / "1", repository, "gamma", verb="apply", began=now - 10)
    gather(repository, tmp_path / "1", verb="apply", base="applied")
    assert read_applied(repository.root) == AppliedFleet(repository.head())


def test_a_guard_that_blocks_what_is_due_does_not_hide_it(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    found = drift(repository, tmp_path / "2", "acme", waiting=9, exit_code=3)
    assert found == AppliedFleet(repository.head(), due=("acme",))


@pytest.mark.parametrize("code", [ExitCode.OK, ExitCode.BLOCKED])
def test_a_change_that_the_record_cannot_attribute_is_a_difference_and_due(
    repository: GitRepository, tmp_path: Path, code: ExitCode
) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    found = drift(repository, tmp_path / "2", "acme", waiting=0, exit_code=code, more={"deactivate": 1, "may_wait": 1})
    assert found == AppliedFleet(repository.head(), due=("acme",))
    assert read_drift(repository.root)["acme"].differences == 1


def test_without_an_apply_on_record_nothing_is_due(repository: GitRepository, tmp_path: Path) -> None:
    assert drift(repository, tmp_path / "1", "acme", waiting=1) is None


def test_an_apply_of_other_tenants_is_complete_without_those_that_are_due(
    repository: GitRepository, tmp_path: Path
) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    drift(repository, tmp_path / "2", "acme", waiting=1)
    repository.commit("second", {"tenants/beta/users/a.yaml": "# 2\n[]\n"})
    write(tmp_path / "3", repository, "beta", verb="apply")
    code, terminal = gather(repository, tmp_path / "3", verb="apply", base="applied")
    assert code == ExitCode.OK
    assert 'Due since a drift run, and not part of this apply: "acme".' in terminal.notes
    assert read_applied(repository.root) == AppliedFleet(repository.head(), due=("acme",))
    # One that was begun and failed is open.
    assert apply(repository, tmp_path / "4", "", "acme", base="applied") == AppliedFleet(
        repository.head(), ("acme",), due=("acme",)
    )
    assert apply(repository, tmp_path / "5", "acme", base="applied") == AppliedFleet(repository.head())


def test_a_result_that_does_not_count_leaves_a_tenant_that_is_due_open(
    repository: GitRepository, tmp_path: Path
) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    drift(repository, tmp_path / "2", "acme", waiting=1)
    write(tmp_path / "3", repository, "acme", verb="apply")
    (tmp_path / "3/acme/result.json").write_text("{}")
    assert gather(repository, tmp_path / "3", verb="apply", base="applied")[0] == ExitCode.ERROR
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("acme",), due=("acme",))


def test_another_version_of_the_program_makes_no_apply_red(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    repository.commit("program", {"requirements/a.txt": "2\n", "tenants/acme/users/a.yaml": "# 2\n[]\n"})
    write(tmp_path / "2", repository, "acme", verb="apply")
    assert gather(repository, tmp_path / "2", verb="apply", base="applied")[0] == ExitCode.OK
    assert read_applied(repository.root) == AppliedFleet(repository.head())


def test_what_waits_for_an_apply_is_said(repository: GitRepository, tmp_path: Path) -> None:
    write(tmp_path / "1", repository, "acme", verb="drift", counts={"not_applied": 2, "removals_not_applied": 1})
    write(tmp_path / "1", repository, "beta", "gamma", verb="drift", counts={"unchanged": 2})
    for form in ("text", "markdown", "html"):
        code, terminal = gather(repository, tmp_path / "1", verb="drift", form=form)
        assert code == ExitCode.OK
        assert "2 changes wait for an apply, 1 of them removes a user, in 1 tenant: " in terminal.out
        assert "A date passed, or a merged change was not applied." in terminal.out


@pytest.mark.parametrize("verb", ["apply", "drift"])
def test_what_was_done_on_the_sandbox_is_not_on_record(repository: GitRepository, tmp_path: Path, verb: str) -> None:
    write(tmp_path / "1", repository, *NAMES, verb=verb, sandbox=True)
    code, terminal = gather(repository, tmp_path / "1", verb=verb)
    assert code == ExitCode.OK
    assert terminal.notes[0] == "These results are of the sandbox: the record of the fleet stays as it is."
    assert not (repository.root / "fleet").exists()
    assert json.loads((tmp_path / f"1/fleet-{verb}.json").read_text())["sandbox"] is True


def test_a_change_for_many_that_was_stopped_at_the_first_wave_stays_open(
    repository: GitRepository, tmp_path: Path
) -> None:
    waves = "waves: [{name: canary, tenants: [acme]}, {name: rest}]\nguards: {tenants_changed_by_defaults: 2}\n"
    repository.commit("waves", {"fleet.yaml": f"tenants: tenants/*\n{waves}"})
    stopped = apply(repository, tmp_path / "1", "acme")
    everyone = ("acme", "beta", "gamma")
    assert stopped == AppliedFleet(repository.head(), everyone, (), everyone)
    assert apply(repository, tmp_path / "2", "acme", base="applied") == stopped
    # Neither a later wave of another apply nor a failed result of one proves it.
    assert apply(repository, tmp_path / "3", "acme beta", base="applied") == stopped
    assert apply(repository, tmp_path / "4", "acme", "gamma", base="applied") == stopped
    # Drift that was looked for before the apply does not either: the change only waits there.
    looked = write(tmp_path / "drift", repository, "acme", verb="drift")
    write(tmp_path / "5", repository, "acme", verb="apply", exit_code=5)
    gather(repository, tmp_path / "5", looked, verb="apply", base="applied", out=tmp_path / "x.json")
    assert read_applied(repository.root) == stopped
    write(tmp_path / "5", repository, "acme", "beta", verb="apply")
    _, terminal = gather(repository, tmp_path / "5", looked, verb="apply", base="applied", out=tmp_path / "x.json")
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("gamma",))
    assert not any("has not proven" in note for note in terminal.notes)


def test_an_approval_proves_a_change_for_many(repository: GitRepository, tmp_path: Path) -> None:
    plans = dict.fromkeys(NAMES, plan_id(1))
    until = current_time().date() + timedelta(days=1)
    lifts = "tenants_changed_by_defaults"
    approval = f"{{plan: '{compute_fleet_plan_id(plans, {})}', lifts: [{lifts}], until: {until}, reason: urgent}}"
    waves = "waves: [{name: canary, tenants: [acme]}, {name: rest}]\nguards: {tenants_changed_by_defaults: 2}\n"
    repository.commit("waves", {"fleet.yaml": f"tenants: tenants/*\n{waves}approvals: [{approval}]\n"})
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/fleet-plan.json").write_text(make_fleet_plan(plans))
    out = write(tmp_path / "1", repository, "acme", "beta", verb="apply")
    gather(repository, out, verb="apply", base="applied", plans=tmp_path / "plans")
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("gamma",))


# --- what an apply was about though nothing changed ---------------------------------


def test_a_reviewed_tenant_without_a_change_counts(repository: GitRepository, tmp_path: Path) -> None:
    """Such as one that only differs, applied by the plans of a drift run."""
    apply(repository, tmp_path / "1", "acme beta gamma")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/fleet-plan.json").write_text(make_fleet_plan(dict.fromkeys(("acme", "beta"), plan_id(1))))
    write(tmp_path / "2", repository, "acme", verb="apply", exit_code=5)
    code, terminal = gather(repository, tmp_path / "2", verb="apply", base="applied", plans=tmp_path / "plans")
    assert code == ExitCode.ERROR
    assert "1 without a result\n  beta\n" in terminal.out
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("acme", "beta"))


def test_a_tenant_that_is_due_and_was_killed_is_open(repository: GitRepository, tmp_path: Path) -> None:
    apply(repository, tmp_path / "1", "acme beta gamma")
    drift(repository, tmp_path / "2", "acme", "beta", waiting=1)
    (tmp_path / "3/beta").mkdir(parents=True)
    (tmp_path / "3/beta/output.txt").write_text("")
    assert gather(repository, tmp_path / "3", verb="apply", base="applied")[0] == ExitCode.ERROR
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("beta",), due=("acme", "beta"))
    for name in ("4", "plans"):
        (tmp_path / name).mkdir()
    (tmp_path / "plans/fleet-plan.json").write_text(make_fleet_plan(dict.fromkeys(("acme", "beta"), plan_id(1))))
    gather(repository, tmp_path / "4", verb="apply", base="applied", plans=tmp_path / "plans")
    assert read_applied(repository.root) == AppliedFleet(repository.head(), ("acme", "beta"), due=("acme", "beta"))


def test_a_guard_that_is_exceeded_is_code_3_until_an_approval_lifts_it(
    repository: GitRepository, tmp_path: Path
) -> None:
    fleet = "tenants: tenants/*\nguards: {removals: {count: 2}}\n"
    repository.commit("limit", {"fleet.yaml": fleet})
    for verb in ("plan", "apply"):
        out = write(tmp_path / verb, repository, *NAMES, verb=verb, counts={"delete": 1})
        assert gather(repository, out, verb=verb)[0] == ExitCode.BLOCKED
    identity = compute_fleet_plan_id(dict.fromkeys(NAMES, plan_id(1)), {name: {"delete": 1} for name in NAMES})
    until = current_time().date() + timedelta(days=1)
    approval = f"approvals: [{{plan: '{identity}', lifts: [removals], until: {until}, reason: a school closes}}]\n"
    repository.commit("approve", {"fleet.yaml": fleet.replace("count: 2", "count: 2, percent: off") + approval})
    for verb in ("plan", "apply"):
        out = write(tmp_path / verb, repository, *NAMES, verb=verb, counts={"delete": 1})
        assert gather(repository, out, verb=verb)[0] == ExitCode.OK


def test_a_drift_run_says_what_an_apply_of_its_plans_will_ask_for(repository: GitRepository, tmp_path: Path) -> None:
    """Leavers of a date are applied from these plans: the guard `removals` blocks that until it is approved."""
    waiting = {"not_applied": 2, "removals_not_applied": 2, "unchanged": 8}
    write(tmp_path / "1", repository, "acme", verb="drift", counts=waiting)
    write(tmp_path / "1", repository, "beta", verb="drift", exit_code=1)
    write(tmp_path / "1", repository, "gamma", verb="drift", exit_code=1)
    code, terminal = gather(repository, tmp_path / "1", verb="drift")
    assert code == ExitCode.ERROR, "of the tenants alone"
    assert "2 users of 10 would be removed" in terminal.out
    assert "lifts: [failed, removals]" in terminal.out
    for name in ("beta", "gamma"):
        write(tmp_path / "1", repository, name, verb="drift")
    code, terminal = gather(repository, tmp_path / "1", verb="drift")
    assert (code, "lifts: [removals]" in terminal.out) == (ExitCode.OK, True)


def test_an_approval_of_the_reviewed_plan_counts_after_its_apply_too(repository: GitRepository, tmp_path: Path) -> None:
    """The run is about the tenants that wait only, so that the plans that were applied have another id."""
    reviewed = {name: f"sha256:{digit * 64}" for name, digit in (("acme", "a"), ("beta", "b"))}
    document = make_fleet_plan(reviewed, unchanged=8, delete=2)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/fleet-plan.json").write_text(document)
    approval = f"approvals: [{{plan: '{json.loads(document)['id']}', until: 2026-12-05, reason: leavers}}]\n"
    repository.commit("approve", {"fleet.yaml": f"tenants: tenants/*\n{approval}"})
    counts = {"delete": 2, "unchanged": 8}
    write(tmp_path / "1", repository, "acme", verb="apply", plan_id=reviewed["acme"], counts=counts)
    selection = FleetSelection(repository.root, plans=tmp_path / "plans", only=frozenset({"acme"}))
    options = GatherOptions(selection, (tmp_path / "1",), "apply")
    for applied, expected in ((reviewed["acme"], ExitCode.OK), (reviewed["beta"], ExitCode.BLOCKED)):
        write(tmp_path / "1", repository, "acme", verb="apply", plan_id=applied, counts=counts)
        assert run_gather(options, GatherOutput(), RecordingTerminal(), date(2026, 12, 1)) == expected


def test_a_base_that_was_forgotten_is_named(repository: GitRepository, tmp_path: Path) -> None:
    base = repository.head()
    repository.commit("second", {"tenants/beta/users/a.yaml": "# 2\n[]\n"})
    one = write(tmp_path / "1", repository, "beta")
    hint = "2 tenants without a result. If the run had --base, name it here,"
    assert f"{hint} too: --base REF." in gather(repository, one)[1].notes
    assert not any(hint in each for each in gather(repository, one, base="HEAD~1")[1].notes)
    assert f"{hint} as before: --base {base[:12]}." in gather(repository, one)[1].notes


def test_results_that_are_ignored_are_counted(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("second", {"tenants/beta/users/a.yaml": "# 2\n[]\n"})
    one = write(tmp_path / "1", repository, "acme", "beta")
    assert "Ignored: 1 result of other tenants." in gather(repository, one, base="HEAD~1")[1].notes
