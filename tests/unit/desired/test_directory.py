import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler.core.model import Diagnostic, Lifecycle, Origin, SourceUser, error
from reconciler.desired import schema, yaml_blocks, yaml_reader
from reconciler.desired.directory import KINDS, Directory, add_source_lines, build_json_schema

SETTINGS = "target:\n  profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim\n"
Tree = Callable[..., Directory]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Makes a desired state of the given files: `users__a="…"` is users/a.yaml; a path in full works as well."""

    def make(files: dict[str, str | bytes] | None = None, **short: str | bytes) -> Directory:
        root = tmp_path / "state"
        root.mkdir(exist_ok=True)
        named = {f"{name.replace('__', '/')}.yaml": text for name, text in short.items()}
        for name, text in {**(files or {}), **named}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return Directory(root)

    return make


def told(directory: Directory) -> list[tuple[str, str]]:
    return [(str(item.origin), item.summary) for item in directory.diagnostics]


def users(directory: Directory) -> list[str]:
    return [user.key for user in directory.read_users()]


# --- users --------------------------------------------------------------------------------------


def test_a_user_is_read_as_written(tree: Tree) -> None:
    directory = tree(
        users__a="""\
- userPrincipalName: ada@example.com
  objectId: 0012
  surname: No
  department: Null
  jobTitle: ~
  city:
  state: ""
  accountEnabled: FALSE
  otherMails: [a@example.com, ~, "", b@example.com]
  proxyAddresses: []
  extensionAttribute1: 2026-12-01
  lifecycle: {starts: 2026-12-01, expires: 2027-06-30, protected: True}
