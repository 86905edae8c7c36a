"""Peers that say too much, or read too little: the writers of the same document are not slowed down, and memory is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pycrdt
import pytest

from accordant.sync.hocuspocus import Token, name_prefix
from accordant.sync.hocuspocus import encode_message as encode_named
from accordant.sync.messages import CAPABILITIES, Hello
from accordant.sync.wire import (
    Awareness,
    AwarenessState,
    Own,
    OwnType,
    QueryAwareness,
    SyncStep1,
    SyncUpdate,
    encode_message,
)
from accordant.types.limits import CHATTER_BURST, CHATTER_PER_S, MESSAGES_PER_FRAME_MAX
from bare_socket import PING, BareSocket, bare_websocket, framed
from honest_pair import DOCUMENT, honest_pair
from processes import ServerProcess
from raw_peer import raw_peer
from worlds import in_loop

FLOOD_S = 0.7
LARGE = 1_000_000
MEMORY_BYTES_MAX = 200 * 2**20
"""Of the whole server process, which begins at 60 MB; the document has one or a few."""
STEP_1 = encode_message(SyncStep1(b"\x00"))
QUERY = encode_message(QueryAwareness())
NAMED = name_prefix(DOCUMENT.encode())


@asynccontextmanager
async def large_document(path: Path, *options: str) -> AsyncIterator[ServerProcess]:
    """A server whose document has a megabyte in it, so that asking for it is cheap and answering is not."""
    async with ServerProcess(path / "s.db", "--durability", "process", *options) as server:
        async with raw_peer(server.url) as writer:
            await writer.append("x" * LARGE, "bulk")
            await writer.hear_until(SyncUpdate)
        yield server


def again(payload: bytes, opcode: int = 2) -> Iterator[bytes]:
    """The same frame for ever, many at a time."""
    many = framed(payload, opcode) * max(1, 20_000 // (len(payload) + 6))
    while True:
        yield many


def typing() -> Iterator[bytes]:
    """One letter an update, for ever."""
    doc: pycrdt.Doc[None] = pycrdt.Doc(client_id=4_711)
    made: list[bytes] = []
    watch = doc.observe(lambda event: made.append(framed(encode_message(SyncUpdate(event.update)))))
    text = doc.get("flood", type=pycrdt.Text)
    for _ in count():
        for _ in range(200):
            text.insert(0, "y")
        yield b"".join(made)
        made.clear()
    assert watch is not None


def presences() -> Iterator[bytes]:
    """A pointer that moves faster than any hand."""
    for start in count(0, 200):
        states = ((AwarenessState(4_711, start + n, '{"x":1}'),) for n in range(200))
        yield b"".join(framed(encode_message(Awareness(one))) for one in states)


def calls() -> Iterator[bytes]:
    """Question after question of one of our own clients."""
    hello = Hello(agent="flooder", shared=True, capabilities=CAPABILITIES)
    yield framed(encode_message(Own(OwnType.HELLO, hello.to_json())))
    for start in count(0, 100):
        bodies = ({"id": start + n, "method": "outline", "body": {}} for n in range(100))
        yield b"".join(framed(encode_message(Own(OwnType.CALL, body))) for body in bodies)


def comes_and_goes() -> Iterator[bytes]:
    """One document of a Hocuspocus connection, begun and left, for ever."""
    once = framed(NAMED + encode_named(Token("", None))) + framed(NAMED + b"\x07")
    while True:
        yield once * 50


def asks_in_the_other_dialect() -> Iterator[bytes]:
    """Step 1 for ever."""
    yield framed(NAMED + encode_named(Token("", None)))
    yield from again(NAMED + STEP_1)


FLOODS = {
    "updates": typing,
    "presences": presences,
    "questions for the whole state": lambda: again(STEP_1),
    "a thousand such questions in a frame": lambda: again(STEP_1 * MESSAGES_PER_FRAME_MAX),
    "questions who is here": lambda: again(QUERY),
    "a thousand such questions who is here": lambda: again(QUERY * MESSAGES_PER_FRAME_MAX),
    "calls": calls,
    "pings": lambda: again(b"", PING),
    "pings with something in them": lambda: again(b"p" * 125, PING),
    "Hocuspocus pings": lambda: again(b"\x09"),
    "documents that come and go": comes_and_goes,
    "questions in the other dialect": asks_in_the_other_dialect,
}


async def flood(peer: BareSocket, frames: Iterator[bytes]) -> None:
    """As fast as the server reads."""
    until = time.monotonic() + FLOOD_S
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + FLOOD_S):
            for frame in frames:
                await peer.send(frame)
                await asyncio.sleep(0)
                if time.monotonic() > until or peer.writer.is_closing():
                    return


async def drink(peer: BareSocket) -> None:
    """Read it all and forget it."""
    while await peer.reader.read(2**20):
        pass


def door_of(name: str) -> str:
    """Where this flood comes in: Hocuspocus connections of several documents have a door of their own."""
    return "/sync" if name in ("documents that come and go", "questions in the other dialect") else f"/sync/{DOCUMENT}"


@pytest.mark.parametrize("name", FLOODS)
@in_loop
async def test_a_flood_is_its_senders_affair(tmp_path: Path, name: str) -> None:
    """A peer that sends without end and reads what it gets is read as fast as is fair: not closed, and nobody else waits."""
    async with (
        large_document(tmp_path) as server,
        honest_pair(server) as account,
        bare_websocket(server.port, door_of(name)) as peer,
    ):
        reading = asyncio.create_task(drink(peer))
        await flood(peer, FLOODS[name]())
        assert not reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert account.memory_bytes < MEMORY_BYTES_MAX


SLOW = (4508, "slow_reader")
UNREAD = {
    "updates": None,
    "questions for the whole state": SLOW,
    "a thousand such questions in a frame": SLOW,
    "questions in the other dialect": SLOW,
    "a thousand such questions who is here": None,
    "calls": None,
    "pings with something in them": None,
}
"""Whether such a flood's answers grow beyond what may wait: the others are not read as fast as they are sent."""


