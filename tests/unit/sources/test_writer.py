"""Only what an import changes is edited; every other byte of the files stays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from reconciler.core.field_change import Field
from reconciler.errors import SourceError
from reconciler.history.edits import DOCUMENT, GROUP, MAPPING, USER, Entity
from reconciler.history.reference_edit import rename_users
from reconciler.history.yaml_edit import EditedFile
from reconciler.sources import writer
from reconciler.sources.import_plan import EntryEdit, ImportPlan
from reconciler.sources.read_back import ReadBack
from reconciler.sources.state_files import StateFiles, read_state_files
from reconciler.sources.writer import draft_files, write_files

USERS, GROUPS = "users/a.yaml", "groups/g.yaml"
PEOPLE = """\
    # yaml-language-server: $schema=../../schemas/users.json
    # People of the company

    - objectId: a1   # the first
      userPrincipalName: ada@example.com
      # her title
      jobTitle: 'Countess'
      lifecycle: {protected: true}

    # about Bob
    - userPrincipalName: bob@example.com
      department: "Sales"  # since 2020
      accountEnabled: true
      otherMails: [b@example.com, bob@example.org]

    - {userPrincipalName: cyd@example.com, title: Dr}
"""


def text(content: str) -> str:
    return dedent(content)


def read(tmp_path: Path, contents: Mapping[str, str | bytes]) -> StateFiles:
    for name, content in contents.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else text(content).encode())
    return read_state_files(tmp_path)


def find(files: StateFiles, name: str) -> Entity:
    entries = (*files.current.users, *files.current.groups, files.current.scope)
    return next(each for each in entries if each is not None and each.name.partition("@")[0] == name)


def set_to(files: StateFiles, name: str, fields: Mapping[str, Field | None]) -> EntryEdit:
    """Return the edit of an entry: these fields are set; None: removed."""
    before = find(files, name)
    after = {path: value for path, value in {**before.fields, **fields}.items() if value is not None}
    key = "userPrincipalName" if before.kind == USER else "name"
    return EntryEdit(before, Entity(before.kind, str(after.get(key, before.name)), after, before.file))


def user(name: str, file: str = USERS, **fields: Field) -> EntryEdit:
    """Return the edit that adds a user."""
    upn = f"{name}@example.com"
    return EntryEdit(None, Entity(USER, upn, {**fields, "userPrincipalName": upn}, file))


def draft(files: StateFiles, *edits: EntryEdit, names: Mapping[str, str | None] | None = None) -> dict[str, str]:
    drafted = draft_files(files, ImportPlan("test", (*edits, *rename(files, names or {}, edits)), names or {}))
    return {name: (content or b"").decode() for name, content in drafted.items()}


def rename(files: StateFiles, names: Mapping[str, str | None], edits: Iterable[EntryEdit]) -> Iterator[EntryEdit]:
    """Yield the edits of groups and scope.yaml that a merge makes for other names of users."""
    edited = {id(each.before) for each in edits}
    for entry in (*files.current.groups, *([files.current.scope] if files.current.scope is not None else [])):
        fields = rename_users(entry, names) if id(entry) not in edited else {}
        if fields:
            after = {path: value for path, value in {**entry.fields, **fields}.items() if value is not None}
            yield EntryEdit(entry, Entity(entry.kind, entry.name, after, entry.file))


def edit(tmp_path: Path, content: str, name: str, fields: Mapping[str, Field | None], file: str = USERS) -> str:
    files = read(tmp_path, {file: content})
    return draft(files, set_to(files, name, fields))[file]


# --- fields of users --------------------------------------------------------------------


def test_a_value_is_replaced_where_it_is_in_its_quotes(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    drafted = draft(
        files,
        set_to(files, "ada", {"jobTitle": "Lady", "objectId": "a2"}),
        set_to(files, "bob", {"department": "R&D", "accountEnabled": "false"}),
        set_to(files, "cyd", {"title": "0012"}),
    )
    expected = text(PEOPLE).replace("'Countess'", "'Lady'").replace("a1   #", "a2   #").replace('"Sales"', '"R&D"')
    assert drafted == {USERS: expected.replace("accountEnabled: true", "accountEnabled: false").replace("Dr", '"0012"')}


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("title: No", "1E5", 'title: "1E5"'),
        ("title:", "Sir", "title: Sir"),
        ("title:  # none yet", "Sir", "title: Sir  # none yet"),
        ("title: ~", "Sir", "title: Sir"),
        ("title: ''", "Sir", "title: 'Sir'"),
        ("title: |  # a note\n    one\n    two\n", "Sir", "title: Sir  # a note\n"),
        ('title: "one\n    two"  # note', "Sir", 'title: "Sir"  # note'),
        ("title: one\n    two", "Sir", "title: Sir"),
        ("title: Sir", "a\nb: c", 'title: "a\\u000ab: c"'),
        ("title: [Sir, Dr]", "Sir", "title: Sir"),
        ("title:\n    - Sir\n    - Dr  # x\n", "Sir", "title: Sir  # x\n"),
        ("title: Sir  # note", ("Sir", "Dr"), "title:  # note\n    - Sir\n    - Dr"),
        ("title: []  # note", ("Sir", "Dr"), "title:  # note\n    - Sir\n    - Dr"),
    ],
)
def test_a_value_of_any_form_is_replaced(tmp_path: Path, before: str, value: Field, after: str) -> None:
    content = f"- userPrincipalName: ada@example.com\n  {before}\n  # about x\n  x: y\n"
    edited = edit(tmp_path, content, "ada", {"title": value})
    assert edited == f"- userPrincipalName: ada@example.com\n  {after}\n  # about x\n  x: y\n"


def test_new_keys_come_to_their_place(tmp_path: Path) -> None:
    edited = edit(
        tmp_path,
        PEOPLE,
        "ada",
        {
            "surname": "Lovelace",
            "givenName": "Ada",
            "department": "R&D",
            "zz": "1",
            "aa": "2",
            "accountEnabled": "true",
        },
    )
    assert edited == text(PEOPLE).replace(
        "  # her title\n  jobTitle: 'Countess'\n",
        "  givenName: Ada\n  surname: Lovelace\n  # her title\n  jobTitle: 'Countess'\n  department: R&D\n"
        '  aa: "2"\n  zz: "1"\n  accountEnabled: true\n',
    )


def test_new_keys_come_last_in_an_entry_of_another_order(tmp_path: Path) -> None:
    content = (
        "- userPrincipalName: ada@example.com\n  surname: Lovelace\n  objectId: a  # id\n\n- userPrincipalName: bob\n"
    )
    edited = edit(tmp_path, content, "ada", {"givenName": "Ada"})
    assert edited == content.replace("a  # id\n", "a  # id\n  givenName: Ada\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- userPrincipalName: ada  # boss\n", "- objectId: a\n  userPrincipalName: ada  # boss\n"),
        ("-   userPrincipalName: ada", "-   objectId: a\n    userPrincipalName: ada"),
        ("-\n  # x\n  userPrincipalName: ada", "-\n  # x\n  objectId: a\n  userPrincipalName: ada"),
        ("- {userPrincipalName: ada}", "- {objectId: a, userPrincipalName: ada}"),
        ("  - userPrincipalName: ada\r\n", "  - objectId: a\r\n    userPrincipalName: ada\r\n"),
        ("\ufeff- userPrincipalName: ada\n", "\ufeff- objectId: a\n  userPrincipalName: ada\n"),
    ],
)
def test_a_key_before_the_first_one_follows_the_dash(tmp_path: Path, before: str, after: str) -> None:
    files = read(tmp_path, {USERS: before.encode()})
    assert draft(files, set_to(files, "ada", {"objectId": "a"})) == {USERS: after}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- t: x  # t\n  userPrincipalName: ada\n", "- userPrincipalName: ada\n"),
        ("- t: x\n  # n\n  userPrincipalName: ada\n", "-\n  # n\n  userPrincipalName: ada\n"),
        (
            "- userPrincipalName: ada\n  t: |\n    x\n\n    y\n\n  # n\n  u: v\n",
            "- userPrincipalName: ada\n\n  # n\n  u: v\n",
        ),
        ("- userPrincipalName: ada\n  # n\n  t:\n  - x\n  - y # z\n  u: v", "- userPrincipalName: ada\n  # n\n  u: v"),
        ("- {t: x, userPrincipalName: ada}\n", "- {userPrincipalName: ada}\n"),
        ("- {userPrincipalName: ada, t: [x, y]}\n", "- {userPrincipalName: ada}\n"),
        ("- {userPrincipalName: ada, t: [x, y], u: v}\n", "- {userPrincipalName: ada, u: v}\n"),
        ("- userPrincipalName: ada\n  t: x", "- userPrincipalName: ada\n"),
    ],
)
def test_a_key_is_removed_with_its_line(tmp_path: Path, before: str, after: str) -> None:
    files = read(tmp_path, {USERS: before.encode()})
    assert draft(files, set_to(files, "ada", {"t": None})) == {USERS: after}


def test_the_lifecycle_and_unknown_keys_stay(tmp_path: Path) -> None:
    edited = edit(tmp_path, PEOPLE, "ada", {"lifecycle.expires": "2027-01-01"})
    assert edited == text(PEOPLE).replace("{protected: true}", "{expires: 2027-01-01, protected: true}")
    files = read(tmp_path, {USERS: PEOPLE})
    assert "lifecycle" not in draft(files, set_to(files, "ada", {"lifecycle.protected": None}))[USERS]


def test_the_order_of_a_list_of_a_user_counts(tmp_path: Path) -> None:
    edited = edit(tmp_path, PEOPLE, "bob", {"otherMails": ("new@example.com", "bob@example.org", "b@example.com")})
    assert edited == text(PEOPLE).replace(
        "[b@example.com, bob@example.org]", "[new@example.com, bob@example.org, b@example.com]"
    )


# --- entries ----------------------------------------------------------------------------


def test_new_users_are_sorted_into_a_sorted_file(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    drafted = draft(files, user("carl"), user("aaron"), user("bill"), user("dan", givenName="Dan", employeeId="0012"))
    expected = text(PEOPLE).replace("- objectId: a1", "- userPrincipalName: aaron@example.com\n\n- objectId: a1")
    expected = expected.replace("# about Bob", "- userPrincipalName: bill@example.com\n\n# about Bob")
    expected = expected.replace("- {userPri", "- userPrincipalName: carl@example.com\n\n- {userPri")
    new = '\n- userPrincipalName: dan@example.com\n  givenName: Dan\n  employeeId: "0012"\n'
    assert drafted[USERS] == expected + new


def test_new_users_come_last_in_a_file_that_is_not_sorted(tmp_path: Path) -> None:
    content = "- userPrincipalName: bob@example.com\n- userPrincipalName: ada@example.com"
    drafted = draft(read(tmp_path, {USERS: content}), user("zoe"), user("aaron"))
    new = "\n- userPrincipalName: aaron@example.com\n- userPrincipalName: zoe@example.com\n"
    assert drafted == {USERS: content + new}


def test_a_comment_right_above_the_first_entry_stays_with_it(tmp_path: Path) -> None:
    content = "# Head\n\n# about Bob\n- userPrincipalName: bob@example.com\n"
    drafted = draft(read(tmp_path, {USERS: content}), user("ada"))
    assert drafted[USERS] == "# Head\n\n- userPrincipalName: ada@example.com\n\n" + content.removeprefix("# Head\n\n")


def test_a_new_file_has_the_editor_line_of_the_others(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    drafted = draft(files, user("dan", "users/x/y.yaml"), user("bob", "users/x/y.yaml", objectId="b"))
    assert drafted["users/x/y.yaml"] == text(
        """\
        # yaml-language-server: $schema=../../../schemas/users.json

        - objectId: b
          userPrincipalName: bob@example.com

        - userPrincipalName: dan@example.com
        """
    )


def test_a_url_of_a_schema_stays_as_it_is(tmp_path: Path) -> None:
    files = read(
        tmp_path, {USERS: "# yaml-language-server: $schema=https://example.com/u.json\n- userPrincipalName: ada\n"}
    )
    new = draft(files, user("bob", "users/x/y.yaml"))["users/x/y.yaml"]
    assert new.startswith("# yaml-language-server: $schema=https://example.com/u.json\n\n- ")


def test_the_first_file_of_groups_names_the_schema(tmp_path: Path) -> None:
    group = Entity(
        GROUP, "staff", {"name": "staff", "objectId": "g", "members.users": ("b", "0012")}, "groups/entra.yaml"
    )
    drafted = draft(read(tmp_path, {"schemas/groups.json": "{}"}), EntryEdit(None, group))
    assert drafted == {
        "groups/entra.yaml": "# yaml-language-server: $schema=../schemas/groups.json\n\n"
        '- name: staff\n  objectId: g\n  members:\n    users:\n      - b\n      - "0012"\n'
    }


def test_a_removed_user_leaves_comments_and_an_empty_list(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    drafted = draft(files, *(EntryEdit(each, None) for each in files.current.users))
    assert drafted == {USERS: text(PEOPLE)[: text(PEOPLE).index("- objectId")] + "# about Bob\n[]\n"}


@pytest.mark.parametrize(
    ("empty", "head"),
    [
        ("[] # none yet\n", "# none yet\n"),
        ("---\n[]\n", "---\n"),
        ("# Head\n---\n[]  # none\n", "# Head\n---\n# none\n"),
    ],
)
def test_an_empty_list_with_a_comment_or_a_document_start_gets_users(tmp_path: Path, empty: str, head: str) -> None:
    drafted = draft(read(tmp_path, {USERS: empty}), user("ada"))
    assert drafted[USERS].startswith(f"{head}- ")


def test_a_user_is_added_to_an_empty_list(tmp_path: Path) -> None:
    drafted = draft(read(tmp_path, {USERS: "# Head\n\n[]\n"}), user("ada"))
    assert drafted == {USERS: "# Head\n\n- userPrincipalName: ada@example.com\n"}


# --- lists ------------------------------------------------------------------------------

GROUP_FILE = """\
    # Groups
    - name: sorted
      members:
        users:
          # first
          - ada
          - cyd   # the third

    - name: mixed
      members: {users: [cyd, ada], groups: []}
    - name: lines
      members:
        users: [
          ada, # one
          cyd  # two
        ]
