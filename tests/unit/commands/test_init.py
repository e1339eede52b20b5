from __future__ import annotations

import hashlib
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.init import WHEEL, InitOptions, render_workflows, run_init
from reconciler.commands.schema import render_schema
from reconciler.desired.json_schemas import KINDS, PARTIAL
from reconciler.desired.layout import EDITOR_COMMENT
from reconciler.errors import ExitCode, UsageError

ROOT = Path(__file__).parents[3]
OPTIONS = InitOptions("scim", "Example.ORG", None)
FLEET = replace(OPTIONS, fleet=True)


def test_a_repository_is_created(tmp_path: Path, terminal: RecordingTerminal) -> None:
    assert run_init(tmp_path / "new", OPTIONS, terminal) is ExitCode.OK
    settings = (tmp_path / "new/desired-state/settings.yaml").read_text()
    assert "profile: scim\n" in settings
    assert "domains: [example.org]" in settings
    assert (tmp_path / "new/.gitignore").is_file()
    names = sorted(path.name for path in (tmp_path / "new/.github/workflows").iterdir())
    assert names == ["apply.yml", "ci.yml", "drift.yml", "plan.yml", "report.yml"]
    assert f"Created a repository in {tmp_path / 'new'}" in terminal.out
    assert "The workflows cannot install the program yet" in terminal.out


def test_the_workflow_that_imports_people_is_written_on_request(tmp_path: Path, terminal: RecordingTerminal) -> None:
    assert run_init(tmp_path, InitOptions("scim", "example.org", None, imports=True), terminal) is ExitCode.OK
    names = sorted(path.name for path in (tmp_path / ".github/workflows").iterdir())
    assert names == ["apply.yml", "ci.yml", "drift.yml", "import.yml", "plan.yml", "report.yml"]


def test_the_workflow_that_applies_without_a_review_is_written_on_request(
    tmp_path: Path, terminal: RecordingTerminal
) -> None:
    assert run_init(tmp_path, InitOptions("scim", "example.org", None, sync=True), terminal) is ExitCode.OK
    names = sorted(path.name for path in (tmp_path / ".github/workflows").iterdir())
    assert names == ["apply.yml", "ci.yml", "drift.yml", "plan.yml", "report.yml", "sync.yml"]
    settings = (tmp_path / "desired-state/settings.yaml").read_text()
    assert "\n# unattended: {" in settings, "what it may do is nobody's default"


def test_the_two_workflows_that_import_are_not_written_together(tmp_path: Path, terminal: RecordingTerminal) -> None:
    with pytest.raises(UsageError, match="--import and --sync"):
        run_init(tmp_path, InitOptions("scim", "example.org", None, imports=True, sync=True), terminal)
    assert list(tmp_path.iterdir()) == []


def test_what_decides_about_all_users_has_owners_of_its_own(tmp_path: Path, terminal: RecordingTerminal) -> None:
    run_init(tmp_path, OPTIONS, terminal)
    lines = (tmp_path / ".github/CODEOWNERS").read_text().splitlines()
    owners = dict(line.split() for line in lines if not line.startswith("#"))
    assert next(iter(owners)) == "/desired-state/", "the last line that matches counts"
    strict = {
        "/.github/",
        "/requirements/",
        *(f"/desired-state/{name}.yaml" for name in ("settings", "scope", "mappings")),
    }
    assert {path for path, owner in owners.items() if owner != owners["/desired-state/"]} == strict


def test_each_tenant_has_owners_and_what_concerns_all_has_those_of_the_fleet(
    tmp_path: Path, terminal: RecordingTerminal
) -> None:
    run_init(tmp_path, FLEET, terminal)
    lines = (tmp_path / ".github/CODEOWNERS").read_text().splitlines()
    owners = [tuple(line.split()) for line in lines if not line.startswith("#")]
    tenants = {path.name: f"@your-organisation/{path.name}" for path in (tmp_path / "tenants").iterdir()}

    def owner(file: str) -> str:
        """The last line that matches counts; `*` is a part of a path."""
        return [team for place, team in owners if fnmatchcase(file, f"{place}*" if place.endswith("/") else place)][-1]

    for tenant, team in tenants.items():
        assert owner(f"/tenants/{tenant}/users/people.yaml") == owner(f"/tenants/{tenant}/groups/a.yaml") == team
        for name in ("tenant", "settings", "scope", "mappings"):
            assert owner(f"/tenants/{tenant}/{name}.yaml") == "@your-organisation/fleet-owners"
    for path in tmp_path.rglob("*"):
        name = "/" + path.relative_to(tmp_path).as_posix()
        if path.is_file() and name.startswith(("/fleet", "/defaults", "/groups", "/requirements", "/.github")):
            assert owner(name) == "@your-organisation/fleet-owners", name
    assert owner("/tenants/new/users/people.yaml") == "@your-organisation/fleet-owners"


def test_each_file_names_its_schema_for_editors(tmp_path: Path, terminal: RecordingTerminal) -> None:
    run_init(tmp_path, OPTIONS, terminal)
    found = [named_schema(path) for path in sorted((tmp_path / "desired-state").rglob("*.yaml"))]
    assert [path.relative_to(tmp_path / "schemas").stem for path in found] == [
        *("groups", "mappings", "scope", "settings", "users"),
    ]
    for path in found:
        assert path.read_text() == render_schema(path.stem)


