"""Users whose every value is untrusted text, live and in YAML, and a check of what a command printed about them."""

from __future__ import annotations

from typing import Any

from support.command import assert_harmless
from support.servers.patching import User
from support.servers.users import make_user
from support.untrusted_text import HOSTILE, INVISIBLE
from support.workspace import CommandResult, Workspace, source

ENCODABLE = {name: text for name, text in HOSTILE.items() if name != "lone surrogates"}
"""Without the text that neither YAML nor UTF-8 can hold."""


def flow_yaml(value: object) -> str:
    """Return the value in flow style, with every character that is not plain ASCII escaped for YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_yaml(key)}: {flow_yaml(inner)}" for key, inner in value.items()) + "}"
    escaped = (
        character if " " <= character <= "~" and character not in '"\\' else f"\\U{ord(character):08x}"
        for character in str(value)
    )
    return '"' + "".join(escaped) + '"'


def write_users(work: Workspace, people: list[dict[str, Any]]) -> None:
    """Write the desired users, escaped by `flow_yaml`."""
    work.write("users/people.yaml", "".join(f"- {flow_yaml(user)}\n" for user in people))


def assert_all_harmless(*results: CommandResult) -> None:
    """No output has a traceback, a workflow command, a control character or an invisible one."""
    for result in results:
        assert "Traceback" not in result.err
        assert_harmless(result.out + result.err)
        assert [character for character in INVISIBLE if character in result.out + result.err] == []


def untrusted_live_user(number: int, text: str, **overrides: Any) -> User:
    """Return a live user with `text` in every attribute; `overrides` as for `make_user`."""
    values = {
        "id": f"id-{number}",
        "userName": f"{text}{number}",
        "externalId": f"{text}-{number}",
        "givenName": text,
        "familyName": text,
        "department": text,
    }
    return make_user(number, **(values | overrides))


def untrusted_source_user(number: int, text: str) -> dict[str, Any]:
    """Return the source user of the live one, with another department."""
    return source(untrusted_live_user(number, text), department=f"{text}, moved")
