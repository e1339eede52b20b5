from __future__ import annotations

import pytest

from reconciler.scim.secret import Secret, SentTokens, is_token


def test_no_text_of_a_secret_shows_it() -> None:
    secret = Secret("tok-s3cret")
    assert f"{secret} {secret!r} {[secret]}" == "<token> <token> [<token>]"
    assert secret.reveal() == "tok-s3cret"


@pytest.mark.parametrize("text", ["a b", "a\nb", "é", "\x7f"])
def test_a_token_has_no_blanks_and_no_characters_beyond_ascii(text: str) -> None:
    assert is_token("eyJ.a-b_c~+/=")
    assert not is_token(text)


def test_each_token_that_was_sent_is_hidden_whole() -> None:
    sent = SentTokens(Secret("tok"), Secret(""))
    sent.add(Secret("tok-2"))
    sent.add(Secret("tok-2"))
    assert sent.hide("tok tok-2 other") == "(token) (token) other"
    assert "tok-2" not in repr(sent)
