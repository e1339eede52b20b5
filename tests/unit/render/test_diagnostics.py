import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from support.plans import MISTAKES, WHERE
from syrupy.assertion import SnapshotAssertion

import reconciler
from reconciler.core.model import Diagnostic, Origin, Severity, error, warning
from reconciler.render.diagnostics import DiagnosticParts, format_diagnostic, render_diagnostics
from reconciler.render.style import Style

PACKAGE = Path(reconciler.__file__).parent
PLAIN, REDACTED, COLOURED = Style(), Style(redact=True), Style(colour=True)


def test_diagnostics(snapshot: SnapshotAssertion) -> None:
    told = [
        *MISTAKES,
        error("no place, but a user", "Do something.", None, 'user["ada"]'),
        error("a place alone", "", Origin("settings.yaml", 1, 1)),
        Diagnostic(Severity.WARNING, "all\nof it\x1b[2J", "d\r\n::error::x", WHERE, "a\u202eb", "\tkey:\x07 value"),
    ]
    assert render_diagnostics(told, PLAIN) == snapshot
    assert render_diagnostics(told, COLOURED) == snapshot
    assert render_diagnostics([], PLAIN) == ""


def test_a_detail_of_several_lines_is_several_lines() -> None:
    item = warning("a", ("first", "::error::b", "c\nd"))
    assert render_diagnostics([item], PLAIN) == "Warning: a\n\n  first\n  \\u{3a}:error::b\n  c\\nd\n"


def test_no_value_in_a_detail_adds_a_line() -> None:
    assert render_diagnostics([error("a", "b\nc")], PLAIN) == "Error: a\n\n  b\\nc\n"


def test_lines_of_a_detail_are_given_one_by_one() -> None:
    """A line break in the text of a diagnostic would be escaped, as if it were from outside."""
    assert [place for path in sorted(PACKAGE.rglob("*.py")) for place in find_line_breaks(path)] == []


def find_line_breaks(path: Path) -> Iterator[str]:
    """Yield the places in a module that creates diagnostics where a text of a diagnostic may have a line break."""
    tree = ast.parse(path.read_text("utf-8"))
    imports = [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "reconciler.core.model"
    ]
    if not {"error", "warning"} & {name.name for node in imports for name in node.names}:
        return
    constants = [node for node in tree.body if isinstance(node, ast.Assign)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    creates = [node for node in calls if ast.unparse(node.func) in ("error", "warning")]
    for each in (each for node in (*constants, *creates) for each in ast.walk(node)):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and "\n" in each.value:
            yield f"{path.name}:{each.lineno}"


def test_an_error_that_concerns_all_users_is_reported_once() -> None:
    told = [error(f"mistake {number}", "", Origin("users/a.yaml", number, 3)) for number in range(1, 61)]
    told.insert(55, error("elsewhere", "", Origin("users/b.yaml", 1, 1)))
    told += [warning(f"warning {number}", "", Origin("users/a.yaml", number, 3)) for number in range(1, 52)]
    told += [error(f"nowhere {number}") for number in range(60)]
    shown = render_diagnostics(told, PLAIN)
    assert [line for line in shown.splitlines() if line.startswith(("Error", "Warning"))] == [
        *(f"Error: mistake {number}" for number in range(1, 51)),
        "Error: elsewhere",
        *(f"Warning: warning {number}" for number in range(1, 51)),
        *(f"Error: nowhere {number}" for number in range(60)),
        "Error: 10 more errors in users/a.yaml are not shown",
        "Warning: 1 more warning in users/a.yaml is not shown",
    ]
    assert "Fix those above first. The next run shows the others." in shown
    assert "`reconciler validate --format json` lists all of them." in render_diagnostics(told, PLAIN, "validate")
    of_users = [replace(item, address="user[x]") for item in told if item.severity is Severity.ERROR]
    assert "`reconciler plan --format json` lists all of them." in render_diagnostics(of_users, PLAIN)


def test_a_diagnostic_has_its_parts_escaped() -> None:
    item = Diagnostic(Severity.WARNING, "a\x1b", "::error::d", Origin("users/a\n.yaml", 7, 3), "user[x]", "k:\tv")
    assert format_diagnostic(item, PLAIN) == DiagnosticParts(
        "Warning", "a\\u{1b}", "on users/a\\n.yaml:7:3, in user[x]", "   7: k:\\tv", "\\u{3a}:error::d"
    )
    assert format_diagnostic(error("a"), PLAIN) == DiagnosticParts("Error", "a", "", "", "")


def test_a_redacted_diagnostic_has_neither_user_nor_source_line_nor_detail() -> None:
    item = Diagnostic(Severity.ERROR, 'no "ada"', "ada", Origin("a.yaml", 1, 1), 'user["ada"]', "name: ada")
    assert format_diagnostic(item, REDACTED) == DiagnosticParts("Error", "no (hidden)", "on a.yaml:1:1", "", "")
