"""A connection's first frame, looked at before anybody else reads it: by it the client says which dialect it speaks."""

from __future__ import annotations

import asyncio

from accordant.sync.hocuspocus import speaks_hocuspocus
from accordant.sync.server.channel import Channel, Receiver

__all__ = ["Opening"]


class Opening:
    """A channel's first receiver: keeps what arrives until `pass_to`, and lets the socket rest meanwhile."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._frames: list[bytes | None] = []
        self._is_over = False
        self._arrived = asyncio.Event()

    def listen(self, channel: Channel) -> None:
        """The channel whose receiver this is."""
        self._channel = channel

    def frame_received(self, frame: bytes) -> None:
        """Keep it; the peer is not read on."""
        self._keep(frame)

    def text_received(self) -> None:
        """Keep that there was one."""
        self._keep(None)

    def disconnected(self) -> None:
        """Nothing will arrive."""
        self._is_over = True
        self._arrived.set()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Until something has arrived, or the connection has ended, or the time is over: says whether it is not."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return True

    @property
    def has_arrived(self) -> bool:
        """Whether a frame has come, or nothing will."""
        return self._arrived.is_set()

    @property
    def is_over(self) -> bool:
        """Whether the connection ended before anything arrived."""
        return self._is_over and not self._frames

    def is_hocuspocus(self) -> bool:
        """Whether the first frame is one in that dialect."""
        return bool(self._frames) and speaks_hocuspocus(self._frames[0] or b"")

    def pass_to(self, receiver: Receiver) -> None:
        """From here on `receiver` is told, of what came before first."""
        assert self._channel is not None
        self._channel.receiver = receiver
        if self._frames:
            self._channel.resume()
        for frame in self._frames:
            if frame is None:
                receiver.text_received()
            else:
                receiver.frame_received(frame)
        if self._is_over:
            receiver.disconnected()

    def _keep(self, frame: bytes | None) -> None:
        self._frames.append(frame)
        self._arrived.set()
        if self._channel is not None:
            self._channel.pause()
