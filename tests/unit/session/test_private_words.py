from __future__ import annotations

import pytest

from reconciler.session.private_words import find_private_words


@pytest.mark.parametrize(
    ("line", "words"),
    {
        "plan --state ada/state --plans=./of-ada/ -o x.json --user ada": ["./of-ada/", "ada/state", "of-ada", "x.json"],
        "plan --base ada-leaves --format markdown --limit comment --redact": ["ada-leaves"],
        "show --redact ada.json": ["ada.json"],
        "apply --auto-approve ada.json --approve sha256:00 --lock-timeout 3": ["ada.json"],
        "github comment ada.json --pull 7 --redact": ["ada.json"],
        "rollback 4f1c2a9be0d3 --user ada": [],
        "rollback ada-branch --dry-run": ["ada-branch"],
        "explain ada@example.com --offline": ["ada@example.com"],
        "log --redact": [],
        "plan --state desired-state --plans plans": [],
        "validate --state": [],
        "plan -- ada": ["ada"],
    }.items(),
)
def test_paths_and_refs_of_a_command_line_are_private(line: str, words: list[str]) -> None:
    assert find_private_words(line.split(" ")) == words


def test_nothing_is_private_without_a_command() -> None:
    assert find_private_words([]) == []
