"""Nodes know where their text is."""

from __future__ import annotations

import pytest

from reconciler.history.yaml_nodes import EditError, MappingNode, Node, ScalarNode, SequenceNode, parse_nodes

TEXT = "# é 😀\r\n- a: \"😀x\" # c\r\n  b: |\r\n    t\r\n  c:\r\n  d: [x, 'y']\r\n  e:\r\n  - {f: g}\r\n"


def collect(node: Node | None) -> list[ScalarNode]:
    match node:
        case ScalarNode():
            return [node]
        case SequenceNode():
            return [each for item in node.items for each in collect(item)]
        case MappingNode():
            return [each for pair in node.pairs for side in pair for each in collect(side)]
    return []


def test_each_scalar_has_its_place_in_characters() -> None:
    found = [(TEXT[each.start : each.end].strip(), each.value, each.quotes) for each in collect(parse_nodes(TEXT))]
    assert found == [
        ("a", "a", ""), ('"😀x"', "😀x", '"'), ("b", "b", ""), ("|\r\n    t", "t\n", "|"), ("c", "c", ""), ("", "", ""),
        ("d", "d", ""), ("x", "x", ""), ("'y'", "y", "'"), ("e", "e", ""), ("f", "f", ""), ("g", "g", ""),
    ]  # fmt: skip


def test_collections_know_their_brackets() -> None:
    root = parse_nodes(TEXT)
    assert isinstance(root, SequenceNode)
    entry = root.items[0]
    assert isinstance(entry, MappingNode)
    listed = entry.get("d")
    assert isinstance(listed, SequenceNode)
    assert (TEXT[listed.start : listed.end], listed.is_flow, root.is_flow) == ("[x, 'y']", True, False)
    assert entry.keys == ["a", "b", "c", "d", "e"]
    assert (entry.find("d"), entry.find("z"), entry.get("z")) == (3, -1, None)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_a_text_without_content_has_no_nodes(text: str) -> None:
    found = parse_nodes(text)
    assert found is None or (isinstance(found, ScalarNode) and found.value == "")


@pytest.mark.parametrize(
    "text", ["a: &x 1\n", "a: !!str 1\n", "- &x {a: 1}\n- *x\n", "[a]: b\n", "a: [", "a: \x00", "a: \ud800"]
)
def test_what_is_not_edited_is_refused(text: str) -> None:
    with pytest.raises(EditError):
        parse_nodes(text)


def test_an_error_names_its_entry() -> None:
    assert str(EditError("no", 'a"b')) == '"a\\"b": no'
