"""How frames come in and go out: what a connection needs of its server, and the way through plain ASGI.

A *channel* is one websocket. Ours (`protocol.DirectProtocol`) calls the receiver in the very turn in which bytes arrive, and
writes prebuilt frames straight to the transport; under any other server `AsgiChannel` does the same with its messages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from starlette.types import Receive, Send

__all__ = ["DIRECT", "AsgiChannel", "Channel", "Frame", "Receiver"]

DIRECT = "accordant.direct"
"""The ASGI extension under which our own websocket protocol class offers itself as a channel."""

_BINARY = 0x82  # FIN and opcode 2


class Frame:
    """One message towards peers, built once: `payload` for ASGI, `wire` with the websocket's header for direct channels."""

    __slots__ = ("_under", "_wire", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._wire: bytes | None = None
        self._under: dict[bytes, Frame] | None = None

    @property
    def wire(self) -> bytes:
        """The websocket frame, as every peer gets it: a server does not mask."""
        wire = self._wire
        if wire is None:
            wire = self._wire = _header(len(self.payload)) + self.payload
        return wire

    def under(self, prefix: bytes) -> Frame:
        """The same message with a prefix, built once for all peers that share it: a document's name, for Hocuspocus."""
        if self._under is None:
            self._under = {}
        found = self._under.get(prefix)
        if found is None:
            found = self._under[prefix] = Frame(prefix + self.payload)
        return found


def _header(size: int) -> bytes:
    if size < 126:
        return bytes((_BINARY, size))
    if size < 65_536:
        return bytes((_BINARY, 126)) + size.to_bytes(2, "big")
    return bytes((_BINARY, 127)) + size.to_bytes(8, "big")


class Receiver(Protocol):
    """Who is told what arrives, in the loop's own turn; nothing here may wait."""

    def frame_received(self, frame: bytes) -> None:
        """A binary message."""

    def text_received(self) -> None:
        """A message that is not binary."""

    def disconnected(self) -> None:
        """Nothing more comes. May be told twice."""


class Channel(Protocol):
    """One websocket, from accept to its end. `receiver` may be another from one frame to the next."""

    receiver: Receiver

    async def serve(self) -> None:
        """Tell the receiver what arrives, until either side has closed."""

    @property
    def waiting_bytes(self) -> int:
        """What was written and not yet taken by the peer's side of the network."""

    def write(self, frame: Frame) -> None:
        """Send after everything before it; never waits."""

    def pause(self) -> None:
        """Read no more, and hand nothing more on than what the call that is under way brings."""

    def resume(self) -> None:
        """Read again."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye after what was written; the socket goes soon, whether or not the peer reads."""

    def cut(self, code: int, reason: str) -> None:
        """Let go of a peer that does not read, with a goodbye as far as that gets."""


class AsgiChannel:
    """A channel made of ASGI messages. `serve` is the one task that may wait."""

    def __init__(self, receive: Receive, send: Send, receiver: Receiver) -> None:
        self.receiver = receiver
        self._receive = receive
        self._send = send
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._closing: tuple[int, str] | None = None
        self._is_cut = False
        self._wake = asyncio.Event()
        self._readable = asyncio.Event()
        self._readable.set()
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting_bytes(self) -> int:
        """What no `send` has taken yet."""
        return self._waiting_bytes

    def write(self, frame: Frame) -> None:
        """Put it into the queue."""
        self._waiting.append(frame)
        self._waiting_bytes += len(frame.payload)
        self._wake.set()

    def pause(self) -> None:
        """Ask for no more messages."""
        self._readable.clear()

    def resume(self) -> None:
        """Ask for messages again."""
        self._readable.set()

    def close(self, code: int, reason: str) -> None:
        """Close after what is in the queue."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake.set()

    def cut(self, code: int, reason: str) -> None:
        """Forget the queue and let the application end: ASGI knows no goodbye that overtakes what waits."""
        self._is_cut = True
        self._waiting.clear()
        if self._writer is not None:
            self._writer.cancel()

    async def serve(self) -> None:
        """Read and write until either side closes."""
        if self._is_cut:
            return
        reader, writer = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        self._writer = writer
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)
            self.receiver.disconnected()
        if not reader.cancelled() and (error := reader.exception()) is not None:
            raise error

    async def _read(self) -> None:
        while True:
            await self._readable.wait()
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("bytes")
            if frame is None:
                self.receiver.text_received()
            else:
                self.receiver.frame_received(frame)

    async def _write(self) -> None:
        while True:
            while self._waiting:
                frame = self._waiting[0]  # it counts as waiting until it is sent: this is what a slow peer has not read
                await self._send({"type": "websocket.send", "bytes": frame.payload})
                self._waiting.popleft()
                self._waiting_bytes -= len(frame.payload)
            if self._closing is not None:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return
            self._wake.clear()
            await self._wake.wait()
