from datetime import timedelta

from support.builders import NOW

from reconciler.record.attempts import Attempt, LateAttempts, find_latest
from reconciler.record.timestamps import LONG_AGO

ADA = Attempt("ada", "update", "sha256:1", "done", "", NOW, "live-ada")
BOB = Attempt("bob", "create", "sha256:2", "failed", "no", NOW - timedelta(days=1))


def late(*attempts: Attempt) -> LateAttempts:
    return LateAttempts(len(attempts), find_latest(attempts), lambda: attempts)


def test_late_attempts_are_those_that_are_loaded() -> None:
    found = late(ADA, BOB)
    assert (list(found), len(found), found[0], found[-1], found[1:]) == ([ADA, BOB], 2, ADA, BOB, (BOB,))
    assert found == (ADA, BOB) == late(ADA, BOB)
    assert found != (BOB, ADA)
    assert found != 2


def test_the_last_one_is_known_without_loading_them() -> None:
    def fail() -> tuple[Attempt, ...]:
        raise AssertionError

    assert find_latest(LateAttempts(1, NOW, fail)) == NOW
    assert not LateAttempts(0, LONG_AGO, fail)
    assert (find_latest((BOB, ADA, BOB)), find_latest(())) == (NOW, LONG_AGO)
