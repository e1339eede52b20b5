from pathlib import Path

from reconciler.desired.folders import contains_yaml, is_link_out_of_repository


def test_yaml_is_found_in_any_depth(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/notes.txt").touch()
    assert not contains_yaml(tmp_path)
    (tmp_path / "a/b/users.yaml").touch()
    assert contains_yaml(tmp_path)


def test_a_link_that_leaves_its_repository(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    (tree / ".git").mkdir(parents=True)
    (tree / "inside").mkdir()
    outside.mkdir()
    for name, target in (("in", tree / "inside"), ("out", outside)):
        (tree / name).symlink_to(target)
    (tmp_path / "nowhere").symlink_to(outside)
    assert [is_link_out_of_repository(tree / name) for name in ("in", "out", "inside")] == [False, True, False]
    assert not is_link_out_of_repository(tmp_path / "nowhere"), "not in a work tree"
