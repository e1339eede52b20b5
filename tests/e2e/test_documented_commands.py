"""Each command of `reconciler` that a page shows is run: by the test that follows the page, or here, page by page."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.documented_commands import (
    PAGES,
    ROOT,
    DocumentedCommand,
    on_the_sandbox,
    read_commands,
    without_a_question,
)
from support.git_repository import GitRepository
from support.servers.graph.companies import company
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.workspace import run

import reconciler
from reconciler.sandbox.server import start

FOLLOWED: Mapping[str, str] = {
    "docs/tutorial.md": "tests/e2e/test_tutorial.py",
    "docs/offboarding.md": "tests/integration/test_guides.py",
    "docs/merging-companies.md": "tests/integration/test_guides.py",
    "docs/rotating-tokens.md": "tests/integration/test_guides.py",
    "docs/operations.md": "tests/integration/test_operations.py",
    "docs/moving-from-entra.md": "tests/integration/test_moving_from_entra.py",
}
"""Pages that a test follows from the first step to the last."""
ELSEWHERE: Mapping[str, str] = {
    "reconciler demo": "tests/packages/test_installing.py",
    "reconciler login": "tests/support/login.py",
    "reconciler sandbox serve": "tests/e2e/test_sandbox_commands.py",
    "reconciler --install-completion": "tests/e2e/test_first_screens.py",
    "reconciler fleet worker": "tests/integration/test_fleet_queue.py",
    "reconciler fleet submit": "tests/integration/test_fleet_queue.py",
    "reconciler fleet gather": "tests/integration/test_fleet_runs.py",
    "reconciler fleet drift -o drift": "tests/integration/test_fleet_runs.py",
    "reconciler fleet plan --base applied": "tests/integration/test_fleet_runs.py",
    "reconciler fleet apply --base applied": "tests/integration/test_fleet_runs.py",
    "reconciler import entra-links": "tests/integration/test_moving_from_entra.py",
}
"""What a command begins with -> the test that runs it: it needs a browser, a server that stays, a database."""
OF_A_FLEET = frozenset(["docs/fleet.md", "docs/fleet-layers.md", "docs/environment.md"])
"""Pages whose reader has a fleet."""
SERVED = frozenset(["docs/disconnect.md"])
"""Pages whose sandbox is served as if it were elsewhere: with `--sandbox` it may be emptied at will."""
EXITS: Mapping[str, tuple[int, ...]] = {
    "docs/disconnect.md: reconciler plan": (1, 3, 0),
    # The filters of the job leave one department: too many removals.
    "docs/entra-import.md: reconciler import entra --with people,groups,scope,mappings,settings --dry-run": (3,),
}
"""Exit codes of a command that are not always 0, in order, as the page says."""
CSV: Mapping[str, str] = {
    "import csv staff.csv --map E-Mail": (
        "E-Mail,Personalnr,objectId,givenName,surname\nada@example.com,7,a-7,Ada,King\n"
    ),
    "import csv staff.csv --map Gesperrt": (
        "userPrincipalName,objectId,givenName,surname,Gesperrt,department\nada@example.com,a-7,Ada,King,no,IT\n"
    ),
    "import csv staff.csv": "userPrincipalName,objectId,givenName,surname\nada@example.com,a-7,Ada,King\n",
    "import csv google.csv": (
        "First Name [Required],Last Name [Required],Email Address [Required],Status [READ ONLY],Employee ID\n"
        "Bob,King,bob@example.com,Active,0007\n"
    ),
}
"""What the files are that a command imports."""

MORE = "".join(
    f"- {{objectId: id-{name}, userPrincipalName: {name}@example.com, givenName: {name}, surname: Smith}}\n"
    for name in ("ann", "cleo", "dora", "emil", "fay")
)


def to_run(page: str) -> list[DocumentedCommand]:
    """Return the commands of a page that no other test runs."""
    return [command for command in read_commands(page) if not command.line.startswith(tuple(ELSEWHERE))]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, which is the current one."""
    (tmp_path / "people").mkdir()
    monkeypatch.chdir(tmp_path / "people")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RECONCILER_TOKEN", "not-used-on-the-sandbox")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    return tmp_path / "people"


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    """A tenant of Entra, which commands can read."""
    tenant = company(6).tenant
    with GraphServer(tenant) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield tenant


