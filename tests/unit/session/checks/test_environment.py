from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.checks import ask_all, build_check_context, show

import reconciler
from reconciler.session.checks.context import CheckGroup
from reconciler.session.checks.environment import VARIABLES, ask_environment

GROUP = CheckGroup(ask_environment, ("environment",))
SECRET = "s3cret-Value-of-a-variable"


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def ask(root: Path, resources: ExitStack, environment: dict[str, str], **sections: object) -> str:
    (answer,) = ask_all(build_check_context(root, resources, environment=environment, **sections), GROUP)
    (text,) = show([answer])
    assert SECRET not in repr(answer)
    return text


def test_every_variable_that_the_program_reads_is_known() -> None:
    root = Path(reconciler.__file__).parent
    text = "".join(path.read_text("utf-8") for path in root.rglob("*.py"))
    assert set(re.findall(r"\bRECONCILER_[A-Z_]+[A-Z]", text)) - VARIABLES == set()


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"PATH": "/bin"}, "ok environment: no variable that begins with RECONCILER_ is set"),
        ({"RECONCILER_TOKEN": " "}, "ok environment: no variable that begins with RECONCILER_ is set"),
        (
            {"RECONCILER_TOKEN": SECRET, "RECONCILER_ALLOWED_HOSTS": "scim.example.com, h:8443/path"},
            "ok environment: RECONCILER_ALLOWED_HOSTS, RECONCILER_TOKEN",
        ),
        (
            {"RECONCILER_TOKENS": SECRET, "RECONCILER_X\n\x1b[2J": SECRET},
            (
                "warning environment: no variable that begins with RECONCILER_ is set;"
                ' not known: "RECONCILER_TOKENS", "RECONCILER_X\\n\\u{1b}[2J"'
                ' | "RECONCILER_TOKENS" is not read. Did you mean RECONCILER_TOKEN?'
                ' | "RECONCILER_X\\n\\u{1b}[2J" is not read: remove it.'
            ),
        ),
        (
            {"RECONCILER_ALLOWED_HOSTS": f"ok.example.com,https://{SECRET}.example.com"},
            (
                "warning environment: RECONCILER_ALLOWED_HOSTS"
                " | 1 entry of RECONCILER_ALLOWED_HOSTS (the first is number 2) cannot match: write hosts as"
                " scim.example.com or scim.example.com:8443, without https:// and *."
            ),
        ),
        (
            {"RECONCILER_NO_PROXY": "10.0.0.1,.example.com.,.10.0.0.2,.[fd00::1]"},
            (
                "warning environment: RECONCILER_NO_PROXY"
                " | 2 entries of RECONCILER_NO_PROXY (the first is number 3) cannot match: write addresses without"
                " a dot in front, one by one."
            ),
        ),
    ],
)
def test_names_of_variables_are_shown_and_never_their_values(
    tmp_path: Path, resources: ExitStack, environment: dict[str, str], text: str
) -> None:
    assert ask(tmp_path, resources, environment) == text


def test_a_record_with_digests_needs_its_key(tmp_path: Path, resources: ExitStack) -> None:
    text = ask(tmp_path, resources, {}, record={"values": "digest"})
    assert text.startswith("failed environment: RECONCILER_RECORD_KEY is not set | record.values is digest.")
    key = {"RECONCILER_RECORD_KEY": SECRET * 3}
    assert ask(tmp_path, resources, key, record={"values": "digest"}).startswith(
        "ok environment: RECONCILER_RECORD_KEY"
    )


def test_many_unknown_variables_are_counted(tmp_path: Path, resources: ExitStack) -> None:
    text = ask(tmp_path, resources, {f"RECONCILER_ODD_{number:03}": "x" for number in range(300)})
    assert "and 295 more" in text
    assert text.count(" is not read") == 20
