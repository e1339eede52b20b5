"""Whatever is wrong with files, places and streams: an exit code of the contract, words, and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import COMMAND, CommandWorkspace, OpenCommandWorkspace, messages, run, sample_users
from support.servers.fake_scim import Logged, ServerFaults
from support.workspace import CommandResult

BINARY = bytes(range(256)) * 4


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(3, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


def fails(answer: CommandResult, *words: str, code: int = 1) -> None:
    assert "Traceback" not in answer.err
    assert answer.code == code, answer.out + answer.err
    assert messages(answer.err), "an error has words"
    for word in words:
        assert word in answer.err


# --- the desired state ------------------------------------------------------------------


def remove(path: Path) -> None:
    path.unlink()


def binary(path: Path) -> None:
    path.write_bytes(BINARY)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def outside(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def utf16(path: Path) -> None:
    path.write_text(path.read_text("utf-8"), "utf-16")


def deep(path: Path) -> None:
    path.write_text("[" * 20_000)


def deep_keys(path: Path) -> None:
    path.write_text("? " * 20_000)


def bomb(path: Path) -> None:
    path.write_text("a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(f"{c}: &{c} [*a, *a, *a]\n" for c in "bcdefgh"))


def list_of_numbers(path: Path) -> None:
    path.write_text("- 1\n- 2\n")


def number(path: Path) -> None:
    path.write_text("9" * 60_000)


def long_line(path: Path) -> None:
    path.write_text(f'a: "{"x" * 10_000_000}"')


def many_lines(path: Path) -> None:
    path.write_text("- x\n" * 50_000)


SPOILS: list[Callable[[Path], None]] = [
    remove, binary, empty, folder, pipe, loop, outside, dangling, utf16, deep, deep_keys, bomb, list_of_numbers, number,
    long_line, many_lines,
]  # fmt: skip
FINE = {("users/people.yaml", remove), ("users/people.yaml", folder)}
"""No people: no mistake of validate's (a guard of plan's)."""


@pytest.mark.parametrize(
    ("name", "spoil"),
    [(name, spoil) for name in ("settings.yaml", "users/people.yaml") for spoil in SPOILS]
    + [
        (name, spoil) for name in ("scope.yaml", "mappings.yaml", "groups/g.yaml") for spoil in (binary, dangling, bomb)
    ],
)
def test_a_corrupt_file_is_an_error_with_a_message(
    spoil: Callable[[Path], None], name: str, work: CommandWorkspace
) -> None:
    if not (work.state / name).exists():
        work.write(name, "sync: all\n" if name == "scope.yaml" else "")
    spoil(work.state / name)
    answer = work.run("validate")
    if (name, spoil) in FINE:
        assert answer.code == 0
        assert work.apply().code == 3
        return
    fails(answer, f"on {name}:")
    assert len(answer.err) < 60_000
    assert work.apply().code == 1
    assert work.service.writes == []


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("guards", {"removals": {"count": "9" * 5000}}),
        ("guards", {"removals": {"count": -1}}),
        ("guards", {"removals": {"percent": 1e999}}),
        ("guards", {"removals": {"percent": "nan"}}),
        ("lifecycle", {"delete_after_days": "many"}),
        ("lifecycle", []),
        ("guards", "none"),
        ("approvals", {"plan": "x"}),
        ("approvals", [{"plan": "sha256:" + "0" * 64, "until": "9999-99-99", "reason": "x"}]),
        ("ownership", "("),
        ("ownership", "(" * 5000),
        ("ownership", 'not (externalId eq "' + "\\" * 101),
        ("target", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_invalid_settings_are_errors(section: str, value: object, work: CommandWorkspace) -> None:
    text = json.dumps({"target": {"profile": "scim", "base_url": work.base_url}, section: value})
    work.write("settings.yaml", text.replace("NaN", ".nan").replace("Infinity", ".inf"))
    answer = work.run("plan")
    fails(answer, "on settings.yaml:")


def test_limits_have_no_upper_bound(work: CommandWorkspace) -> None:
    work.settings(guards={"removals": {"count": 10**400}}, lifecycle={"delete_after_days": 10**400})
    work.users([])
    assert work.run("plan").code == 3


@pytest.mark.parametrize("moment", ["9999-12-31", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_the_ends_of_time(moment: str, work: CommandWorkspace) -> None:
    assert work.run("plan", "--now", moment).code in (0, 64)


STATES: dict[str, str] = {
    "no such directory": "nowhere",
    "a file": "desired-state/settings.yaml",
    "an empty name": "",
    "a directory without settings": "plans",
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("command", ["validate", "plan", "demo"])
def test_a_state_that_is_none(command: str, name: str, work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from support.workspace import run  # noqa: PLC0415

    (work.root / "plans").mkdir(exist_ok=True)
    monkeypatch.chdir(work.root)
    answer = run(["reconciler", command, "--state", STATES[name]])
    fails(answer, code=64 if command == "demo" else 1)


@pytest.mark.parametrize("command", ["validate", "plan", "demo"])
def test_a_state_whose_name_is_too_long(command: str, work: CommandWorkspace) -> None:
    fails(run(["reconciler", command, "--state", "x" * 5000]), code=1)


# --- plans and receipts -----------------------------------------------------------------


def as_yaml(_plan: str) -> str:
    return "target: {profile: scim}\n"


def cut_off(plan: str) -> str:
    return plan[: len(plan) // 2]


def edited(plan: str) -> str:
    return plan.replace("Moved", "Elsewhere")


def of_the_future(plan: str) -> str:
    return plan.replace('"format_version": "1.0"', '"format_version": "9.0"')


def with_a_huge_number(plan: str) -> str:
    return plan.replace('"wave": ', '"wave": 9' + "9" * 5000)


def with_a_naive_date(plan: str) -> str:
    return plan.replace("+00:00", "")


def with_nan(plan: str) -> str:
    return plan.replace('"wave": ', '"wave": NaN, "x": ')


def of_an_unknown_profile(plan: str) -> str:
    return plan.replace('"profile": "scim"', '"profile": "ldap"')


def deep_json(_plan: str) -> str:
    return "[" * 100_000


def a_list(_plan: str) -> str:
    return "[]"


def nothing(_plan: str) -> str:
    return ""


PLANS = [as_yaml, cut_off, edited, of_the_future, with_a_huge_number, with_a_naive_date, with_nan,
         of_an_unknown_profile, deep_json, a_list, nothing]  # fmt: skip


@pytest.mark.parametrize("spoil", PLANS)
def test_a_spoilt_plan_is_not_applied_and_not_shown(spoil: Callable[[str], str], work: CommandWorkspace) -> None:
    file = work.saved()
    file.write_text(spoil(file.read_text()))
    shown, applied = work.run("show", str(file)), work.run("apply", str(file))
    assert work.service.writes == []
    fails(shown)
    fails(applied)


def test_an_odd_place_in_a_plan_is_left_out(work: CommandWorkspace) -> None:
    file = work.saved()
    file.write_text(file.read_text().replace("users/people.yaml:1:3", f"users/people.yaml:{'9' * 5000}:3"))
    assert work.run("show", str(file)).code == 0


@pytest.mark.parametrize("content", [BINARY, b"{}\n\n[]\n", b"null\n", b"1\n2", b"\n", b'{"event": 1, "time": {}}\n'])
def test_an_odd_receipt_is_shown_or_refused(content: bytes, work: CommandWorkspace) -> None:
    receipt = work.plans / "2026-01-01-x" / "receipt.jsonl"
    receipt.parent.mkdir(parents=True)
    receipt.write_bytes(content)
    shown = work.run("show", str(receipt))
    assert shown.code in (0, 1)
    assert "Traceback" not in shown.err
    planned = work.run("plan")
    assert planned.code in (0, 1)
    assert "Traceback" not in planned.err


PLACES = {
    "a directory": ".",
    "a place below a file": "desired-state/settings.yaml/x",
    "a device that is full": "/dev/full/x",
    "a place in /proc": "/proc/nowhere/plan.json",
    "a very long name": "x" * 5000,
}


@pytest.mark.parametrize("name", PLACES)
def test_a_plan_that_cannot_be_saved_is_an_error(name: str, work: CommandWorkspace) -> None:
    fails(work.run("plan", "-o", str(work.root / PLACES[name])), "cannot write")


@pytest.mark.parametrize("name", [".", "nowhere.json", "desired-state/settings.yaml/x", "x" * 5000])
def test_a_plan_that_cannot_be_read_is_an_error(name: str, work: CommandWorkspace) -> None:
    for command in ("show", "apply"):
        fails(work.run(command, str(work.root / name)))
    fails(work.run("show", str(work.root / f"{name}.jsonl")))


def test_plans_that_cannot_be_written_stop_the_apply_before_it_begins(work: CommandWorkspace) -> None:
    work.plans.write_text("in the way")
    fails(work.apply(), "cannot list")
    assert work.service.writes == []


def test_files_that_may_not_be_read_or_written(work: CommandWorkspace) -> None:
    secret = work.state / "users" / "people.yaml"
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("root may read and write everything")
    fails(work.run("validate"), "on users/people.yaml:")
    secret.chmod(0o600)
    (work.state / "users").chmod(0)
    try:
        fails(work.run("validate"), "users")
    finally:
        (work.state / "users").chmod(0o700)
    work.root.chmod(0o500)
    try:
        fails(work.run("plan", "-o", str(work.root / "new.json")), "cannot write")
        fails(work.apply(), "cannot write")
    finally:
        work.root.chmod(0o700)
    assert work.service.writes == []


# --- the process itself -----------------------------------------------------------------


def test_a_device_that_is_full_is_no_traceback(work: CommandWorkspace) -> None:
    with Path("/dev/full").open("wb") as full:
        answer = work.command("validate", stdout=full)
    fails(answer)


def test_without_home_locale_and_path(work: CommandWorkspace) -> None:
    work.environment = {name: value for name, value in work.environment.items() if name.startswith("RECONCILER")}
    work.users(sample_users(3, department="Zoë 花子")[1])
    planned = work.command("plan", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert "Traceback" not in planned.err
    assert planned.code == 0
    assert "Plan: 0 to create, 3 to update, 0 to delete." in planned.out


def by_shell(work: CommandWorkspace, line: str, place: Path) -> CommandResult:
    answer = subprocess.run(
        ["sh", "-c", line], cwd=place, capture_output=True, text=True, check=False, env=work.environment
    )
    return CommandResult(answer.returncode, answer.stdout, answer.stderr)


def test_a_directory_that_has_gone(work: CommandWorkspace, tmp_path: Path) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    fails(by_shell(work, f'rmdir "{place}"; exec "{COMMAND}" validate', place), "desired-state")


@pytest.mark.parametrize(("line", "code"), [("validate >&-", 0), ("validate 2>&-", 0), ("apply <&-", 64)])
def test_a_stream_that_is_closed(line: str, code: int, work: CommandWorkspace) -> None:
    answer = by_shell(work, f'exec "{COMMAND}" {line}', work.root)
    assert (answer.code, "Traceback" in answer.err) == (code, False)
    if "2>&-" in line:
        assert answer.out.startswith("The desired state is valid: 3 users")


def test_the_service_goes_away_in_the_middle(work: CommandWorkspace) -> None:
    def cut(entry: Logged) -> None:
        if entry.nth_write == 1:
            work.service.faults = ServerFaults(error_on_page=1, write_error_on=2, write_error_times=None)

    work.service.after = cut
    answer = work.apply()
    fails(answer, code=5)
    assert "2 not done" in answer.out
    work.service.after, work.service.faults = None, ServerFaults()
    assert work.apply().code == 0
    assert work.run("plan", "--detailed-exitcode").code == 0
