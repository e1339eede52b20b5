"""Files of new users."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Origin, SourceAttributes
from reconciler.desired.layout import check_file, is_read
from reconciler.sources.placement import MAX_USERS, Placement, check_place, slug


@pytest.mark.parametrize(
    ("place", "fields", "file"),
    [
        ("users/entra.yaml", {}, "users/entra.yaml"),
        ("users/{department}.yaml", {"department": "R&D / Köln"}, "users/r-d-koln.yaml"),
        ("users/{department}.yaml", {}, "users/unassigned.yaml"),
        ("users/{country}/{department}.yaml", {"country": "DE", "department": "IT"}, "users/de/it.yaml"),
        ("users/{department}.yaml", {"department": "../../.git/config"}, "users/git-config.yaml"),
        ("users/{department}.yaml", {"department": ".."}, "users/5ec1f7e7.yaml"),
        ("users/{department}.yaml", {"department": "営業"}, "users/8c6bb3d2.yaml"),
        ("users/{department}.yaml", {"department": "CON"}, "users/con_.yaml"),
        ("users/{department}/x.yaml", {"department": "nul"}, "users/nul_/x.yaml"),
        ("users/{department}.yaml", {"department": "x" * 65_536}, f"users/{'x' * 50}.yaml"),
        ("users/{otherMails}.yaml", {"otherMails": ("b", "a")}, "users/b.yaml"),
        ("users/{accountEnabled}.yaml", {"accountEnabled": False}, "users/false.yaml"),
        ("users/site_{city}-x.yaml", {"city": "Rom\n::e"}, "users/site_rom-e-x.yaml"),
    ],
)
def test_a_value_becomes_a_safe_name(place: str, fields: SourceAttributes, file: str) -> None:
    assert check_place(place, {"department", "country", "otherMails", "city", "accountEnabled"}) is None
    assert Placement(place, (), ()).choose(fields) == file


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("entra.yaml", "is not below users/"),
        ("groups/entra.yaml", "is not below users/"),
        ("/users/entra.yaml", "is not below users/"),
        ("users/entra.json", "does not end with .yaml"),
        ("users/.yaml", "has an empty folder or file name"),
        ("users//a.yaml", "has an empty folder or file name"),
        ("users/../a.yaml", 'has a name that is not safe in every file system, ".."'),
        ("users/{department.yaml", 'has a name that is not safe in every file system, "{department"'),
        ("users/{}.yaml", 'has a name that is not safe in every file system, "{}"'),
        ("users/{a.b}.yaml", 'has a name that is not safe in every file system, "{a.b}"'),
        ("users/a\\b.yaml", 'has a name that is not safe in every file system, "a\\\\b"'),
        ("users/.a.yaml", 'has a name that is not safe in every file system, ".a"'),
        ("users/a\n.yaml", 'has a name that is not safe in every file system, "a\\n"'),
        ("users/a_BASE_{employeeId}.yaml", 'has a name that git mergetool uses, "a_BASE_{employeeId}"'),
        ("users/{city}.yaml", "names city, which the source did not read"),
        (f"users/{'x' * 51}.yaml", f'has a name that is not safe in every file system, "{"x" * 51}"'),
    ],
)
def test_a_wrong_pattern_is_one_error_at_its_line(place: str, why: str) -> None:
    found = check_place(place, {"employeeId"}, Origin("settings.yaml", 9, 12))
    assert found is not None
    assert found.summary.endswith(why)
    assert str(found.origin) == "settings.yaml:9:12"


def test_a_full_file_is_followed_by_a_numbered_one() -> None:
    files = ["users/a.yaml", "users/A-2.yaml"]
    full = [*["users/a.yaml"] * MAX_USERS, *["users/A-2.yaml"] * (MAX_USERS - 1)]
    placement = Placement("users/a.yaml", files, full)
    assert [placement.choose({}) for _ in range(2)] == ["users/A-2.yaml", "users/a-3.yaml"]


def test_a_name_is_written_as_it_is_already() -> None:
    placement = Placement("users/{country}/{department}.yaml", ["users/DE/It.yaml"], ())
    found = [placement.choose({"country": "de", "department": each}) for each in ("IT", "HR")]
    assert found == ["users/DE/It.yaml", "users/DE/hr.yaml"]


@given(
    st.lists(st.text(max_size=80), min_size=1, max_size=6), st.sampled_from(["users/{a}.yaml", "users/{a}/x{a}-y.yaml"])
)
def test_any_value_is_a_file_that_is_read(values: list[str], place: str) -> None:
    placement = Placement(place, (), ())
    for value in values:
        file = placement.choose({"a": value})
        assert is_read(file)
        assert check_file(file.rpartition("/")[2]) is None
        assert file.isascii()
        assert file.startswith("users/")


def test_slugs_are_short_and_never_empty() -> None:
    assert slug("é" * 1_000) == "e" * 50
    assert slug("a" + "/" * 300 + "b") == "a"
    assert slug("\ud800")
    assert slug(()) == "unassigned"
