"""The options of imports as the command gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.workspace import run

from reconciler.commands import import_csv, import_entra, import_entra_links
from reconciler.commands.import_csv import ImportCsvOptions
from reconciler.commands.import_entra import EntraImportOptions
from reconciler.commands.import_entra_links import EntraLinksOptions
from reconciler.errors import ExitCode


def test_each_option_of_import_csv_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []

    def record(workspace: Any, options: ImportCsvOptions, terminal: Any) -> ExitCode:
        got.extend((workspace.state, options, terminal.is_verbose))
        return ExitCode.CHANGES

    monkeypatch.setattr(import_csv, "run_import_csv", record)
    flags = "--map A=city --map B= --delimiter ; --encoding utf-16 --dates dmy --on-missing remove --approve sha256:1"
    more = "--check --dry-run --format json --state s -v"
    outcome = run(["reconciler", "import", "csv", "staff.csv", *flags.split(), *more.split()])
    assert outcome.code == ExitCode.CHANGES
    assert got == [
        Path("s"),
        ImportCsvOptions(
            Path("staff.csv"), ("A=city", "B="), ";", "utf-16", "dmy", "remove", "sha256:1", True, True, "json"
        ),
        True,
    ]


def test_without_options_nothing_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[ImportCsvOptions] = []
    monkeypatch.setattr(import_csv, "run_import_csv", lambda _workspace, options, _terminal: got.append(options) or 0)
    run(["reconciler", "import", "csv", "staff.csv"])
    assert got == [ImportCsvOptions(Path("staff.csv"))]


def test_each_option_of_import_entra_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []

    def record(workspace: Any, options: EntraImportOptions, terminal: Any) -> ExitCode:
        got.extend((workspace.state, options, terminal.style.redact))
        return ExitCode.CHANGES

    monkeypatch.setattr(import_entra, "run_import_entra", record)
    flags = "--with people --job j --rule r --on-missing disable --approve sha256:1 --check --dry-run --format json"
    more = "--delta d --state s --redact"
    outcome = run(["reconciler", "import", "entra", *flags.split(), *more.split()])
    assert outcome.code == ExitCode.CHANGES
    expected = EntraImportOptions("people", "disable", "sha256:1", True, True, "json", Path("d"), "j", "r")
    assert got == [Path("s"), expected, True]
    run(["reconciler", "import", "entra"])
    assert got[4] == EntraImportOptions()


def test_each_option_of_import_entra_links_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []

    def record(workspace: Any, options: EntraLinksOptions, _terminal: Any) -> ExitCode:
        got.extend((workspace.state, options))
        return ExitCode.PARTIAL

    monkeypatch.setattr(import_entra_links, "run_import_entra_links", record)
    flags = "--verify -o links.csv --days 7 --job j --format json --state s"
    assert run(["reconciler", "import", "entra-links", *flags.split()]).code == ExitCode.PARTIAL
    assert got == [Path("s"), EntraLinksOptions(7, "j", Path("links.csv"), True, "json")]
    run(["reconciler", "import", "entra-links"])
    assert got[3] == EntraLinksOptions()
