"""One peer's outbox: how much may wait for it, and how its connection ends.

Nothing here ever makes the room wait: `post` returns at once, and a peer that does not read loses its own connection.
"""

from __future__ import annotations

import asyncio

from accordant.sync.closing import CloseCode
from accordant.sync.server.channel import Channel, Frame
from accordant.types.limits import OUTBOX_BYTES_MAX

__all__ = ["Peer"]


class Peer:
    """The way out to one peer. `listens`: gets updates and awareness; `is_member`: said hello, gets notices."""

    def __init__(self, channel: Channel) -> None:
        self.listens = False
        self.is_member = False
        self.session = ""
        self.posted_at = 0.0
        self._channel = channel
        self._is_closing = False
        self._clock = asyncio.get_running_loop().time

    @property
    def is_closing(self) -> bool:
        """Whether nothing more will be sent."""
        return self._is_closing

    def post(self, frame: bytes | Frame) -> None:
        """Send a frame. An outbox that is full closes this connection alone; a single frame always fits."""
        if self._is_closing:
            return
        if not isinstance(frame, Frame):
            frame = Frame(frame)
        waiting = self._channel.waiting_bytes
        if waiting and waiting + len(frame.payload) > OUTBOX_BYTES_MAX:
            self._is_closing = True
            reason = f"slow_reader: more than {OUTBOX_BYTES_MAX} bytes wait; reconnect and sync again"
            self._channel.cut(int(CloseCode.SLOW), reason)
            return
        self._channel.write(frame)
        self.posted_at = self._clock()

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close after what is in the outbox. The first reason counts."""
        if not self._is_closing:
            self._is_closing = True
            self._channel.close(int(code), reason)
