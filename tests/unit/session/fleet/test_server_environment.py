from __future__ import annotations

import pytest

from reconciler.session.fleet.server_environment import build_server_environment


@pytest.mark.parametrize("name", ["RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR"])
def test_a_token_beside_a_source_of_all_tokens_is_left_out(name: str) -> None:
    given = {"RECONCILER_TOKEN": "secret", name: "x", "PATH": "/bin"}
    assert build_server_environment(given) == {name: "x", "PATH": "/bin"}


@pytest.mark.parametrize("name", ["RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR", "OTHER"])
def test_a_token_alone_stays(name: str) -> None:
    given = {"RECONCILER_TOKEN": "secret", name: " "}
    assert build_server_environment(given) == given
