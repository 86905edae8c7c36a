"""Does the cost of a commit grow with what was committed before? `python bench/growth.py [--quick]`

One agent replaces one guarded value again and again; what is shown is the median time of a commit around the 10th, the
1,000th and the 100,000th. Another appends to a log as often.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from measuring import Row, folder, is_quick, percentile, report

from accordant import Document, Engine, Guarded, Log, Namespace

WINDOW = 200


class Page(Document):
    value: Guarded[int]
    lines: Log[str]


async def replace(page: Page, count: int) -> list[float]:
    times = []
    reading = await page.value.read()
    for n in range(count):
        start = time.perf_counter()
        reading = await page.value.commit(n, expect=reading)
        times.append(time.perf_counter() - start)
    return times


async def append(page: Page, count: int) -> list[float]:
    times = []
    for n in range(count):
        start = time.perf_counter()
        await page.lines.append(f"line {n}")
        times.append(time.perf_counter() - start)
    return times


async def grow(name: str, path: Path | None, count: int) -> Row:
    async with Engine(path, durability="process") as engine:
        page = await engine.open(Page, Namespace.task("bench", "growth"), "page", agent="one")
        times = await (replace if name == "commit" else append)(page, count)
    row: Row = {"operation": name, "store": "memory" if path is None else "sqlite process"}
    for at in (10, 1_000, 10_000, 100_000):
        if at <= count:
            around = times[max(0, at - WINDOW) : at + (WINDOW if at == 10 else 0)]
            row[f"us at {at:,}"] = percentile(around, 0.5) * 1e6
    row["p99.9 us"] = percentile(times, 0.999) * 1e6
    row["worst ms"] = max(times) * 1e3
    return row


async def main() -> None:
    count = 2_000 if is_quick() else 100_000
    rows = []
    for name in ("commit", "append"):
        rows.append(await grow(name, None, count))
        with folder() as place:
            rows.append(await grow(name, place / "growth.db", count))
    report("growth", rows)


if __name__ == "__main__":
    asyncio.run(main())
