"""Commands whose tokens come from a store, against the authorization server of the sandbox."""

from __future__ import annotations

import base64
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from support.command import COMMAND
from support.oauth_workspace import OAuthWorkspace

from reconciler.sandbox import admin


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthWorkspace]:
    found = OAuthWorkspace(tmp_path, monkeypatch)
    yield found
    found.close()


def test_a_token_that_lasts_is_used(opened: OAuthWorkspace) -> None:
    assert opened.apply().code == 0
    assert opened.refreshes() == 0
    assert opened.plan().actions == {}


@pytest.mark.parametrize("rotates", [True, False])
def test_a_token_that_has_expired_is_refreshed_once_and_stored(opened: OAuthWorkspace, rotates: bool) -> None:
    opened.switch(rotate_refresh=rotates)
    before = opened.stored
    opened.age()
    for _ in range(3):
        assert opened.plan().code == 2
    assert opened.refreshes() == 1
    after = opened.stored
    assert after.refresh_token is not None
    assert before.refresh_token is not None
    assert (after.refresh_token.reveal() != before.refresh_token.reveal()) == rotates
    assert after.refresh_begun is None
    assert not opened.is_revoked()


def test_tokens_that_expire_while_an_apply_runs_are_refreshed(opened: OAuthWorkspace) -> None:
    opened.switch(access_token_life=10, slow=1.0)  # used for five seconds each
    opened.age()
    result = opened.apply()
    assert result.code == 0, result.err
    assert opened.refreshes() >= 2
    assert not opened.is_revoked()


def test_a_token_that_the_service_ended_early_is_refreshed_after_a_401(opened: OAuthWorkspace) -> None:
    admin.advance_clock(opened.sandbox_file, days=1)
    result = opened.apply()
    assert result.code == 0, result.err
    assert opened.refreshes() == 1


STALE = """
from dataclasses import replace
from reconciler.oauth.rotation import StoredTokens
from reconciler.scim.secret import Secret
load, stale = StoredTokens._load, [Secret("replaced-by-another-process")]
def load_stale(self):
    document = load(self)
    return replace(document, access_token=stale.pop()) if stale else document
StoredTokens._load = load_stale
"""


def test_a_newer_token_of_the_store_is_used_after_a_401_without_a_refresh(opened: OAuthWorkspace) -> None:
    result = opened.patched(STALE, "plan")
    assert result.code == 0, result.err
    assert opened.refreshes() == 0


def test_a_revoked_connection_is_an_error_with_a_way_out(opened: OAuthWorkspace) -> None:
    admin.disconnect(opened.sandbox_file)
    result = opened.plan()
    assert result.code == 1
    assert "(invalid_grant)" in result.err
    assert "reconciler login" in result.err


def test_an_expired_client_secret_names_the_setting(opened: OAuthWorkspace) -> None:
    admin.expire_client_secret(opened.sandbox_file)
    opened.age()
    result = opened.plan()
    assert result.code == 1
    assert "(invalid_client)" in result.err
    assert "set target.client_secret_expires" in " ".join(result.err.split())


def test_an_answer_that_was_lost_is_told_by_the_next_run(opened: OAuthWorkspace) -> None:
    opened.switch(token_answer="lost")
    opened.age()
    assert opened.plan().code == 1
    opened.switch()
    result = opened.plan()
    assert result.code == 1
    assert "has no stored result" in " ".join(result.err.split())
    assert "reconciler login" in result.err
    opened.log_in()
    assert opened.plan().code == 2


def test_tokens_of_another_client_are_sent_nowhere(opened: OAuthWorkspace) -> None:
    opened.variables["RECONCILER_OAUTH_CLIENT_ID"] = "SCIM.other"
    opened.age()
    result = opened.command("plan")
    assert result.code == 1
    assert "are for another client" in result.err
    assert opened.refreshes() == 0
    assert opened.stored.refresh_begun is None


def test_a_static_token_beside_oauth_is_not_used(opened: OAuthWorkspace) -> None:
    result = opened.command("plan", RECONCILER_TOKEN=opened.sandbox.token)
    assert result.code == 0
    assert "RECONCILER_TOKEN is set, but not used: target.auth is oauth." in result.err
    admin.revoke_authorizations(opened.sandbox_file)
    assert opened.command("plan", RECONCILER_TOKEN=opened.sandbox.token).code == 1


def test_with_the_sandbox_no_tokens_are_needed(opened: OAuthWorkspace) -> None:
    opened.variables.clear()
    assert opened.command("plan", "--sandbox").code == 0
    result = opened.command("plan")
    assert result.code == 1
    assert "RECONCILER_" in result.err


