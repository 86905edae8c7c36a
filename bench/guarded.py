"""Compare-and-swap: commits a second by contenders, in memory and in a file; and how much of the work is useful.

`python bench/guarded.py [--quick]`. The second table is eight writers that think for a millisecond: on one guarded object,
with a naive loop (read, think, commit, begin again when beaten) and with `update`, and on the same object split into guarded
fields and merging regions, which is what removes the waste.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

from measuring import Row, folder, is_quick, report

from accordant import Conflict, Counter, Document, Engine, Guarded, GuardedMap, Log, Namespace

PLACE = Namespace.task("bench", "guarded")
THINK_S = 0.001
WRITERS = 8


class Board(Document):
    value: Guarded[int]
    record: Guarded[dict[str, Any]]
    fields: GuardedMap[int]
    findings: Log[str]
    total: Counter


async def boards(engine: Engine, count: int) -> list[Board]:
    return [await engine.open(Board, PLACE, "board", agent=f"agent-{n}") for n in range(count)]


async def contend(board: Board, seconds: float, tally: list[int]) -> None:
    """Commit as fast as answered; beaten, go on from what the conflict told."""
    end = time.perf_counter() + seconds
    reading = await board.value.read()
    while time.perf_counter() < end:
        tally[1] += 1
        try:
            reading = await board.value.commit((reading.value or 0) + 1, expect=reading)
            tally[0] += 1
        except Conflict as conflict:
            reading = conflict.fields["reading"]


async def rate(path: Path | None, durability: Literal["fsync", "process"], contenders: int, seconds: float) -> Row:
    """Commits that landed, and those that were tried, per second."""
    async with Engine(path, durability=durability) as engine:
        tally = [0, 0]
        start = time.perf_counter()
        await asyncio.gather(*(contend(board, seconds, tally) for board in await boards(engine, contenders)))
        took = time.perf_counter() - start
    where = "memory" if path is None else f"sqlite {durability}"
    return {
        "store": where,
        "contenders": contenders,
        "commits/s": tally[0] / took,
        "attempts/s": tally[1] / took,
        "useful share": tally[0] / tally[1],
    }


async def independent(path: Path | None, durability: Literal["fsync", "process"], writers: int, seconds: float) -> Row:
    """As many writers, each on a key of its own: what the engine gives when nobody contends."""

    async def write(board: Board) -> int:
        end, landed = time.perf_counter() + seconds, 0
        reading = await board.fields.read(board.agent)
        while time.perf_counter() < end:
            reading = await board.fields.commit(board.agent, landed, expect=reading)
            landed += 1
        return landed

    async with Engine(path, durability=durability) as engine:
        start = time.perf_counter()
        landed = sum(await asyncio.gather(*map(write, await boards(engine, writers))))
        took = time.perf_counter() - start
    where = "memory" if path is None else f"sqlite {durability}"
    return {"store": where, "contenders": f"{writers} own keys", "commits/s": landed / took, "useful share": 1.0}


# -- useful work -----------------------------------------------------------------------------------------------

Job = Callable[[Board, int], Awaitable[int]]


async def naive(board: Board, n: int) -> int:
    """The whole record, thought about after each read; returns the attempts that one finished job took."""
    attempts = 0
    while True:
        attempts += 1
        reading = await board.record.read()
        await asyncio.sleep(THINK_S)
        record = dict(reading.value or {})
        record[board.agent] = n
        record["total"] = record.get("total", 0) + 1
        try:
            await board.record.commit(record, expect=reading)
            return attempts
        except Conflict:
            continue


async def thoughtful(board: Board, n: int) -> int:
    """The same through `update`, which paces the losers."""
    attempts = 0

    async def derive(record: dict[str, Any] | None) -> dict[str, Any]:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(THINK_S)
        return {**(record or {}), board.agent: n, "total": (record or {}).get("total", 0) + 1}

    await board.record.update(derive, attempts=10_000)
    return attempts


async def split(board: Board, n: int) -> int:
    """The same facts as one's own guarded key, a log entry and a counter, in one transaction."""
    reading = await board.fields.read(board.agent)
    await asyncio.sleep(THINK_S)
    async with board.transaction() as tx:
        await tx.fields.commit(board.agent, n, expect=reading)
        await tx.findings.append(f"{board.agent} {n}")
        await tx.total.increment(1)
    return 1


async def useful(name: str, job: Job, jobs_each: int) -> Row:
    """Jobs done by eight writers, and attempts made."""

    async def work(board: Board) -> int:
        return sum([await job(board, n) for n in range(jobs_each)])

    async with Engine() as engine:
        start = time.perf_counter()
        attempts = sum(await asyncio.gather(*map(work, await boards(engine, WRITERS))))
        took = time.perf_counter() - start
    done = WRITERS * jobs_each
    return {"eight writers, 1 ms": name, "jobs/s": done / took, "attempts": attempts, "useful share": done / attempts}


async def main() -> None:
    seconds = 0.2 if is_quick() else 2.0
    rows = []
    for number, contenders in enumerate((1, 8, 64)):
        rows.append(await rate(None, "fsync", contenders, seconds))
        for durability in ("process", "fsync"):
            with folder() as place:
                rows.append(await rate(place / f"{number}.db", durability, contenders, seconds))
    for writers in (8, 64):
        rows.append(await independent(None, "fsync", writers, seconds))
        with folder() as place:
            rows.append(await independent(place / "own.db", "fsync", writers, seconds))
    report("guarded", rows)
    jobs = 5 if is_quick() else 100
    report(
        "useful work",
        [
            await useful("one object, naive loop", naive, jobs),
            await useful("one object, update()", thoughtful, jobs),
            await useful("split fields", split, jobs),
        ],
    )


if __name__ == "__main__":
    asyncio.run(main())
