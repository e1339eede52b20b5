from __future__ import annotations

import io
import sys

import pytest
from support import builders

from reconciler.core.model import warning
from reconciler.core.plan import Outcome, Result
from reconciler.errors import ReconcilerError
from reconciler.session.terminal import Terminal

Captured = pytest.CaptureFixture[str]


def build(*, redact: bool = False, quiet: bool = False, verbose: bool = False) -> Terminal:
    return Terminal(no_color=False, redact=redact, quiet=quiet, verbose=verbose)


def test_the_result_goes_to_stdout_with_a_line_end(capsys: Captured) -> None:
    build().result("one")
    build().result("two\n")
    build().result("")
    assert capsys.readouterr() == ("one\ntwo\n", "")


def test_notes_and_outcomes_go_to_stderr_unless_quiet(capsys: Captured) -> None:
    for quiet in (False, True):
        terminal = build(quiet=quiet)
        terminal.note("a note")
        terminal.outcome(Outcome(builders.change("ada"), Result.DONE))
    out, err = capsys.readouterr()
    assert out == ""
    assert (err.count("a note\n"), err.count("ada@example.com")) == (1, 1)


def test_details_are_for_verbose(capsys: Captured) -> None:
    build().detail("hidden")
    build(verbose=True).detail("shown\x1b")
    assert capsys.readouterr().err == "shown\\u{1b}\n"
    assert [build(verbose=each).is_verbose for each in (True, False)] == [True, False]


def test_errors_and_diagnostics_are_shown_when_quiet(capsys: Captured) -> None:
    terminal = build(quiet=True)
    terminal.error(ReconcilerError('no "ada"', "Fix it.\nThen go on."))
    terminal.diagnostics([warning("look here", "")])
    err = capsys.readouterr().err
    assert err.startswith('Error: no "ada"\n\n  Fix it.\n  Then go on.\n')
    assert "Warning: look here" in err


def test_quoted_values_are_redacted(capsys: Captured) -> None:
    build(redact=True).error(ReconcilerError('no "ada"', 'Ask "bob".'))
    assert capsys.readouterr().err == "Error: no (hidden)\n\n  Ask (hidden).\n"


def test_a_quieter_terminal_has_the_same_style(capsys: Captured) -> None:
    terminal = build(redact=True, verbose=True).quieter()
    terminal.note("unheard")
    assert terminal.style.redact
    assert capsys.readouterr().err == ""


def test_a_closed_stderr_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    build().note("unheard")


@pytest.mark.parametrize(("variable", "colour"), [(None, True), ("NO_COLOR", False), ("TERM", False)])
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, colour: bool
) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if variable is not None:
        monkeypatch.setenv(variable, "dumb")
    assert build().style.colour is colour


def test_progress_is_a_line_now_and_then(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 5.0, 11.0, 11.0, 12.0])
    monkeypatch.setattr("reconciler.session.terminal.time.monotonic", lambda: next(times))
    with build().progress() as report:
        report("Reading", 1, 3000)
        report("Reading", 2000, 3000)
        report("Reading", 3000, 3000)
    assert capsys.readouterr().err == "Reading: 2,000 of 3,000\n"


def test_quiet_shows_no_progress(capsys: Captured) -> None:
    with build(quiet=True).progress() as report:
        report("Reading", 1, 1)
    assert capsys.readouterr().err == ""


class Screen(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        return True


def test_a_pause_is_a_line_and_beside_the_bar_until_progress_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    terminal = build()
    with terminal.progress() as report:
        terminal.waiting("before the first page", "until noon")
        report("Reading", 200, 450)
        terminal.waiting('for a page: "ada"\x1b', "until 12:00:00 UTC")
        terminal._bars.refresh()
        waiting = screen.getvalue()
        report("Reading", 300, 450)
        terminal._bars.refresh()
    assert "before the first page\n" in waiting
    assert 'for a page: "ada"\\u{1b}\n' in waiting
    assert "waiting until 12:00:00 UTC" in waiting
    assert "waiting until" not in screen.getvalue()[len(waiting) :].rpartition("300/450")[2]


def test_a_pause_is_a_line_without_a_terminal(capsys: Captured) -> None:
    build().waiting('for "ada"', "until noon")
    build(redact=True).waiting('for "ada"', "until noon")
    build(quiet=True).waiting('for "ada"', "until noon")
    assert capsys.readouterr().err == 'for "ada"\nfor (hidden)\n'


def test_the_result_has_a_width_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    opened = Terminal(no_color=True, redact=False, quiet=True, verbose=False)
    assert opened.is_quiet
    assert opened.width == 0
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert opened.width == 72


def test_notes_are_held_until_it_is_known_whether_errors_come_first(capsys: Captured) -> None:
    terminal = build()
    for end in (terminal.release_notes, terminal.drop_notes):
        terminal.hold_notes()
        terminal.note("one")
        terminal.waiting("two", "")
        terminal.error(ReconcilerError("three"))
        assert capsys.readouterr().err.endswith("three\n")
        end()
        assert capsys.readouterr().err == ("one\ntwo\n" if end == terminal.release_notes else "")
        terminal.note("four")
        terminal.release_notes()
        assert capsys.readouterr().err == "four\n"
