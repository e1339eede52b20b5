from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fleets import with_domains
from support.git_repository import GitRepository

from reconciler.errors import UsageError
from reconciler.fleet.affected import Affected, AffectedBy, find_affected
from reconciler.fleet.applied import write_applied
from reconciler.fleet.catalog import read_fleet

USERS = "- userPrincipalName: ada@acme.example\n"
FILES: dict[str, str] = {
    "fleet.yaml": "tenants: tenants/*\n",
    "defaults/settings.yaml": "target: {profile: scim, base_url: https://scim.example.com}\n",
    "defaults/mappings.yaml": "[]\n",
    "groups/schools/settings.yaml": "guards: {removals: {count: 5}}\n",
    "groups/firms/scope.yaml": "sync: all\n",
    "tenants/acme/tenant.yaml": "group: firms\ndomains: [acme.example]\n",
    "tenants/acme/users/all.yaml": USERS,
    "tenants/acme/groups/staff.yaml": "name: staff\n",
    "tenants/beta/tenant.yaml": "group: schools\ndomains: [beta.example]\n",
    "tenants/beta/users/a/1.yaml": USERS,
    "tenants/gamma/tenant.yaml": "domains: [gamma.example]\n",
    "tenants/gamma/settings.yaml": "ownership: externalId pr\n",
    "requirements/reconciler.txt": "reconciler.whl --hash=sha256:1\n",
    "README.md": "hello\n",
    ".github/workflows/plan.yml": "name: plan\n",
    "tenants/acme/plans/2026-01-01-000000000000/plan.json": "{}\n",
    "tenants/acme/.reconciler/sandbox.json": "{}\n",
    "defaults/plans/2026-01-01-000000000000/plan.json": "{}\n",
    "groups/firms/plans/note.txt": "hello\n",
}
ALL = ("acme", "beta", "gamma")


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path, ".")
    repository.commit("first", FILES)
    return repository


def find(repository: GitRepository, base: str | None = "HEAD", folder: str = ".") -> Affected:
    return find_affected(read_fleet(repository.root / folder), base)


def readers(name: str) -> dict[str, tuple[AffectedBy, ...]]:
    """Return who reads a file of `FILES`, by its name alone."""
    match name.split("/"):
        case ["defaults", "plans", *_] | ["groups", _, "plans", *_]:
            return {}
        case ["defaults", *_]:
            return dict.fromkeys(ALL, (AffectedBy.DEFAULTS,))
        case ["requirements", *_]:
            return dict.fromkeys(ALL, (AffectedBy.PROGRAM,))
        case ["groups", group, *_]:
            return {{"firms": "acme", "schools": "beta"}[group]: (AffectedBy.GROUP,)}
        case ["tenants", tenant, below, *_] if below not in ("plans", ".reconciler"):
            return {tenant: (AffectedBy.OWN_FILES,)}
    return {}


def test_nothing_is_affected_by_no_change(repository: GitRepository) -> None:
    assert find(repository) == Affected({}, repository.head())


@pytest.mark.parametrize("name", [name for name in FILES if name != "fleet.yaml"])
@pytest.mark.parametrize("committed", [True, False])
def test_each_byte_affects_who_reads_it_and_nobody_else(repository: GitRepository, name: str, committed: bool) -> None:
    base = repository.head()
    text = FILES[name]
    # As long as before: only the bytes tell.
    (repository.root / name).write_text(f"#{text[1:]}" if name.startswith("users/") else f"{text[:-1]} ")
    if name.endswith("tenant.yaml"):
        (repository.root / name).write_text(f"{text}# more\n")
    if committed:
        repository.commit("change")
    assert find(repository, base).reasons == readers(name)


@pytest.mark.parametrize("name", [name for name in FILES if "tenant.yaml" not in name and name != "fleet.yaml"])
def test_a_file_that_is_gone_affects_who_read_it(repository: GitRepository, name: str) -> None:
    if name.startswith("groups/"):
        (repository.root / name).with_name("README.md").write_text("")
    (repository.root / name).unlink()
    assert find(repository).reasons == readers(name)


