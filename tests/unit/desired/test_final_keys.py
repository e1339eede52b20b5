"""Final keys: what a layer above may not set."""

import pytest

from reconciler.core.model import Diagnostic
from reconciler.desired.final_keys import find_overrides, take_final
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import read_document


def _parse(text: str, file: str) -> YamlMapping:
    node = read_document(text.encode(), file, lambda item: pytest.fail(item.summary))
    assert isinstance(node, YamlMapping)
    return node


def _find(finals: str, above: str, kind: str = "settings") -> list[tuple[str, str]]:
    problems: list[Diagnostic] = []
    _, keys = take_final(_parse(f"ownership: x\nfinal: {finals}\n", "low"), problems.append)
    found = [*problems, *find_overrides(kind, _parse(above, "high"), keys)]
    return [(str(item.origin), item.summary) for item in found]


@pytest.mark.parametrize(
    ("finals", "above", "expected"),
    [
        ("[ownership]", "ownership: x\n", [("high:1:1", "ownership is final")]),
        ("[target.profile]", "target: {base_url: a, profile: scim}\n", [("high:1:23", "target.profile is final")]),
        ("[target.profile]", "target: {base_url: a}\n", []),
        ("[target.profile]", "target: text\n", [("high:1:1", "target.profile is final")]),
        ("[target]", "target: {base_url: a}\n", [("high:1:1", "target is final")]),
        ("[lifecycle.actions]", "lifecycle: {removed: keep}\n", []),
        ("[lifecycle.actions]", "lifecycle: {actions: ~}\n", []),
        (
            "[guards.removals.count]",
            "guards: {removals: {count: 1}}\n",
            [("high:1:21", "guards.removals.count is final")],
        ),
        ("ownership", "ownership: x\n", [("low:2:8", "final: expected a list")]),
        ("[owner]", "ownership: x\n", [("low:2:9", 'final: "owner" is not a key')]),
        ("[target.profile.x]", "ownership: x\n", [("low:2:9", 'final: "target.profile.x" is not a key')]),
        ("[mappings.x]", "ownership: x\n", [("low:2:9", 'final: "mappings.x" is not a key')]),
        ("[[ownership]]", "ownership: x\n", [("low:2:9", "final: an entry is not a key")]),
        ("~", "ownership: x\n", []),
    ],
)
def test_settings(finals: str, above: str, expected: list[tuple[str, str]]) -> None:
    assert _find(finals, above) == expected


def test_other_files() -> None:
    assert _find("[scope.sync]", "sync: all\n", "scope") == [("high:1:1", "scope.sync is final")]
    assert _find("[scope.assigned.users]", "assigned: {groups: [a]}\n", "scope") == []
    assert _find("[scope.sync, mappings]", "sync: all\n") == []
    assert [at for at, _ in _find("[mappings]", "sync: all\n", "mappings")] == ["high:1:1"]
    assert [at for at, _ in _find("[scope]", "sync: all\n", "scope")] == ["high:1:1"]
