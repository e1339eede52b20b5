"""The commands for a fleet: many tenants in one repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli import lazy
from reconciler.cli.apps import fleet_app
from reconciler.cli.options import CommonOptions, Only, command

_Root = Annotated[Path, typer.Option("--fleet", metavar="DIR", help="Directory with fleet.yaml.")]
_HERE = Path()
_Terminal = Annotated[CommonOptions, Only("no_color", "quiet", "verbose")]


@command(fleet_app)
def matrix(
    root: _Root = _HERE,
    shards: Annotated[int, typer.Option("--shards", min=1, metavar="N", help="Into how many shards at most.")] = 32,
    *,
    common: _Terminal,
) -> int:
    """Divide the tenants of a run into shards, as the matrix of a workflow."""
    return lazy.run_matrix(lazy.MatrixOptions(root, shards), common.terminal())
