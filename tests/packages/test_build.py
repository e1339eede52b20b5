"""The wheel and the sdist: equal bytes wherever they are built, complete, and with honest metadata."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from support.packages import ROOT, Built, build, run, tool

sys.path.insert(0, str(ROOT))
from hatch_build import make_address, make_addresses, make_description

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "owner/repository",
    "GITHUB_SHA": COMMIT,
}
AT_COMMIT = f"https://github.com/owner/repository/blob/{COMMIT}"
RAW_AT_COMMIT = f"https://github.com/owner/repository/raw/{COMMIT}"
NOT_SHIPPED = {".gitattributes", "plans"}
"""The project's own record, and git's."""


OTHERS = ("token.txt", "private/docs/notes.md", "tests/node_modules/a.js", "docs/__pycache__/conf.pyc", ".venv/a.py")


def copy_checkout(folder: Path) -> Path:
    """Copy what git would commit, as another user would have cloned it at another time."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a repository")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy, follow_symlinks=False)
            os.utime(copy, (1, 1), follow_symlinks=False)
            if not copy.is_symlink():
                copy.chmod(0o600 | ((ROOT / name).stat().st_mode & 0o100))
    return folder


def unpack(built: Built, folder: Path) -> Path:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / built.sdist.name.removesuffix(".tar.gz")


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_another_checkout_at_another_time_gives_equal_bytes(built: Built, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "another" / "checkout")
    for name in OTHERS:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("A file of somebody's own.")
    again = build(checkout, tmp_path / "dist")
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes(), "no file of somebody's own is in it"


def test_the_sdist_gives_the_wheel_and_has_what_tests_and_documents_it(tmp_path: Path) -> None:
    here = build(ROOT, tmp_path / "here", env=GITHUB)
    sdist = unpack(here, tmp_path)
    assert build(sdist, tmp_path / "again", target="wheel").wheel.read_bytes() == here.wheel.read_bytes()
    assert (sdist / "README.md").read_bytes() == (ROOT / "README.md").read_bytes()
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    tops = {name.split("/")[0] for name in listed if name}
    assert tops <= {path.name for path in sdist.iterdir()} | NOT_SHIPPED
    assert {path.name for path in sdist.iterdir()} & {".git", ".venv", "plans"} == set()
    assert list(sdist.rglob("node_modules")) == []


def test_the_index_and_the_linter_of_wheels_accept_both(built: Built) -> None:
    run([tool("twine"), "check", "--strict", str(built.wheel), str(built.sdist)])
    run([tool("check-wheel-contents"), str(built.wheel)], cwd=ROOT)


def test_the_wheel_holds_the_package_only(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert {top.removesuffix(".dist-info").split("-")[0] for top in tops} == {"reconciler", "scim_reconciler"}
        assert {info.date_time[:3] for info in archive.infolist()} == {(2020, 2, 2)}
        assert {info.external_attr >> 16 & 0o777 for info in archive.infolist()} <= {0o644, 0o755}


def test_the_addresses_are_those_of_the_repository_that_builds(built: Built, tmp_path: Path) -> None:
    assert metadata(built.wheel).get_all("Project-URL") is None, "no repository is claimed"
    ours = build(ROOT, tmp_path, target="wheel", env=GITHUB)
    assert metadata(ours.wheel).get_all("Project-URL") == [
        "Source, https://github.com/owner/repository",
        "Documentation, https://github.com/owner/repository/blob/main/docs/index.md",
        "Changelog, https://github.com/owner/repository/blob/main/CHANGELOG.md",
        "Issues, https://github.com/owner/repository/issues",
    ]
    elsewhere = list_targets(built.wheel)
    assert [target for target in elsewhere if not target.startswith("https://")] == []
    ours_only = set(list_targets(ours.wheel)) - set(elsewhere)
    assert f"{AT_COMMIT}/docs/getting-started.md" in ours_only
    assert f"{RAW_AT_COMMIT}/docs/images/comment.png" in ours_only
    named = [target.removeprefix(f"{AT_COMMIT}/").removeprefix(f"{RAW_AT_COMMIT}/") for target in ours_only]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_who_builds_from_the_sdist_adds_no_address(built: Built, tmp_path: Path) -> None:
    again = build(unpack(built, tmp_path), tmp_path / "again", target="wheel", env=GITHUB)
    assert again.wheel.read_bytes() == built.wheel.read_bytes()


def list_targets(wheel: Path) -> list[str]:
    """Return what the links and pictures of the description on PyPI point to."""
    text = metadata(wheel).get_payload(decode=True)
    assert isinstance(text, bytes)
    blocks = MarkdownIt("commonmark").parse(text.decode())
    assert [block for block in blocks if block.type == "html_block"] == [], "make_description reads no HTML"
    parts = [part for block in blocks for part in block.children or ()]
    assert parts
    return [str(part.attrs.get("href", part.attrs.get("src"))) for part in parts if part.type in {"link_open", "image"}]


@pytest.mark.parametrize(
    ("written", "known", "unknown"),
    [
        ("see [`a`](docs/a.md#b), [c](LICENSE).", f"see [`a`]({AT_COMMIT}/docs/a.md#b), [c]({AT_COMMIT}/LICENSE).", ""),
        ("![A plan](docs/a.png)", f"![A plan]({RAW_AT_COMMIT}/docs/a.png)", ""),
        ("[here](#there)", "[here](#there)", "[here](#there)"),
        ("[SCIM](https://example.com/a)", "[SCIM](https://example.com/a)", "[SCIM](https://example.com/a)"),
        ("[mail](mailto:a@example.com)", "[mail](mailto:a@example.com)", "[mail](mailto:a@example.com)"),
    ],
)
def test_relative_links_go_to_the_commit_and_to_nothing_without_one(written: str, known: str, unknown: str) -> None:
    address = "https://github.com/owner/repository"
    unknown = unknown or {"s": "see `a`, c.", "!": ""}[written[0]]
    assert make_description(written, address, COMMIT) == known
    assert make_description(written, "", COMMIT) == unknown
    for odd in ("", "main", f"{COMMIT}\n", f"{COMMIT[:-1]})"):
        assert make_description(written, address, odd) == unknown


@pytest.mark.parametrize(
    ("server", "repository"),
    [
        ("", ""),
        ("https://github.com", ""),
        ("http://github.com", "a/b"),
        ("https://user@github.com", "a/b"),
        ("https://github.com/", "a/b"),
        ("https://github.com", "a/b/c"),
        ("https://github.com", "../b"),
        ("https://github.com", "a/b\nName: other"),
        ("https://github.com\n", "a/b"),
        ("https://github.com", "a/b?x"),
        ("https://github.com", "a/.."),
    ],
)
def test_an_odd_address_is_no_address(server: str, repository: str) -> None:
    assert make_addresses(make_address(server, repository)) == {}


def test_a_server_of_a_company_is_an_address() -> None:
    address = "https://git.example.com:8443/it-team/users.desired"
    assert make_address("https://git.example.com:8443", "it-team/users.desired") == address
    assert make_addresses(address)["Source"] == address
