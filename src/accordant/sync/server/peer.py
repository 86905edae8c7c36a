"""One peer's outbox: what waits for it, how much that may be, and how its connection ends.

Nothing here ever makes the room wait: `post` returns at once, and a peer that does not read loses its own connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.types import Send

from accordant.sync.closing import CloseCode
from accordant.types.limits import OUTBOX_BYTES_MAX

__all__ = ["Cut", "Peer"]

Cut = Callable[[int, str], None]
"""Ends a connection whose peer does not read: says goodbye as far as that gets, and soon lets go of the socket."""


class Peer:
    """The way out to one peer. `listens`: gets updates and awareness; `is_member`: said hello, gets notices."""

    def __init__(self, send: Send, cut: Cut | None) -> None:
        self.listens = False
        self.is_member = False
        self.session = ""
        self.posted_at = 0.0
        self._send = send
        self._cut = cut
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._closing: tuple[CloseCode, str] | None = None
        self._loop = asyncio.get_running_loop()
        self._writer = asyncio.create_task(self._write())

    @property
    def is_closing(self) -> bool:
        """Whether nothing more will be sent."""
        return self._closing is not None

    @property
    def writer(self) -> asyncio.Task[None]:
        """Ends when the connection does: the owner waits for it and hears of its failure."""
        return self._writer

    def post(self, frame: bytes) -> None:
        """Put a frame into the outbox. One that is full closes this connection alone; a single frame always fits."""
        if self._closing is not None:
            return
        if self._waiting and self._waiting_bytes + len(frame) > OUTBOX_BYTES_MAX:
            self._overflow()
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        self.posted_at = self._loop.time()
        self._wake.set()

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close after what is in the outbox. The first reason counts."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    async def end(self) -> None:
        """The connection has ended: stop writing."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)

    def _overflow(self) -> None:
        reason = f"slow_reader: more than {OUTBOX_BYTES_MAX} bytes wait; reconnect and sync again"
        self._closing = (CloseCode.SLOW, reason)
        self._waiting.clear()
        if self._cut is not None:
            self._cut(*self._closing)
        self._writer.cancel()

    async def _write(self) -> None:
        while True:
            while self._waiting:
                frame = self._waiting[0]  # it counts as waiting until it is sent: this is what a slow peer has not read
                await self._send({"type": "websocket.send", "bytes": frame})
                self._waiting.popleft()
                self._waiting_bytes -= len(frame)
            if self._closing is not None:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})
                return
            self._wake.clear()
            await self._wake.wait()