def test_an_encrypted_store_is_refreshed_and_shows_nothing(opened: OAuthWorkspace) -> None:
    pytest.importorskip("cryptography")
    opened.age()
    key = base64.b64encode(os.urandom(32)).decode()
    assert "that are not encrypted" in opened.command("plan", RECONCILER_TOKEN_KEY=key).err
    assert opened.command("plan", RECONCILER_TOKEN_KEY=f"{key},plain").code == 0
    assert opened.command("plan", RECONCILER_TOKEN_KEY=key).code == 0
    assert opened.refreshes() == 1
    content = opened.tokens.read_bytes()
    assert not [token for token in opened.issued() if token.encode() in content]
    assert "holds encrypted tokens, but RECONCILER_TOKEN_KEY has no key" in opened.command("plan").err


def cut(opened: OAuthWorkspace) -> None:
    opened.tokens.write_bytes(opened.tokens.read_bytes()[:-30])


def share(opened: OAuthWorkspace) -> None:
    opened.tokens.chmod(0o644)


def link(opened: OAuthWorkspace) -> None:
    opened.tokens.rename(opened.tokens.with_name("elsewhere"))
    opened.tokens.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "holds no valid JSON: the token document is damaged"),
        (share, "other users can read it or write to it (mode 0644)"),
        (link, "it is not a file, or a symbolic link"),
        (lambda opened: opened.tokens.unlink(), "holds no tokens"),
    ],
)
def test_a_store_that_cannot_be_used_is_an_error_before_any_request(
    opened: OAuthWorkspace, damage: Callable[[OAuthWorkspace], object], message: str
) -> None:
    damage(opened)
    result = opened.plan()
    assert (result.code, result.out) == (1, "")
    assert message in " ".join(result.err.split())
    assert not [token for token in opened.issued() if token in result.err]
    assert opened.refreshes() == 0


# --- stores that are commands ------------------------------------------------------------------


def test_a_plan_with_a_store_that_it_cannot_write_uses_a_token_that_lasts(opened: OAuthWorkspace) -> None:
    opened.keep_by_command("print(open(FILE).read()) if VERB == 'get' else sys.exit('permission denied')")
    assert opened.command("plan").code == 0
    opened.age(timedelta(minutes=57))
    result = opened.command("plan")
    assert result.code == 0, result.err
    assert "The tokens cannot be refreshed now, and expire at" in result.err
    opened.age()
    result = opened.command("plan")
    assert result.code == 1
    assert "No refresh was sent, so nothing is lost." in result.err
    assert '"permission denied"' in result.err
    assert opened.refreshes() == 0


def documented(command: str) -> str:
    """The script of docs/oauth.md with a command in it."""
    text = (Path(__file__).parents[2] / "docs" / "oauth.md").read_text("utf-8")
    return next(
        block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if command in block and "case" in block
    )


GH = """#!/bin/sh
# Stands in for GitHub's gh: a secret can be set, and never be read.
echo "$GH_TOKEN $*" > "$SECRETS/arguments"
cat > "$SECRETS/value"
"""
AZ = """#!/bin/sh
# Stands in for Azure's az: keyvault secret show|set --vault-name … --name …
echo "$*" >> "$SECRETS/arguments"
echo "WARNING: a newer version is available" >&2
[ -z "${BROKEN:-}" ] || { echo "ERROR: (Forbidden) Caller is not authorized" >&2; exit 1; }
case "$3" in
  show) cat "$SECRETS/value" 2> /dev/null || { echo "ERROR: (SecretNotFound) none" >&2; exit 3; } ;;
  set) while [ "$1" != --file ]; do shift; done; tr -d '\n' < "$2" > "$SECRETS/value" ;;
esac
"""


def install(folder: Path, scripts: Mapping[str, str]) -> str:
    """Write programs, and return a PATH that has them."""
    folder.mkdir(parents=True)
    for name, text in scripts.items():
        (folder / name).write_text(text, "utf-8")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_the_recipe_for_github_keeps_a_job_and_the_next_one_going(opened: OAuthWorkspace, tmp_path: Path) -> None:
    script = documented("gh secret set")
    path = install(tmp_path / "bin", {"gh": GH, "store.sh": script})
    opened.age()
    opened.variables["RECONCILER_TOKEN_STORE"] = "cmd:store.sh"
    value = opened.tokens.read_text()
    for number, job in enumerate(("first", "second"), 1):
        (tmp_path / job).mkdir()
        variables = {
            "RUNNER_TEMP": str(tmp_path / job),
            "SECRETS": str(tmp_path),
            "GH_TOKEN": "ghp",
            "PATH": path,
            "RECONCILER_TOKEN_DOCUMENT": value,
        }
        for _ in range(2):  # two steps of one job, which have the same value of the secret
            result = opened.command("plan", **variables)
            assert result.code == 0, result.err
        assert opened.refreshes() == number
        assert (tmp_path / "arguments").read_text() == "ghp secret set RECONCILER_TOKEN_DOCUMENT\n"
        opened.tokens.write_text((tmp_path / "value").read_text())
        opened.age()  # the next job begins an hour later
        value = opened.tokens.read_text()
    assert not opened.is_revoked()


