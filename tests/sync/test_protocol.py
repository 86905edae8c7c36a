"""The short way into the server: whatever the bytes of a websocket look like, the connection gets the same messages."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pycrdt
import pytest

from accordant import Document, DocumentKey, Engine, Namespace, Text
from accordant.sync.server import protocol
from accordant.sync.server.channel import Frame
from accordant.sync.server.connection import Connection
from accordant.sync.wire import SyncStep2, SyncUpdate, decode_frame, encode_message
from accordant.types.limits import FRAME_BYTES_MAX, UPDATES_IN_FLIGHT_MAX
from raw_peer import ROOM
from served import GatedStore
from serving import serving
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
BINARY, TEXT, CONTINUED, CLOSE, PING = 2, 1, 0, 8, 9
STEP_1 = b"\x00\x00\x01\x00"


class Brief(Document):
    draft: Text


def framed(payload: bytes, opcode: int = BINARY, final: bool = True, mask: bytes = b"\x11\x22\x33\x44") -> bytes:
    """One frame as a client sends it."""
    head = bytes([opcode | (0x80 if final else 0)])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Wire:
    """A client that is nothing but a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload."""
        async with asyncio.timeout(10):
            first, size = await self._reader.readexactly(2)
            if size > 125:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            return first & 15, await self._reader.readexactly(size)

    async def update(self) -> bytes:
        """The next Update or Step 2."""
        while True:
            opcode, payload = await self.frame()
            assert opcode == BINARY, (opcode, payload)
            [message] = decode_frame(payload, 2**30)
            if isinstance(message, SyncUpdate | SyncStep2):
                return message.update

    async def closed(self) -> int:
        """The close code, after which the server ends the connection."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                self.writer.write(framed(payload[:2], CLOSE))
                async with asyncio.timeout(10):
                    while await self._reader.read(65_536):
                        pass
                return int.from_bytes(payload[:2], "big")


