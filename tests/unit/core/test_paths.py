import re
from typing import Any

import pytest
from support.builders import ENTERPRISE

from reconciler.core import paths
from reconciler.core.paths import CORE, Path, PathError, compile_reader, get, parse, shorten_path

WORK = (("type", "work"),)
PRIMARY = (("primary", True),)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("userName", Path(None, "userName")),
        ("  userName ", Path(None, "userName")),
        ("name.givenName", Path(None, "name", None, "givenName")),
        ("$ref", Path(None, "$ref")),
        ("enterprise:department", Path(ENTERPRISE, "department")),
        ("Enterprise:department", Path(ENTERPRISE, "department")),
        ("enterprise:manager.value", Path(ENTERPRISE, "manager", None, "value")),
        (f"{ENTERPRISE}:department", Path(ENTERPRISE, "department")),
        (f"{CORE}:userName", Path(None, "userName")),
        (f"{CORE.upper().replace('URN', 'urn')}:name.givenName", Path(None, "name", None, "givenName")),
        ("urn:example:2.0:User:badge", Path("urn:example:2.0:User", "badge")),
        ('emails[type eq "work"].value', Path(None, "emails", WORK, "value")),
        ('emails[ type  EQ  "work" ].value', Path(None, "emails", WORK, "value")),
        ("roles[primary eq true].value", Path(None, "roles", PRIMARY, "value")),
        ("roles[Primary EQ TRUE].value", Path(None, "roles", PRIMARY, "value")),
        ('roles[primary eq "True"].value', Path(None, "roles", PRIMARY, "value")),
        ('roles[primary eq "false"].value', Path(None, "roles", (("primary", False),), "value")),
        ('emails[type eq "work" and primary eq true].value', Path(None, "emails", (*WORK, *PRIMARY), "value")),
        ('emails[ primary eq "True"  AND type eq "work"].value', Path(None, "emails", (*WORK, *PRIMARY), "value")),
        ('emails[type eq "true"].value', Path(None, "emails", (("type", "true"),), "value")),
        (
            "urn:example:2.0:User:tags[vip eq false].value",
            Path("urn:example:2.0:User", "tags", (("vip", False),), "value"),
        ),
        (
            'urn:example:2.0:User:tags[kind eq "a b"].value',
            Path("urn:example:2.0:User", "tags", (("kind", "a b"),), "value"),
        ),
    ],
)
def test_paths_are_read(text: str, path: Path) -> None:
    assert parse(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "name.",
        ".givenName",
        "name..givenName",
        "name.given.name",
        "user name",
        "1name",
        "name[]",
        "emails[type eq work].value",
        'emails[type ne "work"].value',
        'emails[type eq "a" or type eq "b"].value',
        'emails[type eq "a" type eq "b"].value',
        'emails[not (type eq "a")].value',
        "emails[primary eq yes].value",
        "emails[primary eq truex].value",
        "emails[primary eq null].value",
        'emails[type eq "a\nb"].value',
        'emails[type eq "a"b"].value',
        'emails[type eq "a\\""].value',
        "urn:",
        "urn:x",
        "enterprise:",
        "userName\nactive",
        "userName; DROP",
    ],
)
def test_what_is_no_path_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(PathError) as caught:
        parse(text)
    assert str(caught.value) == (
        f"{text!r} is not an attribute path such as userName, name.givenName or enterprise:department"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('emails[type eq "a" and Type eq "b"].value', "the filter compares Type twice: keep one"),
        ('emails[type eq "a" and primary eq "b"].value', "primary is true or false, not 'b'"),
        ('roles[primary eq ""].value', "primary is true or false, not ''"),
    ],
)
def test_a_filter_that_no_element_can_pass_is_refused(text: str, why: str) -> None:
    with pytest.raises(PathError, match=re.escape(why)):
        parse(text)


def test_a_long_filter_is_read_or_refused_at_once() -> None:
    many = " and ".join(f'a{number} eq "b"' for number in range(10_000))
    assert len(parse(f"emails[{many}].value").filter or ()) == 10_000
    with pytest.raises(PathError):
        parse(f"emails[{many}")


def test_an_element_needs_a_part() -> None:
    with pytest.raises(PathError, match=r"selects an element but no sub-attribute: add one, such as \.value"):
        parse('emails[type eq "work"]')


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        "name.givenName",
        f"{ENTERPRISE}:department",
        'emails[type eq "work"].value',
        "roles[primary eq true].value",
        'emails[type eq "büro" and primary eq false].value',
        "urn:x:y:User:z.value",
    ],
)
def test_a_path_is_written_as_it_was_read(text: str) -> None:
    assert str(parse(text)) == text