@pytest.mark.parametrize(
    "name",
    [
        "defaults/more/x.txt",
        "groups/firms/x.md",
        "tenants/beta/users/.hidden.yaml",
        "tenants/gamma/x.json",
        "requirements/reconciler.whl",
        "tenants/acme/plans/2026-01-02-000000000000/receipt.jsonl",
    ],
)
def test_a_file_that_is_new_affects_who_reads_it(repository: GitRepository, name: str) -> None:
    path = repository.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    assert find(repository).reasons == readers(name)


def test_waves_caps_and_guards_of_fleet_yaml_change_no_plan(repository: GitRepository) -> None:
    more = "waves: [{name: rest}]\nguards: {new_tenants: 1}\n"
    (repository.root / "fleet.yaml").write_text(FILES["fleet.yaml"] + more)
    assert find(repository).reasons == {}


def test_a_tenant_without_folder_is_released_and_a_new_one_is_new(repository: GitRepository) -> None:
    base = repository.head()
    repository.commit(
        "change",
        with_domains({"tenants/delta/users/all.yaml": USERS})
        | {
            "tenants/gamma/settings.yaml": None,
            "tenants/gamma/tenant.yaml": None,
        },
    )
    found = find(repository, base)
    assert found == Affected({"delta": (AffectedBy.NEW,)}, base, "", ("gamma",))
    assert found.added == ("delta",)


def test_a_renamed_tenant_is_released_and_new_and_both_names_are_known(repository: GitRepository) -> None:
    base = repository.head()
    repository.git("mv", "tenants/acme", "tenants/zeta")
    repository.commit("rename")
    assert find(repository, base) == Affected({"zeta": (AffectedBy.NEW,)}, base, "", ("acme",), {"zeta": "acme"})


def test_a_tenant_in_another_group_is_affected_by_its_own_file(repository: GitRepository) -> None:
    (repository.root / "tenants/acme/tenant.yaml").write_text("group: schools\ndomains: [acme.example]\n")
    assert find(repository).reasons == {"acme": (AffectedBy.OWN_FILES,)}


def test_a_tenant_that_fleet_yaml_begins_to_name_is_new(repository: GitRepository) -> None:
    base = repository.commit("list", {"fleet.yaml": "tenants: [tenants/acme, tenants/beta]\n"})
    repository.commit("change", {"fleet.yaml": "tenants: [tenants/beta, tenants/gamma]\n"})
    assert find(repository, base) == Affected({"gamma": (AffectedBy.NEW,)}, base, "", ("acme",))


def test_a_tenant_in_another_folder_with_the_same_files_is_not_affected(repository: GitRepository) -> None:
    base = repository.commit("both", {"fleet.yaml": "tenants: [tenants/*, schools/*]\n"})
    repository.root.joinpath("schools").mkdir()
    repository.git("mv", "tenants/beta", "schools/beta")
    repository.commit("move")
    assert find(repository, base).reasons == {}


def test_what_happened_on_the_base_since_is_not_this_change(repository: GitRepository) -> None:
    first = repository.head()
    repository.commit("on main", {"tenants/beta/users/a/1.yaml": "[]\n"})
    repository.git("checkout", "--quiet", "-b", "topic", first)
    repository.commit("on topic", {"tenants/acme/users/all.yaml": "[]\n"})
    assert find(repository, "main") == Affected({"acme": (AffectedBy.OWN_FILES,)}, first)


@pytest.mark.parametrize("name", ["tenants/acme/users/all.yaml", "defaults/mappings.yaml"])
def test_a_link_may_lead_anywhere_so_its_readers_are_always_affected(repository: GitRepository, name: str) -> None:
    path = repository.root / name
    path.rename(repository.root / "elsewhere")
    path.symlink_to(repository.root / "elsewhere")
    repository.commit("link")
    assert find(repository).reasons == readers(name)


