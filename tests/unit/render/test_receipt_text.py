from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from reconciler.render.receipt_text import render_receipt
from reconciler.render.style import Style

TIME = "2026-03-01T12:00:00+00:00"
ENTRIES: list[dict[str, Any]] = [
    {"event": "apply_started", "plan_id": "sha256:1", "target": "https://x.example/scim", "changes": 2},
    {"event": "started", "address": 'user["ada"]', "action": "update", "id": "1", "attributes": ["userName"]},
    {"event": "finished", "address": 'user["ada"]', "action": "update", "result": "done", "message": ""},
    {"event": "started", "address": 'user["bob"]', "action": "deactivate"},
    {
        "event": "finished",
        "address": 'user["bob"]',
        "action": "deactivate",
        "result": "failed",
        "message": "bob is odd",
    },
    {"event": "apply_finished", "plan_id": "sha256:1", "format_version": "1.0", "done": 1, "failed": 1},
    {"event": "apply_finished", "plan_id": "sha256:1", "format_version": "1.0"},
]


def test_a_receipt_has_a_line_for_each_event(snapshot: SnapshotAssertion) -> None:
    assert render_receipt([{"time": TIME, **entry} for entry in ENTRIES], Style()) == snapshot
    assert render_receipt([{"time": TIME, **entry} for entry in ENTRIES], Style(redact=True)) == snapshot


def test_a_redacted_receipt_names_no_user() -> None:
    text = render_receipt([{"time": TIME, **entry} for entry in ENTRIES], Style(redact=True))
    assert "ada" not in text
    assert "bob" not in text


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3)
KEYS = st.sampled_from(["time", "event", "address", "action", "result", "message", "plan_id", "target"]) | st.text()


@given(st.lists(st.dictionaries(KEYS, JSON | st.sampled_from(["apply_started", "apply_finished", "finished"]))))
def test_each_receipt_entry_is_one_line_whatever_it_contains(entries: list[dict[str, Any]]) -> None:
    for style in (Style(), Style(redact=True)):
        text = render_receipt(entries, style)
        assert text.count("\n") == len(text.splitlines()) == max(len(entries), 1)
        assert not any(character < " " and character != "\n" for character in text)