"""


def members(*users: str) -> dict[str, Field | None]:
    return {"members.users": users or None}


def test_members_are_added_in_the_style_of_the_list(tmp_path: Path) -> None:
    files = read(tmp_path, {GROUPS: GROUP_FILE})
    new = ("ada", "cyd", "dan", "bob")
    drafted = draft(files, *(set_to(files, name, members(*new)) for name in ("sorted", "mixed", "lines")))
    expected = text(GROUP_FILE).replace("- ada\n", "- ada\n      - bob\n").replace("third\n", "third\n      - dan\n")
    expected = expected.replace("[cyd, ada]", "[cyd, ada, dan, bob]")
    expected = expected.replace(
        "ada, # one\n      cyd  # two\n", "ada, # one\n      bob,\n      cyd,  # two\n      dan\n"
    )
    assert drafted == {GROUPS: expected}


def test_members_are_removed_with_their_lines(tmp_path: Path) -> None:
    files = read(tmp_path, {GROUPS: GROUP_FILE})
    drafted = draft(files, *(set_to(files, name, members("cyd")) for name in ("sorted", "mixed", "lines")))
    expected = (
        text(GROUP_FILE).replace("      - ada\n", "").replace("[cyd, ada]", "[cyd]").replace("      ada, # one\n", "")
    )
    assert drafted == {GROUPS: expected}


def test_a_list_without_members_stays_as_an_empty_list(tmp_path: Path) -> None:
    files = read(tmp_path, {GROUPS: GROUP_FILE})
    emptied = draft(files, *(set_to(files, name, members()) for name in ("sorted", "mixed", "lines")))[GROUPS]
    assert "    users: []\n      # first\n\n- name: mixed\n  members: {users: [], groups: []}\n" in emptied
    (tmp_path / GROUPS).write_text(emptied)
    files = read_state_files(tmp_path)
    filled = draft(files, set_to(files, "mixed", members("a")), set_to(files, "sorted", members("b", "a")))[GROUPS]
    assert (
        "    users:\n      - b\n      - a\n      # first\n" in filled or "    users:\n      - a\n      - b\n" in filled
    )
    assert "{users: [a], groups: []}" in filled


def test_two_users_exchange_their_names_everywhere(tmp_path: Path) -> None:
    users = "- objectId: a\n  userPrincipalName: ada\n- objectId: b\n  userPrincipalName: bob\n"
    scope = "sync: assigned\nassigned:\n  users: [ada, a, bob]  # x\nexcluded: {users: [BOB]}\n"
    files = read(tmp_path, {USERS: users, GROUPS: "- {name: g, members: {users: [bob]}}\n", "scope.yaml": scope})
    drafted = draft(
        files,
        set_to(files, "ada", {"userPrincipalName": "bob"}),
        set_to(files, "bob", {"userPrincipalName": "ada"}),
        names={"ada": "bob", "bob": "ada"},
    )
    assert drafted == {
        USERS: "- objectId: a\n  userPrincipalName: bob\n- objectId: b\n  userPrincipalName: ada\n",
        GROUPS: "- {name: g, members: {users: [ada]}}\n",
        "scope.yaml": "sync: assigned\nassigned:\n  users: [bob, a, ada]  # x\nexcluded: {users: [ada]}\n",
    }


def test_a_renamed_user_stays_in_its_place_of_an_edited_list(tmp_path: Path) -> None:
    files = read(tmp_path, {GROUPS: GROUP_FILE})
    drafted = draft(files, set_to(files, "sorted", members("ada2", "bob")), names={"ada": "ada2", "cyd": None})
    expected = (
        text(GROUP_FILE)
        .replace("      - ada\n", "      - ada2\n      - bob\n")
        .replace("      - cyd   # the third\n", "")
    )
    expected = expected.replace("[cyd, ada]", "[ada2]").replace("ada, # one\n      cyd  # two\n", "ada2, # one\n")
    assert drafted == {GROUPS: expected}


def test_a_long_list_in_brackets_is_broken_into_lines(tmp_path: Path) -> None:
    files = read(tmp_path, {GROUPS: "- {name: g, members: {users: []}}\n- {name: h, members: {users: [m, z]}}\n"})
    many = tuple(f"user{number:04}@example.com" for number in range(5_000))
    drafted = draft(files, set_to(files, "g", members(*many)), set_to(files, "h", members("m", "z", *many)))
    assert max(map(len, drafted[GROUPS].splitlines())) < 160


# --- scope.yaml -------------------------------------------------------------------------


def test_a_scope_is_edited_in_place(tmp_path: Path) -> None:
    scope = "# Scope\nsync: assigned   # only those\nassigned:\n  groups: [g]\n\nfilters: []\n"
    files = read(tmp_path, {"scope.yaml": scope})
    drafted = draft(files, set_to(files, "scope.yaml", {"assigned.users": ("b", "a"), "sync": "all"}))
    new = "  users:\n    - b\n    - a\n  groups: [g]\n"
    assert drafted == {"scope.yaml": scope.replace("assigned   #", "all   #").replace("  groups: [g]\n", new)}


def test_a_new_scope_is_a_document(tmp_path: Path) -> None:
    fields: dict[str, Field] = {"assigned.groups": ("g",), "sync": "assigned", "assigned.users": ("a",)}
    drafted = draft(read(tmp_path, {}), EntryEdit(None, Entity(DOCUMENT, "scope.yaml", fields, "scope.yaml")))
    assert drafted == {"scope.yaml": "sync: assigned\nassigned:\n  users:\n    - a\n  groups:\n    - g\n"}


# --- refusals ---------------------------------------------------------------------------


def test_a_list_in_brackets_is_edited_but_gets_no_entries(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: '[{"userPrincipalName": "ada", "t": "x"}]\n'})
    assert draft(files, set_to(files, "ada", {"t": "y"})) == {USERS: '[{"userPrincipalName": "ada", "t": "y"}]\n'}
    with pytest.raises(SourceError, match=r"users/a.yaml:1:1: the file cannot be edited: it is not a list with a dash"):
        draft(files, user("bob"))


def test_a_value_that_no_file_can_hold_is_refused_with_its_place(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    for value, why in (("\ud800", "a value has half of a character"), ("x" * 70_000, "a line longer than")):
        with pytest.raises(SourceError) as refused:
            draft(files, set_to(files, "bob", {"department": value}))
        assert refused.value.summary.startswith("users/a.yaml:")
        assert why in refused.value.summary


def test_an_entry_that_was_not_read_is_refused(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    with pytest.raises(SourceError, match="is not an entry of the files that were read"):
        draft(files, EntryEdit(Entity(USER, "ada", {}, USERS), None))


def test_an_import_without_edits_changes_nothing(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: GROUP_FILE})
    assert draft(files, names={"nobody": None}) == {}
    assert draft(files, set_to(files, "ada", {})) == {}


# --- writing ----------------------------------------------------------------------------


def test_files_are_written(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: GROUP_FILE})
    write_files(files, {USERS: b"[]\n", "users/new/b.yaml": b"x", GROUPS: None})
    assert (tmp_path / USERS).read_bytes() == b"[]\n"
    assert (tmp_path / "users/new/b.yaml").read_bytes() == b"x"
    assert not (tmp_path / GROUPS).exists()


@pytest.mark.parametrize(
    "name", ["../x.yaml", "users/../../x.yaml", "/x.yaml", "other/x.yaml", "users/.x.yaml", "users/x.txt"]
)
def test_paths_that_leave_the_state_are_refused(tmp_path: Path, name: str) -> None:
    files = read(tmp_path / "state", {USERS: PEOPLE})
    with pytest.raises(SourceError, match="is not the name of a file of the desired state"):
        write_files(files, {USERS: b"[]\n", name: b"x"})
    assert (tmp_path / "state" / USERS).read_text() == text(PEOPLE)


def test_links_and_special_files_are_refused(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE})
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "users/link").symlink_to(outside)
    (tmp_path / "users/link.yaml").symlink_to(tmp_path / USERS)
    os.mkfifo(tmp_path / "users/pipe.yaml")
    for name, why in (("link/b", "through a link"), ("link", "through a link"), ("pipe", "not a regular file")):
        with pytest.raises(SourceError, match=why):
            write_files(files, {USERS: b"[]\n", f"users/{name}.yaml": b"x"})
    assert (tmp_path / USERS).read_text() == text(PEOPLE)
    assert list(outside.iterdir()) == []


def test_a_file_that_was_changed_since_is_refused(tmp_path: Path) -> None:
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: GROUP_FILE})
    for name, content in ((GROUPS, GROUP_FILE), ("users/new.yaml", "[]\n")):
        (tmp_path / name).write_text(content + "# edited\n")
        with pytest.raises(SourceError, match="was changed by another program"):
            write_files(files, {USERS: b"[]\n", name: b"x"})
        (tmp_path / name).unlink()
        assert (tmp_path / USERS).read_text() == text(PEOPLE)


def test_a_write_that_fails_reports_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: GROUP_FILE})
    write = writer.write_bytes

    def fail_once(path: Path, content: bytes) -> None:
        if path.name == "g.yaml":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(writer, "write_bytes", fail_once)
    with pytest.raises(SourceError) as failed:
        write_files(files, {USERS: b"[]\n", GROUPS: b"x", "users/z.yaml": b"y"})
    assert 'Written: "users/a.yaml". Not written: "groups/g.yaml", "users/z.yaml".' in failed.value.detail
    assert (tmp_path / GROUPS).read_text() == text(GROUP_FILE)
    assert not (tmp_path / "users/z.yaml").exists()


# --- settings and mappings ------------------------------------------------------------------------

SETTINGS = """# top
target:
  profile: apple-business-manager
  domains: [example.com]  # verified