"""
    )
    (user,) = directory.read_users()
    assert directory.diagnostics == []
    assert user == SourceUser(
        {
            "userPrincipalName": "ada@example.com",
            "objectId": "0012",
            "surname": "No",
            "department": "Null",
            "otherMails": ("a@example.com", "b@example.com"),
            "extensionAttribute1": "2026-12-01",
            "accountEnabled": False,
        },
        Origin("users/a.yaml", 1, 3),
        Lifecycle(date(2026, 12, 1), date(2027, 6, 30), protected=True),
        user.origin_of,
    )
    assert user.at("surname") == Origin("users/a.yaml", 3, 12)
    assert user.at("unknown") == Origin("users/a.yaml", 1, 3)


def test_users_come_in_the_order_of_file_names_and_lines(tree: Tree) -> None:
    directory = tree(
        users__b="- userPrincipalName: b1\n- userPrincipalName: b2\n",
        users__a__z="- userPrincipalName: az\n",
        users__a="- userPrincipalName: a\n",
    )
    assert users(directory) == ["a", "az", "b1", "b2"]
    assert sorted(directory.digests) == ["users/a.yaml", "users/a/z.yaml", "users/b.yaml"]


@pytest.mark.parametrize("name", ["users/a.yml", "users/a.YAML", "users/deep/er/a.Yml"])
def test_yaml_files_are_found_by_any_of_their_names(tree: Tree, name: str) -> None:
    assert users(tree({name: "- userPrincipalName: ada\n"})) == ["ada"]


@pytest.mark.parametrize("name", ["users/.a.yaml", "users/a.yaml.bak", "users/README.md", "users/a.json"])
def test_other_files_are_not_read(tree: Tree, name: str) -> None:
    assert users(tree({name: "- userPrincipalName: ada\n"})) == []


@pytest.mark.parametrize(
    ("entry", "place", "summary"),
    [
        ("{surname: Lovelace}", "1:3", '"userPrincipalName" is missing'),
        ("{userPrincipalName: ~}", "1:3", '"userPrincipalName" is missing'),
        ('{userPrincipalName: ""}', "1:23", "userPrincipalName: expected text"),
        ("{userPrincipalName: a, accountEnabled: No}", "1:42", "accountEnabled: expected true or false"),
        ("{userPrincipalName: a, manager: {value: x}}", "1:35", "manager: expected text or a list of texts"),
        ("{userPrincipalName: a, tags: [a, {b: c}]}", "1:32", "tags: expected text or a list of texts"),
        ("{userPrincipalName: [a]}", "1:23", "userPrincipalName: expected text"),
        (
            "{userPrincipalName: a, lifecycle: x}",
            "1:37",
            "lifecycle: expected a mapping",
        ),
        ("{userPrincipalName: a, lifecycle: {ends: 2026-01-01}}", "1:38", 'unknown key "ends"'),
        (
            "{userPrincipalName: a, lifecycle: {expires: 20261201}}",
            "1:47",
            "lifecycle.expires: expected a date such as 2026-12-31",
        ),
        (
            "{userPrincipalName: a, lifecycle: {starts: 2026-02-02, expires: 2026-02-02}}",
            "1:37",
            "lifecycle: expires must be later than starts",
        ),
    ],
)
def test_a_wrong_entry_is_told_at_its_place_and_the_others_are_read(
    tree: Tree, entry: str, place: str, summary: str
) -> None:
    directory = tree(users__a=f"- {entry}\n- userPrincipalName: bob\n")
    assert users(directory) == ["bob"]
    assert told(directory) == [(f"users/a.yaml:{place}", summary)]


@pytest.mark.parametrize("day", ["2026-02-30", "2026-13-01", "0000-00-00", "٢٠٢٦-١٢-٣١"])
def test_a_day_that_does_not_exist_is_told(day: str, tree: Tree) -> None:
    directory = tree(users__a=f"- {{userPrincipalName: a, lifecycle: {{expires: {day}}}}}\n")
    assert users(directory) == []
    assert told(directory) == [("users/a.yaml:1:47", "lifecycle.expires: expected a date such as 2026-12-31")]


# --- settings, scope, mappings, groups ------------------------------------------------------------


def test_settings_are_read_with_their_defaults(tree: Tree) -> None:
    directory = tree(settings=SETTINGS)
    found = directory.read_settings()
    assert found is not None
    assert found.value == schema.Settings(
        target=schema.TargetSettings(
            profile="apple-business-manager", base_url="https://federation.apple.com/feeds/business/scim"
        )
    )
    assert found.at("target", "profile") == Origin("settings.yaml", 2, 12)
    assert directory.diagnostics == []


def test_numbers_are_numbers_where_a_number_is_due(tree: Tree) -> None:
    more = 'lifecycle: {delete_after_days: "30"}\nguards: {removals: {count: 5, percent: 2.5}}\n'
    found = tree(settings=SETTINGS + more).read_settings()
    assert found is not None
    removals = found.value.guards.removals
    assert (found.value.lifecycle.delete_after_days, removals.count, removals.percent) == (30, 5, 2.5)


@pytest.mark.parametrize(
    "written",
    [
        "lifecycle:\n",
        "lifecycle: ~\nguards: ~\napprovals:\nownership: ~\n",
        "lifecycle: {removed: ~, out_of_scope: }\n",
        "guards: {removals: ~, protected: }\nnotifications: {on_failure: ~}\n",
    ],
)
def test_a_key_without_a_value_is_as_good_as_absent(tree: Tree, written: str) -> None:
    directory = tree(settings=SETTINGS + written)
    found, plain = directory.read_settings(), schema.Settings.model_validate
    assert directory.diagnostics == []
    assert found is not None
    assert found.value == plain(
        {"target": {"profile": "apple-business-manager", "base_url": found.value.target.base_url}}
    )


@pytest.mark.parametrize(
    ("written", "place", "summary", "detail"),
    [
        (
            "lifecycel: {}\n",
            "4:1",
            'unknown key "lifecycel"',
            (
                "Did you mean lifecycle? Known keys: "
                "approvals, guards, lifecycle, notifications, ownership, record, target."
            ),
        ),
        (
            "guards: {removals: {cuont: 1}}\n",
            "4:21",
            'unknown key "cuont"',
            "Did you mean count? Known keys: count, floor, percent.",
        ),
        (
            "guards: {xyz: 1}\n",
            "4:10",
            'unknown key "xyz"',
            "Known keys: creates, failures, protected, removals, updates.",
        ),
        (
            "approvals:\n  - {plan: x, until: 2026-01-01, reason: y, untill: 1}\n",
            "5:45",
            'unknown key "untill"',
            "Did you mean until? Known keys: plan, reason, removals, until.",
        ),
        (
            "lifecycle: {removed: remove}\n",
            "4:22",
            "lifecycle.removed: expected one of deactivate, delete, keep",
            "Choose one of them.",
        ),
        (
            "lifecycle: {actions: [create, destroy]}\n",
            "4:31",
            "lifecycle.actions.1: expected one of create, update, deactivate, delete",
            "Choose one of them.",
        ),
        (
            "guards: {removals: {count: -1}}\n",
            "4:28",
            "guards.removals.count: expected 0 or more",
            "Choose a larger number.",
        ),
        (
            "guards: {removals: {count: ten}}\n",
            "4:28",
            "guards.removals.count: expected a whole number",
            "Write digits, such as 10.",
        ),
        (
            "guards: {updates: {percent: 101}}\n",
            "4:29",
            "guards.updates.percent: expected 100.0 or less",
            "Choose a smaller number.",
        ),
        (
            "guards: {protected: ada}\n",
            "4:21",
            "guards.protected: expected a list",
            "Write [one, two], or a line with a dash for each.",
        ),
        ("ownership: [a]\n", "4:12", "ownership: expected text", "Write a single value."),
        (
            "lifecycle: {removed: deactivated}\n",
            "4:22",
            "lifecycle.removed: expected one of deactivate, delete, keep",
            "Did you mean deactivate?",
        ),
        (
            "approvals:\n  - {plan: x, until: 2026-01-01, reason: y}\n",
            "5:12",
            "approvals.0.plan: expected sha256: and 64 digits",
            "Copy the id that the plan prints.",
        ),
    ],
)
def test_a_wrong_setting_is_told_at_its_place_with_a_way_out(
    tree: Tree, written: str, place: str, summary: str, detail: str
) -> None:
    directory = tree(settings=SETTINGS + written)
    assert directory.read_settings() is None
    assert error(summary, detail, Origin("settings.yaml", *map(int, place.split(":")))) in directory.diagnostics


@pytest.mark.parametrize("percent", ["nan", "inf", "-inf", "1e400"])
def test_a_percentage_is_a_number_between_nought_and_a_hundred(tree: Tree, percent: str) -> None:
    directory = tree(settings=f"{SETTINGS}guards: {{removals: {{percent: {percent}}}}}\n")
    assert directory.read_settings() is None
    assert len(directory.diagnostics) == 1


def test_all_mistakes_of_all_files_are_told(tree: Tree) -> None:
    directory = tree(
        settings="target: {profile: x}\nguards: {removal: {}}\n",
        scope="sync: some\nassigned: {people: []}\n",
        mappings="- {target: userName}\n- {target: a, source: b, constant: c}\n- {target: a, source: b, match: 0}\n",
        groups__a="- {members: {}}\n",
        users__a="- {}\n",
    )
    assert directory.read_settings() is None
    assert directory.read_scope() is None
    assert directory.read_mappings() == []
    assert directory.read_groups() == []
    assert users(directory) == []
    one_rule = "a mapping has exactly one of source, constant, template and expression"
    assert told(directory) == [
        (
            "settings.yaml:1:19",
            "target.profile: expected one of apple-business-manager, apple-school-manager, scim",
        ),
        ("settings.yaml:1:9", '"base_url" is missing'),
        ("settings.yaml:2:10", 'unknown key "removal"'),
        ("scope.yaml:1:7", "sync: expected one of assigned, all"),
        ("scope.yaml:2:12", 'unknown key "people"'),
        ("mappings.yaml:1:3", one_rule),
        ("mappings.yaml:2:3", one_rule),
        ("mappings.yaml:3:33", "match: expected 1 or more"),
        ("groups/a.yaml:1:3", '"name" is missing'),
        ("users/a.yaml:1:3", '"userPrincipalName" is missing'),
    ]


@pytest.mark.parametrize(
    ("text", "summary"), [("- a\n", "the file must be a mapping"), ("", "the file must be a mapping")]
)
def test_settings_must_be_a_mapping(tree: Tree, text: str, summary: str) -> None:
    directory = tree(settings=text)
    assert directory.read_settings() is None
    assert told(directory) == [("settings.yaml:1:1", summary)]


def test_settings_must_be_there_the_others_need_not(tree: Tree) -> None:
    directory = tree()
    assert (
        directory.read_settings(),
        directory.read_scope(),
        directory.read_mappings(),
        directory.read_groups(),
        users(directory),
    ) == (
        None,
        None,
        [],
        [],
        [],
    )
    assert told(directory) == [("settings.yaml:1:1", "settings.yaml is missing")]
    assert (directory.has("settings.yaml"), directory.has("scope.yaml")) == (False, False)


# --- files that are refused ----------------------------------------------------------------------


def test_a_link_out_of_the_directory_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    directory = tree(settings=SETTINGS, users__b="- userPrincipalName: bob\n")
    (tmp_path / "secret.yaml").write_text("- userPrincipalName: root\n")
    (directory.root / "users/a.yaml").symlink_to(tmp_path / "secret.yaml")
    (directory.root / "scope.yaml").symlink_to("../secret.yaml")
    assert users(directory) == ["bob"]
    assert directory.read_scope() is None
    assert directory.diagnostics == [
        error("a link that leaves the directory", "Put the file itself here.", Origin("users/a.yaml", 1, 1)),
        error("a link that leaves the directory", "Put the file itself here.", Origin("scope.yaml", 1, 1)),
    ]
    assert [item.source_line for item in add_source_lines(directory.diagnostics, directory.root)] == [None, None]


def test_a_link_within_the_directory_is_followed(tree: Tree) -> None:
    directory = tree({"shared/people.txt": "- userPrincipalName: ada\n"}, users__b="[]\n")
    (directory.root / "users/a.yaml").symlink_to("../shared/people.txt")
    assert users(directory) == ["ada"]
    assert directory.diagnostics == []


def test_a_link_to_a_directory_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    directory = tree(users__b="- userPrincipalName: bob\n")
    (tmp_path / "others").mkdir()
    (tmp_path / "others/x.yaml").write_text("- userPrincipalName: x\n")
    (directory.root / "users/others").symlink_to(tmp_path / "others")
    (directory.root / "users/circle").symlink_to(directory.root)
    assert users(directory) == ["bob"]
    assert told(directory) == [
        ("users/circle:1:1", "a link to a directory"),
        ("users/others:1:1", "a link to a directory"),
    ]


@pytest.mark.parametrize("name", ["users", "groups", "notes"])
def test_nothing_is_listed_behind_a_link_in_place_of_a_folder(tree: Tree, tmp_path: Path, name: str) -> None:
    directory = tree(settings=SETTINGS)
    (tmp_path / "others").mkdir()
    (tmp_path / "others/secret.yaml").write_text("- userPrincipalName: x\n")
    (tmp_path / "others/secret.key").write_text("")
    (directory.root / name).symlink_to(tmp_path / "others")
    directory.check_layout()
    assert (users(directory), directory.read_groups()) == ([], [])
    assert told(directory) == [(f"{name}:1:1", "a link to a directory")]


def test_a_directory_that_is_a_link_out_of_its_repository_is_not_read(tree: Tree, tmp_path: Path) -> None:
    elsewhere = tree(settings=f"{SETTINGS}oh: no\n", users__a="- userPrincipalName: ada\n").root
    (tmp_path / "checkout/.git").mkdir(parents=True)
    link = tmp_path / "checkout/desired-state"
    link.symlink_to(elsewhere)
    directory = Directory(link)
    directory.check_layout()
    assert (directory.read_settings(), users(directory), directory.read_groups(), directory.digests) == (
        None,
        [],
        [],
        {},
    )
    exc = error(f"{link} is a link that leaves its repository", "Replace it with the directory itself.")
    assert directory.diagnostics == [exc], "one mistake, and no line of what is there"
    link.unlink()
    elsewhere.rename(link.with_name("state"))
    link.symlink_to("state")
    assert users(Directory(link)) == ["ada"], "a link within the repository"


@pytest.mark.parametrize("name", [b"a\xff.yaml", b"\xff/a.yaml"])
def test_a_name_that_is_not_utf8_is_told(tree: Tree, name: bytes) -> None:
    directory = tree({f"users/{os.fsdecode(name)}": "- userPrincipalName: ada\n"})
    list(directory.read_users())
    shown = os.fsdecode(name.split(b"/")[0]).replace("\udcff", "\\u{dcff}")
    assert directory.diagnostics == [
        error("a file name that is not UTF-8", f'Rename "{shown}".', Origin("users", 1, 1)),
    ]


@pytest.mark.parametrize("target", ["a.yaml", "b.yaml", "nowhere.yaml"])
def test_a_link_that_leads_nowhere_is_told(tree: Tree, target: str) -> None:
    directory = tree(users__c="- userPrincipalName: carol\n")
    (directory.root / "users/a.yaml").symlink_to(target)
    if target == "b.yaml":
        (directory.root / "users/b.yaml").symlink_to("a.yaml")
    assert users(directory) == ["carol"]
    assert {item.summary.split(":")[0] for item in directory.diagnostics} == {"cannot be read"}
    assert add_source_lines(directory.diagnostics, directory.root) == tuple(directory.diagnostics)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_read(tree: Tree, make: Callable[[Path], None]) -> None:
    directory = tree(users__b="- userPrincipalName: bob\n")
    make(directory.root / "settings.yaml")
    make(directory.root / "users/a.yaml")
    assert users(directory) == ["bob"]
    assert directory.read_settings() is None
    refused = [item for item in directory.diagnostics if item.origin and item.origin.file == "settings.yaml"]
    assert refused == [error("not a regular file", "Only regular files are read.", Origin("settings.yaml", 1, 1))]
    assert len(add_source_lines(directory.diagnostics, directory.root)) == len(directory.diagnostics)


def test_a_file_that_is_too_large_is_not_opened(tree: Tree) -> None:
    directory = tree(users__b="- userPrincipalName: bob\n")
    with (directory.root / "users/a.yaml").open("wb") as file:
        file.truncate(yaml_reader.MAX_BYTES + 1)
    assert users(directory) == ["bob"]
    assert directory.diagnostics == [error("larger than 64 MiB", "Split the file.", Origin("users/a.yaml", 1, 1))]
    assert add_source_lines(directory.diagnostics, directory.root)[0].source_line is None


def test_a_folder_that_cannot_be_read_is_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tree(users__team__a="- userPrincipalName: ada\n", users__b="- userPrincipalName: bob\n")
    list_folder = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("team"):
            raise PermissionError(13, "Permission denied", str(path))
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert users(directory) == ["bob"]
    assert told(directory) == [("users/team:1:1", "cannot be read: Permission denied")]


def test_a_file_in_place_of_a_folder_is_told(tree: Tree) -> None:
    directory = tree({"users": "- userPrincipalName: ada\n"})
    assert users(directory) == []
    assert told(directory) == [("users:1:1", "cannot be read: Not a directory")]


# --- names that nobody would read -----------------------------------------------------------------

PLACES = "The top level holds settings.yaml, scope.yaml, mappings.yaml; users belong in users/, groups in groups/."


@pytest.mark.parametrize(
    ("name", "summary", "hint"),
    [
        ("setting.yaml", "this file is not read", "Did you mean settings.yaml? "),
        ("scope.yml", "this file is not read", "Did you mean scope.yaml? "),
        ("scope.YAML", "this file is not read", "Did you mean scope.yaml? "),
        ("Mappings.yaml", "this file is not read", "Did you mean mappings.yaml? "),
        ("users.yaml", "this file is not read", "Did you mean users/? "),
        ("zzz.json", "this file is not read", ""),
        ("Users/a.yaml", "this directory is not read", "Did you mean users/? "),
        ("user/deep/a.yml", "this directory is not read", "Did you mean users/? "),
        ("zzz/a.yaml", "this directory is not read", ""),
    ],
)
def test_a_misspelt_name_is_told(tree: Tree, name: str, summary: str, hint: str) -> None:
    directory = tree({name: "a: b\n"}, settings=SETTINGS)
    directory.check_layout()
    assert directory.diagnostics == [error(summary, f"{hint}{PLACES}", Origin(name.split("/", maxsplit=1)[0], 1, 1))]


def test_the_usual_names_and_those_of_others_are_fine(tree: Tree) -> None:
    directory = tree(
        {"README.md": "", ".github/x.yaml": "", "notes/a.txt": "", ".hidden.yaml": ""},
        settings=SETTINGS,
        scope="sync: all\n",
        mappings="[]\n",
        users__a="",
        groups__a="",
    )
    directory.check_layout()
    assert directory.diagnostics == []


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "nowhere")
    directory.check_layout()
    assert directory.diagnostics == [
        error(f"there is no directory {tmp_path / 'nowhere'}", "Pass the directory with --state DIR, or create it.")
    ]
    assert directory.read_settings() is None
    assert len(directory.diagnostics) == 1


# --- many mistakes ------------------------------------------------------------------------------


def test_of_a_file_with_very_many_mistakes_fifty_are_told(tree: Tree) -> None:
    directory = tree(users__a="- {x: y}\n" * 1_000, users__b="- {}\n")
    assert users(directory) == []
    assert len(directory.diagnostics) == 52
    assert directory.diagnostics[50] == error(
        "more than 50 errors in this file; the others are not shown",
        "Fix these first.",
        Origin("users/a.yaml", 51, 3),
    )


def test_many_warnings_are_no_error(tree: Tree) -> None:
    directory = tree(users__a="".join(f"- {{userPrincipalName: u{n}, city: null}}\n" for n in range(1_000)))
    assert len(users(directory)) == 1_000
    assert len(directory.diagnostics) == 51
    assert {item.severity.value for item in directory.diagnostics} == {"warning"}


# --- source lines -------------------------------------------------------------------------------


def test_diagnostics_get_the_line_they_are_about(tree: Tree) -> None:
    directory = tree(users__a="one\r\n" + "x" * 200 + "\n" + "\u202ethree")
    found: list[Diagnostic] = [error(f"e{line}", origin=Origin("users/a.yaml", line, 1)) for line in (1, 2, 3, 4, 99)]
    found += [error("no place"), error("no file", origin=Origin("gone.yaml", 1, 1))]
    assert [item.source_line for item in add_source_lines(found, directory.root)] == [
        "one",
        "x" * 160 + "… (40 more characters)",
        "\u202ethree",
        None,
        None,
        None,
        None,
    ]


# --- JSON Schemas -------------------------------------------------------------------------------

SAMPLES = Path(__file__).parents[3] / "desired-state"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_has_a_schema_that_refuses_unknown_keys(kind: str) -> None:
    schema = build_json_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    shapes = [schema, *schema.get("$defs", {}).values()]
    closed = [shape for shape in shapes if shape.get("type") == "object" and shape["title"] != "UserEntry"]
    assert all(shape["additionalProperties"] is False for shape in closed if "properties" in shape)
    named = [f"#/$defs/{name}" for name in schema.get("$defs", {})]
    assert set(references(schema)) <= set(named)


def test_each_schema_says_what_it_is_for() -> None:
    assert [build_json_schema(kind)["title"] for kind in KINDS] == [f"{kind} of Reconciler" for kind in KINDS]


def test_the_schema_of_scope_marks_what_entra_does_not_have() -> None:
    shapes = build_json_schema("scope")["$defs"]
    clause, scoping_filter = shapes["ClauseEntry"]["properties"], shapes["FilterEntry"]["properties"]
    marked = [
        *(
            name
            for name, value in {**clause, **scoping_filter}.items()
            if "Extension: " in value.get("description", "")
        ),
        *(each["const"] for each in clause["operator"]["anyOf"] if "Extension: " in each.get("description", "")),
    ]
    assert marked == [
        *("attribute", "value", "ignore_case", "values_match", "not"),
        *("IS MEMBER OF", "IS NOT MEMBER OF"),
        *("DATE BEFORE", "DATE ON OR BEFORE", "DATE AFTER", "DATE ON OR AFTER"),
    ]
    assert shapes["FilterEntry"]["required"] == ["name", "clauses"]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def allows(schema: dict[str, Any], root: dict[str, Any], value: Any) -> bool:
    """The few keywords our schemas use, on YAML read as text: a scalar is any of JSON's."""
    if "$ref" in schema:
        return allows(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, value)
    if "anyOf" in schema:
        return any(allows(each, root, value) for each in schema["anyOf"])
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        return (
            "object" in types
            and set(schema.get("required", [])) <= value.keys()
            and all(
                allows(known[key], root, inner)
                if key in known
                else more is True or (more is not False and allows(more, root, inner))
                for key, inner in value.items()
            )
        )
    if isinstance(value, list):
        return "array" in types and all(allows(schema.get("items", {}), root, each) for each in value)
    if value is None:
        return "null" in types or not types
    return (not types or bool({"string", "number", "integer", "boolean"} & set(types))) and value in schema.get(
        "enum", [schema.get("const", value)]
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_schemas_and_the_models_accept_the_sample_files(path: Path) -> None:
    kind = path.parent.name if path.parent.name in ("users", "groups") else path.stem
    told: list[Diagnostic] = []
    content = yaml_reader.read_document(path.read_bytes(), path.name, told.append)
    assert told == []
    schema = build_json_schema(kind)
    assert allows(schema, schema, content)
    assert not allows(schema, schema, [*content, {"x": [[]]}] if isinstance(content, list) else {**content, "x": "y"})
    TypeAdapter(KINDS[kind]).validate_python(content)


def test_the_sample_directory_is_read_without_a_word() -> None:
    directory = Directory(SAMPLES)
    directory.check_layout()
    assert directory.read_settings() is not None
    assert directory.read_scope() is not None
    assert len(directory.read_mappings()) == 11
    assert len(directory.read_groups()) > 5
    assert len(users(directory)) > 100
    assert directory.diagnostics == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("- expression: Not([a])\n  target: title", 19),
        ("- {target: title, expression: 'Not([a])'}", 36),
    ],
)
def test_a_place_inside_of_a_value_is_that_of_its_character(tree: Tree, line: str, column: int) -> None:
    directory = tree({"mappings.yaml": f"# first\n{line}\n"})
    (row,) = directory.read_mappings()
    assert directory.locate_in_value(row.at("expression"), str(row.value.expression), 4) == Origin(
        "mappings.yaml", 2, column
    )
    assert directory.locate_in_value(None, "Not", 1) is None


