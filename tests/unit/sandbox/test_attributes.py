import pytest

from reconciler.sandbox.attributes import CORE, ENTERPRISE, canonical_path, head_of, name_key, split_path


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("USERNAME", "userName"),
        (" externalid ", "externalId"),
        ("Name", "name"),
        ("name.GIVENNAME", "name.givenName"),
        (f"{CORE.upper()}:active", "active"),
        (f"{CORE}:name.familyName", "name.familyName"),
        (ENTERPRISE.lower(), ENTERPRISE),
        (f"{ENTERPRISE}:DEPARTMENT", f"{ENTERPRISE}:department"),
        ('Emails[type eq "work"].value', 'emails[type eq "work"].value'),
        ("emails.value", "emails.value"),
        ("name.formatted", None),
        ("name.", None),
        ("nickName", None),
        ("userName.value", None),
        ("userName[x]", None),
        (f"{ENTERPRISE}:manager", None),
        (f"{ENTERPRISE}:", None),
        (f"{ENTERPRISE}.department", None),
        ("", None),
        ("[", None),
        ("meta.created", None),
    ],
)
def test_paths_are_brought_into_the_spelling_of_the_rfc(path: str, canonical: str | None) -> None:
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("path", "head", "parts"),
    [
        ("userName", "userName", ("userName", None)),
        ("name.givenName", "name", ("name", "givenName")),
        (f"{ENTERPRISE}:department", ENTERPRISE, (ENTERPRISE, "department")),
        ('emails[type eq "a.b"].value', "emails", None),
    ],
)
def test_paths_are_taken_apart(path: str, head: str, parts: tuple[str, str | None] | None) -> None:
    assert head_of(path) == head
    if parts:
        assert split_path(path) == parts


def test_names_compare_without_case_in_one_normal_form() -> None:
    assert name_key("E\u0301MILE@Example.com") == name_key("\xe9mile@example.COM")
    assert name_key("strasse@x") != name_key("straße@x")
