"""The lines of a patch and the files they are from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.git.patches import PatchedFile, read_patches

EDITED = """\
diff --git a/users/a b.yaml b/users/a b.yaml
index 1111..2222 100644
--- a/users/a b.yaml\t
+++ b/users/a b.yaml\t
@@ -1 +1,2 @@ context
-old
+new
+diff --git a/x b/x
\\ No newline at end of file
"""
DELETED = """\
diff --git a/b.yaml b/b.yaml
deleted file mode 100755
index 3333..0000
--- a/b.yaml
+++ /dev/null
@@ -1 +0,0 @@
--- a/c.yaml
"""
ADDED = """\
diff --git a/c.yaml b/c.yaml
new file mode 120000
index 0000..4444
--- /dev/null
+++ b/c.yaml
@@ -0,0 +1 @@
+++ b/d.yaml
"""
QUOTED = """\
diff --git "a/x\\ny" "b/x\\ny"
index 5555..6666 100644
--- "a/x\\ny"
+++ "b/x\\ny"
@@ -1 +1 @@
+x
"""


def read(text: str) -> list[tuple[PatchedFile, bytes]]:
    return list(read_patches(text.encode().splitlines(keepends=True)))


def test_lines_have_their_file() -> None:
    edited = PatchedFile(b"users/a b.yaml", b"1111", b"2222", b"100644")
    assert read(EDITED + DELETED + ADDED + QUOTED) == [
        (edited, b"-old\n"),
        (edited, b"+new\n"),
        (edited, b"+diff --git a/x b/x\n"),
        (PatchedFile(b"b.yaml", b"3333", b"0000", b"100755"), b"--- a/c.yaml\n"),
        (PatchedFile(b"c.yaml", b"0000", b"4444", b"120000"), b"+++ b/d.yaml\n"),
        (PatchedFile(b"", b"5555", b"6666", b"100644"), b"+x\n"),
    ]


@pytest.mark.parametrize(("text", "regular"), [(EDITED, True), (DELETED, True), (ADDED, False)])
def test_links_are_not_regular(text: str, regular: bool) -> None:
    assert [file.is_regular for file, _ in read(text)] == [regular] * len(read(text))


def test_a_file_that_became_executable() -> None:
    head = "diff --git a/a b/a\nold mode 100644\nnew mode 100755\nindex 1..2\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n"
    assert read(f"{head}+x\n") == [(PatchedFile(b"a", b"1", b"2", b"100755"), b"+x\n")]


def parts(text: str, size: int) -> Iterator[bytes]:
    for line in text.encode().splitlines(keepends=True):
        yield from (line[at : at + size] for at in range(0, len(line), size))


def test_the_rest_of_a_long_line_is_not_read() -> None:
    line = f"+{'x' * 63}{'diff --git a/e b/e':<64}{'index 7..8 100644':<64}{'+++ b/e':<64}{'@@ ':<64}+y\n"
    found = list(read_patches(parts(f"{EDITED}{line}-z\n", 64)))
    assert [text for _, text in found[-2:]] == [b"+" + b"x" * 63, b"-z\n"]
    assert {file.path for file, _ in found} == {b"users/a b.yaml"}


def test_what_is_no_patch_has_no_lines() -> None:
    assert read("") == []
    assert [text for file, text in read("+x\n") if file.is_regular] == []
