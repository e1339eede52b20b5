from __future__ import annotations

from pathlib import Path

from support.fleet_results import plan_id, write_result
from support.fleet_workspace import make_fleet_plan
from support.fleets import with_domains
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.fleet.applied import write_applied
from reconciler.fleet.fleet_plan import format_fleet_plan
from reconciler.fleet.gathered import Wanted, gather_results
from reconciler.session.fleet.selected import FleetSelection, load_selected

USERS = "- userPrincipalName: ada@acme.example\n"


def test_what_is_released_renamed_or_unknown_is_noted(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path, ".")
    files = {f"tenants/{name}/users/a.yaml": USERS + f"# {name}\n" for name in ("acme", "beta", "gamma", "other")}
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    repository.git("mv", "tenants/acme", "tenants/zeta")
    repository.git("rm", "-r", "--quiet", "tenants/beta", "tenants/gamma")
    repository.commit("second")
    terminal = RecordingTerminal()
    selected = load_selected(FleetSelection(tmp_path, "HEAD~1", shard="1/1"), terminal)
    assert selected.names == {"zeta"}
    assert terminal.notes == [
        'Released: "beta", "gamma". Nothing is written to them any more.',
        '"acme" was renamed to "zeta", which is a new tenant: record, lock and token are its own.',
    ]
    terminal = RecordingTerminal()
    assert load_selected(FleetSelection(tmp_path, "0" * 40), terminal).names == {"other", "zeta"}
    assert terminal.notes == ["All tenants are affected: there is no commit before this one."]


def test_tenants_that_are_due_though_no_file_changed_are_noted(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path, ".")
    files = {f"tenants/t{number}/users/a.yaml": USERS for number in range(3)}
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    write_applied(tmp_path, repository.head(), [], due=["t1"])
    terminal = RecordingTerminal()
    assert load_selected(FleetSelection(tmp_path, "applied"), terminal).names == {"t1"}
    assert terminal.notes == ['Selected because a drift run found changes that wait for an apply: "t1".']


def test_without_a_base_nothing_is_said(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path, ".")
    files = {f"tenants/t{number}/users/a.yaml": USERS for number in range(3)}
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    terminal = RecordingTerminal()
    selected = load_selected(FleetSelection(tmp_path, shard="1/2"), terminal)
    assert (len(selected.tenants), selected.affected, terminal.notes) == (2, None, [])


def test_reviewed_plans_select_their_tenants_unless_a_base_does(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": USERS for name in ("acme", "beta", "gamma")}
    commit = repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    repository.commit("second", {"tenants/gamma/users/a.yaml": "[]\n"})
    plans = tmp_path / "plans"
    write_result(plans, "acme", commit=commit)
    wanted = Wanted("plan", commit, "17/1")
    (plans / "fleet-plan.json").write_text(format_fleet_plan(gather_results([plans], ["acme"], wanted), wanted, None))

    def select(base: str | None = None, only: frozenset[str] | None = None) -> frozenset[str]:
        selection = FleetSelection(repository.root, base, plans=plans, only=only)
        return load_selected(selection, RecordingTerminal()).names

    assert select() == {"acme"}
    assert select(only=frozenset({"beta"})) == {"beta"}
    # An apply says of each of these that no plan of it was reviewed.
    assert select("HEAD~1") == {"gamma"}
    (plans / "fleet-plan.json").unlink()
    assert select() == {"acme", "beta", "gamma"}


def test_a_selection_without_tenants_says_what_led_to_it(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": USERS for name in ("acme", "beta")}
    waves = "waves: [{name: canary, tenants: [acme]}, {name: rest}]\n"
    commit = repository.commit("first", {"fleet.yaml": f"tenants: tenants/*\n{waves}", **with_domains(files)})
    plans = tmp_path / "plans"
    write_result(plans, "acme", commit=commit)
    wanted = Wanted("plan", commit, "17/1")
    (plans / "fleet-plan.json").write_text(format_fleet_plan(gather_results([plans], ["acme"], wanted), wanted, None))

    def explain(base: str | None = None, wave: str | None = None, shard: str | None = None, *, plan: bool) -> str:
        terminal = RecordingTerminal()
        load_selected(FleetSelection(repository.root, base, wave, shard, plans=plans if plan else None), terminal)
        return terminal.notes[-1]

    assert explain("HEAD", plan=True) == (
        'No change since "HEAD" affects a tenant. Without --base, all tenants are selected: this fleet has 2.'
    )
    end = "none of the 2 tenants of this fleet: correct or leave out an option."
    assert explain(wave="rest", plan=True) == f'--wave "rest" and --plans "{plans}" together select {end}'
    assert explain(wave="canary", shard="2/2", plan=False) == f'--wave "canary" and --shard "2/2" together select {end}'
    repository.commit("second", {"tenants/acme/users/a.yaml": "[]\n"})
    assert explain("HEAD~1", "rest", plan=True) == f'--base "HEAD~1" and --wave "rest" together select {end}'


def test_a_tenant_that_was_reviewed_and_is_gone_is_released(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": USERS for name in ("acme", "beta")}
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    (tmp_path / "fleet-plan.json").write_text(make_fleet_plan(dict.fromkeys(("acme", "gone"), plan_id(1))))
    terminal = RecordingTerminal()
    assert load_selected(FleetSelection(repository.root, plans=tmp_path), terminal).names == {"acme"}
    assert terminal.notes == ['Released: "gone". Nothing is written to it any more.']