@asynccontextmanager
async def wire(url: str, behind: bytes = b"") -> AsyncIterator[Wire]:
    """A websocket after its handshake; `behind` is sent with the request, without waiting for the answer."""
    host, port = url.removeprefix("ws://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET {ROOM} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    writer.write(f"{request}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    writer.write(behind)
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def typed(*texts: str, client: int = 7) -> list[bytes]:
    """The frames' payloads of one who types."""
    doc: pycrdt.Doc[None] = pycrdt.Doc(client_id=client)
    sent: list[bytes] = []
    watch = doc.observe(lambda event: sent.append(encode_message(SyncUpdate(event.update))))
    text = doc.get("draft", type=pycrdt.Text)
    for piece in texts:
        text.insert(len(text), piece)
    assert watch is not None
    return sent


async def draft(engine: Engine) -> str:
    brief = await engine.open(Brief, TASK, "brief", agent="reader", shared=True)
    return (await brief.draft.read()).value


async def arrives(engine: Engine, expected: str) -> None:
    brief = await engine.open(Brief, TASK, "brief", agent="reader", shared=True)
    async with asyncio.timeout(10):
        while (await brief.draft.read()).value != expected:  # noqa: ASYNC110 - other parties, which set no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1_000_000])
@in_loop
async def test_frames_may_be_cut_anywhere(step: int) -> None:
    """Byte by byte, or all at once: the same messages, in order."""
    pieces = ["a", "b" * 200, "c", "d" * 300]
    stream = framed(STEP_1) + b"".join(map(framed, typed(*pieces)))
    async with Engine() as engine, serving(engine) as url, wire(url) as peer:
        for at in range(0, len(stream), step):
            peer.writer.write(stream[at : at + step])
            await peer.writer.drain()
            await asyncio.sleep(0)
        await arrives(engine, "".join(pieces))


@pytest.mark.parametrize("size", [100, 125, 126, 127, 65_400, 65_535, 65_536, 70_000, 1_000_000])
@in_loop
async def test_frames_of_every_length(size: int) -> None:
    """The three ways to write a length, at their borders, with other frames before and behind, and back to the sender."""
    pieces = ["<", "x" * size, ">"]
    async with Engine() as engine, serving(engine) as url, wire(url) as peer:
        peer.writer.write(framed(STEP_1) + b"".join(map(framed, typed(*pieces))))
        await arrives(engine, "".join(pieces))
        mine: pycrdt.Doc[None] = pycrdt.Doc()
        while str(mine.get("draft", type=pycrdt.Text)) != "".join(pieces):
            mine.apply_update(await peer.update())


@in_loop
async def test_fragments_with_pings_between_them() -> None:
    """A message in pieces is one message, a ping in its midst is answered, and whole frames go on behind it."""
    first, second, third = typed("one ", "two ", "three")
    async with Engine() as engine, serving(engine) as url, wire(url) as peer:
        peer.writer.write(framed(STEP_1) + framed(first))
        peer.writer.write(framed(second[:3], BINARY, final=False) + framed(b"are you there", PING))
        peer.writer.write(framed(second[3:9], CONTINUED, final=False))
        await peer.writer.drain()
        await asyncio.sleep(0.05)
        peer.writer.write(framed(second[9:], CONTINUED) + framed(third))
        await arrives(engine, "one two three")
        pongs = []
        while not pongs:
            opcode, payload = await peer.frame()
            pongs += [payload] if opcode == 10 else []
        assert pongs == [b"are you there"]


@pytest.mark.parametrize(
    ("offence", "code"),
    [
        (framed(b"text", TEXT), 4400),
        (b"\x82\x04\x00\x00\x01\x00", 1002),  # not masked
        (framed(STEP_1, 3), 1002),  # an opcode that nobody knows
        (framed(b"\x00\x00", BINARY, final=False) + framed(STEP_1), 1002),  # a message inside another
        (framed(STEP_1, CONTINUED), 1002),  # the rest of nothing
        (b"\xc2\x84\x00\x00\x00\x00" + STEP_1, 1002),  # an extension that was not agreed
        (b"\x82\xff" + (FRAME_BYTES_MAX * 16).to_bytes(8, "big") + bytes(4), 4413),
        (b"\x82\xff" + (FRAME_BYTES_MAX + 1).to_bytes(8, "big") + bytes(FRAME_BYTES_MAX + 5), 4413),
        (framed(b"\x03\xe8", CLOSE), 1000),
    ],
)
@in_loop
async def test_offences_have_their_codes(offence: bytes, code: int) -> None:
    """Whatever is wrong, the socket closes with the code for it, and the next peer is served."""
    async with Engine() as engine, serving(engine) as url:
        async with wire(url) as peer:
            peer.writer.write(framed(STEP_1))
            await peer.update()
            peer.writer.write(offence)
            assert await peer.closed() == code
        async with wire(url) as next_one:
            next_one.writer.write(framed(STEP_1))
            await next_one.update()


@pytest.mark.parametrize("cut", [0, 1, 5, 11])
@in_loop
async def test_who_does_not_wait_for_the_handshake_harms_nobody(cut: int) -> None:
    """Frames sent behind the request, even half of one, never shift what follows."""
    [update] = typed("early")
    stream = framed(STEP_1) + framed(update)
    async with Engine() as engine, serving(engine) as url:
        async with wire(url, stream[:cut]) as peer:
            peer.writer.write(stream[cut:])
            await peer.writer.drain()
            await asyncio.sleep(0.3)
        async with wire(url) as next_one:
            next_one.writer.write(framed(STEP_1) + b"".join(map(framed, typed("!", client=8))))
            await next_one.update()
        assert await draft(engine) in ("!", "early!", "!early")


@in_loop
async def test_a_flood_waits_in_the_socket() -> None:
    """While the store is busy only so much of one peer is taken in; all of it lands afterwards, in order."""
    store = GatedStore()
    async with Engine(store=store) as engine, serving(engine) as url, wire(url) as peer:
        peer.writer.write(framed(STEP_1))
        await peer.update()
        store.gate.clear()
        count = 4 * UPDATES_IN_FLIGHT_MAX
        for payload in typed(*"x" * count):
            peer.writer.write(framed(payload))
        await asyncio.sleep(0.5)
        host = await engine.host(DocumentKey.of(TASK, "brief"))
        waiting = len(host._inbox) + sum(len(one.parts) or 1 for one in host._flying.pending)
        assert waiting <= UPDATES_IN_FLIGHT_MAX + 1
        store.gate.set()
        await arrives(engine, "x" * count)


@in_loop
async def test_what_was_sent_before_a_goodbye_lands() -> None:
    """A peer that sends and closes at once, or just drops, has been heard."""
    dice = random.Random(1)
    async with Engine() as engine, serving(engine) as url:
        for client in range(5):
            async with wire(url) as peer:
                peer.writer.write(framed(STEP_1))
                await peer.update()
                peer.writer.write(b"".join(map(framed, typed(*"y" * 1_400, client=100 + client))))
                if dice.random() < 0.5:
                    peer.writer.write(framed(b"\x03\xe8", CLOSE))
                await peer.writer.drain()
        await arrives(engine, "y" * 7_000)


@in_loop
async def test_a_chunk_of_many_frames_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a connection has had its time the loop goes round before its next frame, and all arrive in their order."""
    monkeypatch.setattr(protocol, "CONNECTION_TURN_S", 0.0)
    turns, seen = 0, set()
    receive = Connection.frame_received

    def counted(connection: Connection, frame: bytes) -> None:
        seen.add(turns)
        receive(connection, frame)

    monkeypatch.setattr(Connection, "frame_received", counted)

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with Engine() as engine, serving(engine) as url, wire(url) as peer:
        turning = asyncio.create_task(turn())
        peer.writer.write(framed(STEP_1) + b"".join(map(framed, typed(*"z" * 300))))
        await arrives(engine, "z" * 300)
        turning.cancel()
    assert len(seen) > 250


def test_a_frame_is_built_once() -> None:
    """All peers are written the same bytes, and all that share a prefix too."""
    frame = Frame(b"x" * 200)
    assert frame.wire is frame.wire
    assert frame.wire[:4] == b"\x82\x7e\x00\xc8"
    assert frame.under(b"name") is frame.under(b"name")
    assert frame.under(b"name").payload == b"name" + b"x" * 200
