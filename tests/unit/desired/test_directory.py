import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.desired_directory import SETTINGS, Tree, messages, users

from reconciler.core.model import Diagnostic, Origin, error
from reconciler.desired import yaml_text
from reconciler.desired.diagnostic_list import add_source_lines
from reconciler.desired.directory import Directory
from reconciler.desired.missing_state import describe_missing_state

# --- users --------------------------------------------------------------------------------------


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


# --- settings, scope, mappings, groups ------------------------------------------------------------


@pytest.mark.parametrize("content", ["- sync: all\n", "all\n", "# nothing\n", "sync: [\n"])
def test_what_a_file_without_a_mapping_may_hold_is_unread(tree: Tree, content: str) -> None:
    directory = tree(scope=content)
    assert directory.read_scope() is None
    assert len(messages(directory)) == 1
    assert directory.unread == {"scope.yaml"}


def test_all_errors_of_all_files_are_reported(tree: Tree) -> None:
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
    assert messages(directory) == [
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


@pytest.mark.parametrize(("text", "summary"), [("- a\n", "the file must be a mapping"), ("# a\n", "the file is empty")])
def test_settings_must_be_a_mapping(tree: Tree, text: str, summary: str) -> None:
    directory = tree(settings=text)
    assert directory.read_settings() is None
    assert messages(directory) == [("settings.yaml:1:1", summary)]


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
    assert messages(directory) == [("settings.yaml:1:1", "settings.yaml is missing")]
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
    assert messages(directory) == [
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
    assert messages(directory) == [(f"{name}:1:1", "a link to a directory")]


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
def test_a_name_that_is_not_utf8_is_reported(tree: Tree, name: bytes) -> None:
    directory = tree({f"users/{os.fsdecode(name)}": "- userPrincipalName: ada\n"})
    list(directory.read_users())
    shown = os.fsdecode(name.split(b"/")[0]).replace("\udcff", "\\u{dcff}")
    assert directory.diagnostics == [
        error("a file name that is not UTF-8", f'Rename "{shown}".', Origin("users", 1, 1)),
    ]


@pytest.mark.parametrize("target", ["a.yaml", "b.yaml", "nowhere.yaml"])
def test_a_link_that_leads_nowhere_is_reported(tree: Tree, target: str) -> None:
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
        file.truncate(yaml_text.MAX_BYTES + 1)
    assert users(directory) == ["bob"]
    assert directory.diagnostics == [error("larger than 64 MiB", "Split the file.", Origin("users/a.yaml", 1, 1))]
    assert add_source_lines(directory.diagnostics, directory.root)[0].source_line is None


def test_a_folder_that_cannot_be_read_is_reported(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tree(users__team__a="- userPrincipalName: ada\n", users__b="- userPrincipalName: bob\n")
    list_folder = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("team"):
            raise PermissionError(13, "Permission denied", str(path))
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert users(directory) == ["bob"]
    assert messages(directory) == [("users/team:1:1", "cannot be read: Permission denied")]


def test_a_file_in_place_of_a_folder_is_reported(tree: Tree) -> None:
    directory = tree({"users": "- userPrincipalName: ada\n"})
    assert users(directory) == []
    assert messages(directory) == [("users:1:1", "cannot be read: Not a directory")]


# --- names that are not read -----------------------------------------------------------------------

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
def test_a_misspelt_name_is_reported(tree: Tree, name: str, summary: str, hint: str) -> None:
    directory = tree({name: "a: b\n"}, settings=SETTINGS)
    directory.check_layout()
    assert directory.diagnostics == [error(summary, f"{hint}{PLACES}", Origin(name.split("/", maxsplit=1)[0], 1, 1))]


def test_the_usual_names_and_those_of_others_are_fine(tree: Tree) -> None:
    directory = tree(
        {"README.md": "", ".github/x.yaml": "", "notes/a.txt": "", ".gitkeep": "", "users/.gitkeep": ""},
        settings=SETTINGS,
        scope="sync: all\n",
        mappings="[]\n",
        users__a="",
        groups__a="",
    )
    directory.check_layout()
    assert directory.diagnostics == []


@pytest.mark.parametrize(
    ("name", "origin", "summary"),
    [
        (".scope.yaml", ".scope.yaml", "this hidden file is not read"),
        ("scope.yaml.orig", "scope.yaml.orig", "a leftover of a merge or an editor"),
        (".old/users.yaml", ".old", "this hidden directory is not read"),
        ("users/.more.yaml", "users/.more.yaml", "this hidden file is not read"),
        ("users/team/.more.yml", "users/team/.more.yml", "this hidden file is not read"),
        ("users/.old/a.yaml", "users/.old", "this hidden directory is not read"),
        ("users/.old/deep/a.yaml~", "users/.old", "this hidden directory is not read"),
        ("users/team/.git/config", "users/team/.git", "a git repository inside of the desired state"),
        ("users/team/.git", "users/team/.git", "a git repository inside of the desired state"),
        ("users/a_BASE_123.yaml", "users/a_BASE_123.yaml", "a leftover of a merge or an editor"),
        ("groups/.apple.yaml", "groups/.apple.yaml", "this hidden file is not read"),
        ("groups/apple.yaml.rej", "groups/apple.yaml.rej", "a leftover of a merge or an editor"),
    ],
)
def test_a_stray_file_is_one_error_and_not_read(tree: Tree, name: str, origin: str, summary: str) -> None:
    directory = tree({name: "- userPrincipalName: ada\n"}, settings=SETTINGS, users__b="- userPrincipalName: bob\n")
    directory.check_layout()
    assert (users(directory), directory.read_groups()) == (["bob"], [])
    assert messages(directory) == [(f"{origin}:1:1", summary)]


def test_a_hidden_folder_without_yaml_is_fine(tree: Tree) -> None:
    directory = tree({"users/.idea/x.xml": "", ".cache/x": ""}, settings=SETTINGS)
    directory.check_layout()
    assert (users(directory), directory.diagnostics) == ([], [])


def test_settings_with_a_misspelt_name_are_one_error(tree: Tree) -> None:
    directory = tree({"settings.yml": SETTINGS})
    directory.check_layout()
    assert directory.read_settings() is None
    assert messages(directory) == [("settings.yml:1:1", "this file is not read")]


def test_a_name_at_the_top_level_that_is_not_utf8_is_reported(tree: Tree) -> None:
    directory = tree({os.fsdecode(b"sc\xffope.yaml"): ""}, settings=SETTINGS)
    directory.check_layout()
    assert messages(directory) == [("None", "a file name that is not UTF-8")]


def test_of_very_many_stray_files_fifty_are_reported(tree: Tree) -> None:
    directory = tree({f"users/{number}.orig": "" for number in range(1_000)}, settings=SETTINGS)
    assert users(directory) == []
    assert len(directory.diagnostics) == 51
    assert (
        messages(directory)[-1][1]
        == "more than 50 files that do not belong in the desired state; the others are not listed"
    )


@pytest.mark.parametrize("name", ["settings", "scope", "mappings", "groups__a", "users__a"])
def test_an_unresolved_merge_is_one_error_in_any_file(tree: Tree, name: str) -> None:
    content = "a: b\n<<<<<<< HEAD\nc: d\n=======\nc: e\n>>>>>>> branch\n"
    directory = tree(**{"settings": SETTINGS, "scope": "sync: all\n", "mappings": "[]\n", name: content})
    directory.read_settings()
    directory.read_scope()
    directory.read_mappings()
    directory.read_groups()
    users(directory)
    origin = f"{name.replace('__', '/')}.yaml:2:1"
    assert messages(directory) == [(origin, "an unresolved merge conflict")]


def test_a_git_lfs_pointer_is_one_error(tree: Tree) -> None:
    directory = tree(users__a="version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    assert users(directory) == []
    assert messages(directory) == [("users/a.yaml:1:1", "a Git LFS pointer, not the file itself")]


def test_a_directory_that_is_not_there_is_reported(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "nowhere")
    directory.check_layout()
    assert directory.diagnostics == [describe_missing_state(tmp_path / "nowhere")]
    assert directory.read_settings() is None
    assert len(directory.diagnostics) == 1


# --- many errors --------------------------------------------------------------------------------


def test_of_a_file_with_very_many_errors_fifty_are_reported(tree: Tree) -> None:
    entries = "".join(f"- {{userPrincipalName: u{n}, lifecycle: {{x{n}: y}}}}\n" for n in range(1_000))
    directory = tree(users__a=entries, users__b="- {}\n")
    assert users(directory) == []
    assert len(directory.diagnostics) == 52
    last = directory.diagnostics[50]
    assert (last.summary, last.detail) == (
        "more than 50 errors in this file; the others are not shown",
        "Fix these first.",
    )
    assert str(last.origin) == "users/a.yaml:51:40"


def test_a_warning_for_each_user_is_one_with_a_count(tree: Tree) -> None:
    directory = tree(users__a="".join(f"- {{userPrincipalName: u{n}, city: null}}\n" for n in range(1_000)))
    assert len(users(directory)) == 1_000
    assert messages(directory) == [("users/a.yaml:1:33", 'null is read as the text "null", 1,000 times in this file')]


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


# --- the sample ----------------------------------------------------------------------------------


def test_the_sample_directory_is_read_without_a_word() -> None:
    directory = Directory(Path(__file__).parents[3] / "desired-state")
    directory.check_layout()
    assert directory.read_settings() is not None
    assert directory.read_scope() is not None
    assert len(directory.read_mappings()) == 11
    assert len(directory.read_groups()) > 5
    assert len(users(directory)) > 100
    assert directory.diagnostics == []


def test_a_place_in_a_file_that_is_gone_is_none(tree: Tree) -> None:
    assert tree({}).locate_in_value(Origin("mappings.yaml", 1, 1), "x", 0) is None


def test_a_copy_collects_by_itself(tree: Tree) -> None:
    text = "- {userPrincipalName: ada}\n- {surname: x}\n- ["
    directory = tree({"users/b.yaml.orig": "x", "users/c.YAML": "x"}, users__a=text, groups__g="x")
    directory.read_groups()
    known = Directory(directory.root)
    known.read_groups()
    list(directory.copy().read_users())
    assert directory == replace(known, _found=directory._found)
    assert messages(directory) == messages(known)
    other = directory.copy()
    list(other.read_users())
    list(known.read_users())
    assert messages(other) == messages(known)
    assert (other.digests, other.unread, other.open_ended) == (known.digests, known.unread, known.open_ended)
