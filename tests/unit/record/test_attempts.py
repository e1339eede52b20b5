from datetime import timedelta

import msgspec
from support.builders import NOW

from reconciler.record.attempts import Attempt, LateAttempts, PackedAttempts, find_latest, pack_attempts
from reconciler.record.timestamps import LONG_AGO

ADA = Attempt("ada", "update", "sha256:1", "done", "", NOW, "live-ada")
BOB = Attempt("bob", "create", "sha256:2", "failed", "no", NOW - timedelta(days=1))


def late(*attempts: Attempt) -> LateAttempts:
    """Attempts that were kept."""
    content = msgspec.msgpack.encode(pack_attempts(attempts))
    return LateAttempts(msgspec.msgpack.decode(content, type=PackedAttempts))


def test_kept_attempts_are_what_they_were() -> None:
    found = late(ADA, BOB)
    assert (list(found), len(found), found[0], found[-1], found[1:]) == ([ADA, BOB], 2, ADA, BOB, (BOB,))
    assert found == (ADA, BOB) == late(ADA, BOB)
    assert found != (BOB, ADA)
    assert found != 2
    assert not late()


def test_the_last_one_is_known_without_them() -> None:
    for attempts in ((), (BOB,), (BOB, ADA, BOB)):
        assert find_latest(late(*attempts)) == find_latest(attempts)
    assert find_latest(late(BOB, ADA, BOB)) == NOW
    assert find_latest(()) == LONG_AGO
