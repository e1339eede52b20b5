"""The documents and the project agree: every file, test, function, link and anchor that a document names exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer

from reconciler.cli import app
from reconciler.core.policy import APPROVABLE_GUARDS, FINAL_GUARDS
from reconciler.github.import_branch import BRANCH
from reconciler.github.reviewed_plan import CONTEXT
from reconciler.render.labels import SECTION_LABELS
from reconciler.session.checks.environment import VARIABLES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for folder, pattern in (
        ("", "*.md"),
        ("docs", "**/*.md"),
        ("examples", "**/*.md"),
        (".github", "**/*.md"),
        ("reconciler", "**/*.md"),
        ("tests", "*/*.md"),
    )
    for path in (ROOT / folder).glob(pattern)
)
BASES = ("", "reconciler", "tests", "tests/chaos")
"""Where a path in a document may begin."""

FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FILE = re.compile(r"((?:[\w.-]+/)*[\w.-]+\.(?:py|json|yml|toml))(?:::(\w+))?")
FOLDER = re.compile(r"(?:reconciler|tests|docs)(?:/[\w.-]+)+/?")
GENERATED = {"NAME.py", "plan.json", "drift.json", "schema.json", "refusal.json", "httpx.py", "plan.yml", "apply.yml"}
"""Names of files that users, runs or attackers make, or that stand for one of many."""
CLASS = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]*)+")
FOREIGN = {"DefaultDomain", "McDonald", "RandomString", "SelectUniqueValue", "ServiceProviderConfig"}
"""Names of Entra and SCIM, and of a user."""
HOSTS = {
    "docs.astral.sh",
    "docs.github.com",
    "keepachangelog.com",
    "pipx.pypa.io",
    "pre-commit.com",
    "procrastinate.readthedocs.io",
    "semver.org",
}
"""Where links outside may lead: documentation of others that is there to stay."""
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
STATUS = re.compile(r"^# (\d+)\. .+\n\n(\*\*Status:\*\* Accepted, \d{4}-\d\d-\d\d\.(?:.|\n)*?)\n\n")
ROW = re.compile(r"^\| (\d+) \|", re.MULTILINE)


def prose(document: Path) -> str:
    """The text of a document without its code blocks."""
    return FENCE.sub("", (ROOT / document).read_text("utf-8"))


def named_files(document: Path) -> list[tuple[str, str]]:
    """The files, and functions or classes in them, that a document names in code: `path/to/file.py::name`."""
    spans = CODE.findall(prose(document))
    return [
        match.groups("") for span in spans if (match := FILE.fullmatch(span)) and Path(match[1]).name not in GENERATED
    ]


def resolve(file: str) -> list[Path]:
    return [path for base in BASES if (path := ROOT / base / file).is_file()]


def exists(file: str, name: str) -> bool:
    definition = re.compile(rf"^\s*(?:async )?(?:def|class) {name}\b|^{name}\b.*=", re.MULTILINE)
    return any(not name or definition.search(path.read_text("utf-8")) for path in resolve(file))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_each_file_test_and_function_that_a_document_names_exists(document: Path) -> None:
    missing = ["::".join(named) for named in named_files(document) if "/" in named[0] and not exists(*named)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_each_folder_that_a_document_names_exists(document: Path) -> None:
    folders = [
        span
        for span in CODE.findall(prose(document))
        if FOLDER.fullmatch(span) and not span.endswith("/NAME.py") and span not in (BRANCH, CONTEXT)
    ]
    assert [folder for folder in folders if not (ROOT / folder).exists()] == []


def test_each_class_that_a_document_for_developers_names_exists() -> None:
    documents = [*DECISIONS, ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"]
    named = {span for path in documents for span in CODE.findall(prose(path)) if CLASS.fullmatch(span)} - FOREIGN
    source = "".join(path.read_text("utf-8") for path in (ROOT / "reconciler").rglob("*.py"))
    assert named
    assert named - set(re.findall(r"^class (\w+)", source, re.MULTILINE)) == set()


@pytest.mark.parametrize("document", ["entra.md", "security.md"])
def test_a_document_with_witnesses_names_some_in_each_table_row(document: str) -> None:
    rows = [line for line in prose(Path("docs") / document).splitlines() if line.startswith("| ")]
    rows = [row for row in rows if "verified by" not in row and not row.startswith("| ---")]
    assert rows
    assert [row for row in rows if not re.search(r"`[\w/]+\.py(?:::\w+)?`[^|]*\|$", row)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_each_command_and_option_that_a_document_names_exists(document: Path) -> None:
    text = (ROOT / document).read_text("utf-8")
    blocks = re.sub(r" \\\n>? *", " ", "\n".join(FENCE.findall(text)))
    lines = re.findall(r"^(?:\$ )?(?:\.venv/bin/)?(reconciler [a-z][^#\n>]*)", blocks, re.MULTILINE)
    spans = [" ".join(span.split()) for span in CODE.findall(prose(document)) if re.match(r"reconciler [a-z]", span)]
    assert [line for line in (*lines, *spans) if not is_command(line)] == []


def is_command(line: str) -> bool:
    """Whether the subcommands and long options of a line exist; other arguments are not judged."""
    command: Any = typer.main.get_command(app)
    names, options = [], []
    for word in shlex.split(line.replace("'", '"') if line.count("'") % 2 else line)[1:]:
        (options if word.startswith("--") else names).append(word)
    while names and hasattr(command, "commands"):
        if names[0] == "…" or (command.invoke_without_command and names[0].startswith(("-", "["))):
            break
        if names[0] not in command.commands:
            return False
        command = command.commands[names.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return {option.partition("=")[0] for option in options} <= known


def test_the_readme_fits_in_a_hundred_lines() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 100


def test_commands_are_judged_by_their_options() -> None:
    assert is_command("reconciler import entra-schema FILE --dry-run")
    assert not is_command("reconciler plan --dry-run")
    assert not is_command("reconciler github nothing")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    return {slug(heading) for heading in HEADING.findall(prose(document))}


def test_anchors_are_made_as_github_makes_them() -> None:
    assert slug("`reconciler rollback COMMIT|PLAN`") == "reconciler-rollback-commitplan"
    assert slug("users/**/*.yaml") == "usersyaml"
    assert slug("Why is this user …?") == "why-is-this-user-"


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_each_relative_link_and_anchor_leads_somewhere(document: Path) -> None:
    broken = [link for link in LINK.findall(prose(document)) if "://" not in link and not leads(document, link)]
    assert broken == []


def test_links_outside_are_https_and_lead_to_known_hosts() -> None:
    links = {link for each in DOCUMENTS for link in LINK.findall(prose(each)) if "://" in link}
    assert links
    assert {link for link in links if not link.startswith("https://")} == set()
    assert {urlsplit(link).netloc for link in links} - HOSTS == set()


def test_every_document_can_be_reached_from_the_readme() -> None:
    found, new = set[Path](), {ROOT / "README.md"}
    while new:
        found |= new
        links = {(each.parent / link.partition("#")[0]).resolve() for each in new for link in LINK.findall(prose(each))}
        links |= {link / "README.md" for link in links if link.is_dir()}
        new = {link for link in links if link.suffix == ".md" and link.is_file()} - found
    pages = {ROOT / each for each in DOCUMENTS if each.parts[0] in {"docs", "CONTRIBUTING.md", "SECURITY.md"}}
    assert pages - found == set()


def leads(document: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = (ROOT / document).parent / file if file else ROOT / document
    return target.exists() and (not anchor or anchor in anchors(target.relative_to(ROOT)))


def test_every_decision_has_a_status_and_what_supersedes_it_says_so_too() -> None:
    found = [STATUS.match(path.read_text("utf-8")) for path in DECISIONS]
    assert [path.name for path, status in zip(DECISIONS, found, strict=True) if status is None] == []
    statuses = {int(status[1]): " ".join(status[2].split()) for status in found if status}
    pairs = [(old, new) for old, text in statuses.items() for new in superseding(text)]
    assert pairs
    assert [(old, new) for old, new in pairs if not re.search(rf"\[{old}\]", statuses[new])] == []


def superseding(status: str) -> list[int]:
    """The decisions by which a status says that its own is superseded, wholly or in part."""
    passive = re.findall(r"superseded by \[(\d+)\]", status)
    active = re.findall(r"\[(\d+)\]\([\w.-]+\) supersedes", status)
    return [int(number) for number in (*passive, *active)]


def test_the_index_of_decisions_has_their_titles_and_says_which_are_superseded() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    for path in DECISIONS:
        number, title = re.match(r"# (\d+)\. (.+)", path.read_text("utf-8")).groups()  # type: ignore[union-attr]
        (row,) = (line for line in index.splitlines() if f"({path.name})" in line)
        assert row.startswith(f"| {number} | [{title}]({path.name}) | Accepted"), path.name
        status = STATUS.match(path.read_text("utf-8"))
        assert status
        assert [int(n) for n in re.findall(r"superseded by (\d+)", row)] == superseding(" ".join(status[2].split()))


def test_every_feature_of_entra_has_its_row() -> None:
    rows = [int(number) for number in ROW.findall((ROOT / "docs" / "entra.md").read_text("utf-8"))]
    assert rows == list(range(1, 37))


def test_every_guard_is_explained() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "guards.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted((*APPROVABLE_GUARDS, *FINAL_GUARDS))


def test_the_table_of_layers_is_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = (each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    wanted = [re.findall(r"[\w.]+", layer) for layer in contract["layers"]]
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.partition("| # | layer |\n")[2].partition("\n\n")[0]
    assert [CODE.findall(line) for line in table.splitlines()[1:]] == wanted


def test_every_package_is_described() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("\n## Packages\n")[2].partition("\n## ")[0]
    packages = {path.parent.relative_to(ROOT / "reconciler") for path in (ROOT / "reconciler").glob("*/__init__.py")}
    assert {str(package) for package in packages} <= set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_there_are_twenty_questions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("\n## Where is …?\n")[2]
    assert [int(number) for number in ROW.findall(text)] == list(range(1, 21))


def test_the_section_headings_of_quoted_plans_are_those_that_plans_have() -> None:
    text = (ROOT / "docs" / "pull-requests.md").read_text("utf-8")
    quoted = [line for block in FENCE.findall(text) for line in block.splitlines() if re.match(r"[A-Z].*:$", line)]
    headings = {f"{label.heading}{label.explanation}" for label in SECTION_LABELS.values()}
    assert quoted
    assert [line for line in quoted if re.sub(r"(, since commit [0-9a-f]+ \(.*\))?:$", "", line) not in headings] == []


def test_the_variables_of_the_environment_are_those_that_a_check_knows() -> None:
    table = re.findall(r"^\| (`RECONCILER_.*?) \|", (ROOT / "docs" / "environment.md").read_text(), re.MULTILINE)
    assert {name for row in table for name in re.findall(r"RECONCILER_[A-Z_]+", row)} == VARIABLES
