"""`init`: a new repository from the package's templates, which are also the source of the project's own workflows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler import __version__
from reconciler.commands.schema import render_schema
from reconciler.core.text import escape_control, quote
from reconciler.desired.json_schemas import KINDS, PARTIAL
from reconciler.errors import ExitCode, PlanFileError, ReconcilerError, UsageError
from reconciler.profiles import PROFILES
from reconciler.record.files import read_file, write_bytes, write_private_bytes
from reconciler.session.sandbox_service import empty_sandbox
from reconciler.session.terminal import Terminal

TEMPLATES = Path(__file__).parents[1] / "templates"
FLEET = "fleet"
"""The directory of the templates of a fleet."""
_SHARED = "requirements"
"""The directory of the templates that both kinds of repositories have."""
_STATE = "desired-state"
_DEMO = "demo"
WORKFLOWS = Path(".github/workflows")
ACTION = Path(".github/actions/reconciler/action.yml")
"""The action that the workflows can use; it is also the project's own."""
IMPORT_WORKFLOW = "import.yml"
"""The workflow that `init` writes only on request: it needs a directory to read."""
SYNC_WORKFLOW = "sync.yml"
"""The workflow that `init` writes only on request: it applies without a review, and it imports as well."""
SCHEMAS = Path("schemas")
"""JSON Schemas, which the first line of each file of the desired state names for editors."""
WHEEL = f"scim_reconciler-{__version__}-py3-none-any.whl"
INSTALL = (
    "python -m venv .venv",
    ".venv/bin/pip install --quiet --require-hashes -r requirements/dependencies.lock",
    ".venv/bin/pip install --quiet --require-hashes --no-deps -r requirements/reconciler.txt",
)
"""Commands that install the program in a repository made by `init`: from its own wheel, never from an index."""
_BASE_URLS = {
    "apple-business-manager": "https://federation.apple.com/feeds/business/scim",
    "apple-school-manager": "https://federation.apple.com/feeds/school/scim",
    "scim": "https://scim.example.com/v2",
}
_NEXT = """\
Created a repository in {where}: {count} files.

Try it out, without a token, on the embedded sandbox:
    {cd}reconciler {command}
"""
_WITH_WHEEL = """
Then push it and set up GitHub as its README.md describes."""
_WITHOUT_WHEEL = """
The workflows cannot install the program yet: its wheel is missing. For GitHub,
create the repository with `reconciler init{option} --wheel FILE`."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The command line of `init`. `wheel`: the file that the workflows install; it is copied.

    `imports`: with the workflow `import`. `sync`: with the workflow `sync`. `fleet`: of many tenants.
    """

    profile: str
    domain: str
    wheel: Path | None
    imports: bool = False
    sync: bool = False
    fleet: bool = False


def run_init(directory: Path, options: InitOptions, terminal: Terminal) -> ExitCode:
    """Write every file, or none and raise `UsageError` if one exists already."""
    if options.imports and options.sync:
        raise UsageError("--import and --sync write the same pull request", "The workflow `sync` imports too.")
    if options.fleet and (options.imports or options.sync):
        raise UsageError("--fleet has no workflow that imports people", "Leave out --import and --sync.")
    wheel = _read_wheel(options.wheel) if options.wheel is not None else None
    files = dict(_render_files(options, wheel))
    existing = [str(name) for name in files if (directory / name).exists() or (directory / name).is_symlink()]
    if existing:
        listed = "\n".join(escape_control(name) for name in existing)
        raise UsageError(f"{directory} is not empty, nothing was written", f"These files exist:\n{listed}")
    for name, content in files.items():
        # Receipts name people.
        write = write_private_bytes if name.parts[0] == "plans" else write_bytes
        write(directory / name, content)
    if not options.fleet:  # The sandbox of a tenant is made by its first plan.
        with suppress(ReconcilerError):  # The sandbox is an extra.
            empty_sandbox(directory / ".reconciler" / "sandbox.db", [options.domain])
    cd = "" if directory == Path() else f"cd {directory} && "
    command = "fleet plan --sandbox" if options.fleet else "plan --sandbox"
    terminal.result(
        _NEXT.format(where=directory.resolve(), count=len(files), cd=cd, command=command)
        + (_WITHOUT_WHEEL if wheel is None else _WITH_WHEEL).format(option=" --fleet" if options.fleet else "")
    )
    return ExitCode.OK


