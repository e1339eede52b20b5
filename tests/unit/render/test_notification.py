"""What a notification says, whole, and that no value of a user can add anything to it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOW, TARGET
from support.notifications import RUN_URL, failure, message
from support.untrusted_text import HOSTILE

from reconciler import __version__
from reconciler.core.text import escape_control
from reconciler.notify.event import CALM, Count, Event, EventCause, EventKind

FOOTER = (
    f"\n-- \nSent by Reconciler {__version__}: one message for each change of state (notifications in settings.yaml).\n"
)


def test_a_failure_in_full() -> None:
    event = failure(counts=(Count("create", "failed", 3), Count("update", "not_in_effect", 1)), names=("ada", "bob"))
    found = message(event, held_back=2, target=replace(TARGET, tenant="acme"), names=True)
    assert found.subject == "[Reconciler] Apple Business Manager (acme): Apply incomplete"
    assert (
        found.text
        == f"""Apply incomplete.

Target:    Apple Business Manager (acme)
           {TARGET.base_url}
Since:     {NOW:%Y-%m-%d %H:%M} UTC
Run:       {RUN_URL}

What happened
  - Some users could not be planned or applied. The others were.

Users
  - create, failed: 3 users
  - update, not in effect: 1 user

Which ones
  - ada
  - bob

What to do
  - Run `reconciler status`: it lists the users that keep failing, and when each is tried again.
  - Read the output of the run: it has the details, and what the service said.

2 earlier messages about this were held back, because there were too many within an hour.
{FOOTER}"""
    )


def test_a_recovery_in_full() -> None:
    found = message(Event(EventKind.QUARANTINE, CALM, NOW), run_url="")
    assert (
        found.text
        == f"""Quarantine ended.

Target:    Apple Business Manager
           {TARGET.base_url}
Since:     {NOW:%Y-%m-%d %H:%M} UTC
Until:     {NOW:%Y-%m-%d %H:%M} UTC

What happened
  - Changes succeed again: applies do not stop themselves any more.
{FOOTER}"""
    )


@pytest.mark.parametrize(
    ("event", "headline"),
    [
        (failure(cause=EventCause.REFUSED), "Apply failed"),
        (failure(cause=EventCause.BLOCKED), "Apply blocked"),
        (failure(cause=EventCause.DISCONNECTED), "Apply blocked, nearly all accounts are gone"),
        (failure(cause=EventCause.STALE), "Apply failed"),
        (failure(cause=EventCause.TIME_LIMIT), "Apply incomplete"),
        (failure(state=CALM), "Apply works again"),
        (failure(subject="drift", cause=EventCause.REFUSED), "Comparison with the service failed"),
        (failure(subject="drift", state=CALM), "Comparison with the service works again"),
        (Event(EventKind.QUARANTINE, "x", NOW, cause=EventCause.FAILURE_SHARE), "Quarantine began"),
        (
            Event(EventKind.DRIFT, "found", NOW, counts=(Count("update", "", 2), Count("create", "", 1))),
            "Drift found, 3 users",
        ),
        (Event(EventKind.DRIFT, CALM, NOW), "Drift is gone"),
        (Event(EventKind.EXPIRY, "x", NOW, facts=("the token expires tomorrow",)), "The token expires tomorrow"),
        (Event(EventKind.IMPORT, "x", NOW, cause=EventCause.BLOCKED), "Import blocked"),
        (Event(EventKind.IMPORT, "x", NOW, cause=EventCause.ERROR), "Import failed"),
        (Event(EventKind.IMPORT, CALM, NOW), "Import works again"),
        (Event(EventKind.TEST, "x", NOW, cause=EventCause.TEST), "Test message"),
    ],
)
def test_headlines(event: Event, headline: str) -> None:
    found = message(event)
    assert found.headline == headline
    assert found.text.startswith(f"{headline}.\n")


@pytest.mark.parametrize("cause", [each for each in EventCause if each is not EventCause.NONE])
def test_every_cause_is_explained_with_a_way_out(cause: EventCause) -> None:
    advised = cause in (EventCause.EXPIRES, EventCause.FIRST_USE, EventCause.EDITED_IN_TARGET)
    found = message(failure(cause=cause, advice=("Renew it.",) if advised else ()))
    assert found.sentences or cause in (EventCause.EXPIRES, EventCause.FIRST_USE)
    assert found.steps or cause is EventCause.TEST


def test_names_are_left_out_unless_asked_for_and_there_are_ten_at_most() -> None:
    event = failure(names=tuple(f"user{number}@example.com" for number in range(12)))
    assert "user0" not in message(event).text
    found = message(event, names=True)
    assert found.names == event.names[:10]
    assert "  - user9@example.com\n  - and 2 more\n" in found.text
    assert "user10" not in found.text


def test_messages_about_one_topic_of_one_target_are_one_thread() -> None:
    acme = replace(TARGET, tenant="acme")
    assert message().thread == message(failure(state=CALM)).thread
    assert len({message().thread, message(failure(subject="drift")).thread, message(target=acme).thread}) == 3


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_stays_on_its_line(value: str) -> None:
    plain = message(failure(names=("ada",)), names=True).text.split("\n")
    found = message(failure(names=(value,)), names=True).text
    lines = found.split("\n")
    assert len(lines) == len(plain)
    assert [one for one, other in zip(lines, plain, strict=True) if one != other] == lines[
        lines.index("Which ones") + 1 :
    ][:1]
    assert found == "\n".join(map(escape_control, lines))
    assert not re.search(r"- .*://", found)


@given(st.text(max_size=2000))
def test_any_name_stays_on_its_line_and_is_bounded(value: str) -> None:
    lines = message(failure(names=(value,)), names=True).text.split("\n")
    assert len(lines) == len(message(failure(names=("ada",)), names=True).text.split("\n"))
    assert len(lines[lines.index("Which ones") + 1]) < 200 * 10
