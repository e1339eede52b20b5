from typing import Any

import pytest
from support.builders import change, values_of

from reconciler.core.planning.guards.replacements import IDENTITY, NAMES, find_replaced

NAMELESS: dict[str, Any] = {"given": None, "family": None}
GIVEN, FAMILY = frozenset({"name.givenName"}), frozenset({"name.familyName"})
NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ({}, {}, NOTHING),
        ({}, {"given": "Bo", "family": "King", "user_name": "bo@example.com"}, IDENTITY),
        ({}, {"family": "King"}, FAMILY),
        ({}, {"given": "ADA", "user_name": "ADA@example.com"}, NOTHING),
        # one of the names is not there
        ({"given": None}, {"given": "Bo", "family": "King"}, NAMES),
        ({"family": None}, {"given": "Bo", "family": "King"}, NAMES),
        ({}, {"given": None, "family": "King"}, NAMES),
        ({"given": None}, {"given": "Bo"}, NOTHING),
        ({"given": None}, {"given": None, "family": "King"}, FAMILY),
        (NAMELESS, {"given": "Bo", "family": "King"}, NOTHING),
        ({}, NAMELESS, NOTHING),
        ({"given": None}, {"given": "Bo", "family": None}, NOTHING),
    ],
)
def test_a_name_is_replaced_by_another(before: dict[str, Any], after: dict[str, Any], replaced: frozenset[str]) -> None:
    found = find_replaced(change("ada", before=values_of("ada", **before), after=values_of("ada", **after)))
    assert found == replaced


@pytest.mark.parametrize("path", ["displayName", "name.formatted"])
@pytest.mark.parametrize("part", [{}, {"family": "Mueller"}])
@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ("Anna Mueller", "Peter Schmidt", True),
        ("Anna Mueller", "Anna Schmidt", False),
        ("Mueller, Anna", "Anna-Lena Schmidt", False),
        ("anna.mueller", "ANNA SCHMIDT", False),
        ("M\u00fcller", "Mu\u0308ller", False),
        ("A. Mueller", "A. Schmidt", True),
        ("Anna 12", "Peter 12", True),
        ("\u5c71\u7530 \u592a\u90ce", "\u9234\u6728 \u592a\u90ce", False),
        ("X", "Y", True),
        ("X", "x", False),
        (None, "Peter Schmidt", False),
        ("Anna Mueller", None, False),
    ],
)
def test_without_given_and_family_name_the_full_name_is_compared_by_its_words(
    path: str, part: dict[str, Any], before: str | None, after: str | None, *, replaced: bool
) -> None:
    sides = [values_of("ada", **{**NAMELESS, **part, path: name}) for name in (before, after)]
    assert find_replaced(change("ada", before=sides[0], after=sides[1])) == (NAMES if replaced else NOTHING)


def test_given_and_family_name_decide_if_they_are_there() -> None:
    sides = [values_of("ada", displayName=name) for name in ("Anna Mueller", "Peter Schmidt")]
    assert find_replaced(change("ada", before=sides[0], after=sides[1])) == NOTHING
