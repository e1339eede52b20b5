"""`init`: a new repository, from the templates in the package. The project's own workflows come from them too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler import __version__, bootstrap
from reconciler.core.text import printable, quoted
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.profiles import PROFILES
from reconciler.store.files import write_text
from reconciler.terminal import Terminal

TEMPLATES = Path(__file__).parents[1] / "templates"
WORKFLOWS = Path(".github/workflows")
INSTALL = (
    "python -m venv .venv",
    ".venv/bin/pip install --quiet --require-hashes -r requirements/dependencies.lock",
    ".venv/bin/pip install --quiet --no-deps -r requirements/reconciler.txt",
)
"""What installs the program in a repository that `init` made."""
_BASE_URLS = {
    "apple-business-manager": "https://federation.apple.com/feeds/business/scim",
    "apple-school-manager": "https://federation.apple.com/feeds/school/scim",
    "scim": "https://scim.example.com/v2",
}
_NEXT = """\
Made a repository in {where}: {count} files.

Try it out, without a token, on the embedded sandbox:
    {cd}reconciler plan --sandbox

Then see README.md there."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The command line of `init`. `wheel`: whose hash is locked."""

    profile: str
    domain: str
    wheel: Path | None


def run_init(directory: Path, options: InitOptions, terminal: Terminal) -> ExitCode:
    """Writes every file, or none when one is there already."""
    files = dict(_files(options))
    there = [str(name) for name in files if (directory / name).exists() or (directory / name).is_symlink()]
    if there:
        listed = "\n".join(printable(name) for name in there)
        raise UsageError(f"{directory} is not empty, nothing was written", f"These files are there:\n{listed}")
    for name, text in files.items():
        write_text(directory / name, text)
    with suppress(ReconcilerError):  # The sandbox is an extra.
        bootstrap.empty_sandbox(directory / ".reconciler" / "sandbox.db", [options.domain])
    cd = "" if directory == Path() else f"cd {directory} && "
    terminal.result(_NEXT.format(where=directory.resolve(), count=len(files), cd=cd))
    return ExitCode.OK


def _files(options: InitOptions) -> Iterator[tuple[Path, str]]:
    """Relative path and content of every file."""
    words = _words(options)
    for path in sorted(TEMPLATES.rglob("*")):
        name = path.relative_to(TEMPLATES)
        if path.is_file() and name.parts[0] != "workflows":
            text = path.read_text("utf-8")
            yield _target(name), _filled(text, words) if name.suffix != ".lock" else text
    for file, text in workflows(INSTALL).items():
        yield WORKFLOWS / file, text


def _target(name: Path) -> Path:
    return Path(".gitignore") if name == Path("gitignore") else name


def _words(options: InitOptions) -> Mapping[str, str]:
    if options.profile not in PROFILES:
        raise UsageError(f"--profile {quoted(options.profile)} does not exist", f"There are {', '.join(PROFILES)}.")
    domain = options.domain.casefold()
    if not all(part.replace("-", "").isalnum() for part in domain.split(".")) or "." not in domain:
        raise UsageError(f"--domain {quoted(options.domain)} is not a domain", "Write it like example.com.")
    locked = f" --hash=sha256:{_digest(options.wheel)}" if options.wheel is not None else ""
    return {
        "PROFILE": options.profile,
        "BASE_URL": _BASE_URLS[options.profile],
        "DOMAIN": domain,
        "VERSION": __version__,
        " HASH": locked,
    }


def _digest(wheel: Path) -> str:
    if not wheel.name.startswith(f"scim_reconciler-{__version__}-"):
        raise UsageError(f"--wheel {quoted(wheel.name)} is not a wheel of version {__version__}", "Name that file.")
    try:
        return hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as fault:
        raise UsageError(f"cannot read {wheel}: {fault.strerror}", "Name the wheel's file.") from fault


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def workflows(install: tuple[str, ...], jobs: str = "") -> dict[str, str]:
    """The workflows by name, with the commands that install the program; `jobs` are added to `ci.yml`."""
    step = "".join(["- run: |\n", *(f"          {line}\n" for line in install)])
    return {
        path.name: path.read_text("utf-8").replace("# install\n", step).replace("# jobs\n", jobs)
        for path in sorted((TEMPLATES / "workflows").glob("*.yml"))
    }