def test_a_fleet_has_layers_tenants_and_workflows_of_its_own(tmp_path: Path, terminal: RecordingTerminal) -> None:
    assert run_init(tmp_path / "new", FLEET, terminal) is ExitCode.OK
    made = {path.relative_to(tmp_path / "new").as_posix() for path in (tmp_path / "new").rglob("*") if path.is_file()}
    for name in ("fleet.yaml", "defaults/settings.yaml", "groups/schools/settings.yaml", "tenants/acme/tenant.yaml",
                 "tenants/acme-school/users/people.yaml", ".gitignore", ".github/CODEOWNERS", "README.md",
                 "requirements/reconciler.txt", "requirements/dependencies.lock"):  # fmt: skip
        assert name in made
    assert sorted(path.name for path in (tmp_path / "new/.github/workflows").iterdir()) == [
        *("apply.yml", "ci.yml", "drift.yml", "plan.yml"),
    ]
    assert not any(name.startswith(("desired-state", "plans", "fleet/", "workflows")) for name in made)
    assert "reconciler fleet plan --sandbox" in terminal.out
    assert "`reconciler init --fleet --wheel FILE`" in terminal.out
    text = "\n".join((tmp_path / "new" / name).read_text() for name in made if not name.endswith(".lock"))
    for placeholder in ("PROFILE", "BASE_URL", "DOMAIN", "VERSION", " WHEEL", " HASH"):
        assert placeholder not in text.replace("RECONCILER_ALLOWED_HOSTS", ""), placeholder


def test_each_file_of_a_fleet_names_its_schema_for_editors(tmp_path: Path, terminal: RecordingTerminal) -> None:
    run_init(tmp_path, FLEET, terminal)
    found = {named_schema(path) for path in sorted(tmp_path.rglob("*.yaml"))}
    # A tenant has settings of its own only if somebody writes them.
    assert {path.stem for path in found} == set(KINDS) - {"settings", "scope", "tenant-settings"}
    assert (tmp_path / "schemas/tenant-settings.json").is_file()
    for path in found:
        assert path.read_text() == render_schema(path.stem)


def test_a_fleet_has_no_workflow_that_imports(tmp_path: Path, terminal: RecordingTerminal) -> None:
    for options in (replace(FLEET, imports=True), replace(FLEET, sync=True)):
        with pytest.raises(UsageError, match="--fleet has no workflow that imports"):
            run_init(tmp_path, options, terminal)
    assert list(tmp_path.iterdir()) == []


def test_the_schemas_of_the_sample_are_those_that_schema_prints() -> None:
    """If they are not: `make schemas`."""
    files = sorted((ROOT / "desired-state").rglob("*.yaml"))
    kinds = set(KINDS) - {"fleet", "tenant", *PARTIAL}
    assert {named_schema(path) for path in files} == {ROOT / f"schemas/{kind}.json" for kind in kinds}
    for kind in KINDS:  # files of the fleet in examples/ name the others
        assert (ROOT / f"schemas/{kind}.json").read_text() == render_schema(kind), kind


def named_schema(path: Path) -> Path:
    """The schema that an editor finds by the first line: relative to the file."""
    line = path.read_text().split("\n")[0]
    assert line.startswith(f"{EDITOR_COMMENT} $schema=")
    schema = (path.parent / line.partition("=")[2]).resolve()
    kind = path.parent.name if path.parent.name in ("users", "groups") else path.stem
    is_layer = path.parent.name in ("defaults", "schools") and kind in ("settings", "scope")
    assert schema.name == (f"layer-{kind}.json" if is_layer else f"{kind}.json")
    return schema


def test_nothing_is_overwritten(tmp_path: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="is not empty, nothing was written") as caught:
        run_init(tmp_path, OPTIONS, terminal)
    assert caught.value.detail == "These files exist:\nREADME.md"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_the_wheel_is_copied_and_named_by_its_hash(tmp_path: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / WHEEL).write_bytes(b"a wheel")
    run_init(tmp_path / "new", InitOptions("scim", "example.com", tmp_path / WHEEL), terminal)
    assert (tmp_path / "new/requirements" / WHEEL).read_bytes() == b"a wheel"
    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert (
        tmp_path / "new/requirements/reconciler.txt"
    ).read_text() == f"./requirements/{WHEEL} --hash=sha256:{digest}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (InitOptions("apple", "example.com", None), '--profile "apple" does not exist'),
        (InitOptions("scim", "example", None), '--domain "example" is not a domain'),
        (InitOptions("scim", "example.com", Path("other.whl")), '--wheel "other.whl" is not this version'),
        (InitOptions("scim", "example.com", Path("missing") / WHEEL), f"there is no file missing/{WHEEL}"),
    ],
)
def test_unusable_options_are_usage_errors(
    tmp_path: Path, terminal: RecordingTerminal, options: InitOptions, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_init(tmp_path / "new", options, terminal)
    assert not (tmp_path / "new").exists()


def test_workflows_install_with_the_given_commands() -> None:
    found = render_workflows(("make install",), "  more: {}\n")
    assert all("- run: |\n          make install\n" in text for text in found.values())
    assert [name for name, text in found.items() if "  more: {}\n" in text] == ["ci.yml"]
