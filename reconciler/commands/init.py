"""`init`: a new repository, from the templates in the package. The project's own workflows come from them too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler import __version__
from reconciler.core.text import escape_control, quote
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.profiles import PROFILES
from reconciler.record.files import write_bytes
from reconciler.session.sandbox_service import empty_sandbox
from reconciler.session.terminal import Terminal

TEMPLATES = Path(__file__).parents[1] / "templates"
WORKFLOWS = Path(".github/workflows")
WHEEL = f"scim_reconciler-{__version__}-py3-none-any.whl"
INSTALL = (
    "python -m venv .venv",
    ".venv/bin/pip install --quiet --require-hashes -r requirements/dependencies.lock",
    ".venv/bin/pip install --quiet --require-hashes --no-deps -r requirements/reconciler.txt",
)
"""What installs the program in a repository that `init` made: from the wheel that lies there, never from an index."""
_BASE_URLS = {
    "apple-business-manager": "https://federation.apple.com/feeds/business/scim",
    "apple-school-manager": "https://federation.apple.com/feeds/school/scim",
    "scim": "https://scim.example.com/v2",
}
_NEXT = """\
Made a repository in {where}: {count} files.

Try it out, without a token, on the embedded sandbox:
    {cd}reconciler plan --sandbox
"""
_WITH_WHEEL = """
Then push it and set GitHub up, as README.md there says."""
_WITHOUT_WHEEL = """
The workflows cannot install the program yet: its wheel is not there. For GitHub, make a repository with `reconciler
init --wheel FILE`."""


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The command line of `init`. `wheel`: what the workflows install; it is copied."""

    profile: str
    domain: str
    wheel: Path | None


def run_init(directory: Path, options: InitOptions, terminal: Terminal) -> ExitCode:
    """Writes every file, or none when one is there already."""
    wheel = _wheel(options.wheel) if options.wheel is not None else None
    files = dict(_files(options, wheel))
    there = [str(name) for name in files if (directory / name).exists() or (directory / name).is_symlink()]
    if there:
        listed = "\n".join(escape_control(name) for name in there)
        raise UsageError(f"{directory} is not empty, nothing was written", f"These files are there:\n{listed}")
    for name, content in files.items():
        write_bytes(directory / name, content)
    with suppress(ReconcilerError):  # The sandbox is an extra.
        empty_sandbox(directory / ".reconciler" / "sandbox.db", [options.domain])
    cd = "" if directory == Path() else f"cd {directory} && "
    terminal.result(
        _NEXT.format(where=directory.resolve(), count=len(files), cd=cd)
        + (_WITHOUT_WHEEL if wheel is None else _WITH_WHEEL)
    )
    return ExitCode.OK


def _files(options: InitOptions, wheel: bytes | None) -> Iterator[tuple[Path, bytes]]:
    """Relative path and content of every file."""
    words = _words(options, wheel)
    for path in sorted(TEMPLATES.rglob("*")):
        name = path.relative_to(TEMPLATES)
        if path.is_file() and name.parts[0] != "workflows":
            text = path.read_text("utf-8")
            yield _target(name), (_filled(text, words) if name.suffix != ".lock" else text).encode()
    for file, text in workflows(INSTALL).items():
        yield WORKFLOWS / file, text.encode()
    if wheel is not None:
        yield Path("requirements") / WHEEL, wheel


def _target(name: Path) -> Path:
    return Path(".gitignore") if name == Path("gitignore") else name


def _words(options: InitOptions, wheel: bytes | None) -> Mapping[str, str]:
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


def _wheel(file: Path) -> bytes:
    """The content of a wheel of this version. Raises UsageError for any other file."""
    if file.name != WHEEL:
        raise UsageError(f"--wheel {quote(file.name)} is not this version's wheel", f"It is called {WHEEL}.")
    try:
        return file.read_bytes()
    except OSError as fault:
        raise UsageError(f"cannot read {file}: {fault.strerror}", "Name the wheel's file.") from fault


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
