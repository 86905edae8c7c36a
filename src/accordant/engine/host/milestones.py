"""Who waits for a version to become durable. Knows no document."""

from __future__ import annotations

import asyncio

__all__ = ["Milestones"]


class Milestones:
    """Versions of one document that somebody waits for."""

    def __init__(self) -> None:
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiters)

    async def wait(self, version: int, timeout_s: float) -> None:
        """Until it has passed; raises `TimeoutError`, or what `fail` was told."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((version, waiter))
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        finally:
            self._waiters = [(v, w) for v, w in self._waiters if w is not waiter]

    def passed(self, head: int) -> None:
        """Everything up to here is durable."""
        for version, waiter in self._waiters:
            if version <= head and not waiter.done():
                waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        """No version will follow."""
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
