from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.history import yaml_entries as module
from reconciler.history.edits import compare_entities
from reconciler.history.yaml_entries import detect_kind, diff_entries, parse_entries, split_entries

NAME = "users/people.yaml"
words = st.sampled_from(["a", "b", "x: y", "- z", "\n- userPrincipalName: q", "# c", "'", '"', "é", ""])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Files of people, in all kinds of layout, some of them broken."""
    indent = draw(st.sampled_from(["", "  "]))
    parts = [draw(st.sampled_from(["", "# head\n", "---\n", "\n"]))]
    # One name twice in a file is an error: the two cannot be distinguished.
    for who in draw(st.lists(st.sampled_from("abcdefg"), unique=True, max_size=5)):
        value = draw(words)
        shown = draw(st.sampled_from([json.dumps(value), "'" + value.replace("'", "''") + "'", value or "v"]))
        gap = draw(st.sampled_from(["", "\n", "# about the next\n", "\n  # inside\n"]))
        item = draw(
            st.sampled_from(
                [
                    f"{indent}- userPrincipalName: {who}\n{indent}  title: {shown}\n",
                    f"{indent}- {{userPrincipalName: {who}, title: {json.dumps(value)}}}\n",
                    f"{indent}-\n  userPrincipalName: {{who}}\n  tags:\n  - one\n  - {{shown}}\n".replace("{who}", who)
                    .replace("{shown}", shown)
                    .replace("\n", f"\n{indent}")
                    .removesuffix(indent),
                ]
            )
        )
        parts.append(item + gap)
    text = "".join(parts)
    return (text.rstrip("\n") if draw(st.booleans()) else text).encode()


def whole(old: bytes, new: bytes) -> list[str]:
    return sorted(
        map(str, compare_entities(module._read_whole(NAME, "user", old), module._read_whole(NAME, "user", new)))
    )


@given(files(), files(), st.integers(1, 16))
@example(b"- userPrincipalName: 'a\n- b'\n", b"- userPrincipalName: 'a\n- c'\n", 3)
def test_differing_pieces_give_the_same_as_reading_both_files_whole(old: bytes, new: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = sorted(map(str, compare_entities(*diff_entries(NAME, old, new))))
    if readable(old) and readable(new):
        assert found == whole(old, new)


def readable(content: bytes) -> bool:
    """Of a file with an error in the middle both ways may read another part."""
    said: list[object] = []
    list(module.read_items(content, NAME, said.append))
    return not said


@given(files())
def test_pieces_put_together_are_the_file(content: bytes) -> None:
    cut = split_entries(NAME, content)
    if cut is not None:
        head, found = cut
        assert head + b"".join(piece.body + piece.tail for piece in found) == content
        assert [piece.entity for piece in found] == parse_entries(NAME, content)


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 8))
def test_common_ends(old: bytes, new: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        first, last = module._count_same_prefix(old, new), module._count_same_suffix(old, new)
    assert old[:first] == new[:first]
    assert old[first : first + 1] != new[first : first + 1] or first == len(old) == len(new)
    assert old[len(old) - last :] == new[len(new) - last :]
    longer = last + 1
    assert longer > min(len(old), len(new)) or old[-longer:] != new[-longer:]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("users/a.yaml", "user"),
        ("users/b/c.YML", "user"),
        ("users/.hidden.yaml", None),
        ("users/notes.md", None),
        ("groups/g.yaml", "group"),
        ("mappings.yaml", "mapping"),
        ("scope.yaml", "document"),
        ("other.yaml", None),
    ],
)
def test_only_files_that_are_read_have_entries(name: str, kind: str | None) -> None:
    assert detect_kind(name) == kind
