from __future__ import annotations

import base64
import textwrap

import pytest

from reconciler.oauth.command_errors import show_errors

TOKEN = "eyJhbGciOiJIUzI1NiJ9.Zm9vYmFyYmF6cXV1eA-short!x$y"


@pytest.mark.parametrize("width", [1, 3, 5, 8, 15, 76])
def test_no_piece_of_a_document_is_shown_however_it_is_folded(width: int) -> None:
    document = f'{{"access_token": "{TOKEN}", "refresh_token": "Ab!c$dEf"}}'
    for text in (document, base64.b64encode(document.encode() * 5).decode()):
        found = show_errors("\n".join(textwrap.wrap(text, width)), ())
        shown = [word.strip('":,{}') for word in found.split() if word != "(hidden)"]
        assert all(len(word) <= 3 or word in ("access", "token", "refresh") for word in shown)  # the document's keys
        assert sum(map(len, shown)) <= len(text) / 5  # single letters and digits at most


@pytest.mark.parametrize("token", ["ab!cd$ef", "x!y", "Abc$def", "hunter2", "s3cret", "1234567", "no-such-word"])
def test_a_short_token_is_hidden(token: str) -> None:
    assert show_errors(f"cannot read token: {token}", ()) == "cannot read token: (hidden)"
    assert token not in show_errors(f"denied ({token}) '{token}', {token}{token}", ())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "HTTP 403: Resource not accessible by personal access token (https://api.github.com/repos/a/b)",
            "HTTP 403: Resource not accessible by personal access token https://api.github.com",
        ),
        ("ERROR: (Forbidden) Caller is not authorized", "ERROR: (Forbidden) Caller is not authorized"),
        ("GET https://vault.example:8200/v1?token=x failed", "GET https://vault.example:8200 failed"),
        ("https://ghp_x@git.example failed", "(hidden) failed"),
        ("https://user:pass@git.example failed", "(hidden) failed"),
        ("https://AbCdEf.example failed", "(hidden) failed"),
        ("no \x1b[2J access\n::error::x", "no (hidden) access (hidden)"),
        ("abc def ghi", ""),
        ("", ""),
    ],
)
def test_messages_stay_of_use(said: str, shown: str) -> None:
    assert show_errors(said, ()) == shown


def test_names_that_are_known_are_shown() -> None:
    said = "/opt/x/store.sh: 6: RECONCILER_TOKEN_DOCUMENT: parameter not set"
    assert show_errors(said, ["/opt/x/store.sh", "RECONCILER_TOKEN_DOCUMENT"]) == said
    assert show_errors(said, []) == "(hidden) 6: (hidden) parameter not set"
