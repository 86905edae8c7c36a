"""A client that is nothing but a TCP socket: it sends whatever bytes it likes, and sees exactly what comes back."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

BINARY, TEXT, CONTINUED, CLOSE, PING = 2, 1, 0, 8, 9


def framed(payload: bytes, opcode: int = BINARY, *, final: bool = True, bits: int = 0) -> bytes:
    """One frame as a client sends it, with a mask of zeros: the payload can be read in a dump."""
    head = bytes([opcode | (0x80 if final else 0) | bits])
    size = len(payload)
    if size < 126:
        return head + bytes([0x80 | size]) + bytes(4) + payload
    if size < 65_536:
        return head + b"\xfe" + size.to_bytes(2, "big") + bytes(4) + payload
    return head + b"\xff" + size.to_bytes(8, "big") + bytes(4) + payload


class BareSocket:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """All of it, as far as the server reads; who is closed in the midst of it goes on to read why."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def upgrade(self, path: str, *headers: str) -> int:
        """Ask for a websocket; returns the HTTP status."""
        await self.send(upgrade_request(path, *headers))
        return (await self.answer())[0]

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The HTTP answer: status, headers, and, unless it is a websocket now, the body."""
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body

    async def problem(self) -> tuple[int, str]:
        """Status and problem code of the HTTP answer."""
        status, headers, body = await self.answer()
        assert headers["content-type"] == "application/problem+json"
        told: dict[str, Any] = json.loads(body)
        return status, told["code"]

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload."""
        async with asyncio.timeout(30):
            first, size = await self.reader.readexactly(2)
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 15, await self.reader.readexactly(size)

    async def closed(self) -> tuple[int, str]:
        """The close code, and the reason's code, after whatever else the server still sends."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode().partition(":")[0]

    def stop_reading(self) -> None:
        """Leave what comes in the system's buffers."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_on(self) -> None:
        """Read again."""
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]

    def reset(self) -> None:
        """Go without a word: the other side gets a reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def upgrade_request(path: str, *headers: str) -> bytes:
    """A websocket's handshake."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@asynccontextmanager
async def bare_socket(port: int, source: str | None = None) -> AsyncIterator[BareSocket]:
    """Connect to this machine's port, from another of its loopback addresses if asked."""
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=local, limit=2**26)
    try:
        yield BareSocket(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def bare_websocket(port: int, path: str = "/sync/acme/task/q3/brief") -> AsyncIterator[BareSocket]:
    """The same, after a handshake."""
    async with bare_socket(port) as peer:
        assert await peer.upgrade(path) == 101
        yield peer
