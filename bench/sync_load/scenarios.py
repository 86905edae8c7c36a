"""What is asked of each server. One function per question; each gives one row of figures."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from measuring import Row, percentile

from sync_load import work
from sync_load.clocks import ends
from sync_load.frames import frame
from sync_load.peer import UPDATE, Dialect, Peer, Tape, join
from sync_load.servers import Running

_names = itertools.count()
WAIT_S = 90


def fresh_name() -> str:
    return f"room-{next(_names)}"


async def throughput(server: Running, writers: int, readers: int, updates: int, in_flight: int) -> Row:
    """Updates a second until every peer, writers included, has seen every one. Fails unless a newcomer then has them all.

    `updates` in all; each writer keeps `in_flight` of its own under way.
    """
    dialect, each = server.dialect(fresh_name()), updates // writers
    made = [work.letters(writer, each) for writer in range(writers)]
    peers = [await join(server.port, dialect) for _ in range(writers + readers)]
    frames = [[peer.message(UPDATE, update) for update in mine] for peer, mine in zip(peers, made, strict=False)]
    await asyncio.sleep(0.2)
    tape = Tape(goal=writers * each, prefix=len(dialect.prefix))
    for peer in peers:
        peer.share(tape)
    for writer in range(writers):
        _pump(peers[writer], frames[writer], work.client(writer), in_flight)
    busy, cpu, began = time.process_time(), server.cpu_s(), time.perf_counter()
    for peer in peers[:writers]:
        assert peer.on_tape is not None
        peer.on_tape()
    async with asyncio.timeout(WAIT_S):
        await asyncio.gather(*(peer.done for peer in peers))
    took = time.perf_counter() - began
    row = {
        "updates/s": writers * each / took,
        "server cpu µs": (server.cpu_s() - cpu) / (writers * each) * 1e6,
        "generator busy": (time.process_time() - busy) / took,
    }
    newcomer = await join(server.port, dialect)
    if work.lengths(newcomer.synced.result(), writers) != [each] * writers:
        raise AssertionError(f"{server.kind.name}: a newcomer lacks writes")
    _leave([*peers, newcomer])
    return row


def _pump(peer: Peer, frames: list[bytes], client: int, in_flight: int) -> None:
    """Have this writer send on whenever its own writes have come back."""
    sent = 0

    def on_tape() -> None:
        nonlocal sent
        assert peer.tape is not None
        until = min(len(frames), peer.tape.seen.get(client, 0) + in_flight)
        if until > sent:
            peer.send(b"".join(frames[sent:until]))
            sent = until

    peer.on_tape = on_tape


async def latency(server: Running, rate: int, seconds: float, writers: int = 4, readers: int = 4) -> Row:
    """Milliseconds from sending a letter to each reader's having it, at that many letters a second in all."""
    return await _timed_letters(server, server.dialect(fresh_name()), rate, seconds, writers, readers)


async def _timed_letters(
    server: Running, dialect: Dialect, rate: int, seconds: float, writers: int, readers: int
) -> Row:
    each = int(rate * seconds) // writers
    peers = [await join(server.port, dialect) for _ in range(writers)]
    listeners = [await join(server.port, dialect) for _ in range(readers)]
    sent: dict[tuple[int, int], float] = {}
    took: list[float] = []
    for listener in listeners:
        _note_arrivals(listener, sent, took)
    frames = [[peer.message(UPDATE, update) for update in work.letters(n, each)] for n, peer in enumerate(peers)]
    began = time.perf_counter()
    for n in range(each * writers):
        until = began + n / rate - time.perf_counter()
        if until > 0:
            await asyncio.sleep(until)
        writer, k = n % writers, n // writers
        sent[work.client(writer), k] = time.perf_counter()
        peers[writer].send(frames[writer][k])
    await _until(lambda: len(took) >= each * writers * readers)
    _leave([*peers, *listeners])
    return {"p50 ms": percentile(took, 0.5) * 1e3, "p99 ms": percentile(took, 0.99) * 1e3}


def _note_arrivals(reader: Peer, sent: dict[tuple[int, int], float], took: list[float]) -> None:
    seen: dict[int, int] = {}

    def on_update(update: bytes) -> None:
        now = time.perf_counter()
        for client, clock in ends(update).items():
            for k in range(seen.get(client, 0), clock):
                if (client, k) in sent:
                    took.append(now - sent[client, k])
            seen[client] = max(seen.get(client, 0), clock)

    reader.on_update = on_update


