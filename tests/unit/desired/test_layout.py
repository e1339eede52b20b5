import pytest

from reconciler.desired import layout


@pytest.mark.parametrize(
    "name",
    [
        *(
            "settings.yaml",
            "scope.yaml",
            "mappings.yaml",
            "README.md",
            "notes.rst",
            "CODEOWNERS",
            "Makefile",
            "LICENSE",
        ),
        *(
            ".gitignore",
            ".gitkeep",
            ".gitattributes",
            ".DS_Store",
            ".editorconfig",
            ".yamllint",
            ".env",
            "Übersicht.md",
        ),
        *(".pre-commit-config.yaml", ".gitlab-ci.yml", "requirements.txt", "pyproject.toml"),
    ],
)
def test_files_that_may_be_at_the_top_level(name: str) -> None:
    assert layout.check_top_file(name) is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("scope.yml", "scope.yaml"),
        ("Scope.yaml", "scope.yaml"),
        ("SCOPE.YAML", "scope.yaml"),
        ("scope.yaml ", "scope.yaml"),
        (" scope.yaml", "scope.yaml"),
        ("scope.yaml\u200b", "scope.yaml"),
        ("scope\u2024yaml", "scope.yaml"),
        ("\uff53cope.yaml", "scope.yaml"),
        ("ѕсоре.yaml", None),
        ("scope.yаml", "scope.yaml"),
        ("ѕсоре.уаmІ", None),
        ("scope.yam", "scope.yaml"),
        ("scope", "scope.yaml"),
        ("scope.txt", "scope.yaml"),
        ("scopes.toml", "scope.yaml"),
        ("scope.yaml.txt", "scope.yaml"),
        ("scope.yaml.md", "scope.yaml"),
        ("scope.yaml (1)", "scope.yaml"),
        ("scope - Copy.yaml", "scope.yaml"),
        ("settings.yml", "settings.yaml"),
        ("settings.local", "settings.yaml"),
        ("mapping.yaml", "mappings.yaml"),
        ("users.yaml", "users/"),
        ("people.json", None),
    ],
)
def test_a_misspelt_name_at_the_top_level_is_not_overlooked(name: str, hint: str | None) -> None:
    stray = layout.check_top_file(name)
    assert stray is not None
    assert stray.summary == "this file is not read"
    if hint is not None and name.isascii():
        assert stray.detail.startswith(f"Did you mean {hint}? ")
    assert "The top level holds settings.yaml, scope.yaml, mappings.yaml" in stray.detail


LEFTOVERS = [
    *("scope.yaml.orig", "scope.yaml.rej", "scope.yaml.bak", "scope.yaml~", "scope.yaml.~1~", ".scope.yaml.swp"),
    *(".scope.yaml.swo", "#scope.yaml#", ".#scope.yaml", "scope_BASE_123.yaml", "scope_LOCAL_7.yaml"),
    *("scope.REMOTE.4711.yaml", "scope_BACKUP_1.yaml", "scope.orig", "scope.rej", "scope.yaml.mine", "scope.yaml.r42"),
    *("scope.yaml.ORIG", "scope.yaml.old", "scope.yaml.tmp", "notes.txt.orig"),
]


@pytest.mark.parametrize("name", LEFTOVERS)
def test_leftovers_of_merges_and_editors_are_named_as_such(name: str) -> None:
    for check in (layout.check_top_file, layout.check_file):
        stray = check(name)
        assert stray is not None
        assert stray.summary == "a leftover of a merge or an editor"
        assert "delete it" in stray.detail
    assert not layout.is_read(f"users/{name}")


@pytest.mark.parametrize("name", [".scope.yaml", ".more.yml", ".YAML", ".yaml", "._scope.yaml", ".scope.yaml.txt"])
def test_hidden_yaml_is_not_overlooked(name: str) -> None:
    for check in (layout.check_top_file, layout.check_file):
        stray = check(name)
        assert stray is not None
        assert stray.summary == "this hidden file is not read"
    assert not layout.is_read(f"users/{name}")


@pytest.mark.parametrize("name", ["people.yaml", "a.YML", "contractors_remote_2026.yaml", "local.2026.yaml", "#1.yaml"])
def test_names_of_files_with_users(name: str) -> None:
    assert layout.check_file(name) is None
    assert layout.is_read(f"users/team/{name}")


@pytest.mark.parametrize("name", ["README.md", "notes.rst", ".gitkeep", ".gitignore", ".DS_Store"])
def test_files_that_may_be_beside_users(name: str) -> None:
    assert layout.check_file(name) is None
    assert not layout.is_read(f"users/{name}")


@pytest.mark.parametrize(
    "name", ["people.csv", "people.json", "people", "people.yaml ", "people.yаml", "people.yaml.md"]
)
def test_other_files_beside_users_are_not_overlooked(name: str) -> None:
    stray = layout.check_file(name)
    assert stray is not None
    assert stray.summary == "this file is not read"


def test_a_repository_beside_users_is_not_overlooked() -> None:
    stray = layout.check_file(".git")
    assert stray is not None
    assert stray.summary == "a git repository inside of the desired state"


def test_folders() -> None:
    assert [layout.check_top_folder(name) for name in ("users", "groups", ".git", ".github")] == [None] * 4
    hidden, other = layout.check_top_folder(".users"), layout.check_top_folder("users ")
    assert hidden is not None
    assert other is not None
    assert (hidden.summary, other.summary) == ("this hidden directory is not read", "this directory is not read")
    assert [stray.detail.partition("?")[0] for stray in (hidden, other)] == ["Did you mean users/"] * 2
    assert layout.check_folder("team") is None
    assert layout.check_folder(".old") is not None


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("settings.yaml", True),
        ("Settings.yaml", False),
        ("users/a.yaml", True),
        ("users/deep/er/a.yml", True),
        ("groups/a.yaml", True),
        ("users/.old/a.yaml", False),
        ("users/a.yaml.orig", False),
        ("users/a_BASE_1.yaml", False),
        ("other/a.yaml", False),
        ("users", False),
    ],
)
def test_the_files_of_a_desired_state(name: str, read: bool) -> None:
    assert layout.is_read(name) is read


@pytest.mark.parametrize("name", ["tenant.yml", "Tenant.yaml", "tenant.json"])
def test_the_right_name_of_tenant_yaml_is_suggested(name: str) -> None:
    found = layout.check_top_file(name, is_tenant=True)
    assert found is not None
    assert found.detail.startswith("Did you mean tenant.yaml? ")
    other = layout.check_top_file(name)
    assert other is not None
    assert "tenant.yaml" not in other.detail, "only a tenant of a fleet has one"