guards:
  removals: {count: 10, percent: 10}   # careful
notifications:
  on_failure: ["mailto:it@example.com"]
"""
MAPPINGS = """# rows
- {target: externalId, source: objectId, match: 1}
# title
- target: title
  source: jobTitle
  when_null: clear
- {target: name.familyName, source: surname}
"""


def edited(entity: Entity, **fields: object) -> EntryEdit:
    after = {**entity.fields, **{key.replace("__", "."): value for key, value in fields.items()}}
    kept = {path: value for path, value in after.items() if value is not None}
    return EntryEdit(entity, Entity(entity.kind, entity.name, kept, entity.file))  # type: ignore[arg-type]


def test_settings_and_mappings_are_edited_in_place(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    (tmp_path / "mappings.yaml").write_text(MAPPINGS)
    files = read_state_files(tmp_path)
    settings, (_, title, family) = files.current.settings, files.current.mappings or ()
    assert settings is not None
    recipients = ("mailto:it@example.com", "mailto:ops@example.com")
    new = {"match": "2", "source": "userPrincipalName", "target": "userName"}
    edits = (
        edited(title, source=None, expression="Trim([jobTitle])", apply="create"),
        edited(family, default="No"),
        EntryEdit(None, Entity(MAPPING, "userName", new, "mappings.yaml")),
        edited(
            settings,
            guards__removals__count="500",
            lifecycle__out_of_scope="keep",
            notifications__on_failure=recipients,
        ),
    )
    drafted = draft_files(files, ImportPlan("x", edits))
    assert (drafted["settings.yaml"] or b"").decode() == SETTINGS.replace("count: 10", "count: 500").replace(
        '"]', '", "mailto:ops@example.com"]'
    ) + "lifecycle:\n  out_of_scope: keep\n"
    title_after = '- target: title\n  expression: "Trim([jobTitle])"\n  apply: create\n  when_null: clear\n'
    assert (drafted["mappings.yaml"] or b"").decode() == MAPPINGS.replace(
        "- target: title\n  source: jobTitle\n  when_null: clear\n", title_after
    ).replace("surname}", 'surname, default: "No"}') + "- target: userName\n  source: userPrincipalName\n  match: 2\n"


def test_a_state_without_mappings_has_none(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    assert read_state_files(tmp_path).current.mappings is None
    (tmp_path / "mappings.yaml").write_text("[]\n")
    assert read_state_files(tmp_path).current.mappings == ()


def test_a_file_that_is_changed_during_the_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: GROUP_FILE})
    write = writer.write_bytes

    def write_while_another_does(path: Path, content: bytes) -> None:
        write(path, content)
        (tmp_path / GROUPS).write_text("- name: edited\n")

    monkeypatch.setattr(writer, "write_bytes", write_while_another_does)
    with pytest.raises(SourceError, match=r"groups/g.yaml was changed by another program") as failed:
        write_files(files, {USERS: b"[]\n", GROUPS: b"x"})
    assert 'Written: "users/a.yaml". Not written: "groups/g.yaml".' in failed.value.detail
    assert (tmp_path / GROUPS).read_text() == "- name: edited\n"


def test_files_of_users_can_be_read_back_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: "- name: staff\n  members: {users: [ada@example.com]}\n"})
    monkeypatch.setattr(EditedFile, "_render", lambda *_: b"- userPrincipalName: eve@example.com\n")
    plan = ImportPlan("test", (user("eve", department="IT"), set_to(files, "staff", {"description": "All"})))
    with pytest.raises(SourceError, match="it would not be read as intended"):
        draft_files(files, plan)
    read_back = ReadBack()
    assert set(draft_files(files, plan, read_back)) == {USERS, GROUPS}
    with pytest.raises(SourceError, match=r"^users/a.yaml:1:1: the file cannot be edited: .*it would not be read as"):
        read_back.finish(is_valid=True)
    assert (tmp_path / USERS).read_text() == text(PEOPLE)


def test_a_list_that_a_merge_leaves_as_it_is_stays_though_names_are_passed_on(tmp_path: Path) -> None:
    members = "- name: staff\n  members: {users: [bob@example.com]} # all\n"
    files = read(tmp_path, {USERS: PEOPLE, GROUPS: members})
    # Staff has Ada now, and no longer Bob: the list is the same.
    ada = set_to(files, "ada", {"userPrincipalName": "bob@example.com"})
    bob = set_to(files, "bob", {"userPrincipalName": "robert@example.com"})
    names = {"ada@example.com": "bob@example.com", "bob@example.com": "robert@example.com"}
    drafted = draft_files(files, ImportPlan("test", (ada, bob), names))
    assert set(drafted) == {USERS}