def prepare(page: str, home: Path, tenant: Tenant) -> None:
    """Make what a reader of the page has: an example, or a repository whose users are applied, and an edit."""
    folder = ROOT / page
    if page.startswith("examples/") or page in OF_A_FLEET:
        example = folder.parent if page.startswith("examples/") else ROOT / "examples/school-fleet"
        shutil.copytree(example, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".reconciler", "plans"))
        if page == "docs/fleet.md":
            plan_a_fleet(home)
        return
    if page in ("README.md", "CONTRIBUTING.md"):
        shutil.copytree(ROOT / "desired-state", home / "desired-state")
        return
    must("init", ".", "--quiet")
    entra = f"tenant: {tenant.id}, client_id: {tenant.app.client_id}, application: Apple Business Manager"
    settings = Path("desired-state/settings.yaml")
    text = settings.read_text("utf-8").replace("domains: [", "domains: [contoso.com, ")
    settings.write_text(f"{text}source: {{entra: {{{entra}}}}}\n", "utf-8")
    Path("desired-state/scope.yaml").write_text("sync: all\n", "utf-8")
    Path("desired-state/users/more.yaml").write_text(MORE, "utf-8")
    git = GitRepository(home)
    git.commit("Begin")
    git.git("update-ref", "refs/remotes/origin/main", "HEAD")
    must("apply", "--sandbox", "--auto-approve", "--quiet")
    edited = Path("desired-state/users/people.yaml")
    edited.write_text(edited.read_text("utf-8").replace("surname: Example", "surname: King"), "utf-8")
    git.commit("Marry")
    must("plan", "--sandbox", "--quiet", "-o", "plan.json")
    shutil.copy(ROOT / "tests/fixtures/entra-apple-business-manager.json", "schema.json")
    if page == "docs/entra-schema.md":
        Path("desired-state/mappings.yaml").unlink()
    wheel = home / f"reconciler/dist/scim_reconciler-{reconciler.__version__}-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"a wheel")


def plan_a_fleet(home: Path) -> None:
    """Plan all tenants of a fleet with two waves into `out`."""
    fleet = home / "fleet.yaml"
    text = fleet.read_text("utf-8").replace("  - {name: early, tenants: [harbour-primary]}\n", "")
    fleet.write_text(text.replace("new_tenants: 2", "new_tenants: 4"), "utf-8")
    GitRepository(home, ".").commit("Begin")
    must("fleet", "plan", "--sandbox", "-o", "out")


def must(*words: str) -> None:
    """Run a command that has to succeed."""
    done = run(["reconciler", *words])
    assert done.code == 0, done.out + done.err


def fill_in(words: list[str], home: Path, printed: str) -> Iterator[str]:
    """Yield the words as a shell passes them on, with the reader's own values for what the page leaves open.

    `printed`: what the commands before have printed.
    """
    (*_, plan_id) = ("", *re.findall(r"sha256:[0-9a-f]{64}", printed))
    own = {
        "$kind": "users",
        "acme": "authority",
        "tenants/acme": "tenants/authority",
        "PLAN": "HEAD",
        "sha256:…": plan_id,
    }
    for word in words:
        if word.startswith("["):
            continue
        if word.startswith("/var/lib/"):
            yield str(home / Path(word).name)
        elif "*" in word and "/" in word:
            yield from map(str, sorted(Path().glob(word)))
        else:
            yield own.get(word, word).replace("~", str(Path.home()))


@pytest.fixture
def served(page: str, home: Path, directory: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Whether the sandbox is served as if it were elsewhere, in what the reader of the page has."""
    prepare(page, home, directory)
    if page not in SERVED:
        yield False
        return
    with start(Path(".reconciler/sandbox.db")) as sandbox:
        settings = Path("desired-state/settings.yaml")
        settings.write_text(re.sub("base_url: .*", f"base_url: {sandbox.base_url}", settings.read_text("utf-8")))
        monkeypatch.setenv("RECONCILER_TOKEN", sandbox.token)
        monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
        yield True


@pytest.mark.parametrize("page", [page for page in PAGES if page not in FOLLOWED and to_run(page)])
def test_the_commands_of_a_page_run(page: str, served: bool, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed, ended = "", Counter[str]()
    for command in to_run(page):
        words = list(fill_in((without_a_question if served else on_the_sandbox)(command.line), home, printed))
        line = " ".join(words[1:])
        file = next((text for start, text in CSV.items() if line.startswith(start)), None)
        if file is not None:
            Path(words[3]).write_text(file, "utf-8")
        done = run(words)
        name = f"{page}: {command.line}"
        expected = EXITS[name][ended[name]] if name in EXITS else 0
        ended[name] += 1
        assert done.code == expected, f"{line}\n{done.out}{done.err}"
        printed += done.out
        if words[1:3] == ["sandbox", "reconnect"]:
            monkeypatch.setenv("RECONCILER_TOKEN", done.out.strip())


def test_what_another_test_runs_is_named_there_and_is_documented() -> None:
    lines = [command.line for page in PAGES for command in read_commands(page)]
    for page, test in FOLLOWED.items():
        assert read_commands(page), page
        assert Path(page).name in (ROOT / test).read_text("utf-8") or page == "docs/tutorial.md"
    for beginning, test in ELSEWHERE.items():
        assert any(line.startswith(beginning) for line in lines), f"no page has {beginning}"
        assert f'"{beginning.split()[-1]}' in (ROOT / test).read_text("utf-8"), beginning


def test_every_command_is_found() -> None:
    assert sum(len(read_commands(page)) for page in PAGES) > 130
    assert EXITS.keys() <= {f"{each.page}: {each.line}" for page in PAGES for each in read_commands(page)}
