"""Keep a connection alive: renew its tokens ahead of time, one process at a time, stored before they are used.

An authorization server may replace the refresh token with each use, and revoke the whole connection if it sees an old
one again. So a refresh is one sequence under a lock: read the store again, note in it that a refresh begins, ask,
store the answer, use it. The note proves that the store can be written while nothing is lost yet, and tells the next
run what happened if this one is killed. The one moment that nothing can save is between the server's answer and the
store: `docs/oauth.md` says what happens then.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from reconciler.errors import ReconcilerError, TargetError
from reconciler.oauth.file_store import TokenStoreError
from reconciler.oauth.token_client import TokenAnswer
from reconciler.oauth.token_document import TokenBinding, TokenDocument, build_token_document, check_binding
from reconciler.oauth.token_refusals import TokenAnswerLostError, TokenRefusedError
from reconciler.oauth.token_store import TokenStore
from reconciler.scim.secret import Secret

T = TypeVar("T")

_EARLY = timedelta(minutes=5)
_EARLY_PART, _LARGEST_PART = 10, 2
"""A token is renewed when a tenth of its life is left, but at least `_EARLY`, and at most half of its life."""
_CLOCK_TOLERANCE = timedelta(minutes=5)
"""A token that was obtained later than this in the future says that a clock is wrong, so its age is not known."""
_TRY_AGAIN = timedelta(minutes=1)
"""After a refresh that failed while the token still lasts."""
_NEW = timedelta(seconds=5)
"""A service that rejects a token which was obtained so recently would reject the next one, too."""
_PAUSES = (1.0, 5.0)
"""Seconds before a store is tried again, once the server may have replaced the tokens."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOGIN = "Run reconciler login."


@dataclass(frozen=True, slots=True)
class Refreshing:
    """How tokens are refreshed. `refresh` and `lock` raise `ReconcilerError`.

    `lock`: held by one process at a time. `on_tokens`: called with tokens before they can appear anywhere. `explain`:
    what else is known about an error code of the server (RFC 6749 §5.2), "" for nothing.
    """

    binding: TokenBinding
    store: TokenStore
    refresh: Callable[[Secret], TokenAnswer]
    lock: Callable[[], AbstractContextManager[None]]
    now: Callable[[], datetime]
    note: Callable[[str], None] = lambda _text: None
    on_tokens: Callable[[Collection[Secret]], None] = lambda _tokens: None
    explain: Callable[[str], str] = lambda _code: ""
    sleep: Callable[[float], None] = time.sleep


