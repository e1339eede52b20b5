"""Errors of a merge."""

from __future__ import annotations

from support.merging import entry, state

from reconciler.sources.import_plan import CurrentState
from reconciler.sources.merge_findings import Findings


def test_errors_are_by_kind_and_name_whatever_their_order() -> None:
    ada = entry("ada")
    findings = Findings("Entra", state(ada, located=True))
    findings.add("users are odd", "b", "b is odd", ())
    findings.add("users are odd", "a", "a is odd", ("why\nnot",), ada)
    findings.add_about("groups are odd", "g", "g is odd", ())
    found = findings.diagnostics
    assert [(each.summary, str(each.origin), each.address) for each in found] == [
        ("a is odd", "users/entra.yaml:3:3", 'user["a"]'),
        ("b is odd", "None", 'user["b"]'),
        ("g is odd", "None", None),
    ]
    assert found[0].detail == "why\\nnot"


def test_an_entry_without_a_known_place_is_named_by_its_file() -> None:
    findings = Findings("Entra", CurrentState())
    assert findings.locate(entry("ada")) is None
    assert findings.name_place(entry("ada")) == "users/entra.yaml"
