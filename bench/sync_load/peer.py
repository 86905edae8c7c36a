"""One Yjs peer on a raw socket: joins in either dialect, sends ready-made frames, notes which writes it has seen.

Peers of one room are mostly sent the same bytes. So that a hundred readers cost the generator little beside what they cost the
server, they share a `Tape`: the first to receive a stretch parses it, the others compare their bytes with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from sync_load.clocks import ends
from sync_load.frames import BINARY, CLOSE, PING, PONG, Frames, frame, read_var_uint, var_bytes

STEP_1, STEP_2, UPDATE = b"\x00\x00", b"\x00\x01", b"\x00\x02"
NOTHING = b"\x00\x00"
"""An update that holds nothing; as a state vector, the first byte of it."""

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


@dataclass(frozen=True)
class Dialect:
    """How a document is asked for: the path of the request, and what stands before every message."""

    path: str
    prefix: bytes = b""
    greeting: tuple[bytes, ...] = ()


@dataclass
class Tape:
    """What the peers of a room were sent from one moment on, and what it says."""

    goal: int = 1 << 62
    data: bytearray = field(default_factory=bytearray)
    seen: dict[int, int] = field(default_factory=dict)
    total: int = 0
    done_at: int | None = None
    """Where in `data` the goal was reached: every clock that was written has been seen."""
    prefix: int = 0
    _frames: Frames = field(default_factory=Frames)

    def extend(self, data: bytes) -> None:
        self.data += data
        for opcode, payload in self._frames.feed(data):
            body = payload[self.prefix :]
            if opcode == BINARY and body[:2] in (UPDATE, STEP_2):
                self._note(body)
        if self.total >= self.goal and self.done_at is None:
            self.done_at = len(self.data)

    def _note(self, body: bytes) -> None:
        _, at = read_var_uint(body, 2)
        for client, clock in ends(body[at:]).items():
            before = self.seen.get(client, 0)
            if clock > before:
                self.seen[client] = clock
                self.total += clock - before


class Peer(asyncio.Protocol):
    """`synced` when Step 2 has come, `done` when the shared tape's goal is reached; `lost` when the server hung up."""

    def __init__(self, dialect: Dialect) -> None:
        loop = asyncio.get_running_loop()
        self.dialect = dialect
        self.synced: asyncio.Future[bytes] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.tape: Tape | None = None
        self.at = 0
        self.on_tape: Callable[[], None] | None = None
        self.on_update: Callable[[bytes], None] | None = None
        self._head: bytearray | None = bytearray()
        self._frames = Frames()

    # -- sending ----------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        host, port = transport.get_extra_info("peername")[:2]
        transport.write(
            f"GET {self.dialect.path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def message(self, kind: bytes, body: bytes) -> bytes:
        """The frame of one sync message."""
        return frame(self.dialect.prefix + kind + var_bytes(body))

    def send(self, frames: bytes) -> None:
        self.transport.write(frames)

    def ask(self) -> None:
        """Step 1 of one who has nothing: `synced` becomes the answer."""
        self.synced = asyncio.get_running_loop().create_future()
        self.send(self.message(STEP_1, b"\x00"))

    # -- receiving --------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, found, data = bytes(self._head).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self._end(ConnectionError(head.decode(errors="replace")))
                return
            self._head = None
            self.send(b"".join(frame(greeting) for greeting in self.dialect.greeting))
            self.send(self.message(STEP_1, b"\x00"))
        if self.tape is None:
            self._read(data)
        elif data:
            self._follow(self.tape, data)

    def share(self, tape: Tape) -> None:
        """From now on what comes is on this tape. Call it while nothing is under way."""
        self.tape, self.at, self.done = tape, 0, asyncio.get_running_loop().create_future()

    def _follow(self, tape: Tape, data: bytes) -> None:
        known = len(tape.data) - self.at
        same = data[:known] if known < len(data) else data
        if tape.data[self.at : self.at + len(same)] != same:  # sent in another order than the others: a tape of its own
            own = Tape(tape.goal, prefix=tape.prefix)
            own.extend(bytes(tape.data[: self.at]))
            self.tape = tape = own
            same = b""
        if len(data) > len(same):
            tape.extend(data[len(same) :])
        self.at += len(data)
        if self.on_tape is not None:
            self.on_tape()
        if tape.done_at is not None and self.at >= tape.done_at and not self.done.done():
            self.done.set_result(None)

    def _read(self, data: bytes) -> None:
        for opcode, payload in self._frames.feed(data):
            body = payload[len(self.dialect.prefix) :]
            if opcode == PING:
                self.send(frame(payload, PONG))
            elif opcode == CLOSE:
                self._end(ConnectionError(f"closed: {payload!r}"))
            elif opcode == BINARY and body[:2] == STEP_1:
                self.send(self.message(STEP_2, NOTHING))
            elif opcode == BINARY and body[:2] in (STEP_2, UPDATE):
                _, at = read_var_uint(body, 2)
                if body[1] == 1 and not self.synced.done():
                    self.synced.set_result(body[at:])
                if self.on_update is not None:
                    self.on_update(body[at:])

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server hung up"))

    def _end(self, why: Exception) -> None:
        for waiting in (self.synced, self.done):
            if not waiting.done():
                waiting.set_exception(why)
                waiting.exception()  # whoever waits is told; nobody has to


async def join(port: int, dialect: Dialect) -> Peer:
    """A peer that has been sent the whole document."""
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(lambda: Peer(dialect), "127.0.0.1", port)
    await asyncio.wait_for(asyncio.shield(peer.synced), 60)
    return peer
