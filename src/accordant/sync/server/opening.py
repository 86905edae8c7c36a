"""A connection's first frame, looked at before anybody else reads it: by it the client says which dialect it speaks."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from accordant.sync.hocuspocus import speaks_hocuspocus

__all__ = ["Opening"]


class Opening:
    """Reads the first event without taking it away: `receive` gives it once more, then all others."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._first: asyncio.Future[Message] | None = asyncio.ensure_future(receive())

    async def wait(self, other: asyncio.Future[None], timeout_s: float | None = None) -> bool:
        """Until the first event is there, or `other` is done, or the time is over: says whether it is there."""
        if self._first is None:
            return False
        await asyncio.wait((self._first, other), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        return self._first.done()

    def is_hocuspocus(self) -> bool:
        """Whether the first event is a frame in that dialect."""
        if self._first is None or not self._first.done():
            return False
        event = self._first.result()
        return event["type"] == "websocket.receive" and speaks_hocuspocus(event.get("bytes") or b"")

    async def receive(self) -> Message:
        """The next event."""
        if self._first is None:
            return await self._receive()
        event = await self._first
        self._first = None
        return event

    def end(self) -> None:
        """Read no more."""
        if self._first is not None:
            self._first.cancel()
