from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.errors import LockedError, ReconcilerError, TargetError
from reconciler.oauth.encryption import TokenCipher
from reconciler.oauth.file_store import TokenStoreError
from reconciler.oauth.rotation import Refreshing, StoredTokens, finish_despite_interrupt, is_fresh
from reconciler.oauth.token_client import TokenAnswer
from reconciler.oauth.token_document import (
    TokenBinding,
    TokenDocument,
    TokenDocumentError,
    build_token_document,
    format_token_document,
    parse_token_document,
)
from reconciler.oauth.token_refusals import TokenAnswerLostError, TokenRefusedError
from reconciler.oauth.token_store import TokenStore
from reconciler.scim.secret import Secret

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BINDING = TokenBinding("SCIM.1", "https://auth.example/token", "https://scim.example")
HOUR = timedelta(hours=1)


class Place:
    """Keeps bytes in memory. `failures`: how many of the next writes fail, after `spare` that do not."""

    name = "the store"

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.failures = self.spare = 0
        self.writes = 0

    def read(self) -> bytes | None:
        return self.kept

    def find_lock(self) -> None:
        """Nothing is shared."""

    def write(self, content: bytes) -> None:
        if self.spare:
            self.spare -= 1
        elif self.failures:
            self.failures -= 1
            raise TokenStoreError("cannot write the store: disk full", "Free some space.")
        self.writes += 1
        self.kept = content


class World:
    """A clock, a store and an authorization server that rotates refresh tokens and revokes all on reuse."""

    def __init__(self, *, rotates: bool = True, lifetime: timedelta | None = HOUR) -> None:
        self.now = NOON
        self.place = Place()
        self.store = TokenStore(self.place, TokenCipher())
        self.rotates = rotates
        self.lifetime = lifetime
        self.valid = {"ref-0"}
        self.number = 0
        self.refreshed: list[str] = []
        self.problems: list[ReconcilerError] = []
        self.notes: list[str] = []
        self.shown: list[str] = []
        self.locked = 0
        self.before_answer: Callable[[], None] = lambda: None
        self.keep(self.document())

    def document(self, number: int = 0, *, previous: str | None = None) -> TokenDocument:
        return build_token_document(
            BINDING,
            Secret(f"acc-{number}"),
            Secret(f"ref-{number}"),
            self.lifetime,
            asked=self.now,
            used=None if previous is None else Secret(previous),
        )

    def keep(self, document: TokenDocument) -> None:
        self.place.kept = format_token_document(document)

    @property
    def stored(self) -> TokenDocument:
        assert self.place.kept is not None
        return parse_token_document(self.place.kept, "the store")

    def refresh(self, token: Secret) -> TokenAnswer:
        assert self.locked == 1
        assert self.stored.refresh_begun == self.now, "the refresh must be noted first"
        self.refreshed.append(token.reveal())
        self.before_answer()
        if self.problems:
            raise self.problems.pop(0)
        if token.reveal() not in self.valid:
            self.valid.clear()
            raise TokenRefusedError("invalid_grant", "the server refuses it (invalid_grant)", "Run reconciler login.")
        self.number += 1
        if not self.rotates:
            return TokenAnswer(Secret(f"acc-{self.number}"), None, self.lifetime)
        self.valid = {f"ref-{self.number}"}
        return TokenAnswer(Secret(f"acc-{self.number}"), Secret(f"ref-{self.number}"), self.lifetime)

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.locked += 1
        try:
            yield
        finally:
            self.locked -= 1

    def show(self, tokens: Collection[Secret]) -> None:
        self.shown += [token.reveal() for token in tokens]

    def process(self, lock: Callable[[], object] | None = None) -> StoredTokens:
        return StoredTokens(
            Refreshing(
                BINDING,
                self.store,
                self.refresh,
                lock or self.lock,  # type: ignore[arg-type]
                now=lambda: self.now,
                note=self.notes.append,
                on_tokens=self.show,
                explain=lambda code: f"The date says more about {code}." if "client" in code else "",
                sleep=lambda _seconds: None,
            )
        )