@pytest.mark.parametrize(
    "written",
    [
        '"Not(\\u005ba])"',
        '"Not(\n  [a])"',
        "Not(\n    [a])",
        "'Not(\n  [a])'",
        ">2-\n    Not([a])",
        ">-\n    Not(\n      [a])",
    ],
)
def test_a_place_that_is_not_certain_is_none(tree: Tree, written: str) -> None:
    directory = tree({"mappings.yaml": f"- target: title\n  expression: {written}\n"})
    (row,) = directory.read_mappings()
    assert row.value.expression is not None
    assert directory.locate_in_value(row.at("expression"), row.value.expression, 4) is None


def test_a_place_in_a_file_that_is_gone_is_none(tree: Tree) -> None:
    assert tree({}).locate_in_value(Origin("mappings.yaml", 1, 1), "x", 0) is None


WORDS = st.text('ab[]( "#>|-:', min_size=1, max_size=6).map(str.strip).filter(bool)


@given(
    words=st.lists(st.tuples(WORDS, st.integers(0, 2)), min_size=1, max_size=5),
    style=st.sampled_from([">", ">-", ">+", "|", "|-", "|+", "|  # why", ">-   "]),
    indent=st.integers(1, 6),
    breaks=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_every_character_of_a_block_is_found_in_its_line(
    words: list[tuple[str, int]], style: str, indent: int, breaks: str, *, last: bool
) -> None:
    lines = [line for word, blank in words for line in ("  " + " " * indent + word, *[""] * blank)]
    content = (
        breaks.join(["- target: x", f"  expression: {style}", *lines, *([] if last else ["  default: y"])]) + breaks
    )
    (item,) = yaml_reader.read_items(content.encode(), "m.yaml", pytest.fail)
    at, text = item.value_origin("expression"), str(item["expression"])
    written = content.replace("\r\n", "\n").split("\n")
    for position, character in enumerate(text.rstrip("\n")):
        place = yaml_blocks.locate_in_block(content.split("\n"), at.line, at.column, text, position)
        assert place is not None
        line = written[place[0] - 1]
        if character == "\n":
            assert place[1] in (len(line) + 1, indent + 3)
        else:
            assert (line + " ")[place[1] - 1] == character
    end = yaml_blocks.locate_in_block(content.split("\n"), at.line, at.column, text, len(text.rstrip("\n")))
    where = max(number for number, line in enumerate(lines) if line) + 3
    assert end == (where, len(written[where - 1]) + 1)
