from __future__ import annotations

from reconciler.desired.fleet_files import parse_fleet
from reconciler.fleet.base_files import BaseFiles, sort_files


def sort(names: str, prefix: str = "", tenants: str = "tenants/*") -> BaseFiles:
    located = parse_fleet(f"tenants: {tenants}\n".encode(), lambda _: None)
    assert located is not None
    return sort_files({name: name for name in names.split()}, prefix, located.value)


def test_each_file_belongs_to_who_reads_it() -> None:
    names = "x/defaults/a x/groups/g/b/c x/tenants/acme/tenant.yaml x/tenants/acme/users/a.yaml"
    found = sort(
        f"{names} requirements/r x/requirements/plans/s defaults/no x/defaults/plans/p "
        "x/groups/g/.reconciler/p x/tenants/acme/plans/p",
        "x/",
    )
    assert found == BaseFiles(
        {"acme": {"tenant.yaml": "x/tenants/acme/tenant.yaml", "users/a.yaml": "x/tenants/acme/users/a.yaml"}},
        {"acme": "tenants/acme"},
        {"g": {"b/c": "x/groups/g/b/c"}},
        {"a": "x/defaults/a"},
        {"../requirements": {"r": "requirements/r"}, "requirements": {"plans/s": "x/requirements/plans/s"}},
    )


def test_only_folders_that_fleet_yaml_names_and_that_hold_a_state_were_tenants() -> None:
    names = "t/a/settings.yaml t/B/settings.yaml t/c/plans/p t/d/README.md t/e t/f/users/a.yaml u/g/scope.yaml"
    assert sort(names, tenants="t/*").folders == {"a": "t/a", "f": "t/f"}
    assert sort(names, tenants="[t/f, u/g]").folders == {"f": "t/f", "g": "u/g"}
