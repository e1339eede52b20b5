import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import NOW, TARGET, change, plan_with

from reconciler.core.model import Target
from reconciler.core.plan import Action, Outcome, Result
from reconciler.core.text import to_ascii_json
from reconciler.record.receipt import ApplyNotes, Receipt
from reconciler.record.receipt_content import parse_receipt
from reconciler.record.receipt_line import (
    FORMAT_VERSION,
    ApplyFinished,
    ApplyStarted,
    Finished,
    ReceiptLine,
    Started,
    UnknownLine,
    json_schema,
    parse_entry,
    parse_line,
    parse_whole_lines,
    to_entry,
)
from reconciler.record.redaction import Redactor
from reconciler.record.runs import Quarantine
from reconciler.record.timestamps import LONG_AGO

ADA = change("ada")


def parse(**entry: Any) -> ReceiptLine:
    return parse_line(json.dumps(entry).encode())


def written(directory: Path, redactor: Redactor) -> list[dict[str, Any]]:
    """Every kind of line that the writer writes, with every key."""
    plan = plan_with(ADA, target=replace(TARGET, tenant="acme"))
    notes = ApplyNotes(run="12/1", service_ahead=timedelta(hours=25), top_files=["scope.yaml"])
    receipt = Receipt(directory, plan, lambda: NOW, notes, redactor=redactor)
    receipt.started(ADA.address, ADA.action, None, ["title"])
    receipt.finished(Outcome(ADA, Result.DONE))
    receipt.quarantined(Quarantine("Because", "it failed"))
    receipt.close(dict.fromkeys(Result, 1))
    return [parse_entry(line) for line in receipt.path.read_bytes().splitlines()]


def test_what_is_written_is_what_is_read_with_the_same_keys_in_the_same_order(tmp_path: Path) -> None:
    for entry in written(tmp_path, Redactor(b"k" * 32))[:4]:
        again = json.dumps(to_entry(parse(**entry)))
        assert again == json.dumps(entry)
        assert list(entry)[:4] == ["format_version", "time", "event", "plan_id"]


def test_a_line_of_version_0_1_is_read() -> None:
    line = parse(time="2026-03-01T12:00:00+00:00", event="apply_started", target="https://x.example", profile="scim")
    assert line == ApplyStarted(time="2026-03-01T12:00:00+00:00", target="https://x.example", profile="scim")
    assert isinstance(line, ApplyStarted)
    assert (line.whole, line.commit, line.config_digest) == (True, None, "")
    assert line.recorded_target == Target("scim", "https://x.example")


@pytest.mark.parametrize(
    ("written", "tenant"), [({"tenant": "acme"}, "acme"), ({"tenant": ""}, None), ({"tenant": None}, None)]
)
def test_a_line_names_the_tenant_that_the_apply_went_to(written: dict[str, Any], tenant: str | None) -> None:
    line = parse(event="apply_started", target="https://x.example", profile="scim", **written)
    assert isinstance(line, ApplyStarted)
    assert line.recorded_target == Target("scim", "https://x.example", tenant)


def test_unknown_keys_and_events_are_ignored() -> None:
    assert parse(event="started", address="a", colour="red") == Started(address="a")
    assert parse(event="paused", plan_id="x", address="a") == UnknownLine(plan_id="x")
    assert parse(address="a") == UnknownLine()


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"event": "finished", "message": 7, "result": None}, Finished(message="7", result="None")),
        ({"event": "finished", "id": 5, "user_name": ["x"], "attributes": "x"}, Finished()),
        ({"event": "apply_started", "whole": 1}, ApplyStarted(whole=False)),
        ({"event": "apply_started", "key": 7, "commit": 7, "tenant": 7}, ApplyStarted()),
        ({"event": "apply_finished", "left": "3", "done": -1}, ApplyFinished(left=0)),
        ({"event": "apply_finished", "left": 10**30}, ApplyFinished(left=10**30)),
        ({"event": "apply_finished", "how": 3}, ApplyFinished(how="3")),
        ({"event": "started", "address": "\ud800"}, Started(address="\ud800")),
        # An approval that cannot be read lifts nothing; an account counts as active.
        ({"event": "apply_started", "approved": ["removals"]}, ApplyStarted()),
        ({"event": "apply_started", "approved": {"removals": 1}}, ApplyStarted()),
        ({"event": "started", "was_active": "no"}, Started()),
    ],
)
def test_values_of_another_type_never_make_an_apply_look_better(entry: dict[str, Any], line: ReceiptLine) -> None:
    assert parse(**entry) == line


