from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.init import WHEEL, InitOptions, render_workflows, run_init
from reconciler.errors import ExitCode, UsageError

OPTIONS = InitOptions("scim", "Example.ORG", None)


def test_a_repository_is_created(tmp_path: Path, terminal: RecordingTerminal) -> None:
    assert run_init(tmp_path / "new", OPTIONS, terminal) is ExitCode.OK
    settings = (tmp_path / "new/desired-state/settings.yaml").read_text()
    assert "profile: scim\n" in settings
    assert "domains: [example.org]" in settings
    assert (tmp_path / "new/.gitignore").is_file()
    names = sorted(path.name for path in (tmp_path / "new/.github/workflows").iterdir())
    assert names == ["apply.yml", "ci.yml", "drift.yml", "plan.yml"]
    assert f"Created a repository in {tmp_path / 'new'}" in terminal.out
    assert "The workflows cannot install the program yet" in terminal.out


def test_nothing_is_overwritten(tmp_path: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="is not empty, nothing was written") as caught:
        run_init(tmp_path, OPTIONS, terminal)
    assert caught.value.detail == "These files exist:\nREADME.md"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_the_wheel_is_copied_and_named_by_its_hash(tmp_path: Path, terminal: RecordingTerminal) -> None:
    (tmp_path / WHEEL).write_bytes(b"a wheel")
    run_init(tmp_path / "new", InitOptions("scim", "example.com", tmp_path / WHEEL), terminal)
    assert (tmp_path / "new/requirements" / WHEEL).read_bytes() == b"a wheel"
    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert (
        tmp_path / "new/requirements/reconciler.txt"
    ).read_text() == f"./requirements/{WHEEL} --hash=sha256:{digest}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (InitOptions("apple", "example.com", None), '--profile "apple" does not exist'),
        (InitOptions("scim", "example", None), '--domain "example" is not a domain'),
        (InitOptions("scim", "example.com", Path("other.whl")), '--wheel "other.whl" is not this version'),
        (InitOptions("scim", "example.com", Path("missing") / WHEEL), f"there is no file missing/{WHEEL}"),
    ],
)
def test_unusable_options_are_usage_errors(
    tmp_path: Path, terminal: RecordingTerminal, options: InitOptions, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_init(tmp_path / "new", options, terminal)
    assert not (tmp_path / "new").exists()


def test_workflows_install_with_the_given_commands() -> None:
    found = render_workflows(("make install",), "  more: {}\n")
    assert all("- run: |\n          make install\n" in text for text in found.values())
    assert [name for name, text in found.items() if "  more: {}\n" in text] == ["ci.yml"]
