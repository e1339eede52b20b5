"""`fleet plan`, `apply` and `drift` on a service that all tenants share, with real processes."""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.fleet_workspace import FleetWorkspace, list_processes, make_fleet_plan, open_fleet
from support.git_repository import GitRepository
from support.workspace import run

NAMES = ("acme", "globex", "initech")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetWorkspace]:
    with open_fleet(tmp_path, monkeypatch, *NAMES) as work:
        yield work


def wait_until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def writes(fleet: FleetWorkspace) -> dict[str, int]:
    return {name: len(service.writes) for name, service in fleet.services.items()}


def test_a_plan_shows_totals_and_writes_nothing(fleet: FleetWorkspace) -> None:
    fleet.desire("acme", department="Moved")
    fleet.desire("globex", 3)
    found = fleet.run("plan", "-o", str(fleet.out))
    assert (found.code, found.out) == (
        0,
        (
            "3 tenants: 3 ok.\n"
            "Users: 0 to create, 5 to update, 2 to remove, 8 unchanged, 0 failed.\n"
            "\n"
            "  globex: ok (2 to remove)\n"
            "  acme: ok (5 to update)\n"
        ),
    )
    *lines, apply, output = found.err.splitlines()
    assert sorted(lines) == ["acme: ok (5 to update)", "globex: ok (2 to remove)"]
    assert (apply[:45], output[:30]) == (
        "To apply these plans: reconciler fleet apply ",
        "What each tenant printed is in",
    )
    assert fleet.run("plan", "--detailed-exitcode").code == 2
    assert writes(fleet) == dict.fromkeys(NAMES, 0)


def test_a_process_that_is_forked_plans_what_a_command_of_its_own_plans(fleet: FleetWorkspace) -> None:
    fleet.desire("acme", department="Moved")
    fleet.run("plan", "-o", str(fleet.out), "--now", "2026-12-01T08:00:00Z")
    alone = fleet.root / "alone.json"
    state = str(fleet.folder("acme"))
    assert run(["reconciler", "plan", "--state", state, "-o", str(alone), "--now", "2026-12-01T08:00:00Z"]).code == 0
    times = re.compile(r'"(created_at|expires_at)": "[^"]*"')
    assert times.sub("", alone.read_text()) == times.sub("", (fleet.out / "acme" / "plan.json").read_text())


