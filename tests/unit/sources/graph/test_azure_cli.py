from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.sources.graph.azure_cli import AzureCli

GRAPH = "https://graph.microsoft.com"


def make(folder: Path, script: str, seconds: float = 20.0, **environment: str) -> AzureCli:
    """Write a program in place of `az`, and return the credential that runs it."""
    program = folder / "az"
    program.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{script}\n")
    program.chmod(0o755)
    return AzureCli(str(program), "contoso.com", GRAPH, environment, seconds)


def test_the_cli_is_asked_for_a_token_of_the_tenant(tmp_path: Path) -> None:
    script = f"""
open({str(tmp_path / "seen")!r}, "w").write(json.dumps([sys.argv[1:], sorted(os.environ)]))
print(json.dumps({{"accessToken": "tok", "expires_on": 1796083200}}))
"""
    token = make(tmp_path, script, HOME="/x", RECONCILER_TOKEN="s", GITHUB_TOKEN="g", AZURE_CLIENT_SECRET="c").acquire()
    assert (token.secret.reveal(), token.expires) == ("tok", datetime(2026, 12, 1, tzinfo=UTC))
    arguments, variables = json.loads((tmp_path / "seen").read_text())
    expected = f"account get-access-token --resource {GRAPH} --tenant contoso.com --output json --only-show-errors"
    assert arguments == expected.split()
    assert {"RECONCILER_TOKEN", "GITHUB_TOKEN", "AZURE_CLIENT_SECRET"}.isdisjoint(variables)
    assert "HOME" in variables


def test_the_message_of_the_cli_is_shown(tmp_path: Path) -> None:
    cli = make(tmp_path, "sys.stderr.write('ERROR: Please run az login\\x1b[2J\\nmore'); sys.exit(1)")
    with pytest.raises(SourceError) as raised:
        cli.acquire()
    assert raised.value.summary == 'the Azure CLI gives no token: "Please run az login\\u{1b}[2J"'
    assert "az login --allow-no-subscriptions" in raised.value.detail


@pytest.mark.parametrize("output", ["", "[]", "{}", '{"accessToken": 7}', '{"accessToken": "a b"}', "x" * 70_000])
def test_an_answer_without_a_token(tmp_path: Path, output: str) -> None:
    with pytest.raises(SourceError, match=r"^the Azure CLI's answer holds no access token$|gave no token"):
        make(tmp_path, f"print({output!r})").acquire()


@pytest.mark.parametrize("ends", ["'x'", "10**18", "None"])
def test_an_end_that_is_no_time(tmp_path: Path, ends: str) -> None:
    assert make(tmp_path, f"print(json.dumps({{'accessToken': 't', 'expires_on': {ends}}}))").acquire().expires is None


def test_a_cli_that_hangs_or_never_stops_is_killed(tmp_path: Path) -> None:
    start = time.monotonic()
    for script in ("time.sleep(60)", "while True: sys.stdout.write('x' * 9999)"):
        with pytest.raises(SourceError, match="gave no token within 1 seconds"):
            make(tmp_path, script, seconds=1.0).acquire()
    assert time.monotonic() - start < 20


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^the Azure CLI cannot be run: "):
        AzureCli(str(tmp_path / "none"), "contoso.com", GRAPH, {}).acquire()
