from __future__ import annotations

import pytest

from reconciler.session.fleet.known_names import hide_values


@pytest.mark.parametrize(
    "text",
    [
        '"userPrincipalName" is missing',
        'key "departement" looks like department',
        'unknown key "gaurds"',
        'no user has an attribute "userPrincipalNam"',
        'Apple Business Manager has no attribute "name.givenName"',
        'git tracks "defaults/scope.yaml", which is missing',
        'unknown key "tenants_at_one"',
        '"../../groups/schools/settings.yaml" is a link',
    ],
)
def test_our_names_stay(text: str) -> None:
    assert hide_values(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('userName "nora@example.com" is used twice', "userName (hidden) is used twice"),
        ('group "Guards" is defined twice', "group (hidden) is defined twice"),
        ('unknown key "Nora"', "unknown key (hidden)"),
        ('"Department" is used by "a \\" b"', "(hidden) is used by (hidden)"),
        ('"users/nora/settings.yaml" is a link', "(hidden) is a link"),
        ('the name "Nora is cut', "the name (hidden)"),
    ],
)
def test_values_of_people_are_hidden(text: str, shown: str) -> None:
    assert hide_values(text) == shown
