from __future__ import annotations

import re
from pathlib import Path

from reconciler.session.checks.groups import GROUPS, QUESTIONS


def test_no_question_is_in_two_groups() -> None:
    assert len(set(QUESTIONS)) == len(QUESTIONS)


def test_every_group_needs_what_was_asked_before_it() -> None:
    before: set[str] = set()
    for group in GROUPS:
        assert set(group.needs) <= before, group
        before |= set(group.questions)


def test_the_documentation_lists_every_question_in_its_order() -> None:
    text = (Path(__file__).parents[4] / "docs" / "check.md").read_text("utf-8")
    table = text.partition("## Questions\n")[2].partition("\n### When")[0]
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| [A-Z]", table, re.MULTILINE)
    assert tuple(rows) == QUESTIONS
