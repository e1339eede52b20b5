"""The first line of new files: a path to a schema that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.editor_lines import build_editor_line, replace_editor_line

LINE = "# yaml-language-server: $schema="


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The root of a repository."""
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    return tmp_path / "repository"


def give(folder: Path, *names: str) -> None:
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / "schemas" / f"{name}.json").write_text("{}")


@pytest.mark.parametrize(
    ("state", "name", "schema"),
    [
        ("desired-state", "users/people.yaml", "../../schemas/users.json"),
        ("desired-state", "users/sales/north/a.yaml", "../../../../schemas/users.json"),
        ("desired-state", "groups/a.yaml", "../../schemas/groups.json"),
        ("desired-state", "mappings.yaml", "../schemas/mappings.json"),
        ("tenants/acme", "users/people.yaml", "../../../schemas/users.json"),
        (".", "users/people.yaml", "../schemas/users.json"),
    ],
)
def test_the_path_leads_to_the_schemas_of_the_repository(state: str, name: str, schema: str, place: Path) -> None:
    give(place, "users", "groups", "mappings")
    assert build_editor_line(place / state, name) == f"{LINE}{schema}\n"
    assert ((place / state / name).parent / schema).resolve() == place / "schemas" / Path(schema).name


def test_a_relative_state_has_the_same_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(place, "users")
    monkeypatch.chdir(place)
    assert build_editor_line(Path("desired-state"), "users/a.yaml") == f"{LINE}../../schemas/users.json\n"
    assert build_editor_line(Path(), "users/a.yaml") == f"{LINE}../schemas/users.json\n"


@pytest.mark.parametrize(("name", "schema"), [("scope", "layer-scope"), ("settings", "tenant-settings")])
def test_files_that_layers_complete_have_a_schema_of_their_own(name: str, schema: str, place: Path) -> None:
    give(place, schema)
    assert build_editor_line(place / "tenants/acme", f"{name}.yaml") == f"{LINE}../../schemas/{schema}.json\n"
    give(place, name)
    assert build_editor_line(place / "tenants/acme", f"{name}.yaml") == f"{LINE}../../schemas/{name}.json\n"


def test_without_the_schema_there_is_no_line(place: Path) -> None:
    assert build_editor_line(place / "desired-state", "users/a.yaml") == ""
    give(place, "groups")
    assert build_editor_line(place / "desired-state", "users/a.yaml") == ""


def test_schemas_outside_of_the_repository_or_far_above_are_not_named(place: Path) -> None:
    give(place.parent, "users")
    assert build_editor_line(place, "users/a.yaml") == ""
    assert build_editor_line(place / "desired-state", "users/a.yaml") == ""
    give(place, "users")
    assert build_editor_line(place / "a/b/c", "users/a.yaml") == ""


def test_a_copy_gets_the_line_of_its_place() -> None:
    content = f"{LINE}../../schemas/settings.json\n# About\nx: y\n".encode()
    assert replace_editor_line(content, f"{LINE}../s.json\n") == f"{LINE}../s.json\n# About\nx: y\n".encode()
    assert replace_editor_line(content, "") == b"# About\nx: y\n"
    assert replace_editor_line(b"x: y\n", f"{LINE}../s.json\n") == f"{LINE}../s.json\nx: y\n".encode()
    assert replace_editor_line(b"\xef\xbb\xbf" + content, "# e\n") == b"# e\n# About\nx: y\n"
    elsewhere = f"{LINE}https://example.com/s.json\nx: y\n".encode()
    assert replace_editor_line(elsewhere, f"{LINE}../s.json\n") == elsewhere
