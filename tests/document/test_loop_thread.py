"""A loop in a thread of its own: whoever waits for it hears of its end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from accordant import NoAuthority
from accordant.document.loop_thread import LoopThread


async def for_ever(begun: threading.Event) -> None:
    begun.set()
    await asyncio.Event().wait()


def test_who_waits_when_it_stops_is_told() -> None:
    """Calls that are under way end with `NoAuthority`, in whatever thread they wait; so do those that come later."""
    thread, begun = LoopThread(), threading.Event()
    waiting = [thread.begin(for_ever(begun)) for _ in range(3)]
    assert begun.wait(10)
    thread.stop()
    thread.stop()
    for one in waiting:
        with pytest.raises(NoAuthority) as closed:
            one.result(10)
        assert closed.value.code == "closed"
    with pytest.raises(NoAuthority):
        thread.run(for_ever(begun))
    assert not thread.is_alive


def test_no_call_is_lost_between_asking_and_stopping() -> None:
    """However callers and the end race, every call is answered or refused."""

    async def answer() -> int:
        await asyncio.sleep(0)
        return 1

    for _ in range(30):
        thread, answers = LoopThread(), list[Future[Any] | NoAuthority]()

        def ask(thread: LoopThread = thread, answers: list[Any] = answers) -> None:
            for _ in range(20):
                try:
                    answers.append(thread.begin(answer()))
                except NoAuthority as closed:
                    answers.append(closed)

        callers = [threading.Thread(target=ask) for _ in range(3)]
        for one in callers:
            one.start()
        thread.stop()
        for one in callers:
            one.join()
        for found in answers:
            if isinstance(found, Future):
                error = found.exception(10)
                assert error is None or isinstance(error, NoAuthority)


def test_a_call_that_is_cancelled_by_its_caller_is_cancelled() -> None:
    """The end of the loop is not the only one."""
    thread, begun = LoopThread(), threading.Event()
    waiting = thread.begin(for_ever(begun))
    assert begun.wait(10)
    assert waiting.cancel()
    thread.stop()
    assert waiting.cancelled()