class StoredTokens:
    """A `TokenSource` of the token document in a store. Thread-safe."""

    advice = (
        "The tokens were just refreshed, so the connection may be disconnected at the service, or another program has"
        " refreshed the same tokens meanwhile: check both, then run reconciler login."
    )

    def __init__(self, refreshing: Refreshing) -> None:
        self._by = refreshing
        self._mutex = threading.Lock()
        self._document: TokenDocument | None = None
        self._obtained_here: datetime | None = None
        self._not_before: datetime | None = None

    def current(self) -> Secret:
        """Return an access token that lasts for a while, refreshed if need be. Raises `TargetError`."""
        document = self._document
        if document is None or not self._lasts(document):
            with self._mutex:
                document = self._document
                if document is None or not self._lasts(document):
                    document = self._document = self._obtain(None)
        return document.access_token

    def renew(self, rejected: Secret) -> Secret | None:
        """Return another access token than the one that the service rejected; None if that one is new."""
        with self._mutex:
            document = self._document
            if document is not None and not _is_same(document.access_token, rejected):
                return document.access_token
            if self._obtained_here is not None and self._by.now() < self._obtained_here + _NEW:
                return None
            document = self._document = self._obtain(rejected)
            return document.access_token

    def _lasts(self, document: TokenDocument) -> bool:
        now = self._by.now()
        if self._not_before is not None and now < self._not_before:
            return now < document.expires
        return is_fresh(document, now)

    def _obtain(self, rejected: Secret | None) -> TokenDocument:
        """Return the stored document if its access token is of use, otherwise refresh it."""
        document = self._load()
        if self._is_of_use(document, rejected):
            return document
        try:
            return self._refresh_alone(rejected)
        except ReconcilerError as exc:
            if rejected is None and not _is_final(exc) and self._by.now() < document.expires:
                return self._keep(document, exc)
            if isinstance(exc, TargetError):
                raise
            raise TargetError(exc.summary, exc.detail) from exc  # of the lock: no request can be sent

    def _refresh_alone(self, rejected: Secret | None) -> TokenDocument:
        with self._by.lock():
            document = self._load()  # another process may have refreshed it while this one waited
            if self._is_of_use(document, rejected):
                return document
            return finish_despite_interrupt(lambda: self._refresh(document))

    def _is_of_use(self, document: TokenDocument, rejected: Secret | None) -> bool:
        if rejected is not None and _is_same(document.access_token, rejected):
            return False
        return is_fresh(document, self._by.now())

    def _keep(self, document: TokenDocument, exc: ReconcilerError) -> TokenDocument:
        """Return the document, whose access token still lasts although it cannot be refreshed now."""
        first = self._not_before is None
        self._not_before = self._by.now() + _TRY_AGAIN
        if first:
            self._by.note(
                f"The tokens cannot be refreshed now, and expire at {document.expires:%H:%M} UTC: {exc.summary}"
            )
        return document

    def _load(self) -> TokenDocument:
        document = self._by.store.load()
        if document is None:
            raise TokenStoreError(f"{self._by.store.name} holds no tokens", _LOGIN)
        check_binding(document, self._by.binding, self._by.store.name)
        self._by.on_tokens(document.tokens)
        return document

    # --- one refresh, under the lock ------------------------------------------

    def _refresh(self, document: TokenDocument) -> TokenDocument:
        if document.refresh_token is None:
            raise TokenStoreError(f"the token in {self._by.store.name} has expired, and has no refresh token", _LOGIN)
        begun = self._by.now()
        self._note_begin(document.begin_refresh(begun))
        try:
            answer, used = self._ask(document, document.refresh_token)
        except TokenAnswerLostError:
            raise
        except TokenRefusedError as exc:
            newer = self._find_newer(document)
            if newer is not None:
                return newer
            self._note_end(document)
            raise _explain_refusal(exc, document, self._by.explain(exc.code)) from exc
        except TargetError:
            self._note_end(document)
            raise
        self._by.on_tokens([token for token in (answer.access_token, answer.refresh_token) if token is not None])
        renewed = build_token_document(
            document.binding, answer.access_token, answer.refresh_token, answer.lifetime, asked=begun, used=used
        )
        self._store(renewed)
        self._obtained_here, self._not_before = begun, None
        return renewed

    def _note_begin(self, document: TokenDocument) -> None:
        try:
            self._by.store.save(document)
        except TargetError as exc:
            raise TokenStoreError(
                f"the access token must be renewed, but a new one cannot be stored: {exc.summary}",
                f"No refresh was sent, so nothing is lost. {exc.detail}",
            ) from exc

    def _note_end(self, document: TokenDocument) -> None:
        """Take the note back after a request that used up no token: the next run need not wonder."""
        with suppress(TargetError):
            self._by.store.save(document)

    def _find_newer(self, document: TokenDocument) -> TokenDocument | None:
        """Return what another machine, which this lock does not know, has stored meanwhile; None if that is nothing."""
        with suppress(TargetError):  # the refusal is the cause to tell
            newer = self._load()
            if not _is_same(newer.access_token, document.access_token) and is_fresh(newer, self._by.now()):
                return newer
        return None

    def _ask(self, document: TokenDocument, token: Secret) -> tuple[TokenAnswer, Secret]:
        """Return the server's answer and the refresh token that it took: the latest, or else the previous one."""
        try:
            return self._by.refresh(token), token
        except TokenRefusedError as exc:
            previous = document.previous_refresh_token
            if exc.code != "invalid_grant" or previous is None:
                raise
        answer = self._by.refresh(previous)
        self._by.note("The latest refresh token was refused, and the one before it accepted.")
        return answer, previous

    def _store(self, document: TokenDocument) -> None:
        """Store what the server issued: now it would be lost."""
        for pause in _PAUSES:
            with suppress(TargetError):
                self._by.store.save(document)
                return
            self._by.sleep(pause)
        try:
            self._by.store.save(document)
        except TargetError as exc:
            raise _explain_lost_tokens(exc, document) from exc


def is_fresh(document: TokenDocument, now: datetime) -> bool:
    """Whether the access token need not be renewed yet."""
    life = document.expires - document.obtained
    early = min(max(_EARLY, life / _EARLY_PART), life / _LARGEST_PART)
    return document.obtained - _CLOCK_TOLERANCE <= now < document.expires - early


def finish_despite_interrupt(work: Callable[[], T]) -> T:
    """Run `work` to its end, which takes minutes at most: Ctrl-C, SIGTERM and SIGHUP take effect after it."""
    if threading.current_thread() is not threading.main_thread():
        return work()  # no signal interrupts it
    caught: list[int] = []
    handlers = {each: signal.signal(each, lambda number, _frame: caught.append(number)) for each in _SIGNALS}
    try:
        return work()
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler or signal.SIG_DFL)
        for number in caught[:1]:
            signal.raise_signal(number)


def _is_same(token: Secret, other: Secret) -> bool:
    return token.reveal() == other.reveal()


def _is_final(exc: ReconcilerError) -> bool:
    """Whether no later attempt can succeed, so that it is better to stop now than when the token expires."""
    return isinstance(exc, TokenRefusedError) and exc.code != ""


def _explain_lost_tokens(exc: TargetError, document: TokenDocument) -> TokenStoreError:
    if document.previous_refresh_token is None:
        next_step = f"The stored refresh token stays valid. {exc.detail}"
    else:
        next_step = (
            "They replaced the stored refresh token, which is probably of no use now. Make the store writable, then\n"
            "run reconciler login."
        )
    return TokenStoreError(f"the new tokens cannot be stored: {exc.summary}", next_step)


def _explain_refusal(exc: TokenRefusedError, document: TokenDocument, known: str) -> TokenRefusedError:
    """Add to a refusal what the store knows about earlier refreshes, and what else is `known`."""
    notes = [exc.detail]
    if exc.code == "invalid_grant" and document.refresh_begun is not None:
        notes.append(
            f"A refresh that began at {document.refresh_begun:%Y-%m-%d %H:%M:%S} UTC has no stored result: the run was"
            " ended, or its\nanswer lost, after the server had replaced the refresh token."
        )
    if exc.code == "invalid_grant" and document.previous_refresh_token is not None:
        notes.append("The refresh token before it was tried, too.")
    if known:
        notes.append(known)
    return TokenRefusedError(exc.code, exc.summary, "\n".join(notes))
