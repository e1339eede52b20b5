"""Files that another program wrote while they were read."""

from __future__ import annotations

from support.desired_directory import Tree, messages

from reconciler.desired.concurrent_changes import report_concurrent_changes


def test_what_is_as_it_was_read_is_no_change(tree: Tree) -> None:
    directory = tree(
        {"users/README.md": "a"}, scope="sync: all\n", users__a="[]\n", groups__b="[]\n", users__c="<<<<<<< a\n"
    )
    directory.read_all()
    reported = messages(directory)
    (directory.root / "users/README.md").write_text("b")
    (directory.root / "users/a.yaml").touch()
    report_concurrent_changes(directory)
    assert messages(directory) == reported


def test_all_files_that_changed_are_named(tree: Tree) -> None:
    directory = tree(scope="sync: all\n", users__a="[]\n", groups__b="[]\n", users__c="[]\n")
    directory.read_all()
    (directory.root / "scope.yaml").unlink()
    (directory.root / "users/c.yaml").rename(directory.root / "users/d.yaml")
    (directory.root / "groups/b.yaml").write_text("[ ]\n")
    report_concurrent_changes(directory)
    summary = (
        'the desired state changed while it was read: "groups/b.yaml", "scope.yaml", "users/c.yaml", "users/d.yaml"'
    )
    assert messages(directory) == [("None", summary)]


def test_it_is_the_first_error(tree: Tree) -> None:
    """What to do about a file that is empty for a moment is not to remove it."""
    directory = tree(users__a="")
    list(directory.read_users())
    (directory.root / "users/a.yaml").write_text("[]\n")
    report_concurrent_changes(directory)
    assert [summary for _, summary in messages(directory)] == [
        'the desired state changed while it was read: "users/a.yaml"',
        "the file is empty",
    ]


def test_a_file_that_was_read_even_before_must_be_the_same_too(tree: Tree) -> None:
    directory = tree(users__a="[]\n", users__b="[]\n")
    directory.read_all()
    report_concurrent_changes(directory, {"users/a.yaml": directory.digests["users/a.yaml"]})
    assert messages(directory) == []
    report_concurrent_changes(directory, {"users/b.yaml": "0", "users/c.yaml": "0"})
    assert messages(directory) == [
        ("None", 'the desired state changed while it was read: "users/b.yaml", "users/c.yaml"')
    ]
