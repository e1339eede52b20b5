"""Values are found in the bytes of files however YAML spells them, or the file is known to hide them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.values import fold_case
from reconciler.desired.text_search import finds_any, finds_text, hides_text, is_searchable
from reconciler.desired.yaml_reader import read_items

NAME = "Ada.Lovelace@Example.com"
CROWD = {f"other{number}@example.com" for number in range(17)}


@pytest.mark.parametrize(
    "written",
    [
        "- userPrincipalName: ada.lovelace@example.com\n",
        "- userPrincipalName: ADA.LOVELACE@EXAMPLE.COM # the first\n",
        "- userPrincipalName: 'Ada.Lovelace@example.com'\n",
        '[{"userPrincipalName":"ada.lovelace@example.com","b":""}]\n',
        '- {"userPrincipalName":ada.lovelace@example.com}\n',
        "- userPrincipalName: ada.lovelace@example.com\u00a0\n",
        "- {userPrincipalName: ada.lovelace@example.com, b: c}\n",
        "- userPrincipalName: |\n    ada.lovelace@example.com\n",
        '- userPrincipalName: "ada.lovelace\\x40example.com"\n',
        '- userPrincipalName: "ada.love\\\n    lace@example.com"\n',
    ],
)
@pytest.mark.parametrize("others", [set(), CROWD])
def test_a_value_is_found_or_hidden(written: str, others: set[str]) -> None:
    content = written.encode()
    items = list(read_items(content, "users/a.yaml", lambda item: pytest.fail(str(item))))
    assert fold_case(items[0]["userPrincipalName"]).strip() == fold_case(NAME)
    assert finds_any(content, {NAME, *others}) or hides_text(content)
    assert not finds_any(content, {"grace@example.com", *others})


def test_a_character_that_folds_to_ascii_hides_text() -> None:
    assert fold_case("\u212aay@example.com") == "kay@example.com"
    assert hides_text("- userPrincipalName: \u212aay@example.com\n".encode())
    assert not hides_text("- userPrincipalName: zoë@example.com\n".encode())


def test_no_other_character_does() -> None:
    folding = {
        chr(code) for code in (*range(0x80, 0xD800), *range(0xE000, 0x110000)) if fold_case(f"a{chr(code)}a").isascii()
    }
    assert all(hides_text(character.encode()) for character in folding)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12))
def test_a_searchable_value_is_found_as_yaml_or_json_writes_it(value: str) -> None:
    if not is_searchable(value):
        return
    for written in (f"- a: '{value}'\n", f"- a: {json.dumps(value)}\n"):
        content = written.encode()
        assert finds_any(content, {value.upper()}) or hides_text(content)
        assert finds_any(content, {value.upper(), *CROWD}) or hides_text(content)


@pytest.mark.parametrize("value", ["O'Neil@example.com", "a b", "zoë@example.com", "", 'a"b', "a[b"])
def test_what_yaml_may_spell_in_several_ways_is_not_searched_for(value: str) -> None:
    assert not is_searchable(value)


def test_texts_are_found_as_they_are() -> None:
    assert finds_text(b"- lifecycle: {expires: 2026-12-01}\n", [b"2026-11-30", b"2026-12-01"])
    assert not finds_text(b"- lifecycle: {expires: 2026-12-02}\n", [b"2026-12-01"])
    assert not finds_any(b"anything", set())
