"""What does following a document cost its writer, and how late is an event? `python bench/events.py [--quick]`

One writer appends to a log in memory, one write after another. The first row of each table is the writer alone, in the same run;
`writes` of the others is to be compared with it. Then 1, 10 and 100 subscribers of that log, in the process of the engine, over
websockets, and by server-sent events; and 100 and 1,000 whose filter never fits; `connected` are as many websocket
handles that follow nothing. Latency is from the call of a write to the event in the subscriber's hands, at 20 writes a
second. The writer, the server and all subscribers share one process and its loop: a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from measuring import Row, percentile, report

from accordant import Document, Engine, GuardedMap, Log, Namespace, connect
from accordant.sync.server.run import run

TASK = Namespace.task("bench", "events")
PACED, PACED_PER_S = 100, 20
"""Writes of which the latency is measured: so few a second that nobody waits in a queue."""


class Page(Document):
    notes: Log[str]
    tasks: GuardedMap[int]


class Clock:
    """When each write began, and how long its events took to arrive."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.late: list[float] = []
        self.last = 0.0

    def heard(self, n: int) -> None:
        self.last = time.perf_counter()
        self.late.append(self.last - self.began[n])


async def follow(events: Any, writes: int, clock: Clock) -> None:
    for n in range(writes):
        await anext(events)
        clock.heard(n)


async def follow_stream(reader: asyncio.StreamReader, writes: int, clock: Clock) -> None:
    n = 0
    while n < writes:
        if (await reader.readline()).startswith(b"data: "):
            clock.heard(n)
            n += 1


@asynccontextmanager
async def subscribed(
    stack: AsyncExitStack, way: str, count: int, url: str, writer: Page, regions: tuple[str, ...]
) -> AsyncIterator[list[Callable[[int, Clock], Awaitable[None]]]]:
    """So many followers, each subscribed."""
    followers: list[Callable[[int, Clock], Awaitable[None]]] = []
    for n in range(count):
        if way == "sse":
            address = urlsplit(url)
            reader, socket = await asyncio.open_connection(address.hostname, address.port)
            path = f"/documents/{writer.key.path}/events?regions={','.join(regions)}"
            socket.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Agent: r{n}\r\n\r\n".encode())
            while not (await reader.readline()).startswith(b"id:"):
                pass
            stack.callback(socket.close)
            followers.append(lambda writes, clock, reader=reader: follow_stream(reader, writes, clock))
            continue
        doc = writer
        if way != "process":
            doc = await stack.enter_async_context(
                connect(Page, url, TASK, writer.key.name, agent=f"r{n}", offline=False)
            )
        if way == "connected":
            continue
        events = await stack.enter_async_context(doc.events(*regions))
        followers.append(lambda writes, clock, events=events: follow(events, writes, clock))
    yield followers


async def measure(engine: Engine, url: str, way: str, count: int, writes: int, regions: tuple[str, ...]) -> Row:
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(
            await engine.open(Page, TASK, f"{way}-{count}-{regions[0]}-{time.monotonic_ns()}", agent="writer")
        )
        flood, paced = Clock(), Clock()
        async with subscribed(stack, way, count, url, writer, regions) as followers:
            is_heard = "notes" in regions
            wrote = await _write(writer, writes, flood, 0.0, followers if is_heard else [])
            await _write(writer, PACED, paced, 1 / PACED_PER_S, followers if is_heard else [])
        late, heard = paced.late, flood.last - flood.began[0]
        return {
            "way": way,
            "subscribers": count,
            "fits": is_heard,
            "writes/s": writes / wrote,
            "events/s": len(flood.late) / heard if late else None,
            "p50 ms": percentile(late, 0.5) * 1e3 if late else None,
            "p99 ms": percentile(late, 0.99) * 1e3 if late else None,
        }


async def _write(
    writer: Page, writes: int, clock: Clock, pause_s: float, followers: list[Callable[[int, Clock], Awaitable[None]]]
) -> float:
    """Write, and wait until everybody has heard of it; how long the writing alone took."""
    hearing = [asyncio.ensure_future(one(writes, clock)) for one in followers]
    begin = time.perf_counter()
    for n in range(writes):
        clock.began.append(time.perf_counter())
        await writer.notes.append(str(n))
        if pause_s:
            await asyncio.sleep(pause_s)
    wrote = time.perf_counter() - begin
    await asyncio.gather(*hearing)
    return wrote


@asynccontextmanager
async def _served(engine: Engine) -> AsyncIterator[str]:
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        run(
            engine,
            "127.0.0.1",
            0,
            lambda host, port: address.set_result(f"ws://{host}:{port}"),
        )
    )
    try:
        yield await address
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)


async def main(writes: int) -> None:
    rows: list[Row] = []
    jobs = [("alone", 0, ("notes",)), ("alone", 0, ("notes",))]  # the first one warms up
    jobs += [("process", count, ("notes",)) for count in (1, 10, 100)]
    jobs += [("process", count, ("tasks",)) for count in (100, 1_000)]
    jobs += [(way, count, ("notes",)) for way in ("websocket", "sse") for count in (1, 10, 100)]
    jobs += [("websocket", 100, ("tasks",)), ("connected", 100, ("tasks",)), ("alone", 0, ("notes",))]
    async with Engine() as engine, _served(engine) as url:
        for way, count, regions in jobs:
            some = writes // 10 if count == 100 and regions == ("notes",) else writes
            rows.append(await measure(engine, url, way, count, some, regions))
            print(f"{way}, {count} subscribers of {regions[0]}: {rows[-1]['writes/s']:,.0f} writes/s", flush=True)
    base = rows[1]["writes/s"]
    report("following", [row | {"of alone": row["writes/s"] / base} for row in rows[1:]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few writes, to see that it works")
    asyncio.run(main(200 if parser.parse_args().quick else 5_000))
