import pytest

from reconciler.desired.file_content import find_foreign_content


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a: b\n<<<<<<< HEAD\nc: d\n=======\nc: e\n>>>>>>> branch\n", 2),
        (b"<<<<<<< HEAD\n", 1),
        (b"a: b\r\n=======\r\n", 2),
        (b"a: b\n>>>>>>> 1234abc\n", 2),
        (b"a: b\n||||||| base\n", 2),
        (b"a: b\n<<<<<<<", 2),
    ],
)
def test_conflict_markers_are_found(content: bytes, line: int) -> None:
    found = find_foreign_content(content)
    assert found is not None
    assert (found.line, found.summary) == (line, "an unresolved merge conflict")


@pytest.mark.parametrize(
    "content", [b"", b"# =======\n", b"a: '<<<<<<< HEAD'\n", b"========\n", b"# a\n  =======\n", b"a: =======\n"]
)
def test_ordinary_content_is_yaml(content: bytes) -> None:
    assert find_foreign_content(content) is None


def test_what_other_tools_put_in_place_of_a_file() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    found = [find_foreign_content(content) for content in (pointer, b"\0GITCRYPT\0\x01\x02")]
    assert [each.summary for each in found if each] == [
        "a Git LFS pointer, not the file itself",
        "encrypted by git-crypt",
    ]
