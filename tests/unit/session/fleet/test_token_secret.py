from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import TargetError
from reconciler.scim.secret import Secret
from reconciler.session.fleet.token_secret import parse_token_secret, write_token_directory


def test_the_secret_has_a_token_for_each_tenant() -> None:
    found = parse_token_secret('{"acme": "t0k3n-a", "beta": "t0k3n-b"}')
    assert {name: token.reveal() for name, token in found.items()} == {"acme": "t0k3n-a", "beta": "t0k3n-b"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3cret", "is not JSON"),
        ('{"acme": "s3cret", "acme": "other"}', "names a tenant twice"),
        ('["s3cret"]', "has no tenant"),
        ("{}", "has no tenant"),
        ('{"s3cret/..": "x"}', "has a key that is not the name of a tenant"),
        ('{"acme": "s3cret two"}', "the value of acme is not a token"),
        ('{"acme": "s3cret\\n"}', "the value of acme is not a token"),
        ('{"acme": {"s3cret": "x"}}', "the value of acme is not a token"),
        ('{"acme": ""}', "the value of acme is not a token"),
        (json.dumps({"acme": "s3cret" * 9_000}), "has more than 48 KiB"),
        ("[" * 40_000, "is not JSON"),
    ],
)
def test_another_form_is_refused_and_never_shown(text: str, why: str) -> None:
    with pytest.raises(TargetError, match=why) as caught:
        parse_token_secret(text)
    assert "s3cret" not in f"{caught.value}{caught.value.detail}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_only_this_user_can_read_the_tokens_of_the_job_and_no_others_are_there(tmp_path: Path) -> None:
    tokens = {name: Secret(f"token-{name}") for name in ("acme", "beta")}
    old = os.umask(0)
    try:
        folder, missing = write_token_directory(str(tmp_path), tokens, ["acme", "gamma"])
    finally:
        os.umask(old)
    assert missing == ["gamma"]
    assert folder.parent == tmp_path
    assert [each.name for each in folder.iterdir()] == ["acme"]
    assert (folder / "acme").read_text() == "token-acme"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "acme").stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="the tokens of this job cannot be written"):
        write_token_directory(str(tmp_path / "none"), {}, [])


def test_nothing_is_left_of_tokens_that_could_not_all_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.open

    def fail(path: str | Path, *rest: Any, **more: Any) -> int:
        if str(path).endswith("/beta"):
            raise OSError(28, "No space left on device")
        return whole(path, *rest, **more)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(TargetError, match="cannot be written: No space left on device") as caught:
        write_token_directory(str(tmp_path), {"acme": Secret("x"), "beta": Secret("y")}, ["acme", "beta"])
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    assert "RUNNER_TEMP" in (caught.value.detail or "")