# --- when --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "fresh_for"),
    [(3600, 3240), (300, 150), (60, 30), (86_400, 77_760), (600, 300), (7_776_000, 6_998_400)],
)
def test_a_token_is_renewed_before_it_expires_but_not_at_once(life: int, fresh_for: int) -> None:
    document = build_token_document(BINDING, Secret("a"), Secret("r"), timedelta(seconds=life), asked=NOON)
    assert is_fresh(document, NOON + timedelta(seconds=fresh_for - 1))
    assert not is_fresh(document, NOON + timedelta(seconds=fresh_for))
    assert not is_fresh(document, NOON + timedelta(days=400))


def test_a_token_from_the_future_has_an_unknown_age() -> None:
    document = build_token_document(BINDING, Secret("a"), Secret("r"), timedelta(days=300), asked=NOON)
    assert is_fresh(document, NOON - timedelta(minutes=5))
    assert not is_fresh(document, NOON - timedelta(minutes=6))


def test_a_token_that_lasts_is_used_without_a_lock_or_a_write() -> None:
    world = World()
    tokens = world.process()
    for minutes in (0, 30, 53):
        world.now = NOON + timedelta(minutes=minutes)
        assert tokens.current().reveal() == "acc-0"
    assert (world.refreshed, world.place.writes) == ([], 0)


def test_tokens_are_refreshed_for_as_long_as_a_run_takes() -> None:
    world = World(lifetime=timedelta(seconds=300))
    tokens = world.process()
    used = []
    for seconds in range(0, 3600, 10):
        world.now = NOON + timedelta(seconds=seconds)
        used.append(tokens.current().reveal())
        stored = world.stored
        assert stored.access_token.reveal() == used[-1]
        assert world.now < stored.expires
        assert stored.refresh_begun is None
    assert len(set(used)) == 24
    assert world.refreshed == [f"ref-{number}" for number in range(23)]


def test_an_unknown_lifetime_is_an_hour() -> None:
    world = World(lifetime=None)
    tokens = world.process()
    world.now = NOON + timedelta(minutes=53)
    assert tokens.current().reveal() == "acc-0"
    world.now = NOON + timedelta(minutes=54)
    assert tokens.current().reveal() == "acc-1"


# --- several processes, several threads --------------------------------------------------------


def test_a_process_that_waited_for_the_lock_uses_what_the_other_one_stored() -> None:
    world = World()
    first, second = world.process(), world.process()
    assert first.current().reveal() == second.current().reveal() == "acc-0"
    world.now += HOUR

    @contextmanager
    def wait() -> Iterator[None]:
        assert first.current().reveal() == "acc-1"
        with world.lock():
            yield

    assert world.process(wait).current().reveal() == "acc-1"
    assert second.current().reveal() == "acc-1"
    assert world.refreshed == ["ref-0"]


