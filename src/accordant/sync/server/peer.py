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
    """The way out to one peer. `listens`: gets updates; `watches`: gets presences; `is_member`: said hello, gets notices."""

    def __init__(self, channel: Channel) -> None:
        self.listens = False
        self.watches = False
        self.is_member = False
        self.session = ""
        self.posted_at = 0.0
        self._channel = channel
        self._is_closing = False
        self._holds = 0
        self._held: list[Frame] = []
        self._held_bytes = 0
        self._whole_bytes = 0
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
        if not waiting:
            self._whole_bytes = 0
        counted = max(0, waiting - self._whole_bytes) + self._held_bytes
        if (waiting or self._held_bytes) and counted + len(frame.payload) > OUTBOX_BYTES_MAX:
            self._overflow()
            return
        self._channel.write(frame)
        self.posted_at = self._clock()

    def post_whole(self, frame: Frame) -> None:
        """Send a whole state. It does not count against what follows: of a large document that is written all the time, a
        newcomer would be cut off with the first change after it. A second one, while one may still wait, counts."""
        if self._whole_bytes and self._channel.waiting_bytes:
            self.post(frame)
        elif not self._is_closing:
            self._whole_bytes = len(frame.payload)
            self._channel.write(frame)
            self.posted_at = self._clock()

    def _overflow(self) -> None:
        self._is_closing = True
        self._held.clear()
        reason = f"slow_reader: more than {OUTBOX_BYTES_MAX} bytes wait; reconnect and sync again"
        self._channel.cut(int(CloseCode.SLOW), reason)

    def publish(self, frame: Frame) -> None:
        """Send an update, but not before a whole state that is on its way: the update may stand on what is in there, and
        yrs, unlike yjs, can leave such an update waiting for good."""
        if not self._holds or self._is_closing:
            self.post(frame)
        elif self._held_bytes + len(frame.payload) > OUTBOX_BYTES_MAX:
            self._overflow()
        else:
            self._held.append(frame)
            self._held_bytes += len(frame.payload)

    def turn_away(self) -> None:
        """From now on it is sent nothing that changes, and nothing of what waits for a whole state."""
        self.listens = self.watches = False
        self._held.clear()
        self._held_bytes = 0

    def hold(self) -> None:
        """A whole state will be sent: updates wait for it. Each `hold` needs its `release`."""
        self._holds += 1

    def release(self) -> None:
        """The whole state was sent: so is what waited."""
        self._holds -= 1
        if not self._holds:
            held, self._held, self._held_bytes = self._held, [], 0
            for frame in held:
                self.post(frame)

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close after what is in the outbox. The first reason counts."""
        if not self._is_closing:
            self._is_closing = True
            self._channel.close(int(code), reason)
