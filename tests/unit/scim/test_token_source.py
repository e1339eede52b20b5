from __future__ import annotations

from reconciler.scim.secret import Secret
from reconciler.scim.token_source import FixedToken


def test_a_fixed_token_has_no_other_one() -> None:
    tokens = FixedToken(Secret("tok-1"))
    assert tokens.current().reveal() == "tok-1"
    assert tokens.renew(tokens.current()) is None
    assert "tok-1" not in repr(tokens)
