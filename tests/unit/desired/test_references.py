"""References to users and groups that are unknown, or may be in files that were not read."""

import pytest
from support.desired_directory import Tree, messages

from reconciler.core.model import Origin
from reconciler.core.scope.verdict import ScopeRules
from reconciler.desired.directory import Directory
from reconciler.desired.references import check_group_references, check_references
from reconciler.desired.scope import CompiledScope

AT = Origin("scope.yaml", 2, 1)
SCOPE = CompiledScope(
    ScopeRules(assigned=None), (("Ada@example.com", AT),), (), (("Apple", AT), ("staff", AT)), frozenset({"staff"})
)


def test_unknown_names_are_errors_with_the_likely_name(tree: Tree) -> None:
    directory = tree()
    check_references(directory, SCOPE, {"adda@example.com": Origin("users/a.yaml", 7, 3)})
    assert [(item.summary, item.detail) for item in directory.diagnostics] == [
        ('there is no group "Apple"', "Add it to groups/, or correct the name."),
        ('there is no user "Ada@example.com"', "users/a.yaml:7:3 has adda@example.com: correct the one that is wrong."),
    ]


def test_known_names_are_compared_without_case(tree: Tree) -> None:
    directory = tree(groups__a="- {nme: APPLE}\n")  # an invalid entry: any of its texts may be its name
    directory.read_groups()
    reported = len(directory.diagnostics)
    check_references(directory, SCOPE, {"ada@example.com": AT})
    assert len(directory.diagnostics) == reported


@pytest.mark.parametrize("name", ["users", "groups"])
def test_a_part_that_was_not_read_is_not_judged(tree: Tree, name: str) -> None:
    directory = tree()
    directory.unread.add(name)
    check_references(directory, SCOPE, {})
    assert [summary.split()[3] for _, summary in messages(directory)] == [{"users": "group", "groups": "user"}[name]]


def test_files_that_are_not_in_the_work_tree_are_one_error(tree: Tree) -> None:
    """Not a warning: an exclusion that names no user would give access."""
    directory = tree()
    directory.unseen.add("groups")
    scope = CompiledScope(SCOPE.rules, (), (), (*SCOPE.group_references, ("lab", AT)), SCOPE.groups)
    check_group_references(directory, scope)
    (reported,) = directory.diagnostics
    assert reported.summary == '2 groups that are referenced, and in no file that was read: "Apple", "lab"'
    assert reported.detail.startswith("Files of groups/ are not in the work tree")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("users/more.yaml.orig", {"users"}),
        ("groups/.a.yaml", {"groups"}),
        ("scope.yaml.orig", {"scope.yaml"}),
        ("people.yaml", {"users", "groups"}),
        ("People/a.yaml", {"users", "groups"}),
        ("user/a.yaml", {"users"}),
        ("Groups/a.yaml", {"groups"}),
    ],
)
def test_a_stray_file_hides_what_it_may_hold(tree: Tree, name: str, parts: set[str]) -> None:
    directory: Directory = tree({name: "[]\n"})
    directory.check_layout()
    list(directory.read_users())
    directory.read_groups()
    assert directory.unread == parts


def test_a_copy_of_a_file_hides_nothing_of_it(tree: Tree) -> None:
    directory = tree({"scope.yaml": "sync: all\n", "scope.yaml.orig": "sync: all\n"})
    directory.check_layout()
    assert directory.unread == set()