@pytest.mark.parametrize("name", UNREAD)
@in_loop
async def test_a_flood_whose_answers_nobody_reads(tmp_path: Path, name: str) -> None:
    """What waits for such a peer is bounded: it is closed with 4508 where more would wait, and nobody else does."""
    async with (
        large_document(tmp_path) as server,
        honest_pair(server) as account,
        bare_websocket(server.port, door_of(name)) as peer,
    ):
        peer.stop_reading()
        await flood(peer, FLOODS[name]())
        peer.read_on()
        end = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10 if UNREAD[name] else 0.2):
                end = await peer.closed()
        assert end == UNREAD[name]
    assert account.memory_bytes < MEMORY_BYTES_MAX


@in_loop
async def test_a_listener_that_stops_reading_is_let_go(tmp_path: Path) -> None:
    """Of a document that others write, four megabytes wait for one that has stopped to read; then it is 4508, and the memory
    comes back."""
    async with (
        large_document(tmp_path) as server,
        honest_pair(server) as account,
        bare_websocket(server.port) as peer,
        raw_peer(server.url) as writer,
    ):
        await peer.send(framed(STEP_1))
        await peer.frame()
        peer.stop_reading()
        for _ in range(16):
            await writer.append("z" * LARGE, "bulk")
            await writer.hear_until(SyncUpdate)
        peer.read_on()
        assert await peer.closed() == SLOW
    assert account.memory_bytes < MEMORY_BYTES_MAX


@in_loop
async def test_who_talks_too_fast_is_not_read(tmp_path: Path) -> None:
    """Of presences that come faster than the pace no more are taken in than it allows, whatever was sent."""
    taken = 0
    async with (
        ServerProcess(tmp_path / "s.db") as server,
        honest_pair(server),
        raw_peer(server.url) as witness,
        bare_websocket(server.port) as peer,
    ):
        reading = asyncio.create_task(drink(peer))
        began = time.monotonic()
        await flood(peer, presences())
        until = time.monotonic() + 1
        while time.monotonic() < until:  # the pair's words keep this going
            message = await witness.hear()
            if isinstance(message, Awareness):
                taken = max([taken, *(state.clock for state in message.states if state.client == 4_711)])
        seconds = time.monotonic() - began
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert CHATTER_BURST * 0.9 < taken < CHATTER_BURST + CHATTER_PER_S * seconds + 200
