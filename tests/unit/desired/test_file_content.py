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


HEADER = b"userPrincipalName,givenName,surname"


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        (HEADER + b"\nada@example.com,Ada,Lovelace\n", "a table (CSV), not YAML"),
        (b"\xef\xbb\xbf" + HEADER.replace(b",", b";") + b"\r\n", "a table (CSV), not YAML"),
        (HEADER.replace(b",", b"\t"), "a table (CSV), not YAML"),
        (b'"First Name","Last Name"\n', "a table (CSV), not YAML"),
        (b"version:v1.0,,\nName [displayName] Required,User name\n", "a table (CSV), not YAML"),
        (b"PK\x03\x04\x14", "an Excel workbook or another ZIP archive, not YAML"),
        (b"\xd0\xcf\x11\xe0\xa1", "an Excel workbook (.xls), not YAML"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page (HTML), not YAML"),
    ],
)
def test_a_file_in_another_format_is_named(content: bytes, summary: str) -> None:
    found = find_foreign_content(content)
    assert found is not None
    assert (found.line, found.summary) == (1, summary)


@pytest.mark.parametrize(
    "content",
    [
        b"- a, b\n",
        b"[a, b]\n",
        b"{a: b, c}\n",
        b"# a, b\n- a: b\n",
        b"target: x, y\n",
        b"---\n- a, b\n",
        b'"a, b": c\n',
    ],
)
def test_yaml_with_commas_is_no_table(content: bytes) -> None:
    assert find_foreign_content(content) is None


def test_a_table_in_users_is_moved_out_and_imported() -> None:
    found = find_foreign_content(HEADER + b"\n")
    assert found is not None
    assert "Move it out of this directory" in found.detail
    assert "`reconciler import csv FILE`" in found.detail
