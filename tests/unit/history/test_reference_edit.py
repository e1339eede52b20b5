"""References to users are edited in place: every other byte of a file stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.history.reference_edit import edit_references
from reconciler.history.yaml_nodes import EditError

GROUP, SCOPE = "groups/g.yaml", "scope.yaml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# Head\n- name: g\n  members:\n    users:\n      - ada\n      # new\n      - eve   # hired\n      - bob\n",
            "# Head\n- name: g\n  members:\n    users:\n      - ada\n      # new\n      - bob\n",
        ),
        (
            "- name: g\n  members:\n    users:\n      - eve\n\n- name: h\n",
            "- name: g\n  members:\n    users: []\n\n- name: h\n",
        ),
        ("- {name: g, members: {users: [eve]}}\n", "- {name: g, members: {users: []}}\n"),
        ("- {name: g, members: {users: [eve, bob]}}\n", "- {name: g, members: {users: [bob]}}\n"),
        ("- {name: g, members: {users: [ada, eve]}} # x\n", "- {name: g, members: {users: [ada]}} # x\n"),
        ("- {name: g, members: {users: [ada,'EVE' , bob]}}\n", "- {name: g, members: {users: [ada,bob]}}\n"),
        (
            "- name: g\n  members:\n    users: [\n      ada,\n      eve,\n      bob\n    ]\n",
            "- name: g\n  members:\n    users: [\n      ada,\n      bob\n    ]\n",
        ),
        (
            '- name: g\r\n  members: {users: ["eve", ada]}\r\n',
            "- name: g\r\n  members: {users: [ada]}\r\n",
        ),
        (
            "- {name: g, members: {users: [eve, eve]}}\n- {name: eve, members: {groups: [eve], users: [evelyn]}}\n",
            "- {name: g, members: {users: []}}\n- {name: eve, members: {groups: [eve], users: [evelyn]}}\n",
        ),
    ],
)
def test_a_removed_user_leaves_its_groups(before: str, after: str) -> None:
    edited, steps = edit_references(GROUP, before.encode(), {"eve": None})
    assert edited.decode() == after
    assert [step.entity.address for step in steps] == ['group["g"]']
    assert [row.path for row in steps[0].rows] == ["members.users"]


def test_a_removed_user_leaves_the_scope() -> None:
    before = "sync: assigned\nassigned:\n  users: [eve, ada]\n  groups: [eve]\nexcluded:\n  users:\n    - id-eve\n"
    edited, (step,) = edit_references(SCOPE, before.encode(), {"eve": None, "id-eve": None})
    assert edited.decode() == "sync: assigned\nassigned:\n  users: [ada]\n  groups: [eve]\nexcluded:\n  users: []\n"
    assert [(row.path, row.before, row.after) for row in step.rows] == [
        ("assigned.users", ("eve",), ()),
        ("excluded.users", ("id-eve",), None),
    ]


@pytest.mark.parametrize("new", ["ada@example.com", "o'hara@example.com", 'a "b"', "- x", "# no", "Zoë"])
def test_a_renamed_user_stays_in_its_groups(new: str) -> None:
    before = "- name: g\n  members: {users: [countess, bob]}\n- name: h\n  members:\n    users:\n    - countess # x\n"
    edited, steps = edit_references(GROUP, before.encode(), {"countess": new})
    assert len(steps) == 2
    assert steps[0].rows[0].after == (new,)
    assert edited.decode().endswith(" # x\n")


def test_a_file_without_the_user_stays() -> None:
    for content in (
        b"- name: g\n",
        b"",
        b"{",
        b"- {name: g, members: {users: [bob]}}\n",
        b"- {name: g, members: [eve]}\n",
    ):
        assert edit_references(GROUP, content, {"eve": None}) == (content, [])


@pytest.mark.parametrize(
    ("content", "edited"),
    [
        ('- {name: g, members: {users: ["e\\\n  ve", ada]}}\n', "- {name: g, members: {users: [ada]}}\n"),
        (
            "- name: g\n  members:\n    users:\n    - >-\n      eve\n    - ada\n",
            "- name: g\n  members:\n    users:\n    - ada\n",
        ),
        ('[{"name": "g", "members": {"users": ["ada", "eve"]}}]\n', '[{"name": "g", "members": {"users": ["ada"]}}]\n'),
    ],
    ids=["a name on two lines", "a folded name", "JSON"],
)
def test_names_are_removed_however_they_are_written(content: str, edited: str) -> None:
    assert edit_references(GROUP, content.encode(), {"eve": None})[0].decode() == edited


def test_what_cannot_be_edited_is_refused() -> None:
    content = b"- name: g\n  members:\n    users:\n    -\n      eve\n    - ada\n"
    with pytest.raises(EditError, match="not on the line of its dash"):
        edit_references(GROUP, content, {"eve": None})


def test_users_exchange_their_names() -> None:
    content = b"- {name: g, members: {users: [ada, bob]}}\n- {name: h, members: {users: [bob]}}\n"
    edited, steps = edit_references(GROUP, content, {"ada": "bob", "bob": "ada"})
    assert edited == b"- {name: g, members: {users: [bob, ada]}}\n- {name: h, members: {users: [ada]}}\n"
    assert len(steps) == 2


def test_a_user_is_listed_once_after_a_rename() -> None:
    edited, _ = edit_references(GROUP, b"- {name: g, members: {users: [ada, bob, eve]}}\n", {"eve": "ada"})
    assert edited == b"- {name: g, members: {users: [ada, bob]}}\n"


def test_an_escaped_name_and_a_comma_before_it_are_found() -> None:
    content = '- {name: g, members: {users: ["\\x65ve", ada]}}\n- {name: h, members: {users: [\n  ada\n  , eve]}}\n'
    edited, steps = edit_references(GROUP, content.encode(), {"eve": None})
    assert edited.decode() == "- {name: g, members: {users: [ada]}}\n- {name: h, members: {users: [\n  ada\n  ]}}\n"
    assert len(steps) == 2


@given(
    st.lists(st.sampled_from(["ada", "bob", "eve", "cyd"]), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([", ", ",", " , ", ",\n    "]),
)
def test_exactly_the_user_is_removed(users: list[str], block: bool, comma: str) -> None:
    listed = "".join(f"\n    - {user}" for user in users) if block else f" [{comma.join(users)}]"
    content = f"- name: g\n  members:\n    users:{listed}\n".encode()
    edited, steps = edit_references(GROUP, content, {"eve": None})
    assert bool(steps) == ("eve" in users)
    assert b"eve" not in edited