@pytest.mark.parametrize("text", [b"", b"nonsense", b"\xff", b'{"event": "star', b"[" * 100_000])
def test_what_is_not_json_is_an_error(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        parse_line(text)


@pytest.mark.parametrize("text", [b"[]", b"1", b'"x"', b"null"])
def test_what_is_not_an_object_is_an_error(text: bytes) -> None:
    with pytest.raises(TypeError):
        parse_line(text)


def test_an_undated_line_sorts_first() -> None:
    assert (Started(time=NOW.isoformat()).timestamp, Started(time=NOW.isoformat()).sort_time) == (NOW, NOW)
    assert (Started(time="yesterday").timestamp, Started(time="yesterday").sort_time) == (None, LONG_AGO)


def test_the_schema_knows_every_key_that_is_written(tmp_path: Path) -> None:
    schema = json_schema()
    assert schema["properties"]["event"]["enum"] == [
        "apply_started",
        "started",
        "finished",
        "quarantined",
        "apply_finished",
    ]
    assert schema["properties"]["format_version"]["const"] == FORMAT_VERSION
    assert schema["required"] == ["format_version", "time", "event", "plan_id"]
    lines = {name: each for name, each in schema["$defs"].items() if name != "PopulationNote"}
    by_event = {each["properties"]["event"]["enum"][0]: each["properties"] for each in lines.values()}
    assert [each["$ref"].rpartition("/")[2] for each in schema["oneOf"]] == list(lines)
    entries = written(tmp_path, Redactor(b"k" * 32))
    assert [entry["event"] for entry in entries] == list(by_event) == schema["properties"]["event"]["enum"]
    optional = {
        "apply_started": {"unattended", "protected", "unprotected", "accounts", "population"},
        "started": {"original_user_name", "was_active", "user_name", "external_id", "full_name", "last_modified"},
        "finished": {"protected", "forms", "unseen", "unconfirmed"},
    }
    for entry in entries:
        assert entry.keys() | optional.get(entry["event"], set()) == by_event[entry["event"]].keys()


def test_the_schema_lists_actions_and_results() -> None:
    properties = json_schema()["$defs"]["Finished"]["properties"]
    assert properties["action"] == {"type": "string", "enum": [action.value for action in Action]}
    assert properties["result"] == {"type": "string", "enum": [result.value for result in Result]}
    assert set(Result) <= json_schema()["$defs"]["ApplyFinished"]["properties"].keys()


_LINE = to_ascii_json(to_entry(Started(time="2026-03-01T08:00:00+00:00", address='user["a"]', attributes=("active",))))
_PIECES = (
    "\n",
    "\r\n",
    " ",
    "",
    "\n\n",
    "}\n{",
    "{}",
    '{"event": "later", "id": 7}',
    '"',
    "\0",
    _LINE,
    _LINE + "\n",
    "é",
)


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join))
@example(_LINE.replace(":", ":\n", 1) + _LINE + "\n")
@example(_LINE.replace(":", ":\n", 1) + "\n")
@example(_LINE + _LINE + "\n" + "\n")
@example('{"event": "started",\n"id": {}}{"event": "started"}\n')
def test_lines_that_are_parsed_at_once_are_those_that_are_parsed_one_by_one(text: str) -> None:
    content = text.encode()
    found = parse_whole_lines(content)
    if found is not None:
        assert found == list(parse_receipt(content, "receipt.jsonl", parse_line))


def test_a_receipt_as_it_is_written_is_parsed_at_once() -> None:
    found = parse_whole_lines(f"{_LINE}\n{_LINE}\n".encode())
    assert found is not None
    assert [line.event for line in found] == ["started", "started"]
