from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import TargetError
from reconciler.session.token_directory import read_token_file

CANARY = "c4nary-Token-0f-acme"


def write(path: Path, content: str = CANARY, mode: int = 0o600) -> None:
    path.write_text(content)
    path.chmod(mode)


def refusal(folder: Path | str) -> str:
    with pytest.raises(TargetError) as raised:
        read_token_file("acme", {"RECONCILER_TOKEN_DIR": str(folder)})
    error = raised.value
    for text in (repr(error), error.detail, repr(error.__cause__), repr(error.__context__)):
        assert CANARY not in text
    assert "acme" not in error.summary.replace(str(folder), "")  # many tenants are shown as one by their summary
    return error.summary.removeprefix(f"this tenant's file in RECONCILER_TOKEN_DIR ({folder}) cannot be read: ")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_the_file_of_the_tenant_holds_its_token(tmp_path: Path, end: str, mode: int) -> None:
    write(tmp_path / "acme", CANARY + end, mode)
    assert read_token_file("acme", {"RECONCILER_TOKEN_DIR": f" {tmp_path}\n"}) == CANARY


def test_a_volume_of_kubernetes_is_read(tmp_path: Path) -> None:
    version = tmp_path / "..2026_11_30_10_00_00.123"
    version.mkdir()
    write(version / "acme", mode=0o440)
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "acme").symlink_to("..data/acme")
    assert read_token_file("acme", {"RECONCILER_TOKEN_DIR": str(tmp_path)}) == CANARY


def test_a_version_that_is_replaced_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "acme")
    missing, opened = [FileNotFoundError(2, "No such file or directory")] * 2, os.open

    def flaky(*arguments: object, **options: object) -> int:
        if missing:
            raise missing.pop()
        return opened(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", flaky)
    assert read_token_file("acme", {"RECONCILER_TOKEN_DIR": str(tmp_path)}) == CANARY


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o660])
def test_a_file_that_others_may_read_or_replace_is_refused(tmp_path: Path, mode: int) -> None:
    write(tmp_path / "acme", mode=mode)
    assert refusal(tmp_path) == f"others can read it or replace its content (mode {mode:04o})"


def make_link_out(folder: Path) -> None:
    write(folder.parent / "elsewhere")
    (folder / "acme").symlink_to("../elsewhere")


def make_absolute_link_out(folder: Path) -> None:
    (folder / "acme").symlink_to("/etc/passwd")


def make_loop(folder: Path) -> None:
    (folder / "acme").symlink_to("acme")


def make_large(folder: Path) -> None:
    write(folder / "acme", CANARY * 10_000)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Path, "No such file or directory"),
        (lambda folder: (folder / "acme").mkdir(0o700), "it is no regular file"),
        (lambda folder: os.mkfifo(folder / "acme", 0o600), "it is no regular file"),
        (make_link_out, "it is a link out of the directory"),
        (make_absolute_link_out, "it is a link out of the directory"),
        (make_loop, "Too many levels of symbolic links"),
        (make_large, "it has more than 32 KiB"),
    ],
)
def test_what_is_not_read(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir()
    make(folder)
    assert refusal(folder) == why


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    assert refusal("tokens") == "RECONCILER_TOKEN_DIR is not an absolute path"
    assert refusal("/tok\0ens") == "RECONCILER_TOKEN_DIR has a null character"
    assert refusal(tmp_path / "none") == "No such file or directory"


def test_the_path_is_escaped(tmp_path: Path) -> None:
    assert "\x1b" not in refusal(f"{tmp_path}/\x1b[31m")
