"""A thread with an event loop of its own: how callers without a loop, or with several, reach handles that need one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from accordant.types.errors import Invalid, NoAuthority
from accordant.types.limits import LOOP_END_S

__all__ = ["LoopThread"]


class LoopThread:
    """An event loop in a thread of its own, as long as somebody needs it. Any other thread may give it work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_stopping = False
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="accordant loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine; raises what it raises."""
        return self.begin(work).result()

    def begin(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Have a coroutine run; its result is there later."""
        if threading.current_thread() is self._thread:  # it would wait for itself, for ever
            work.close()
            raise Invalid(
                "a blocking call inside a function given to update() or compact()",
                code="blocking_inside",
                hint="read what it needs before, and name those readings in derived_from=",
            )
        with self._turn:
            if not self._is_stopping:
                return asyncio.run_coroutine_threadsafe(self._done(work), self._loop)
        work.close()
        raise _closed()

    async def _done(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        except asyncio.CancelledError:
            if self._is_stopping:  # whoever waits in another thread is told, and does not wait for ever
                raise _closed() from None
            raise

    @property
    def is_alive(self) -> bool:
        """Whether calls are still answered."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End what is under way, stop the loop and wait for the thread. Idempotent."""
        with self._turn:
            is_first, self._is_stopping = not self._is_stopping, True
            if is_first:
                asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        if threading.current_thread() is not self._thread:
            self._thread.join()
            if is_first:
                self._loop.close()

    async def _end(self) -> None:
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=LOOP_END_S)
        await asyncio.sleep(0)  # what has just ended is told to whoever waits for it
        self._loop.stop()


def _closed() -> NoAuthority:
    return NoAuthority("this engine is closed", code="closed")