def test_threads_refresh_once() -> None:
    world = World()
    tokens, found = world.process(), []  # type: tuple[StoredTokens, list[str]]
    world.now += HOUR
    threads = [threading.Thread(target=lambda: found.append(tokens.current().reveal())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == ["acc-1"] * 16
    assert world.refreshed == ["ref-0"]


# --- a rejected token --------------------------------------------------------------------------


def test_a_rejected_token_is_replaced_by_a_newer_one_of_the_store_without_a_refresh() -> None:
    world = World()
    tokens = world.process()
    rejected = tokens.current()
    world.keep(world.document(7))
    renewed = tokens.renew(rejected)
    assert renewed is not None
    assert renewed.reveal() == "acc-7"
    assert world.refreshed == []
    assert tokens.renew(rejected) is renewed


def test_a_rejected_token_that_is_the_latest_is_refreshed_once() -> None:
    world = World()
    tokens = world.process()
    rejected = tokens.current()
    renewed = tokens.renew(rejected)
    assert renewed is not None
    assert renewed.reveal() == "acc-1"
    assert tokens.renew(renewed) is None, "a token of this moment is not renewed: the next would be rejected, too"
    world.now += timedelta(seconds=5)
    again = tokens.renew(renewed)
    assert again is not None
    assert again.reveal() == "acc-2"


# --- failures ----------------------------------------------------------------------------------


def refused(tokens: StoredTokens) -> TargetError:
    with pytest.raises(TargetError) as raised:
        tokens.current()
    assert raised.value.detail
    assert raised.value is not raised.value.__cause__
    return raised.value


def test_an_empty_store_says_how_to_log_in() -> None:
    world = World()
    world.place.kept = None
    error = refused(world.process())
    assert (error.summary, error.detail) == ("the store holds no tokens", "Run reconciler login.")


def test_tokens_of_another_client_are_used_for_nothing() -> None:
    world = World()
    other = TokenBinding("SCIM.2", BINDING.token_url, BINDING.base_url)
    world.keep(build_token_document(other, Secret("a"), Secret("r"), HOUR, asked=NOON))
    assert isinstance(refused(world.process()), TokenDocumentError)
    assert (world.refreshed, world.shown) == ([], [])


def test_without_a_refresh_token_the_access_token_lasts_as_long_as_it_does() -> None:
    world = World()
    world.keep(build_token_document(BINDING, Secret("acc-0"), None, HOUR, asked=NOON))
    tokens = world.process()
    world.now += timedelta(minutes=59)
    assert tokens.current().reveal() == "acc-0"
    world.now += timedelta(minutes=1)
    assert "has no refresh token" in refused(tokens).summary
    assert world.place.writes == 0


def test_nothing_is_asked_if_the_store_cannot_be_written() -> None:
    world = World()
    tokens = world.process()
    world.place.failures = 99
    world.now += timedelta(minutes=57)
    assert tokens.current().reveal() == "acc-0", "it still lasts"
    assert tokens.current().reveal() == "acc-0"
    (note,) = world.notes
    assert note == (
        "The tokens cannot be refreshed now, and expire at 13:00 UTC: the access token must be renewed, but a new one"
        " cannot be stored: cannot write the store: disk full"
    )
    world.now += timedelta(minutes=4)
    error = refused(tokens)
    assert error.summary.endswith("cannot write the store: disk full")
    assert error.detail == "No refresh was sent, so nothing is lost. Free some space."
    assert world.refreshed == []
    world.place.failures = 0
    assert tokens.current().reveal() == "acc-1"


def test_a_store_that_fails_after_the_answer_is_tried_again() -> None:
    world = World()
    world.now += HOUR
    world.place.spare, world.place.failures = 1, 2
    assert world.process().current().reveal() == "acc-1"
    assert world.stored.access_token.reveal() == "acc-1"


@pytest.mark.parametrize(
    ("rotates", "detail"),
    [(True, "They replaced the stored refresh token, which is"), (False, "The stored refresh token stays valid.")],
)
def test_tokens_that_cannot_be_stored_are_not_used(rotates: bool, detail: str) -> None:
    world = World(rotates=rotates)
    world.now += HOUR
    world.place.spare, world.place.failures = 1, 99
    error = refused(world.process())
    assert error.summary == "the new tokens cannot be stored: cannot write the store: disk full"
    assert error.detail.startswith(detail)
    assert world.shown[-1] == ("ref-1" if rotates else "acc-1"), "hidden before the error is shown"


def test_a_server_that_is_away_is_no_problem_while_the_token_lasts() -> None:
    world = World()
    tokens = world.process()
    tokens.current()
    world.problems = [
        TargetError("auth.example refuses the connection", "Check it."),
        TokenAnswerLostError("late", "x"),
    ]
    world.now += timedelta(minutes=56)
    assert tokens.current().reveal() == "acc-0"
    assert world.stored.refresh_begun is None, "nothing was sent"
    assert tokens.current().reveal() == "acc-0"
    assert len(world.refreshed) == 1, "not again within a minute"
    world.now += timedelta(minutes=1)
    assert tokens.current().reveal() == "acc-0"
    assert world.stored.refresh_begun == world.now, "the answer was lost"
    world.now += timedelta(minutes=2)
    assert tokens.current().reveal() == "acc-1"
    assert world.stored.refresh_begun is None
    assert len(world.notes) == 1


def test_a_lock_that_is_held_is_an_error_of_the_connection() -> None:
    @contextmanager
    def held() -> Iterator[None]:
        raise LockedError("another refresh of these tokens is running: process 7", "Wait.")
        yield

    world = World()
    tokens = world.process(held)
    world.now += timedelta(minutes=58)
    assert tokens.current().reveal() == "acc-0"
    world.now += timedelta(minutes=2)
    assert refused(tokens).summary == "another refresh of these tokens is running: process 7"


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client"])
def test_a_refused_client_stops_at_once_and_says_what_its_date_tells(code: str) -> None:
    world = World()
    tokens = world.process()
    world.problems = [TokenRefusedError(code, f"refused ({code})", "Make a new secret.")]
    world.now += timedelta(minutes=56)
    error = refused(tokens)
    assert error.summary == f"refused ({code})"
    assert error.detail == f"Make a new secret.\nThe date says more about {code}."
    assert world.stored.refresh_begun is None


def test_too_many_requests_are_no_end() -> None:
    world = World()
    tokens = world.process()
    world.problems = [TokenRefusedError("", "429", "Wait.")]
    world.now += timedelta(minutes=56)
    assert tokens.current().reveal() == "acc-0"


def test_a_killed_refresh_is_told_by_the_next_run_if_the_server_rotated() -> None:
    world = World()
    world.now += HOUR
    killed = world.now
    world.keep(world.stored.begin_refresh(killed))  # the note is stored, the answer was not
    world.valid = {"ref-1"}
    world.now += timedelta(minutes=3)
    error = refused(world.process())
    assert "A refresh that began at 2026-03-01 13:00:00 UTC has no stored result" in error.detail
    assert world.stored.refresh_begun == killed, "so that each later run says so, too"


def test_a_killed_refresh_costs_nothing_if_the_server_did_not_rotate() -> None:
    world = World(rotates=False)
    world.keep(world.stored.begin_refresh(NOON))
    world.now += HOUR
    assert world.process().current().reveal() == "acc-1"
    assert world.stored.refresh_begun is None


def test_the_previous_refresh_token_is_tried_after_the_latest_one() -> None:
    world = World()
    world.keep(world.document(5, previous="ref-0"))
    world.now += HOUR
    world.problems = [TokenRefusedError("invalid_grant", "refused", "x")]
    assert world.process().current().reveal() == "acc-1"
    assert world.refreshed == ["ref-5", "ref-0"]
    assert world.notes == ["The latest refresh token was refused, and the one before it accepted."]
    stored = world.stored
    assert stored.refresh_token is not None
    assert stored.previous_refresh_token is not None
    assert (stored.refresh_token.reveal(), stored.previous_refresh_token.reveal()) == ("ref-1", "ref-0")


def test_if_both_refresh_tokens_are_refused_the_error_says_so() -> None:
    world = World()
    world.keep(world.document(5, previous="ref-4"))
    world.now += HOUR
    error = refused(world.process())
    assert world.refreshed == ["ref-5", "ref-4"]
    assert error.detail == "Run reconciler login.\nThe refresh token before it was tried, too."
    assert world.stored.access_token.reveal() == "acc-5"


def test_what_another_machine_stored_meanwhile_is_used() -> None:
    world = World()
    world.now += HOUR
    world.valid = set()
    world.before_answer = lambda: world.keep(world.document(9))
    assert world.process().current().reveal() == "acc-9"
    assert world.stored.access_token.reveal() == "acc-9"


def test_a_refusal_is_told_although_the_store_fails_then() -> None:
    world = World()
    world.now += HOUR
    world.valid = set()

    def lose() -> None:
        world.place.kept = b"damaged"

    world.before_answer = lose
    error = refused(world.process())
    assert isinstance(error, TokenRefusedError)
    assert error.code == "invalid_grant"


def test_a_rejected_token_whose_refresh_is_refused_is_not_used_again() -> None:
    world = World()
    tokens = world.process()
    rejected = tokens.current()
    world.valid = set()
    with pytest.raises(TokenRefusedError):
        tokens.renew(rejected)


# --- tokens and output -------------------------------------------------------------------------


def test_all_tokens_are_announced_before_they_are_used() -> None:
    world = World()
    world.keep(world.document(0, previous="old"))
    world.now += HOUR
    world.process().current()
    assert list(dict.fromkeys(world.shown)) == ["acc-0", "ref-0", "old", "acc-1", "ref-1"]


def test_a_refresh_ends_before_an_interrupt_does() -> None:
    ended = []

    def work() -> int:
        signal.raise_signal(signal.SIGINT)
        ended.append(True)
        return 7

    # pytest's own handler would end the test run
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            finish_despite_interrupt(work)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ended == [True]
    assert finish_despite_interrupt(lambda: 7) == 7
