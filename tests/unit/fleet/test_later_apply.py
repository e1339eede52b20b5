from __future__ import annotations

from pathlib import Path

import pytest
from support.fleets import with_domains
from support.git_repository import GitRepository

from reconciler.errors import PlanFileError
from reconciler.fleet.applied import name_applied, write_applied
from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.later_apply import find_later_apply

FLEET = "tenants: tenants/*\n"


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {
        "tenants/a/users/a.yaml": "[]\n",
        "tenants/b/users/b.yaml": "[]\n",
        "tenants/b/tenant.yaml": "group: g\ndomains: [b.example]\n",
    }
    repository.commit(
        "first",
        {"fleet.yaml": FLEET, "groups/g/scope.yaml": "sync: all\n", ".gitignore": "/fleet/\n", **with_domains(files)},
    )
    return repository


def find(repository: GitRepository, files: dict[str, str | None]) -> set[str] | None:
    """Return which tenants differ at a later commit, which was applied, with these files."""
    first = repository.head()
    write_applied(repository.root, repository.commit("second", files), ["a"], ["a"], ["a"], due=["b"])
    repository.git("checkout", "--quiet", first)
    found = find_later_apply(read_fleet(repository.root))
    return set(found.different) if found is not None else None


@pytest.mark.parametrize(
    ("files", "different"),
    [
        ({"tenants/a/users/a.yaml": "# 2\n[]\n"}, {"a"}),
        ({"groups/g/scope.yaml": "# 2\n"}, {"b"}),
        ({"defaults/x.yaml": ""}, {"a", "b"}),
        ({"tenants/b/users/b.yaml": None, "tenants/b/tenant.yaml": None}, {"b"}),
        ({"fleet.yaml": "x: 1\n"}, {"a", "b"}),
        ({"requirements/x.txt": "2\n", "README.md": ""}, set()),
    ],
)
def test_the_tenants_that_a_later_commit_changed_are_different(
    repository: GitRepository, files: dict[str, str | None], different: set[str]
) -> None:
    assert find(repository, files) == different


def test_an_earlier_commit_or_one_of_another_branch_is_not_later(repository: GitRepository) -> None:
    fleet, first = read_fleet(repository.root), repository.head()
    assert find_later_apply(fleet) is None
    for commit in (first, "f" * 40):
        write_applied(repository.root, commit, [])
        assert find_later_apply(fleet) is None
    other = repository.commit("other", {"tenants/a/users/a.yaml": "# 2\n[]\n"})
    repository.git("checkout", "--quiet", first)
    repository.commit("second")
    for commit in (first, other):
        write_applied(repository.root, commit, [])
        assert find_later_apply(fleet) is None


def test_a_record_that_cannot_be_read_is_an_error(repository: GitRepository) -> None:
    name_applied(repository.root).parent.mkdir()
    name_applied(repository.root).write_text("{")
    with pytest.raises(PlanFileError, match="is not JSON"):
        find_later_apply(read_fleet(repository.root))