def test_a_path_without_its_filter_is_the_key_of_its_row() -> None:
    assert parse('emails[type eq "work"].value').unfiltered == "emails.value"
    assert parse("name.givenName").unfiltered == "name.givenName"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"{ENTERPRISE}:department", "enterprise:department"),
        ("userName", "userName"),
        (f"{ENTERPRISE}X:department", f"{ENTERPRISE}X:department"),
        (ENTERPRISE, ENTERPRISE),
    ],
)
def test_the_short_form_is_shown(path: str, shown: str) -> None:
    assert shorten_path(path) == shown


@pytest.mark.parametrize(
    ("container", "name", "value"),
    [
        ({"userName": "ada"}, "userName", "ada"),
        ({"USERNAME": "ada"}, "userName", "ada"),
        ({"USERNAME": "big", "userName": "ada"}, "userName", "ada"),
        ({"id": "1", "userName": "ada"}, "externalId", None),
        ({"userName": None}, "userName", None),
        ({}, "userName", None),
        ("userName", "userName", None),
        (["userName"], "userName", None),
        (None, "userName", None),
    ],
)
def test_names_are_found_in_any_case_the_exact_one_first(container: Any, name: str, value: Any) -> None:
    assert get(container, name) == value


def test_many_shapes_of_resources_are_not_all_remembered() -> None:
    for number in range(3_000):
        assert get({f"made-up-{number}": 1, "USERNAME": "ada"}, "userName") == "ada"
    assert len(paths._KNOWN_SHAPES) <= 1_001


USER = {
    "userName": "ada@example.com",
    "name": {"givenName": "Ada"},
    "emails": [
        "broken",
        {"type": "home", "value": "home@example.com"},
        {"Type": "WORK", "Value": "work@example.com", "display": "Work"},
        {"type": "work", "value": "second@example.com"},
    ],
    ENTERPRISE: {"department": "Engineering", "manager": {"value": "26118915"}},
    "urn:example:2.0:User": {"tags": [{"kind": "a", "value": "x"}]},
    "roles": [{"value": "none"}, {"value": "entra", "primary": "True"}, {"value": "rfc", "primary": True}],
    "phoneNumbers": [
        {"value": "1", "primary": True, "type": "home"},
        {"value": "2", "type": "work", "primary": " true "},
    ],
    "ims": [{"value": "1", "primary": True}, {"value": "2", "primary": False}, {"value": "3"}],
    "photos": [{"value": "1", "primary": "False"}],
    "entitlements": [{"value": "1", "primary": 1}, {"value": "2", "type": None}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("userName", "ada@example.com"),
        ("name.givenName", "Ada"),
        ("name.familyName", None),
        ("title.x", None),
        ("userName.x", None),
        ("enterprise:department", "Engineering"),
        ("enterprise:manager.value", "26118915"),
        ("enterprise:division", None),
        ("urn:missing:User:x", None),
        ('emails[type eq "work"].value', "work@example.com"),
        ('emails[type eq "work"].display', "Work"),
        ('emails[type eq "other"].value', None),
        ('userName[type eq "work"].value', None),
        ('urn:example:2.0:User:tags[kind eq "a"].value', "x"),
        ("roles[primary eq true].value", "entra"),
        ("roles[primary eq false].value", "none"),
        ("ims[primary eq false].value", "2"),
        ("photos[primary eq false].value", "1"),
        ("photos[primary eq true].value", None),
        ("entitlements[primary eq true].value", None),
        ('entitlements[type eq "none"].value', None),
        ('phoneNumbers[type eq "work" and primary eq true].value', "2"),
        ('phoneNumbers[type eq "home" and primary eq false].value', None),
        ('urn:missing:User:tags[kind eq "a"].value', None),
    ],
)
def test_a_path_reads_its_value_out_of_a_resource(path: str, value: Any) -> None:
    assert compile_reader(parse(path))(USER) == value


def test_an_extension_is_found_in_any_case() -> None:
    assert compile_reader(parse("enterprise:department"))({ENTERPRISE.lower(): {"Department": "R&D"}}) == "R&D"


def test_a_single_element_without_its_list_is_read() -> None:
    read = compile_reader(parse('emails[type eq "work"].value'))
    assert read({"emails": {"type": "work", "value": "a"}}) == "a"
    assert read({"emails": {"type": "home", "value": "a"}}) is None
    assert read({"emails": "a"}) is None