def test_what_was_reviewed_is_applied_and_on_record_with_the_tenant(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    fleet.run("plan", "-o", str(fleet.out))
    found = fleet.run("apply", "--plans", str(fleet.out), "-o", str(fleet.out))
    assert (found.code, found.out) == (
        0,
        (
            "3 tenants: 3 ok.\n"
            "Users: 0 created, 15 updated, 0 removed, 0 unchanged, 0 failed.\n"
            "\n"
            "  acme: ok (5 updated)\n"
            "  globex: ok (5 updated)\n"
            "  initech: ok (5 updated)\n"
        ),
    )
    for name in NAMES:
        assert fleet.departments(name) == {"Moved"}
        assert len(fleet.receipts(name)) == 1
        assert fleet.result(name)["receipt"].startswith("sha256:")
    assert fleet.run("drift", "--detailed-exitcode").code == 0


def test_only_a_plan_of_the_reviewed_fleet_plan_is_applied(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    fleet.run("plan", "-o", str(fleet.out))
    ids = {name: fleet.result(name)["plan_id"] for name in NAMES}
    (fleet.out / "fleet-plan.json").write_text(make_fleet_plan({"acme": ids["acme"], "globex": ids["acme"]}, update=5))
    found = fleet.run("apply", "--plans", str(fleet.out / "fleet-plan.json"), "-o", str(fleet.root / "applied"))
    assert (found.code, found.out) == (
        4,
        (
            "2 tenants: 1 stale, 1 ok.\n"
            "Users: 0 created, 5 updated, 0 removed, 0 unchanged, 0 failed.\n"
            "\n"
            f"  globex: stale: the saved plan is {ids['globex']}, and {ids['acme']} was reviewed\n"
            "  acme: ok (5 updated)\n"
        ),
    )
    assert writes(fleet) == {"acme": 5, "globex": 0, "initech": 0}


def test_a_tenant_that_was_edited_after_the_review_is_stale_and_no_other(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    fleet.run("plan", "-o", str(fleet.out))
    fleet.desire("globex", department="Again")
    assert fleet.run("apply", "--plans", str(fleet.out), "-o", str(fleet.out)).code == 4
    assert {name: fleet.result(name)["exit_code"] for name in NAMES} == {"acme": 0, "globex": 4, "initech": 0}
    assert writes(fleet) == {"acme": 5, "globex": 0, "initech": 5}


def test_without_a_review_somebody_must_approve_what_is_shown(
    fleet: FleetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.desire("acme", department="Moved")
    found = fleet.run("apply")
    assert (found.code, found.err) == (
        64,
        "Error: there is no terminal to ask on\n\n  Give reviewed plans (--plans DIR), or add --auto-approve.\n",
    )
    for answer, code, count in (("no\n", 1, 0), ("yes\n", 0, 5)):
        stdin = io.StringIO(answer)
        stdin.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr("sys.stdin", stdin)
        found = fleet.run("apply")
        assert found.code == code
        assert "Users: 0 to create, 5 to update, 0 to remove, 10 unchanged, 0 failed.\n" in found.out
        assert writes(fleet)["acme"] == count
    found = fleet.run("apply")
    assert found.code == 0
    assert "No plan has changes: there is nothing to approve.\n" in found.err
    assert fleet.run("apply", "--auto-approve").code == 0


def test_a_broken_tenant_and_one_that_is_switched_off_keep_no_other_from_its_apply(fleet: FleetWorkspace) -> None:
    (fleet.folder("acme") / "users" / "people.yaml").write_text("- [\n")
    fleet.configure("globex", provisioning={"enabled": False})
    fleet.desire("globex", department="Moved")
    fleet.desire("initech", department="Moved")
    found = fleet.run("apply", "--auto-approve", "-o", str(fleet.out))
    assert found.code == 1
    assert {name: fleet.result(name)["exit_code"] for name in NAMES} == {"acme": 1, "globex": 0, "initech": 0}
    assert fleet.result("acme")["error"].startswith("users/people.yaml:")
    assert writes(fleet) == {"acme": 0, "globex": 0, "initech": 5}


def test_beyond_the_limit_of_failed_tenants_no_further_one_is_written(fleet: FleetWorkspace) -> None:
    limits = {"tenants": "tenants/*", "guards": {"failed": {"count": 0}}}
    (fleet.root / "fleet.yaml").write_text(json.dumps(limits))
    (fleet.folder("acme") / "users" / "people.yaml").write_text("- [\n")
    fleet.desire("globex", department="Moved")
    fleet.desire("initech", department="Moved")
    found = fleet.run("apply", "--auto-approve", "-o", str(fleet.out), "--at-once", "1")
    assert found.code == 3
    assert {name: fleet.result(name)["exit_code"] for name in NAMES} == {"acme": 1, "globex": 3, "initech": 3}
    assert fleet.result("initech")["error"] == "not begun: the limit of failed tenants was reached"
    assert writes(fleet) == dict.fromkeys(NAMES, 0)


def test_what_failed_in_the_first_wave_is_run_again_and_no_later_wave(fleet: FleetWorkspace) -> None:
    """The way on that a closed gate names begins no tenant of a later wave."""
    waves = [{"name": "canary", "tenants": ["acme"]}, {"name": "rest"}]
    (fleet.root / "fleet.yaml").write_text(json.dumps({"tenants": "tenants/*", "waves": waves}))
    for name in NAMES:
        fleet.desire(name, department="Moved")
    git = GitRepository(fleet.root, ".")
    git.commit("fleet", {".gitignore": "/out/\n/done/\n/tokens/\n/home/\nplans/\n"})
    done, token = str(fleet.root / "done"), fleet.services["acme"].token
    fleet.run("plan", "-o", str(fleet.out))
    (fleet.tokens / "acme").write_text("x" * 40)
    assert fleet.run("apply", "--plans", str(fleet.out), "--wave", "canary", "-o", done).code == 1
    found = fleet.run("retry", done, "--plans", str(fleet.out))
    assert (found.code, writes(fleet)) == (1, dict.fromkeys(NAMES, 0))
    assert 'Running again: 1 tenant of the wave canary, "acme".\n' in found.err
    found = fleet.run("retry", done, "--plans", str(fleet.out), "--wave", "rest")
    assert (found.code, writes(fleet)) == (3, dict.fromkeys(NAMES, 0))
    assert "the gate after canary is closed, so rest cannot begin" in found.err
    (fleet.tokens / "acme").write_text(token)
    for count in (0, 5):
        found = fleet.run("retry", done, "--plans", str(fleet.out))
        assert (found.code, writes(fleet)) == (0, {"acme": 5, "globex": count, "initech": count})


def test_swapped_tokens_change_nothing(fleet: FleetWorkspace) -> None:
    for name in ("acme", "globex"):
        fleet.desire(name, department="Moved")
    tokens = [(fleet.tokens / name).read_text() for name in ("acme", "globex")]
    for name, token in zip(("globex", "acme"), tokens, strict=True):
        (fleet.tokens / name).write_text(token)
    assert fleet.run("apply", "--auto-approve", "-o", str(fleet.out)).code == 3
    assert [fleet.result(name)["exit_code"] for name in NAMES] == [3, 3, 0]
    assert writes(fleet) == dict.fromkeys(NAMES, 0)


def test_one_token_for_two_tenants_is_an_error_before_any_request_of_the_second(fleet: FleetWorkspace) -> None:
    (fleet.tokens / "globex").write_text((fleet.tokens / "acme").read_text())
    found = fleet.run("plan", "--at-once", "1")
    assert found.code == 1
    assert "  globex: failed: this tenant has the same token as acme\n" in found.out
    assert fleet.services["globex"].log == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_token_of_a_tenant_is_in_no_other_process_and_in_no_file(fleet: FleetWorkspace) -> None:
    found: dict[str, dict[int, bytes]] = {}

    def look(_entry: object) -> None:
        for name in NAMES:
            found.setdefault(name, {}).update(list_processes(fleet.services[name].token))

    for service in fleet.services.values():
        service.after = look
    for name in NAMES:
        fleet.desire(name, department="Moved")
    process = fleet.start("apply", "--auto-approve", "-o", "out")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert found == {name: {} for name in NAMES}, "no command line, no environment"
    files = [file for file in fleet.root.rglob("*") if file.is_file() and file.parent != fleet.tokens]
    assert len(files) > 20
    for content in (out, err, *(file.read_bytes() for file in files)):
        assert b"canary-of" not in content


def test_the_files_of_a_run_are_not_put_into_a_tenant(fleet: FleetWorkspace) -> None:
    for place in ("tenants", "tenants/acme", "tenants/acme/out"):
        found = fleet.run("plan", "-o", str(fleet.root / place))
        assert found.code == 64
        assert "-o is a folder of tenants, or inside of one" in found.err


def test_a_signal_ends_an_apply_of_many_as_it_ends_that_of_one(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    process: list[subprocess.Popen[bytes]] = []
    seen: set[str] = set()

    def interrupt(entry: object) -> None:
        if "PATCH" in str(entry) and not seen:
            seen.add("")
            process[0].send_signal(signal.SIGTERM)
            time.sleep(0.3)

    for service in fleet.services.values():
        service.after = interrupt
    process.append(fleet.start("apply", "--auto-approve", "-o", "out", "--at-once", "2"))
    out, err = process[0].communicate(timeout=60)
    assert process[0].returncode == 130, err
    assert fleet.result("initech")["error"] == "not begun: the run was interrupted"
    assert b"interrupted" in out
    for name in NAMES:
        receipts = "".join(file.read_text() for file in fleet.receipts(name))
        assert receipts.count('"result": "done"') == len(fleet.services[name].writes), "what was sent is on record"
    for service in fleet.services.values():
        service.after = None
    assert fleet.run("apply", "--auto-approve").code == 0
    assert {name: fleet.departments(name) for name in NAMES} == {name: {"Moved"} for name in NAMES}


def test_two_applies_at_once_write_each_change_once(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    both = [fleet.start("apply", "--auto-approve", "-o", f"out-{number}") for number in range(2)]
    codes = [process.wait(timeout=60) for process in both]
    assert set(codes) <= {0, 1}
    assert fleet.run("apply", "--auto-approve").code == 0
    assert writes(fleet) == dict.fromkeys(NAMES, 5)


def test_a_killed_run_leaves_no_process_and_the_next_one_finishes(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    home = fleet.environment["HOME"]
    process: list[subprocess.Popen[bytes]] = []

    def kill(entry: object) -> None:
        if "PATCH" in str(entry):
            process[0].kill()

    for service in fleet.services.values():
        service.after = kill
    process.append(fleet.start("apply", "--auto-approve", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert process[0].wait(timeout=60) == -9
    wait_until(lambda: not list_processes(home))
    assert fleet.run("apply", "--auto-approve").code == 0
    assert {name: fleet.departments(name) for name in NAMES} == {name: {"Moved"} for name in NAMES}
    assert all(count <= 5 + 5 for count in writes(fleet).values())


@pytest.mark.parametrize("verb", ["plan", "drift", "apply"])
def test_a_killed_run_leaves_no_result_of_an_earlier_one(fleet: FleetWorkspace, verb: str) -> None:
    approve = ["--auto-approve"] if verb == "apply" else []
    assert fleet.run(verb, "-o", str(fleet.out), *approve).code == 0
    assert len(list(fleet.out.glob("*/result.json"))) == len(NAMES)
    home = fleet.environment["HOME"]
    process: list[subprocess.Popen[bytes]] = []
    for service in fleet.services.values():
        service.after = lambda _entry: process[0].kill()
    options = ["--at-once", "1", "-o", str(fleet.out), *approve]
    process.append(fleet.start(verb, *options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert process[0].wait(timeout=60) == -9
    wait_until(lambda: not list_processes(home))
    # The first one may have ended; the others were never begun.
    assert {file.parent.name for file in fleet.out.glob("*/result.json")} <= {NAMES[0]}
    assert {file.parent.name for file in fleet.out.glob("*/plan.json")} <= {NAMES[0]}


def test_a_tenant_without_a_plan_in_the_directory_is_stale(fleet: FleetWorkspace) -> None:
    fleet.desire("initech", department="Moved")
    fleet.run("plan", "-o", str(fleet.out))
    (fleet.out / "initech" / "plan.json").unlink()
    found = fleet.run("apply", "--plans", str(fleet.out), "-o", str(fleet.root / "applied"))
    assert (found.code, writes(fleet)["initech"]) == (4, 0)
    assert "  initech: stale: no plan of this tenant was reviewed\n" in found.out


def test_a_copied_folder_writes_nothing_to_the_organisation_of_the_first(fleet: FleetWorkspace) -> None:
    """Not by the copied domains, and not by a line that names the other tenant."""
    shutil.copytree(fleet.folder("globex"), fleet.folder("zeta"))
    fleet.configure("zeta")
    (fleet.folder("zeta") / "users/people.yaml").write_text("[]\n")
    fleet.folder("zeta").joinpath("tenant.yaml").write_text("domains: [GLOBEX.example]\n")
    found = fleet.run("apply", "--auto-approve")
    assert found.code == 1
    assert 'the domain "globex.example" belongs to 2 tenants: "globex", "zeta"' in found.err

    target = {"profile": "scim", "base_url": fleet.address.base_url, "tenant": "globex"}
    fleet.configure("zeta", target=target)
    assert fleet.run("apply", "--auto-approve", "-o", str(fleet.out)).code == 1
    assert "target.tenant is (hidden), but the folder of this tenant is" in fleet.result("zeta")["error"]
    alone = run(["reconciler", "apply", "--state", str(fleet.folder("zeta")), "--auto-approve"])
    assert alone.code == 1
    assert 'target.tenant is "globex", but the folder of this tenant is "zeta"' in alone.err
    assert writes(fleet) == dict.fromkeys(NAMES, 0)


def test_swapped_tokens_write_nothing(fleet: FleetWorkspace) -> None:
    one, other = fleet.tokens / "acme", fleet.tokens / "globex"
    one.write_text(fleet.services["globex"].token)
    other.write_text(fleet.services["acme"].token)
    for name in ("acme", "globex"):
        fleet.desire(name, department="Moved")
    assert fleet.run("apply", "--auto-approve", "-o", str(fleet.out)).code == 3
    assert fleet.result("acme")["error"] == "the guard tenant blocks it"
    for name in ("acme", "globex"):
        (fleet.folder(name) / "tenant.yaml").unlink()
    assert fleet.run("apply", "--auto-approve").code == 1
    assert run(["reconciler", "apply", "--state", str(fleet.folder("acme")), "--auto-approve"]).code == 1
    assert writes(fleet) == dict.fromkeys(NAMES, 0)


def test_a_tenant_that_is_switched_off_or_blocked_made_nothing(fleet: FleetWorkspace) -> None:
    for name in NAMES:
        fleet.desire(name, department="Moved")
    fleet.configure("acme", provisioning={"enabled": False})
    fleet.configure("globex", guards={"updates": {"percent": 1}})
    found = fleet.run("apply", "--auto-approve", "-o", str(fleet.out))
    assert found.code == 3
    assert fleet.result("acme")["counts"] == fleet.result("globex")["counts"] == {}
    assert [fleet.result(name)["held"] for name in NAMES] == [True, False, False]
    assert "  acme: held: provisioning is switched off, nothing was sent\n" in found.out
    assert "Users: 0 created, 5 updated, 0 removed, 0 unchanged, 0 failed." in found.out
    assert {name for name, count in writes(fleet).items() if count} == {"initech"}


def test_plans_of_an_earlier_commit_than_was_applied_are_stale(fleet: FleetWorkspace) -> None:
    """A user is removed, that fails, and the revert is applied without a change, and so without a receipt."""
    repository = GitRepository(fleet.root, ".")
    ignored = "/fleet/\n/out*/\n/done*/\n/tokens/\n/home/\nplans/\n.reconciler/\n"
    (fleet.root / ".gitignore").write_text(ignored)
    for name in NAMES:
        fleet.desire(name)
    repository.commit("first")

    def gather_apply(*arguments: str, done: str) -> None:
        fleet.run("apply", *arguments, "-o", str(fleet.root / done))
        fleet.run("gather", "--verb", "apply", "--base", "applied", str(fleet.root / done))

    gather_apply("--auto-approve", done="done1")
    before = (fleet.folder("acme") / "users/people.yaml").read_text()
    fleet.desire("acme", 4)
    fleet.desire("globex", department="Moved")
    removes = repository.commit("removes")
    fleet.run("plan", "--base", "applied", "-o", str(fleet.out))
    (fleet.folder("acme") / "users/people.yaml").write_text(before)
    later = repository.commit("reverts")
    gather_apply("--auto-approve", "--base", removes, done="done2")
    repository.git("checkout", "--quiet", removes)

    for arguments in (("--plans", str(fleet.out)), ("--auto-approve", "--base", "applied")):
        found = fleet.run("apply", *arguments, "-o", str(fleet.root / "done3"))
        assert found.code == 4
        why = f"the later commit {later[:12]} has been applied, and this one would undo it"
        assert f"  acme: stale: {why}\n" in found.out
        assert "Run the newest commit instead." in found.err
    assert writes(fleet) == {"acme": 0, "globex": 5, "initech": 0}, "globex is the same in both commits"