def _render_files(options: InitOptions, wheel: bytes | None) -> Iterator[tuple[Path, bytes]]:
    """Yield the relative path and the content of every file."""
    values = _template_values(options, wheel)
    for name, path in _list_templates(fleet=options.fleet):
        text = path.read_text("utf-8")
        as_is = name.suffix == ".lock" or name.name == ACTION.name
        yield _TARGETS.get(name.as_posix(), name), (text if as_is else _fill(text, values)).encode()
    for kind in KINDS:
        if kind not in (_KINDS_OF_ONE if options.fleet else _KINDS_OF_FLEETS):
            yield SCHEMAS / f"{kind}.json", render_schema(kind).encode()
    wanted = {IMPORT_WORKFLOW: options.imports, SYNC_WORKFLOW: options.sync}
    for file, text in render_workflows(INSTALL, fleet=options.fleet).items():
        if wanted.get(file, True):
            yield WORKFLOWS / file, text.encode()
    if wheel is not None:
        yield Path("requirements") / WHEEL, wheel


def _list_templates(*, fleet: bool) -> Iterator[tuple[Path, Path]]:
    """Yield the name of each file in the repository and its template, without workflows."""
    root = TEMPLATES / FLEET if fleet else TEMPLATES
    others = {"workflows", _SHARED, FLEET, _DEMO}
    for folder, left_out in ((root, others), (TEMPLATES / _SHARED, set[str]())):
        base = TEMPLATES if folder.name == _SHARED else root
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(base)
            if path.is_file() and name.parts[0] not in left_out:
                yield name, path


def render_desired_state(profile: str, domain: str) -> Iterator[tuple[Path, bytes]]:
    """Yield the path below the desired state and the content of each file that a new repository begins with."""
    values = _template_values(InitOptions(profile, domain, wheel=None), None)
    for name, path in _list_templates(fleet=False):
        if name.parts[0] == _STATE:
            yield name.relative_to(_STATE), _fill(path.read_text("utf-8"), values).encode()


_TARGETS = {"gitignore": Path(".gitignore"), "CODEOWNERS": Path(".github/CODEOWNERS"), "action.yml": ACTION}
"""Where templates go that are named otherwise here."""
_KINDS_OF_ONE = ("settings", "scope")
"""Files that no layer completes: in a fleet there are none."""
_KINDS_OF_FLEETS = ("fleet", "tenant", *PARTIAL)


def _template_values(options: InitOptions, wheel: bytes | None) -> Mapping[str, str]:
    if options.profile not in PROFILES:
        raise UsageError(f"--profile {quote(options.profile)} does not exist", f"There are {', '.join(PROFILES)}.")
    domain = options.domain.casefold()
    if not all(part.replace("-", "").isalnum() for part in domain.split(".")) or "." not in domain:
        raise UsageError(f"--domain {quote(options.domain)} is not a domain", "Write it like example.com.")
    locked = f" --hash=sha256:{hashlib.sha256(wheel).hexdigest()}" if wheel is not None else ""
    return {
        "PROFILE": options.profile,
        "BASE_URL": _BASE_URLS[options.profile],
        "DOMAIN": domain,
        "VERSION": __version__,
        "WHEEL": WHEEL,
        " HASH": locked,
    }


def _read_wheel(file: Path) -> bytes:
    """Read the wheel of this version. Raises `UsageError` for any other file."""
    if file.name != WHEEL:
        raise UsageError(f"--wheel {quote(file.name)} is not this version's wheel", f"Its name is {WHEEL}.")
    try:
        return read_file(file)
    except PlanFileError as exc:
        raise UsageError(exc.summary, "Name the wheel's file.") from exc


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def render_workflows(install: tuple[str, ...], jobs: str = "", *, fleet: bool = False) -> dict[str, str]:
    """Return the workflows by file name, with the commands that install the program; `jobs` are added to `ci.yml`.

    `fleet`: those of many tenants.
    """
    root = TEMPLATES / FLEET if fleet else TEMPLATES
    step = "".join(["- run: |\n", *(f"          {line}\n" for line in install)])
    return {
        path.name: path.read_text("utf-8").replace("# install\n", step).replace("# jobs\n", jobs)
        for path in sorted((root / "workflows").glob("*.yml"))
    }
