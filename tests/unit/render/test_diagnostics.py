from dataclasses import replace

from support.plans import MISTAKES, WHERE
from syrupy.assertion import SnapshotAssertion

from reconciler.core.model import Diagnostic, Origin, Severity, error, warning
from reconciler.render.diagnostics import DiagnosticParts, format_diagnostic, render_diagnostics
from reconciler.render.style import Style

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
