from pathlib import Path

import pytest

from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.store import Store

# -- tokens, clock ------------------------------------------------------------


def test_a_usable_token_is_kept(state: Path) -> None:
    with Store(state) as store:
        token = store.get_usable_token()
        assert store.get_usable_token() == token
        store.advance_clock(5 * 86400)
        assert store.get_usable_token() != token


def test_the_clock_goes_forwards_only(state: Path) -> None:
    with Store(state) as store:
        before = store.now()
        store.advance_clock(3600)
        store.advance_clock(3600)
        assert 7200 <= (store.now() - before).total_seconds() < 7210
        with pytest.raises(SandboxError, match="only goes forwards"):
            store.advance_clock(-1)
