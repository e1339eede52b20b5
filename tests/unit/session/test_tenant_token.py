from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import TargetError
from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.session.tenant_token import fetch_token, find_token_variable

CANARY = "c4nary-Token-0f-acme"


def refusal(tenant: str | None, environment: dict[str, str]) -> tuple[str, str]:
    with pytest.raises(TargetError) as raised:
        fetch_token(tenant, environment)
    error = raised.value
    for text in (str(error), repr(error), error.summary, error.detail, repr(error.__cause__), repr(error.__context__)):
        assert CANARY not in text
    return error.summary, error.detail


def token_directory(root: Path, content: str = CANARY) -> str:
    (root / "tokens").mkdir()
    (root / "tokens" / "acme").write_text(content)
    (root / "tokens" / "acme").chmod(0o600)
    return str(root / "tokens")


def test_the_order_of_the_sources(tmp_path: Path) -> None:
    folder = token_directory(tmp_path, "of-the-file")
    command = "printf of-the-command-%s {tenant}"
    assert fetch_token("acme", {"RECONCILER_TOKEN": "plain"}).reveal() == "plain"
    assert fetch_token(None, {"RECONCILER_TOKEN": "plain"}).reveal() == "plain"
    assert fetch_token("acme", {"RECONCILER_TOKEN": "plain", "RECONCILER_TOKEN_DIR": folder}).reveal() == "of-the-file"
    environment = {"RECONCILER_TOKEN": "plain", "RECONCILER_TOKEN_COMMAND": command, "PATH": "/usr/bin:/bin"}
    assert fetch_token("acme", environment).reveal() == "of-the-command-acme"


def test_a_variable_without_a_value_is_not_set() -> None:
    assert find_token_variable({"RECONCILER_TOKEN_COMMAND": " ", "RECONCILER_TOKEN_DIR": ""}) == "RECONCILER_TOKEN"


def test_two_sources_for_many_tenants_are_refused() -> None:
    environment = {"RECONCILER_TOKEN_COMMAND": "true", "RECONCILER_TOKEN_DIR": "/tokens"}
    summary = "RECONCILER_TOKEN_COMMAND and RECONCILER_TOKEN_DIR are both set"
    assert refusal("acme", environment) == (summary, "Unset one of them.")


@pytest.mark.parametrize("variable", ["RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR"])
def test_sources_for_many_tenants_need_to_know_which(variable: str) -> None:
    assert refusal(None, {variable: f"/nowhere/{CANARY}"}) == (
        f"{variable} is set, but the settings do not say which tenant this is",
        "Set target.tenant in settings.yaml, or use RECONCILER_TOKEN.",
    )


@pytest.mark.parametrize("name", ["..", "a/b", "-rf", "", "A", "a" * 41, "a\n", "a b", "é"])
@pytest.mark.parametrize("variable", ["RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR"])
def test_a_name_is_checked_before_it_is_used(variable: str, name: str) -> None:
    assert refusal(name, {variable: "/nowhere"})[0] == "the name of the tenant is not valid"


@pytest.mark.parametrize(
    ("content", "summary"),
    [
        ("", "this tenant's file in RECONCILER_TOKEN_DIR is empty"),
        (f"Bearer {CANARY}", 'this tenant\'s file in RECONCILER_TOKEN_DIR begins with "Bearer"'),
        (f"{CANARY}\n{CANARY}\n", "this tenant's file in RECONCILER_TOKEN_DIR has characters that no token has"),
        (f"{CANARY}\n\n", "this tenant's file in RECONCILER_TOKEN_DIR has characters that no token has"),
        (f" {CANARY}", "this tenant's file in RECONCILER_TOKEN_DIR has characters that no token has"),
        (f"{CANARY}\0", "this tenant's file in RECONCILER_TOKEN_DIR has characters that no token has"),
        ("x" * (LONGEST_TOKEN + 1), "this tenant's file in RECONCILER_TOKEN_DIR has more than 32 KiB"),
    ],
)
def test_what_cannot_be_a_token_is_refused_without_showing_it(tmp_path: Path, content: str, summary: str) -> None:
    assert refusal("acme", {"RECONCILER_TOKEN_DIR": token_directory(tmp_path, content)})[0] == summary
