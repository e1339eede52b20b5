"""The generated pages, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from support.reference.commands import render_commands
from support.reference.exit_codes import render_exit_codes
from support.reference.functions import render_functions
from support.reference.metrics import render_metrics_page
from support.reference.schemas import render_schemas
from support.reference.settings import render_settings

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": render_commands,
    "settings.md": render_settings,
    "mapping-functions.md": render_functions,
    "exit-codes.md": render_exit_codes,
    "schemas.md": render_schemas,
    "metrics.md": render_metrics_page,
}