def test_other_line_ends_are_no_change(repository: GitRepository) -> None:
    path = repository.root / "tenants/acme/users/all.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert find(repository).reasons == {}


def test_a_file_that_cannot_be_read_is_a_change(repository: GitRepository) -> None:
    path = repository.root / "tenants/acme/users/all.yaml"
    path.unlink()
    path.mkdir()
    assert find(repository).reasons == {"acme": (AffectedBy.OWN_FILES,)}


def test_a_fleet_below_the_top_of_its_repository(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path, ".")
    pins = "requirements/reconciler.txt"
    files = {f"a/fleet/{name}": text for name, text in FILES.items() if name != pins}
    base = repository.commit("first", {**files, pins: "1\n", "defaults/settings.yaml": "other\n"})
    assert find(repository, base, "a/fleet").reasons == {}
    repository.commit("other", {"defaults/settings.yaml": "changed\n", "tenants/acme/x": "changed\n"})
    assert find(repository, base, "a/fleet").reasons == {}
    repository.commit("pins", {pins: "2\n"})
    assert find(repository, base, "a/fleet").reasons == dict.fromkeys(ALL, (AffectedBy.PROGRAM,))
    own = repository.commit("own pins", {f"a/fleet/{pins}": "1\n"})
    assert find(repository, own, "a/fleet").reasons == {}
    repository.commit("own pins", {f"a/fleet/{pins}": "2\n"})
    assert find(repository, own, "a/fleet").reasons == dict.fromkeys(ALL, (AffectedBy.PROGRAM,))
    (tmp_path / "a/fleet/tenants/beta/tenant.yaml").write_text("domains: [beta.example]\n")
    assert find(repository, "HEAD", "a/fleet").reasons == {"beta": (AffectedBy.OWN_FILES,)}


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ("0" * 40, "there is no commit before this one"),
        (None, "there is no commit before this one"),
        ("f" * 40, f'--base "{"f" * 40}" names no commit of this repository'),
        ("applied", "no apply of this fleet is on record here"),
    ],
)
def test_a_base_that_cannot_be_relied_on_affects_all(repository: GitRepository, base: str | None, why: str) -> None:
    found = find(repository, base)
    assert found == Affected(dict.fromkeys(ALL, (AffectedBy.UNKNOWN_BASE,)), None, why)
    assert found.by_defaults == ALL
    assert found.added == ()


@pytest.mark.parametrize("base", ["", "-x", "a b", "a..b", "HEAD:x"])
def test_what_cannot_name_a_commit_is_refused(repository: GitRepository, base: str) -> None:
    with pytest.raises(UsageError):
        find(repository, base)


def test_a_base_without_fleet_yaml_affects_all(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path, ".")
    base = repository.commit("first", {name: text for name, text in FILES.items() if name != "fleet.yaml"})
    repository.commit("fleet", {"fleet.yaml": FILES["fleet.yaml"]})
    assert find(repository, base).why_all == f"commit {base[:12]} has no fleet.yaml"
    broken = repository.commit("broken", {"fleet.yaml": "tenants: 7\n"})
    repository.commit("right", {"fleet.yaml": FILES["fleet.yaml"]})
    assert find(repository, broken).why_all == f"fleet.yaml of commit {broken[:12]} has errors"


def test_a_shallow_clone_affects_all(repository: GitRepository, tmp_path: Path) -> None:
    base = repository.head()
    repository.commit("second", {"tenants/acme/users/all.yaml": "[]\n"})
    repository.git("clone", "--quiet", "--depth=1", f"file://{tmp_path}", str(tmp_path / "clone"))
    found = find_affected(read_fleet(tmp_path / "clone"), base)
    assert found.why_all == f'--base "{base}" is not among the commits that are here (a shallow clone)'
    assert tuple(found.reasons) == ALL