async def stalled(server: Running, stalled_readers: int, rate: int, seconds: float, size: int) -> Row:
    """The same letters, while one more writer sends blocks at that rate and some readers have stopped reading."""
    dialect = server.dialect(fresh_name())
    deaf = [_deaf(server.port, dialect.path, dialect.greeting, dialect.prefix) for _ in range(stalled_readers)]
    author = await join(server.port, dialect)
    made = work.blocks(99, int(rate * seconds), size)
    frames = [author.message(UPDATE, update) for update in made]
    most = server.resident_mib()

    async def send_blocks() -> None:
        nonlocal most
        began = time.perf_counter()
        for n, block in enumerate(frames):
            until = began + n / rate - time.perf_counter()
            if until > 0:
                await asyncio.sleep(until)
            author.send(block)
            if n % 20 == 0:
                most = max(most, server.resident_mib())

    sending = asyncio.create_task(send_blocks())
    row = await _timed_letters(server, dialect, rate, seconds, 4, 4)
    await sending
    most = max(most, server.resident_mib())
    for sock in deaf:
        sock.close()
    _leave([author])
    return row | {"peak MiB": most}


def _deaf(port: int, path: str, greeting: Sequence[bytes], prefix: bytes) -> socket.socket:
    """One that asks for the document and never reads."""
    deaf = socket.create_connection(("127.0.0.1", port))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    deaf.sendall(request.encode())
    deaf.recv(4096)
    step_1, step_2 = b"\x00\x00\x01\x00", b"\x00\x01\x02\x00\x00"
    deaf.sendall(b"".join(frame(word) for word in (*greeting, prefix + step_1, prefix + step_2)))
    return deaf


async def cold_sync(server: Running, megabytes: int, rounds: int) -> Row:
    """Milliseconds from asking for the whole document to having it, each time after one more edit; and memory then."""
    dialect = server.dialect(fresh_name())
    author, typist = await join(server.port, dialect), await join(server.port, dialect)
    typist.on_update = lambda update: arrived.update(ends(update))
    arrived: dict[int, int] = {}
    for update in work.edited(50, megabytes):
        expected = ends(update)[work.client(50)]
        author.send(author.message(UPDATE, update))
        await _until(lambda expected=expected: arrived.get(work.client(50), 0) >= expected)  # type: ignore[misc]
    took, readers = [], []  # who hangs up while something is on its way to him ends pycrdt-websocket for everybody
    for k, letter in enumerate(work.letters(51, rounds)):
        author.send(author.message(UPDATE, letter))
        await _until(lambda k=k: arrived.get(work.client(51), 0) > k)  # type: ignore[misc]
        reader = await join(server.port, dialect)
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        reader.ask()
        state = await asyncio.wait_for(reader.synced, 60)
        took.append(time.perf_counter() - began)
        if len(state) < megabytes * 900_000:
            raise AssertionError(f"{server.kind.name}: a newcomer got {len(state)} bytes")
        readers.append(reader)
    row = {"median ms": percentile(took, 0.5) * 1e3, "MiB": server.resident_mib()}
    _leave([author, typist, *readers])
    return row


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 - frames that arrive set no event
            await asyncio.sleep(0.001)


async def many_documents(server: Running, documents: int) -> Row:
    """Two peers each, all connected at once, then one letter in every document; and memory then."""
    names, gate, idle = [fresh_name() for _ in range(documents)], asyncio.Semaphore(50), server.resident_mib()

    async def pair(name: str) -> tuple[Peer, Peer]:
        async with gate:
            dialect = server.dialect(name)
            return await join(server.port, dialect), await join(server.port, dialect)

    began = time.perf_counter()
    pairs = await asyncio.gather(*(pair(name) for name in names))
    joined = time.perf_counter() - began
    heard: set[int] = set()
    [letter] = work.letters(0, 1)
    for n, (_, reader) in enumerate(pairs):
        reader.on_update = lambda _update, n=n: heard.add(n)  # type: ignore[misc]
    began = time.perf_counter()
    for writer, _ in pairs:
        writer.send(writer.message(UPDATE, letter))
    await _until(lambda: len(heard) == documents)
    row = {
        "joins/s": 2 * documents / joined,
        "letters/s": documents / (time.perf_counter() - began),
        "KiB a document": (server.resident_mib() - idle) * 1024 / documents,
    }
    _leave([peer for pair in pairs for peer in pair])
    return row


def _leave(peers: Sequence[Peer]) -> None:
    for peer in peers:
        with suppress(OSError):
            peer.transport.close()