def test_the_recipe_for_key_vault_keeps_the_tokens(opened: OAuthWorkspace, tmp_path: Path) -> None:
    path = install(tmp_path / "bin", {"az": AZ, "store.sh": documented("az keyvault")})
    variables = {"SECRETS": str(tmp_path), "VAULT": "kv-1", "PATH": path}
    opened.variables["RECONCILER_TOKEN_STORE"] = "cmd:store.sh"
    assert "holds no tokens" in opened.command("plan", **variables).err
    opened.age()
    (tmp_path / "value").write_text(opened.tokens.read_text().strip())
    for _ in range(2):
        result = opened.command("plan", **variables)
        assert result.code == 0, result.err
    assert opened.refreshes() == 1
    sent = (tmp_path / "arguments").read_text()
    assert "keyvault secret set --vault-name kv-1 --name reconciler-tokens --file" in sent
    assert not [token for token in opened.issued() if token in sent]
    assert opened.command("plan", **{**variables, "SECRETS": "/nowhere"}).code == 1
    said = opened.command("plan", **variables, BROKEN="yes").err
    assert "exit status 1" in said
    assert "ERROR: (Forbidden) Caller is not authorized" in said


# --- where no token may be ---------------------------------------------------------------------


NOTING = """
with open(FILE + ".seen", "ab") as file:
    file.write(open("/proc/self/cmdline", "rb").read() + open("/proc/self/environ", "rb").read())
    file.write(open(f"/proc/{os.getppid()}/cmdline", "rb").read())
if VERB == "get":
    print(open(FILE).read())
else:
    document = sys.stdin.read()
    print(document, document, file=sys.stderr)
    if os.path.exists(FILE + ".broken"):
        print(document)
        sys.exit("cannot store " + document)
    open(FILE, "w").write(document)
"""


def test_no_token_is_in_any_output_argument_environment_or_file(opened: OAuthWorkspace, tmp_path: Path) -> None:
    opened.keep_by_command(NOTING)
    shown: list[str] = []

    def run(command: str, *arguments: str, **variables: str) -> None:
        result = opened.command(command, *arguments, **variables)
        shown.extend((result.out, result.err))

    opened.age()
    run("plan", "-v")
    run("apply", "--auto-approve", "-v")
    opened.age()
    broken = Path(f"{opened.tokens}.broken")
    broken.touch()
    run("plan", "-v")
    broken.unlink()
    opened.switch(token_answer="html")
    run("plan", "-v", GITHUB_ACTIONS="true")
    opened.switch()
    run("plan", "-v")
    secrets = [*opened.issued(), opened.variables["RECONCILER_OAUTH_CLIENT_SECRET"]]
    assert len(secrets) >= 7
    everything = {"output": "\n".join(shown).encode()}
    for file in tmp_path.rglob("*"):
        if file.is_file() and file != opened.tokens and "service" not in file.parts:
            everything[str(file)] = file.read_bytes()
    assert f"{opened.tokens}.seen" in everything
    assert len(everything) > 8
    assert not [
        (name, secret) for name, content in everything.items() for secret in secrets if secret.encode() in content
    ]
    assert "hidden" in "\n".join(shown)


def test_in_github_actions_all_tokens_are_masked_before_anything_else_is_said(opened: OAuthWorkspace) -> None:
    opened.age()
    line = shlex.join([str(COMMAND), *opened.line("plan", "-v")])
    environment = opened.environment(GITHUB_ACTIONS="true")
    # As the runner does: a shell that stays, with a pipe for each stream.
    step = ["bash", "-c", f"{line}; exit $?"]
    done = subprocess.run(step, env=environment, cwd=opened.root, capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    masks = [line.removeprefix("::add-mask::") for line in lines if line.startswith("::add-mask::")]
    assert sorted(masks) == sorted(opened.issued())
    assert lines[0].startswith("::add-mask::")
    assert not [token for token in opened.issued() if token in done.stdout]
    opened.age()
    merged = ["bash", "-c", f"{line} > all.txt 2>&1; exit $?"]
    subprocess.run(merged, env=environment, cwd=opened.root, check=True)
    assert "mask" not in (opened.root / "all.txt").read_text()
