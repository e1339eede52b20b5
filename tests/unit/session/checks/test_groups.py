from __future__ import annotations

from reconciler.session.checks.groups import GROUPS, QUESTIONS


def test_no_question_is_in_two_groups() -> None:
    assert len(set(QUESTIONS)) == len(QUESTIONS)


def test_every_group_needs_what_was_asked_before_it() -> None:
    before: set[str] = set()
    for group in GROUPS:
        assert set(group.needs) <= before, group
        before |= set(group.questions)
