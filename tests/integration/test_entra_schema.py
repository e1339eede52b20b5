"""`import entra-schema` and `export entra-schema`, from the exported document to a plan."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from support.entra_schemas import APPLE, SCIM_APPLICATION, USUAL, attribute, clause, function, group, row, schema, users
from support.workspace import CommandResult, run

PEOPLE = [
    {"objectId": "o-1", "userPrincipalName": "ada@contoso.example", "department": "Sales", "jobTitle": "Director"},
    {"objectId": "o-2", "userPrincipalName": "bob@contoso.example", "department": "Sales"},
    {"objectId": "o-3", "userPrincipalName": "cy@tailspin.example", "preferredLanguage": "de-DE"},
    {"objectId": "o-4", "userPrincipalName": "di@contoso.example", "department": "sales", "jobTitle": "Director"},
]


class EntraWorkspace:
    """A desired-state directory on the sandbox, and a schema file next to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "desired-state"

    def settings(self, profile: str = "apple-business-manager") -> None:
        target = {"profile": profile, "base_url": "https://federation.apple.com/feeds/business/scim"}
        if profile != "scim":
            target["domains"] = ["contoso.example", "tailspin.example"]  # type: ignore[assignment]
        self.write("settings.yaml", json.dumps({"target": target}))

    def write_users(self) -> None:
        named = [
            {"givenName": "Given", "surname": "Family", "mailNickname": f"nick{number}", **each}
            for number, each in enumerate(PEOPLE)
        ]
        self.write("users/people.yaml", "".join(f"- {json.dumps(each)}\n" for each in named))

    def write(self, name: str, text: str) -> None:
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.state / name).read_text("utf-8")

    def schema(self, document: dict[str, Any]) -> Path:
        path = self.root / "schema.json"
        path.write_text(json.dumps(document), "utf-8")
        return path

    def import_schema(self, file: Path, *arguments: str) -> CommandResult:
        return self.run("import", "entra-schema", str(file), *arguments)

    def run(self, *arguments: str) -> CommandResult:
        return run(["reconciler", *arguments, "--state", str(self.state)])

    def planned(self) -> dict[str, str]:
        plan = self.run("plan", "--sandbox", "--format", "json", "--plans", str(self.root / "plans"))
        assert plan.code == 0, plan.err
        return plan.actions


@pytest.fixture
def workspace(tmp_path: Path) -> EntraWorkspace:
    found = EntraWorkspace(tmp_path)
    found.state.mkdir()
    return found


# --- from the document to a plan ------------------------------------------------


def test_apples_application_is_imported_completely_and_is_valid_and_plannable(workspace: EntraWorkspace) -> None:
    workspace.settings()
    workspace.write_users()
    imported = workspace.import_schema(APPLE)
    assert imported.code == 0, imported.out
    assert imported.err == ""
    assert "No equivalent" not in imported.out
    assert "actions: [create, update, deactivate, delete]" in imported.out
    assert workspace.run("validate").code == 0
    assert workspace.run("sandbox", "reset").code == 0
    assert workspace.planned() == {}, "no user is assigned yet"
    workspace.write("scope.yaml", workspace.read("scope.yaml").replace("\nsync: assigned\n", "\nsync: all\n"))
    assert workspace.planned() == {"ada@contoso.example": "create", "cy@tailspin.example": "create"}
    plan = workspace.run("plan", "--sandbox", "--format", "json", "--plans", str(workspace.root / "plans")).plan
    after = {each["key"]: each["change"]["after"] for each in plan["resource_changes"]}
    assert after["ada@contoso.example"]["locale"] == "en_US", "a default"
    assert after["cy@tailspin.example"]["locale"] == "de_DE"
    assert after["cy@tailspin.example"]["timezone"] == "America/Los_Angeles"


def test_a_scim_application_is_imported_with_missing_parts_reported(workspace: EntraWorkspace) -> None:
    workspace.settings("scim")
    workspace.write_users()
    imported = workspace.import_schema(SCIM_APPLICATION)
    assert imported.code == 5
    assert "enterprise:manager): a reference" in imported.out
    assert "Provision Microsoft Entra ID Groups" in imported.out
    assert "2 parts of the schema could not be translated" in imported.err
    assert "# - {target: 'enterprise:manager', source: manager}" in workspace.read("mappings.yaml")
    workspace.write("scope.yaml", workspace.read("scope.yaml").replace("\nsync: assigned\n", "\nsync: all\n"))
    assert workspace.run("validate").code == 0
    assert workspace.run("sandbox", "reset").code == 0
    assert workspace.planned().keys() == {str(each["userPrincipalName"]) for each in PEOPLE}


