"""A thread with an event loop of its own: how callers without a loop, or with several, reach handles that need one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from accordant.types.errors import Invalid, NoAuthority

__all__ = ["LoopThread"]


class LoopThread:
    """An event loop in a thread of its own, as long as somebody needs it. Any other thread may give it work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
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
        if not self._thread.is_alive():
            work.close()
            raise NoAuthority("this engine is closed", code="closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def is_alive(self) -> bool:
        """Whether calls are still answered."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop the loop and wait for the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
