"""The tutorial, typed command by command: what it shows is what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.console_page import TUTORIAL, edit, follow, hide_varying


def test_the_tutorial_shows_what_its_commands_print(tmp_path: Path) -> None:
    """If it does not: `make tutorial`, and read what has changed."""
    page = TUTORIAL.read_text("utf-8")
    assert page.count("```console\n") >= 20
    followed = follow(page, tmp_path)
    assert followed.splitlines() == page.splitlines()


def test_output_that_is_not_printed_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    page = "A.\n```console\n$ echo 1 \\\n>   2\n3\n$ false\n$ echo $?\n1\n```\nB.\n"
    assert follow(page, tmp_path) == page.replace("\n3\n", "\n1 2\n")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("$ false\n$ true\n", "after exit code 1"),
        ("$ false\n", "the last command failed"),
        ("$ exit\n", "the shell ended"),
        ("1\n$ true\n", "no command before"),
    ],
)
def test_a_page_that_nobody_could_follow_fails(block: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=message):
        follow(f"```console\n{block}```\n", tmp_path)


def test_an_edit_needs_the_lines_that_it_shows(tmp_path: Path) -> None:
    edit("+++ new/a.yaml\n+x\n+y\n", tmp_path)
    edit("+++ new/a.yaml\n x\n-y\n+z\n", tmp_path)
    assert (tmp_path / "new/a.yaml").read_text("utf-8") == "x\nz\n"
    with pytest.raises(AssertionError, match="does not have these lines once"):
        edit("+++ new/a.yaml\n-y\n+z\n", tmp_path)
    with pytest.raises(AssertionError, match="does not have these lines once"):
        edit("+++ new/a.yaml\n+a new file\n", tmp_path)


def test_only_whole_words_vary() -> None:
    account = "GN-0c1d2e3f-1111-2222-3333-444455556666"
    assert hide_varying(f"[id={account}] x{account} in 12 users, plans/2026-12-01-0123456789ab/receipt.jsonl") == (
        f"[id=ACCOUNT] x{account} in 12 users, plans/TIME-DIRECTORY/receipt.jsonl"
    )
    assert hide_varying("b: Update complete [id=1]\na: Update complete [id=2]\n").startswith("a: ")
