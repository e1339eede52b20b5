from __future__ import annotations

import pytest

from reconciler.scim.secret import Secret, is_token


def test_no_text_of_a_secret_shows_it() -> None:
    secret = Secret("tok-s3cret")
    assert f"{secret} {secret!r} {[secret]}" == "<token> <token> [<token>]"
    assert secret.reveal() == "tok-s3cret"


@pytest.mark.parametrize("text", ["a b", "a\nb", "é", "\x7f"])
def test_a_token_has_no_blanks_and_no_characters_beyond_ascii(text: str) -> None:
    assert is_token("eyJ.a-b_c~+/=")
    assert not is_token(text)
