from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from reconciler import cli
from reconciler.cli import github, lazy, provisioning, tools
from reconciler.cli.options import TERMINAL, CommonOptions, FormatOptions, Only, command, expand_groups
from reconciler.errors import UsageError

COMMON = ["state", "plans", "sandbox", "now", "no_cache", "redact", "no_color", "quiet", "verbose"]


@dataclass(frozen=True)
class Size:
    width: Annotated[int, typer.Option("--width")] = 1
    height: Annotated[int, typer.Option("--height")] = 2


def names(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_a_group_becomes_its_options_in_place() -> None:
    def draw(before: int = 0, *, size: Size, after: int = 9) -> int:
        return before + size.width * size.height + after

    expanded = expand_groups(draw)
    assert names(expanded) == ["before", "width", "height", "after"]
    assert [each.default for each in inspect.signature(expanded).parameters.values()] == [0, 1, 2, 9]
    assert expanded(before=1, width=3, height=4, after=5) == 18


def test_only_leaves_the_other_fields_at_their_defaults() -> None:
    def draw(size: Annotated[Size, Only("height")]) -> int:
        return size.width * 100 + size.height

    expanded = expand_groups(draw)
    assert names(expanded) == ["height"]
    assert expanded(height=7) == 107


def test_a_group_can_be_split_around_another_option() -> None:
    def draw(one: Annotated[Size, Only("width")], middle: int = 5, *, other: Annotated[Size, Only("height")]) -> int:
        return one.width * 100 + middle * 10 + other.height

    expanded = expand_groups(draw)
    assert names(expanded) == ["width", "middle", "height"]
    assert expanded(width=1, middle=2, height=3) == 123


def test_a_registered_command_parses_arguments_and_groups() -> None:
    app = typer.Typer()
    seen = []

    @command(app)
    def draw(what: Annotated[str, typer.Argument()], size: Size) -> int:
        seen.append((what, size))
        return 0

    outcome = CliRunner().invoke(app, ["--height", "5", "house"])
    assert outcome.exit_code == 0, outcome.output
    assert seen == [("house", Size(1, 5))]


@pytest.mark.parametrize("run", [provisioning.plan, provisioning.apply, provisioning.drift, provisioning.explain])
def test_commands_on_a_target_take_all_common_options_last(run: Any) -> None:
    assert names(expand_groups(run))[-9:] == COMMON


@pytest.mark.parametrize("run", [provisioning.log, provisioning.rollback])
def test_commands_on_the_record_have_no_clock(run: Any) -> None:
    assert names(expand_groups(run))[-7:] == [name for name in COMMON if name not in ("now", "no_cache")]


def test_common_options_become_a_workspace() -> None:
    options = CommonOptions(Path("s"), Path("p"), sandbox=True, now="2026-12-01")
    assert options.workspace() == lazy.Workspace(Path("s"), Path("p"), True, datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(UsageError, match='--now "soon" is not a date'):
        CommonOptions(now="soon").workspace()


def test_common_options_become_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    CommonOptions(quiet=True).terminal().note("unheard")
    CommonOptions(verbose=True, redact=True).terminal().detail('user "ada"')
    assert capsys.readouterr().err == "user (hidden)\n"


def test_format_options_become_those_of_the_renderer() -> None:
    view = FormatOptions("html", None, "https://plan", Path("templates"))
    expected = lazy.OutputOptions("html", True, None, "https://plan", Path("templates"))
    assert view.output(summary=True) == expected


@pytest.mark.parametrize("module", [cli, github, provisioning, tools])
def test_no_function_of_the_command_line_takes_more_than_eight_parameters(module: Any) -> None:
    functions = [
        each for each in vars(module).values() if inspect.isfunction(each) and each.__module__ == module.__name__
    ]
    assert {each.__name__: len(names(each)) for each in functions if len(names(each)) > 8} == {}


def test_the_terminal_options_are_common_options() -> None:
    assert list(TERMINAL) == COMMON[5:]
