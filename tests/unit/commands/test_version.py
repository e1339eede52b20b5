"""`version` says what a bug report needs."""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path

import pytest

from reconciler import __version__
from reconciler.commands import version
from reconciler.commands.version import MODULES, render_version


def test_the_version_alone_is_one_line() -> None:
    assert render_version(verbose=False) == f"reconciler {__version__}\n"


def test_verbose_adds_python_the_system_and_installed_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "find_spec", lambda module: object() if module == "cryptography" else None)
    assert render_version(verbose=True).splitlines() == [
        f"reconciler {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()})",
        platform.platform(),
        "Extras: oauth",
    ]


def test_without_extras_it_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "find_spec", lambda _: None)
    assert render_version(verbose=True).endswith("Extras: none\n")


def test_every_extra_for_users_is_recognized() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert set(MODULES) == set(project["project"]["optional-dependencies"]) - {"dev", "docs"}
