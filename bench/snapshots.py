"""What does a snapshot cost, and does a reader feel the writers? `python bench/snapshots.py [--quick]`

First: a snapshot of a text of 1 KB, 1 MB and 10 MB beside a log of as many bytes: right after a change, again while nothing has
changed, and rendered within 4,000 characters. Then: the p50 and p99 of reads, in the process of the engine, alone and beside a
writer that commits without a pause, on the regions that it writes; `fsync` and `process`. Last: a websocket handle that reads
1 MB again, unchanged, against one that has it sent whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from measuring import Row, folder, is_quick, percentile, report

from accordant import Document, Engine, Guarded, Log, Namespace, Text, connect
from accordant.sync.server.run import run

TASK = Namespace.task("bench", "snapshots")
ITEM = "x" * 100


class Page(Document):
    status: Guarded[int]
    draft: Text
    findings: Log[str]


async def cost(size: int) -> Row:
    async with Engine() as engine:
        page = await engine.open(Page, TASK, "page", agent="one")
        for start in range(0, size, 1_000_000):
            await page.draft.append("a" * min(1_000_000, size - start))
        for start in range(0, size, 1_000_000):
            await page.findings.extend([ITEM] * max(1, min(1_000_000, size - start) // len(ITEM)))
        first: list[float] = []
        again: list[float] = []
        rendered: list[float] = []
        for n in range(5):
            await page.draft.append(str(n))
            await page.findings.append(str(n))
            begin = time.perf_counter()
            snap = await page.snapshot()
            first.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            second = await page.snapshot()
            again.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            second.render(4_000)
            rendered.append(time.perf_counter() - begin)
            del snap, second  # letting go of a large one takes time too, and not a snapshot's
    return {
        "snapshot of": f"2 x {size:,} bytes",
        "changed ms": percentile(first, 0.5) * 1e3,
        "unchanged us": percentile(again, 0.5) * 1e6,
        "render ms": percentile(rendered, 0.5) * 1e3,
    }


async def latencies(read: Callable[[], Awaitable[Any]], count: int) -> list[float]:
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        await read()
        times.append(time.perf_counter() - begin)
        await asyncio.sleep(0.0002)
    return times


async def write_until(stop: asyncio.Event, page: Page) -> int:
    """Writes without a pause; returns how many landed."""
    written = 0
    while not stop.is_set():
        await page.status.update(lambda old: old + 1)
        await page.draft.append("y")
        written += 2
    return written


async def beside(path: Path, durability: Literal["fsync", "process"], count: int) -> list[Row]:
    rows: list[Row] = []
    async with Engine(path, durability=durability) as engine:
        writer = await engine.open(Page, TASK, "page", agent="writer")
        reader = await engine.open(Page, TASK, "page", agent="reader")
        await writer.status.commit(0, expect=await writer.status.read())
        await writer.draft.append("long " * 2_000)
        await writer.findings.extend([ITEM] * 100)
        held = await reader.snapshot()
        reads: dict[str, Callable[[], Awaitable[Any]]] = {
            "a held snapshot": held.draft.read,
            "a guarded field": reader.status.read,
            "a text of 10 KB": reader.draft.read,
            "a new snapshot": reader.snapshot,
        }
        for name, read in reads.items():
            alone = await latencies(read, count)
            stop = asyncio.Event()
            writing = asyncio.create_task(write_until(stop, writer))
            busy = await latencies(read, count)
            stop.set()
            written = await writing
            rows.append(
                {
                    "read": name,
                    "durability": durability,
                    "p50 alone us": percentile(alone, 0.5) * 1e6,
                    "p99 alone us": percentile(alone, 0.99) * 1e6,
                    "p50 beside us": percentile(busy, 0.5) * 1e6,
                    "p99 beside us": percentile(busy, 0.99) * 1e6,
                    "p99 ratio": percentile(busy, 0.99) / percentile(alone, 0.99),
                    "writes meanwhile": written,
                }
            )
    return rows


async def over_the_wire(count: int) -> Row:
    async with Engine() as engine:
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(run(engine, "127.0.0.1", 0, lambda _, port: ready.set_result(port)))
        async with connect(Page, f"ws://127.0.0.1:{await ready}", TASK, "page", agent="one", offline=False) as page:
            await page.draft.append("a" * 1_000_000)
            await page.draft.read()
            known = percentile(await latencies(page.draft.read, count), 0.5)
            whole = percentile(await latencies(lambda: page.draft.read(cached=False), count // 20), 0.5)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    return {"1 MB again over a websocket": "p50 ms", "version confirmed": known * 1e3, "sent whole": whole * 1e3}


async def main() -> None:
    quick = is_quick()
    rows = [await cost(size) for size in ((1_000, 100_000) if quick else (1_000, 1_000_000, 10_000_000))]
    report("snapshots", rows)
    with folder() as where:
        read_rows = []
        for durability in ("fsync", "process"):
            read_rows += await beside(where / f"{durability}.db", durability, 300 if quick else 5_000)
    report("reads beside a writer", read_rows)
    report("readings cached by version", [await over_the_wire(20 if quick else 200)])


if __name__ == "__main__":
    asyncio.run(main())
