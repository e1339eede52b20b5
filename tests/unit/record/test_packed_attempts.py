from datetime import timedelta

import msgspec
import pytest
from support.builders import NOW

from reconciler.record.attempts import Attempt, find_latest
from reconciler.record.packed_attempts import PackedAttempts, pack_attempts

ADA = Attempt("ada", "update", "sha256:1", "done", "", NOW, "live-ada")
BOB = Attempt("bob", "create", "sha256:2", "failed", "no", NOW - timedelta(days=1))


@pytest.mark.parametrize("attempts", [(), (BOB,), (BOB, ADA, BOB)])
def test_kept_attempts_are_what_they_were(attempts: tuple[Attempt, ...]) -> None:
    content = msgspec.msgpack.encode(pack_attempts(attempts))
    found = msgspec.msgpack.decode(content, type=PackedAttempts).unpack()
    assert found == attempts
    assert (len(found), found.latest) == (len(attempts), find_latest(attempts))
