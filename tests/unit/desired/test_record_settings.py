"""`record.branch`: what is taken is a branch's name to git, whatever it is."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.laws import examples

from reconciler.desired.schema import RecordSettings


@pytest.mark.parametrize("name", ["reconciler-record", "applied/record", "v1.0", "_", "Log_2026", "x/y/z", "plans.d"])
def test_usual_names_are_taken(name: str) -> None:
    assert RecordSettings(branch=name).branch == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "-x", "--force", "a/-x", "/a", "a/", "a//b", ".a", "a/.b", "a..b", "a.", "a./b", "a.lock", "a.LOCK/b"),
        *("a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "@", "a\n", "a\x7f", "ä", "\u202ea", "a$(id)"),
        *("HEAD", "head", "refs/heads/main", "x" * 101, "+a", "a,b", "a%b"),
    ],
)
def test_names_that_git_refuses_or_that_could_mean_something_else_are_not(name: str) -> None:
    with pytest.raises(ValidationError):
        RecordSettings(branch=name)


@settings(max_examples=examples(60))
@given(st.text("aZ0_-./@{~^: \\*[", min_size=1, max_size=8) | st.sampled_from(["a.lock", "a/b.lock", "HEAD"]))
def test_whatever_is_taken_git_takes_too(name: str) -> None:
    try:
        RecordSettings(branch=name)
    except ValidationError:
        return
    checked = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False, text=True)
    assert (checked.returncode, checked.stdout) == (0, f"{name}\n")
