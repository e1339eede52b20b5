from __future__ import annotations

import pytest

from reconciler.core.model import Origin, error, warning
from reconciler.errors import TargetError
from reconciler.session.fleet.tenant_terminal import TenantTerminal


def test_the_first_error_is_remembered_without_quoted_names(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = TenantTerminal(redact=False)
    terminal.diagnostics([warning("a warning")])
    assert terminal.first_error == ""
    terminal.diagnostics([warning("a warning"), error('no "Ada" here', origin=Origin("users/a.yaml", 3, 5))])
    terminal.error(TargetError("later"))
    assert terminal.first_error == "users/a.yaml:3:5: no (hidden) here"
    assert 'no "Ada" here' in capsys.readouterr().err


def test_it_is_one_line_of_bounded_length() -> None:
    terminal = TenantTerminal(redact=False)
    terminal.error(TargetError("two\nlines\x1b[31m" + "x" * 1000))
    assert terminal.first_error.startswith("two\\nlines\\u{1b}[31mxxx")
    assert len(terminal.first_error) < 300


def test_a_file_of_a_layer_is_named_from_the_root_of_the_fleet() -> None:
    terminal = TenantTerminal(redact=False)
    terminal.diagnostics([error("no such group", origin=Origin("../../defaults/scope.yaml", 7, 12))])
    assert terminal.first_error == "defaults/scope.yaml:7:12: no such group"


def test_a_key_of_the_settings_stays_unless_all_is_redacted() -> None:
    for redact, shown in ((False, 'unknown key "gaurds"'), (True, "unknown key (hidden)")):
        terminal = TenantTerminal(redact=redact)
        terminal.error(TargetError('unknown key "gaurds"'))
        assert terminal.first_error == shown
