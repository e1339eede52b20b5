"""The generated reference: what is committed is what the program says now, and nothing in it lacks a text."""

from __future__ import annotations

import re

import pytest
import typer
from support.reference import commands, exit_codes, function_texts, functions, metrics, schemas, settings
from support.reference.pages import FOLDER, PAGES

from reconciler.cli import app
from reconciler.commands.schema import _DOCUMENTS
from reconciler.desired.json_schemas import KINDS
from reconciler.errors import ExitCode
from reconciler.expressions.functions.registry import FUNCTIONS
from reconciler.render.metrics import HELP


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_program_says_now(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8")
    assert written == PAGES[name](), "run `make reference`, and read the difference"


def test_every_page_of_the_reference_is_generated() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_command_argument_and_option_has_a_text() -> None:
    found = list(commands.walk(typer.main.get_command(app), ()))
    assert [name for name, command in found if not command.help] == []
    bare = [(name, each.name) for name, command in found for each in command.params if not each.help]
    assert bare == []
    assert commands.MORE.keys() <= {name for name, _ in found}


def test_every_key_of_a_file_has_a_text() -> None:
    bare = []
    for kind in settings.TITLES:
        bare += [f"{kind}: {name}" for name, node, _ in settings.kind_keys(kind) if not node.get("description")]
    assert bare == []


def test_every_key_of_every_kind_of_file_is_on_the_page() -> None:
    # Microsoft's attributes are in a table of their own.
    rows = set(re.findall(r"^\| `([\w.\[\]-]+)` \|", PAGES["settings.md"](), re.MULTILINE))
    assert {name for kind in KINDS for name, _, _ in settings.kind_keys(kind)} - rows == set()


def test_every_row_of_the_settings_has_a_type() -> None:
    rows = re.findall(r"^\| `[\w.\[\]-]+` \|(.*?)\|", PAGES["settings.md"](), re.MULTILINE)
    assert len(rows) > 100
    assert [row for row in rows if not row.strip()] == []


def test_every_function_has_a_text_and_its_examples_have_results() -> None:
    assert function_texts.TEXTS.keys() == FUNCTIONS.keys()
    assert [each.name for group in functions.GROUPS.values() for each in group] == list(
        dict.fromkeys(each.name for group in functions.GROUPS.values() for each in group)
    )
    failing = [
        source
        for text in function_texts.TEXTS.values()
        for source, given in text.examples
        if functions.evaluate(source, given).startswith("error: ")
    ]
    assert failing == [
        'IIF(IsPresent([mail]), [mail], Error("no mail"))',
        "SingleAppRoleAssignment([appRoleAssignments])",
    ]


def test_every_function_has_an_example() -> None:
    assert [name for name, text in function_texts.TEXTS.items() if not text.examples] == []


def test_types_are_short_enough_to_read() -> None:
    types = re.findall(r"^\| `[\w.\[\]-]+` \|(.*?)\|", PAGES["settings.md"](), re.MULTILINE)
    assert [each for each in types if len(each) > 340] == []


def test_every_exit_code_schema_and_metric_is_there() -> None:
    assert exit_codes.MEANINGS.keys() == set(ExitCode)
    assert schemas.FILES.keys() == KINDS.keys()
    assert schemas.DOCUMENTS.keys() == _DOCUMENTS.keys()
    assert metrics.LABELS.keys() <= HELP.keys()
