from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from reconciler.oauth.command_store import CommandStore
from reconciler.oauth.file_store import TokenStoreError

TOKEN = "acc-s3cret-4711-0815-abcdef"
CONTENT = b'{"access_token": "%s"}\n' % TOKEN.encode()
KEEP = """
import os, sys
file = sys.argv[1]
if sys.argv[-1] == "get":
    print(open(file).read() if os.path.exists(file) else "")
else:
    open(file, "w").write(sys.stdin.read())
    open(file + ".argv", "w").write(open("/proc/self/cmdline").read())
    open(file + ".environ", "w").write("\\n".join(sorted(os.environ)))
"""


def script(tmp_path: Path, text: str, *, seconds: float = 20.0, **environment: str) -> CommandStore:
    file = tmp_path / "store.py"
    file.write_text(text)
    return CommandStore([sys.executable, str(file), str(tmp_path / "kept")], environment, seconds)


def refused(store: CommandStore, content: bytes | None = None) -> str:
    with pytest.raises(TokenStoreError) as raised:
        store.read() if content is None else store.write(content)
    assert TOKEN not in f"{raised.value.summary} {raised.value.detail}"
    assert raised.value.detail
    return raised.value.summary


def test_a_document_is_put_by_stdin_and_got_from_stdout(tmp_path: Path) -> None:
    store = script(tmp_path, KEEP)
    assert store.read() is None
    store.write(CONTENT)
    assert store.read() == CONTENT.strip()


def test_no_secret_is_in_the_arguments_or_the_environment_of_the_command(tmp_path: Path) -> None:
    secrets = {
        "RECONCILER_TOKEN": "x",
        "RECONCILER_OAUTH_CLIENT_SECRET": "x",
        "RECONCILER_TOKEN_KEY": "x",
        "RECONCILER_SMTP_URL": "x",
    }
    passed = {"GH_TOKEN": "ghp", "PATH": os.defpath, "RECONCILER_TOKEN_DOCUMENT": "{}"}
    script(tmp_path, KEEP, **secrets, **passed).write(CONTENT)
    assert TOKEN not in (tmp_path / "kept.argv").read_text()
    names = set((tmp_path / "kept.environ").read_text().split("\n"))
    assert set(passed) <= names
    assert names & set(secrets) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(3)", "failed at {}: exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "failed at {}: signal 9"),
        (
            "import sys; sys.exit('no \\x1b[2J access\\n::error::x')",
            'exit status 1, "no (hidden) access (hidden)"',
        ),
        ("import sys; sys.exit(sys.stdin.read() or 'got acc-s3cret-4711-0815-abcdef')", "exit status 1"),
        ("import sys; sys.stderr.write('no ' * 4000); sys.exit(1)", 'exit status 1, "no no no no'),
        ("import sys; sys.stderr.write('x ' * 60000)", "was stopped at {}: it printed more than 16 KiB of errors"),
        ("print('x' * 10_000_000)", "was stopped at {}: it printed more than 512 KiB"),
        ("import time; time.sleep(60)", "was stopped at {}: it took longer than 2 seconds"),
    ],
)
def test_a_command_that_fails_is_an_error_without_tokens(tmp_path: Path, text: str, message: str) -> None:
    begun = time.monotonic()
    store = script(tmp_path, text, seconds=2.0)
    for verb, content in (("get", None), ("put", CONTENT)):
        assert message.format(verb) in refused(store, content)
    assert time.monotonic() - begun < 30


def test_an_address_in_an_error_is_shown(tmp_path: Path) -> None:
    text = "import sys; sys.exit('cannot reach https://api.github.example/repos/acme/app/environments: no route')"
    assert '"cannot (hidden) https://api.github.example no route"' in refused(script(tmp_path, text))
    text = "import sys; sys.exit('GET https://vault.example/?token=acc-s3cret-4711-0815-abcdef')"
    assert refused(script(tmp_path, text)).endswith('"GET https://vault.example"')


def test_what_a_command_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    text = "import subprocess; subprocess.Popen(['sleep', '30']); print('{}')"
    begun = time.monotonic()
    store = script(tmp_path, text, seconds=25.0, PATH=os.environ["PATH"])
    assert store.read() == b"{}"
    assert time.monotonic() - begun < 4


def test_a_command_that_reads_nothing_may_succeed(tmp_path: Path) -> None:
    script(tmp_path, "pass").write(b"x" * 500_000)


def test_a_command_that_cannot_be_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("store\x1b.sh")
    command = f"./{file}"
    assert refused(CommandStore([command], {})).endswith("store\\u{1b}.sh): No such file or directory")
    file.write_text("#!/bin/sh\n")
    assert refused(CommandStore([command], {})).endswith("Permission denied")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    assert CommandStore([command], {}).read() is None
    assert "it has characters that no command can have" in refused(CommandStore(["a\0b"], {}))


def test_a_token_of_a_document_that_was_never_seen_is_hidden(tmp_path: Path) -> None:
    for token in ("acc-4711", "ab!cd$ef", "Qw!x", "short"):
        for content in (None, b"{}"):
            message = refused(script(tmp_path, f"import sys; sys.exit('cannot read the token {token}')"), content)
            assert message.endswith('exit status 1, "cannot read the token (hidden)"')


def test_names_of_the_script_and_of_variables_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "s.sh"
    file.write_text('set -eu\nprintf %s "$RECONCILER_TOKEN_DOCUMENT"\n')
    message = refused(CommandStore(["sh", str(file)], {"PATH": os.environ["PATH"]}))
    assert f"{file}: " in message
    assert "RECONCILER_TOKEN_DOCUMENT: " in message
    assert "(hidden)" not in message