def test_without_git_all_are_affected(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_affected(read_fleet(tmp_path), "main")
    assert tuple(found.reasons) == ALL
    assert found.why_all.endswith("is not in a git repository")


# --- the last apply as the base -------------------------------------------------


def test_tenants_that_the_last_apply_left_open_are_affected(repository: GitRepository) -> None:
    base = repository.head()
    write_applied(repository.root, base, ["beta", "gone"])
    repository.commit("change", {"tenants/acme/users/all.yaml": "[]\n"})
    expected = {"acme": (AffectedBy.OWN_FILES,), "beta": (AffectedBy.OPEN,)}
    assert find(repository, "applied") == Affected(expected, base)


def test_what_guards_count_of_an_open_tenant_is_remembered(repository: GitRepository) -> None:
    write_applied(repository.root, repository.head(), ["acme", "beta", "gamma"], ["acme"], ["beta"])
    found = find(repository, "applied")
    assert found.reasons == {
        "acme": (AffectedBy.NEW, AffectedBy.OPEN),
        "beta": (AffectedBy.OPEN, AffectedBy.UNPROVEN),
        "gamma": (AffectedBy.OPEN,),
    }
    assert (found.added, found.by_defaults) == (("acme",), ("beta",))
    assert (found.restrict({"gamma"}).added, found.restrict({"beta"}).by_defaults) == ((), ("beta",))


def test_tenants_in_which_drift_found_what_waits_for_an_apply_are_affected(repository: GitRepository) -> None:
    write_applied(repository.root, repository.head(), ["beta"], due=["acme", "beta", "gone"])
    found = find(repository, "applied")
    assert found.reasons == {"acme": (AffectedBy.DUE,), "beta": (AffectedBy.OPEN, AffectedBy.DUE)}
    assert (found.due_alone, found.by_defaults) == ({"acme"}, ())


def test_a_last_apply_of_an_unknown_commit_affects_all(repository: GitRepository) -> None:
    write_applied(repository.root, "f" * 40, [])
    assert find(repository, "applied").why_all == (
        "commit ffffffffffff of the last apply is not in this repository: "
        "the branch that had it was deleted or rewritten"
    )


def test_a_broken_record_of_the_last_apply_affects_all(repository: GitRepository) -> None:
    write_applied(repository.root, repository.head(), [])
    (repository.root / "fleet/applied.json").write_text("{}")
    assert find(repository, "applied").why_all == "fleet/applied.json is of another version, or has an invalid field"


# --- random trees ---------------------------------------------------------------

_NUMBERS = itertools.count()
PLACES = [name for name in FILES if name not in ("fleet.yaml", "tenants/gamma/settings.yaml")]
CHANGES = st.dictionaries(
    st.sampled_from([name for name in PLACES if not name.endswith("tenant.yaml")]),
    st.sampled_from(["a\n", "b\n", None]),
    max_size=5,
)


def _write(root: Path, files: Mapping[str, str | None]) -> Iterator[str]:
    for name, text in files.items():
        path = root / name
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif path.exists():
            path.unlink()
        yield name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, CHANGES)
def test_who_reads_a_changed_file_is_affected_and_nobody_else(
    tmp_path: Path, before: dict[str, str | None], after: dict[str, str | None]
) -> None:
    repository = GitRepository(tmp_path / str(next(_NUMBERS)), ".")
    kept = {"groups/firms/README.md": "", "groups/schools/README.md": ""}
    list(_write(repository.root, {**FILES, **kept, **before}))
    base = repository.commit("before")
    list(_write(repository.root, after))
    files: list[dict[str, str | None]] = [{**FILES, **before}, {**FILES, **before, **after}]
    expected: dict[str, set[AffectedBy]] = {}
    for name in FILES:
        if files[0][name] != files[1][name]:
            for tenant, reasons in readers(name).items():
                expected.setdefault(tenant, set()).update(reasons)
    found = find(repository, base)
    assert {name: set(reasons) for name, reasons in found.reasons.items()} == expected
