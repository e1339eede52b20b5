import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.desired_directory import SETTINGS, Tree
from support.laws import examples

from reconciler.core.model import Origin
from reconciler.desired import schema
from reconciler.desired.schema import RecordSettings


def test_settings_are_read_with_their_defaults(tree: Tree) -> None:
    directory = tree(settings=SETTINGS)
    found = directory.read_settings()
    assert found is not None
    assert found.value == schema.Settings(
        target=schema.TargetSettings(
            profile="apple-business-manager", base_url="https://federation.apple.com/feeds/business/scim"
        )
    )
    assert found.at("target", "profile") == Origin("settings.yaml", 2, 12)
    assert directory.diagnostics == []


@pytest.mark.parametrize("name", ["reconciler-record", "applied/record", "v1.0", "_", "Log_2026", "x/y/z", "plans.d"])
def test_usual_branch_names_are_accepted(name: str) -> None:
    assert RecordSettings(branch=name).branch == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "-x", "--force", "a/-x", "/a", "a/", "a//b", ".a", "a/.b", "a..b", "a.", "a./b", "a.lock", "a.LOCK/b"),
        *("a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "@", "a\n", "a\x7f", "ä", "\u202ea", "a$(id)"),
        *("HEAD", "head", "refs/heads/main", "x" * 101, "+a", "a,b", "a%b"),
    ],
)
def test_branch_names_that_git_rejects_or_reads_otherwise_are_rejected(name: str) -> None:
    with pytest.raises(ValidationError):
        RecordSettings(branch=name)


@settings(max_examples=examples(60))
@given(st.text("aZ0_-./@{~^: \\*[", min_size=1, max_size=8) | st.sampled_from(["a.lock", "a/b.lock", "HEAD"]))
def test_git_accepts_every_accepted_branch_name(name: str) -> None:
    try:
        RecordSettings(branch=name)
    except ValidationError:
        return
    checked = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False, text=True)
    assert (checked.returncode, checked.stdout) == (0, f"{name}\n")
