"""The file of what was notified: nothing in it is trusted, and copies merge in any order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOW

from reconciler.record.merge import files_to_write, is_record_file, merge_file
from reconciler.record.notified import (
    Notified,
    SentMessage,
    TopicKey,
    TopicState,
    format_notified,
    merge_notified,
    parse_notified,
)

KEY = TopicKey("mail", "failure", "apply")
LATER = NOW + timedelta(hours=1)


def notified(state: str, at: timedelta = timedelta(0), key: TopicKey = KEY) -> Notified:
    return Notified({key: TopicState(state, NOW, NOW + at, 2)}, (SentMessage("mail", "failure", NOW + at),))


def test_what_is_written_is_read() -> None:
    assert parse_notified(format_notified(notified("refused"))) == notified("refused")
    assert parse_notified(format_notified(Notified())) == Notified()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"topics": 1, "sent": {}}',
        b'{"topics": [1, {}, {"kind": "failure"}], "sent": [null, {"at": 1}]}',
        b'{"topics": [{"kind": "failure", "state": "x", "since": "2026-01-01", "at": "2026-01-01"}]}',
        b'{"topics": [{"kind": ["x"], "state": "x", "since": "2026-01-01T00:00Z", "at": "2026-01-01T00:00Z"}]}',
        b"\xff\xfe",
        b'{"topics": []}' + b" " * 300_000,
    ],
)
def test_what_cannot_be_understood_says_nothing(content: bytes) -> None:
    assert parse_notified(content) == Notified()


def test_a_hostile_file_is_bounded() -> None:
    content = Notified({TopicKey("mail", "failure", str(n)): TopicState("x", NOW, NOW) for n in range(1000)})
    assert len(parse_notified(format_notified(content)).topics) == 200
    odd = format_notified(notified("x")).replace(b'"held_back": 2', b'"held_back": 1e999')
    assert parse_notified(odd).topics[KEY].held_back == 0


def test_the_newer_state_of_each_topic_counts() -> None:
    drift = TopicKey("mail", "drift")
    apply, other = notified("calm", timedelta(hours=1)), notified("found", key=drift)
    merged = parse_notified(merge_notified(format_notified(apply), format_notified(other)))
    assert {key: state.state for key, state in merged.topics.items()} == {KEY: "calm", drift: "found"}
    assert len(merged.sent) == 2
    old = format_notified(notified("refused"))
    assert parse_notified(merge_notified(old, format_notified(apply))).topics[KEY].state == "calm"
    assert merge_notified(format_notified(apply), old).count(b'"state": "calm"') == 1
    for broken in (b"", b"[]", b"{"):
        assert parse_notified(merge_notified(broken, old)) == notified("refused")
        assert merge_notified(old, broken) == old


states = st.builds(
    lambda state, minutes, held: TopicState(state, NOW, NOW + timedelta(minutes=minutes), held),
    st.sampled_from(["a", "b", "calm"]),
    st.integers(0, 3),
    st.integers(0, 2),
)
files = st.builds(
    Notified,
    st.dictionaries(st.sampled_from([KEY, TopicKey("mail", "drift"), TopicKey("webhook", "drift")]), states),
    st.lists(st.sampled_from([SentMessage("mail", "drift", NOW), SentMessage("mail", "x", LATER)]), unique=True).map(
        tuple
    ),
).map(format_notified)


@given(files, files, files)
def test_merging_does_not_depend_on_the_order(one: bytes, two: bytes, three: bytes) -> None:
    both = merge_notified(one, two)
    assert parse_notified(both) == parse_notified(merge_notified(two, one))
    assert merge_notified(both, two) == both
    assert parse_notified(merge_notified(both, three)) == parse_notified(
        merge_notified(one, merge_notified(two, three))
    )


@pytest.mark.parametrize("name", ["notified.json", "notified-acme.json"])
def test_it_is_a_file_of_the_record(name: str) -> None:
    assert is_record_file(name)
    old, new = format_notified(notified("refused")), format_notified(notified("calm", timedelta(hours=1)))
    assert parse_notified(merge_file(name, new, old)).topics[KEY].state == "calm"
    assert files_to_write({}, {name: new}) == {name: new}
    assert files_to_write({name: new}, {name: new}) == {}
    changed = files_to_write({name: old}, {name: new})[name]
    assert changed is not None
    assert parse_notified(changed).topics[KEY].state == "calm"


@pytest.mark.parametrize("name", ["notified", "notified-.json", "notified-A.json", "x/notified.json", "notifiedx.json"])
def test_other_files_are_not(name: str) -> None:
    assert not is_record_file(name)
