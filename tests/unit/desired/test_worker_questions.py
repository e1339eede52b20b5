"""Both ends in this process: who answers is a thread."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest

from reconciler.desired import worker_questions
from reconciler.desired.worker_questions import (
    MOST_WAITING,
    Answer,
    Questions,
    answer_questions,
    open_sockets,
    receive,
)

LARGE = b"x" * (3 << 20)
"""More than fits into the socket."""


@contextmanager
def asking(answer: Answer, patience: float = 60.0) -> Iterator[Questions]:
    ours, theirs = open_sockets(patience)
    with theirs:
        thread = threading.Thread(target=answer_questions, args=(theirs, answer))
        thread.start()
        questions = Questions(ours)
        questions.open()
        try:
            yield questions
        finally:
            questions.close()
            thread.join()


def reverse(question: bytes) -> bytes:
    return question[::-1]


def test_each_thread_gets_the_answer_to_its_question() -> None:
    with asking(reverse) as questions, ThreadPoolExecutor(MOST_WAITING) as pool:
        asked = [str(number).encode() * 10_000 for number in range(200)]
        assert list(pool.map(questions.ask, asked)) == [each[::-1] for each in asked]


def test_questions_and_answers_of_any_length_are_passed_on() -> None:
    with asking(reverse) as questions:
        assert [questions.ask(each) for each in (b"", b"ab", LARGE + b"y")] == [b"", b"ba", b"y" + LARGE]


def test_nothing_is_asked_before_the_other_process_is_ready_and_after_the_end() -> None:
    ours, theirs = open_sockets()
    with theirs:
        questions = Questions(ours)
        assert questions.ask(b"early") is None
        questions.open()
        questions.close()
        assert questions.ask(b"late") is None
        assert receive(theirs) is None


def test_who_would_wait_long_is_not_answered() -> None:
    hold = threading.Event()

    def answer(question: bytes) -> bytes:
        hold.wait(10)
        return question

    with asking(answer) as questions, ThreadPoolExecutor(MOST_WAITING + 1) as pool:
        running = [pool.submit(questions.ask, b"?") for _ in range(MOST_WAITING + 1)]
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        assert [each.result() for each in done] == [None]
        hold.set()
        assert sorted(str(each.result()) for each in running) == ["None"] + [str(b"?")] * MOST_WAITING


def test_a_process_that_does_not_answer_is_waited_for_once() -> None:
    ours, theirs = open_sockets(patience=0.05)
    with theirs, ThreadPoolExecutor(3) as pool:
        questions = Questions(ours)
        questions.open()
        running = [pool.submit(questions.ask, question) for question in (b"?", LARGE, LARGE)]
        assert [each.result() for each in running] == [None] * 3
        assert questions.ask(b"?") is None
        questions.close()


@pytest.mark.parametrize("sent", [b"", b"\x00\x00", b"\x00\x00\x00\x09abc", b"\xff\xff\xff\xff"])
def test_a_process_that_ends_or_sends_half_an_answer_has_not_answered(sent: bytes) -> None:
    ours, theirs = open_sockets()
    questions = Questions(ours)
    questions.open()
    theirs.sendall(sent)
    theirs.shutdown(socket.SHUT_WR)
    with theirs:
        assert questions.ask(b"?") is None
        assert questions.ask(b"?") is None
    questions.close()


def test_the_end_does_not_wait_for_an_answer() -> None:
    ours, theirs = open_sockets()
    with theirs, ThreadPoolExecutor(2) as pool:
        questions = Questions(ours)
        questions.open()
        running = [pool.submit(questions.ask, LARGE) for _ in range(2)]
        assert receive(theirs) == LARGE
        questions.close()
        assert [each.result() for each in running] == [None, None]


def test_an_answer_that_cannot_be_sent_ends_the_other_process() -> None:
    ours, theirs = open_sockets()
    worker_questions.send(ours, b"?")
    ours.close()
    answer_questions(theirs, reverse)
    theirs.close()