def test_an_export_of_apples_profile_can_be_imported_again(workspace: EntraWorkspace) -> None:
    workspace.settings()
    workspace.import_schema(APPLE)
    out = workspace.root / "again.json"
    assert workspace.run("export", "entra-schema", "-o", str(out)).code == 0
    before = {name: active_lines(workspace.read(name)) for name in ("mappings.yaml", "scope.yaml")}
    assert workspace.import_schema(out, "--force").code == 0
    assert {name: active_lines(workspace.read(name)) for name in before} == before


def active_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def test_the_profiles_default_mapping_is_exported(workspace: EntraWorkspace) -> None:
    workspace.settings()
    result = workspace.run("export", "entra-schema")
    assert result.code == 0
    rows = json.loads(result.out)["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    assert len(rows) == 10
    assert "does not hold who is assigned" in result.err


def test_active_is_exported_also_when_mappings_yaml_has_no_row_for_it(workspace: EntraWorkspace) -> None:
    workspace.settings("scim")
    workspace.write("mappings.yaml", "- {target: userName, source: userPrincipalName, match: 1}\n")
    rows = json.loads(workspace.run("export", "entra-schema").out)["synchronizationRules"][0]["objectMappings"][0]
    assert [each["targetAttributeName"] for each in rows["attributeMappings"]] == ["userName", "active"]


def test_settings_without_an_equivalent_in_entra_are_reported_on_export(workspace: EntraWorkspace) -> None:
    workspace.settings("scim")
    workspace.write(
        "mappings.yaml",
        "- {target: userName, source: userPrincipalName, match: 1}\n"
        "- {target: title, source: jobTitle, when_null: clear}\n"
        "- {target: nickName, expression: Guid()}\n",
    )
    result = workspace.run("export", "entra-schema")
    assert result.code == 5
    assert "title: when_null: clear" in result.err
    assert "1 part of the desired state could not be translated" in result.err
    rows = json.loads(result.out)["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    assert {each["targetAttributeName"]: each["flowType"] for each in rows}["nickName"] == "ObjectAddOnly"


def test_an_invalid_desired_state_is_not_exported(workspace: EntraWorkspace) -> None:
    workspace.settings("scim")
    workspace.write("mappings.yaml", "- {target: userName, expression: 'Tri([a])', match: 1}\n")
    result = workspace.run("export", "entra-schema")
    assert result.code == 1
    assert result.out == ""
    assert "Did you mean Trim?" in result.err


def test_an_export_contains_no_terminal_or_runner_commands(workspace: EntraWorkspace) -> None:
    workspace.settings("scim")
    title = r'- {target: title, expression: "Append([jobTitle], \"##[e]\e[31m\u202e\")"}'
    workspace.write("mappings.yaml", f"- {{target: userName, source: userPrincipalName, match: 1}}\n{title}\n")
    out = workspace.run("export", "entra-schema").out
    assert "##[" not in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    rows = json.loads(out)["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    assert rows[1]["source"]["expression"] == 'Append([jobTitle], "##[e]\x1b[31m\u202e")'


# --- the scope ------------------------------------------------------------------

GOOD = group("Sales", clause("department", "EQUALS", "Sales"))
BAD = group("Odd", clause("department", "UNHEARD", "Sales"))


def test_an_incomplete_scope_is_an_explicit_warning(workspace: EntraWorkspace) -> None:
    result = workspace.import_schema(workspace.schema(schema(users(groups=[GOOD, BAD]))), "-q")
    assert result.code == 5
    assert "the scope is INCOMPLETE: 1 of 2 filter groups left out" in result.err


def test_a_scope_without_any_remaining_group_matches_no_user(workspace: EntraWorkspace) -> None:
    workspace.settings("scim")
    workspace.write_users()
    result = workspace.import_schema(workspace.schema(schema(users(groups=[BAD]))), "--dry-run", "-q")
    assert result.code == 5
    assert "the scope is INCOMPLETE: no user passes the filters" in result.err
    workspace.import_schema(workspace.schema(schema(users(groups=[BAD]))))
    workspace.write("scope.yaml", workspace.read("scope.yaml").replace("\nsync: assigned\n", "\nsync: all\n"))
    validated = workspace.run("validate")
    assert "0 of them in scope" in validated.out


SCOPE = """# Ours.
sync: all   # everybody
excluded:
    users: [0012, No]   # as written

"""


def test_an_existing_scope_keeps_every_byte_and_gains_the_filters(workspace: EntraWorkspace) -> None:
    workspace.write("scope.yaml", SCOPE)
    assert workspace.import_schema(workspace.schema(schema(users(groups=[GOOD])))).code == 0
    assert workspace.read("scope.yaml").startswith(SCOPE.rstrip())
    assert active_lines(workspace.read("scope.yaml"))[3:] == [
        "filters:",
        "  - name: Sales",
        "    clauses:",
        "      - {attribute: department, operator: EQUALS, value: Sales}",
    ]


@pytest.mark.parametrize("empty", ["filters: []\n", "filters:\n", "filters: [\n  # none\n]\n"])
def test_empty_filters_are_replaced_in_place(workspace: EntraWorkspace, empty: str) -> None:
    workspace.write("scope.yaml", f"sync: all\n{empty}\n# About exclusions.\nexcluded: {{users: [a]}}\n")
    assert workspace.import_schema(workspace.schema(schema(users(groups=[GOOD])))).code == 0
    text = workspace.read("scope.yaml")
    assert text.startswith("sync: all\n\n# About exclusions.\nexcluded: {users: [a]}\n\n# Scoping filters")
    assert text.count("filters:") == 1


def test_existing_filters_are_replaced_only_with_force(workspace: EntraWorkspace) -> None:
    file = workspace.schema(schema(users(groups=[GOOD])))
    before = "sync: all\nfilters:\n  - name: mine\n    clauses:\n      - {attribute: a, operator: IS NULL}\n"
    workspace.write("scope.yaml", before)
    result = workspace.import_schema(file)
    assert result.code == 1
    assert "has filters already" in result.err
    assert workspace.read("scope.yaml") == before
    assert not (workspace.state / "mappings.yaml").exists(), "no file is written"
    assert workspace.import_schema(file, "--force").code == 0
    assert "mine" not in workspace.read("scope.yaml")


@pytest.mark.parametrize("scope", [None, SCOPE, "# Scoping filters of Microsoft Entra, by hand.\nsync: all\n"])
@pytest.mark.parametrize("groups", [[], [GOOD]])
def test_a_second_import_leaves_nothing_of_the_first(
    workspace: EntraWorkspace, scope: str | None, groups: list[dict[str, Any]]
) -> None:
    if scope is not None:
        workspace.write("scope.yaml", scope)
    workspace.import_schema(workspace.schema(schema(users(groups=groups))))
    first = workspace.read("scope.yaml")
    other = {**GOOD, "name": "Second"}
    workspace.import_schema(workspace.schema(schema(users(groups=[other]))), "--force")
    text = workspace.read("scope.yaml")
    assert "Sales" not in text.replace("value: Sales", "")
    assert (text.count("by `reconciler import"), text.count("filters:")) == (1, 1)
    assert "has no scoping filter" not in text
    workspace.import_schema(workspace.schema(schema(users(groups=groups))), "--force")
    again = workspace.read("scope.yaml")
    assert active_lines(again) == active_lines(first)
    assert again.count("\n# ") == first.count("\n# ")
    if scope is not None:
        assert again == first


@pytest.mark.parametrize("scope", ["{sync: all}\n", "sync: all\n...\n", " sync: all\n excluded: {users: []}\n"])
def test_a_scope_that_cannot_be_extended_is_not_changed(workspace: EntraWorkspace, scope: str) -> None:
    workspace.write("scope.yaml", scope)
    result = workspace.import_schema(workspace.schema(schema(users(groups=[GOOD]))))
    assert result.code == 1
    assert "Use that form: filters are added at its end." in result.err
    assert workspace.read("scope.yaml") == scope


def test_an_invalid_scope_is_not_changed(workspace: EntraWorkspace) -> None:
    workspace.write("scope.yaml", "sync: [\n")
    result = workspace.import_schema(workspace.schema(schema()))
    assert result.code == 1
    assert "Run `reconciler validate`" in result.err


# --- files and options ----------------------------------------------------------


def test_existing_mappings_are_replaced_only_with_force(workspace: EntraWorkspace) -> None:
    file = workspace.schema(schema())
    workspace.write("mappings.yaml", "- {target: userName, source: mail, match: 1}\n")
    result = workspace.import_schema(file)
    assert result.code == 1
    assert "exists already" in result.err
    assert not (workspace.state / "scope.yaml").exists()
    assert workspace.import_schema(file, "--force").code == 0
    assert "source: mail" not in workspace.read("mappings.yaml")


def test_a_dry_run_prints_both_files_and_writes_none(workspace: EntraWorkspace) -> None:
    result = workspace.import_schema(workspace.schema(schema()), "--dry-run")
    assert result.code == 0
    assert list(workspace.state.iterdir()) == []
    assert result.out.count("# ---- ") == 2
    assert "- {target: externalId, source: objectId, match: 1}" in result.out
    assert "Ignored on purpose:" in result.err


def test_the_profile_is_that_of_the_settings_unless_named(workspace: EntraWorkspace) -> None:
    file = workspace.schema(schema(users([*USUAL, row("title", "jobTitle")])))
    assert workspace.import_schema(file, "--dry-run").code == 5
    assert workspace.import_schema(file, "--dry-run", "--profile", "scim").code == 0
    workspace.settings("scim")
    assert workspace.import_schema(file, "--dry-run").code == 0
    assert workspace.import_schema(file, "--dry-run", "--profile", "apple-school-manager").code == 5
    assert workspace.import_schema(file, "--profile", "okta").code == 64
    workspace.write("settings.yaml", "target: {profile: scim}\n")
    assert "cannot be used to find the profile" in workspace.import_schema(file, "--dry-run").err


def test_several_mappings_of_users_need_a_name(workspace: EntraWorkspace) -> None:
    file = workspace.schema(schema(users(), users(name="Guests")))
    result = workspace.import_schema(file)
    assert result.code == 1
    assert "--rule NAME" in result.err
    assert workspace.import_schema(file, "--rule", "Guests").code == 0


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "large", "junk"])
def test_an_unusable_file_is_an_error_without_traceback(workspace: EntraWorkspace, kind: str) -> None:
    path = workspace.root / "x.json"
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "large":
            with path.open("wb") as file:
                file.truncate(64 * 1024 * 1024 + 1)
        case "junk":
            path.write_bytes(b"\x00\xff")
    result = workspace.import_schema(path)
    assert result.code == 1
    assert result.err.startswith("Error: ")
    assert "Traceback" not in result.err
    assert kind != "large" or f"{path} is larger than 64 MiB" in result.err, "not even read"
    assert list(workspace.state.iterdir()) == []


def test_written_files_are_readable_by_others_and_keep_their_mode(workspace: EntraWorkspace) -> None:
    file = workspace.schema(schema())
    workspace.import_schema(file)
    path = workspace.state / "mappings.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o640)
    workspace.import_schema(file, "--force")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in workspace.state.iterdir()) == ["mappings.yaml", "scope.yaml"]


def test_untrusted_text_contains_no_terminal_commands(workspace: EntraWorkspace) -> None:
    evil = "\x1b[31m\u202e\n::error::##[x]"
    rows = [*USUAL, row(evil, function(evil)), row("title", attribute(evil), flowType=evil, defaultValue=evil)]
    document = schema(
        users(rows, [group(evil, clause(evil, evil, evil))], name=evil),
        **{evil: 1, "id": evil, "rule": {"name": evil, "sourceDirectoryName": evil, "groupFilter": evil}},
    )
    file = workspace.root / "a\n\x1b[31m.json"
    file.write_text(json.dumps(document), "utf-8")
    result = workspace.import_schema(file)
    assert result.code == 5
    for text in (result.out, result.err, workspace.read("mappings.yaml"), workspace.read("scope.yaml")):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "##[" not in text
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_both_commands_have_help(workspace: EntraWorkspace) -> None:
    assert "exit code is 5" in run(["reconciler", "import", "entra-schema", "--help"]).out
    assert "who is assigned" in run(["reconciler", "export", "entra-schema", "--help"]).out
