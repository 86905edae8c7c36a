"""Rebuilding old versions, and letting go of them. `python bench/retention.py [--quick] [--only at|compact|beside]`

`at`: an old version at random of a document with 100,000 entries, with the ladder of checkpoints and with the first and the
newest alone, as it was before there was a ladder. `compact`: how fast a compaction of 200,000 entries goes, and what it frees,
in the file and by a vacuum. `beside`: the latency of eight writers of another document while a compaction runs beside theirs,
and without one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

import apsw
from measuring import Row, folder, is_quick, percentile, report, timed

from accordant import Document, DocumentKey, Engine, Log, Namespace, Text
from accordant.engine.stores.sqlite_database import vacuum

PLACE = Namespace.task("bench", "retention")
KEY = DocumentKey.of(PLACE, "large")
WRITERS = 8
FILLERS = 100
QUESTIONS = 40


class Page(Document):
    """Typing, and findings."""

    lines: Log[str]
    draft: Text


def say(text: str) -> None:
    """Progress, where somebody watches."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


async def fill(path: Path, entries: int) -> None:
    """By many agents at once: nine pieces of a text, then an item of a log."""
    async with Engine(path, durability="process") as engine:
        pages = [await engine.open(Page, PLACE, KEY.name, agent=f"agent-{n}") for n in range(FILLERS)]

        async def work(page: Page) -> None:
            for n in range(entries // FILLERS):
                if n % 10 == 0:
                    await page.lines.append(f"{page.agent} {n}: something that was found out, with its source")
                else:
                    await page.draft.append("some words that were typed at once ")

        await asyncio.gather(*map(work, pages))


async def questions(path: Path, rounds: int) -> list[float]:
    """Seconds for an old version each, evenly over the whole log."""
    dice = random.Random(7)
    async with Engine(path, durability="process") as engine:
        head = (await engine.store.heads([KEY.path]))[KEY.path]
        return [await timed(engine.outline_at(KEY, dice.randint(1, head))) for _ in range(rounds)]


def at(place: Path) -> list[Row]:
    """Old versions with and without the ladder."""
    entries, path = 4_000 if is_quick() else 100_000, place / "at.db"
    say(f"writing {entries:,} entries")
    asyncio.run(fill(path, entries))
    rows: list[Row] = []
    for name in ("ladder", "first and newest alone"):
        say(f"asking for {QUESTIONS} old versions: {name}")
        connection = apsw.Connection(str(path))
        if name != "ladder":
            ends = "select min(offset) from checkpoints union select max(offset) from checkpoints"
            connection.execute(f"delete from checkpoints where offset not in ({ends})")
        kept, kept_bytes = connection.execute("select count(*), sum(length(state)) from checkpoints").fetchone()
        connection.close()
        took = asyncio.run(questions(path, QUESTIONS))
        rows.append(
            {
                "checkpoints": name,
                "kept": kept,
                "MiB": kept_bytes / 2**20,
                "at p50 ms": percentile(took, 0.5) * 1e3,
                "at p95 ms": percentile(took, 0.95) * 1e3,
                "at max ms": max(took) * 1e3,
            }
        )
    return rows


def compaction(place: Path) -> list[Row]:
    """All but the newest hundredth of a large log goes."""
    entries, path = 8_000 if is_quick() else 200_000, place / "compact.db"
    say(f"writing {entries:,} entries")
    asyncio.run(fill(path, entries))
    before = path.stat().st_size

    async def run() -> Row:
        async with Engine(path, durability="process") as engine:
            head = (await engine.store.heads([KEY.path]))[KEY.path]
            start = time.perf_counter()
            done = await engine.compact(KEY, head - entries // 100)
            took = time.perf_counter() - start
            return {
                "entries": done.entries,
                "s": took,
                "entries/s": done.entries / took,
                "freed MiB": done.bytes / 2**20,
            }

    say("compacting")
    row = asyncio.run(run())
    row |= {"file MiB before": before / 2**20, "after": path.stat().st_size / 2**20}
    connection = apsw.Connection(str(path))
    row["free MiB in it"] = (
        connection.execute("pragma freelist_count").get * connection.execute("pragma page_size").get / 2**20
    )
    connection.close()
    start = time.perf_counter()
    vacuum(str(path))
    row |= {"vacuumed": path.stat().st_size / 2**20, "vacuum s": time.perf_counter() - start}
    return [row]


async def latencies(path: Path, seconds: float, beside: bool) -> tuple[list[float], float]:
    """Each writer's calls, one after another; with a compaction of the large document from the first moment on."""
    async with Engine(path) as engine:
        pages = [await engine.open(Page, PLACE, "small", agent=f"writer-{n}") for n in range(WRITERS)]
        await asyncio.gather(*(page.lines.append("warm") for page in pages))
        until, took = time.perf_counter() + seconds, list[float]()
        ended = 0.0

        async def work(page: Page) -> None:
            while time.perf_counter() < until and not (beside and ended):
                took.append(await timed(page.lines.append("a line of some thirty letters")))

        async def compact() -> None:
            nonlocal ended
            start = time.perf_counter()
            head = (await engine.store.heads([KEY.path]))[KEY.path]
            await engine.compact(KEY, head - 1)
            ended = time.perf_counter() - start

        await asyncio.gather(*(work(page) for page in pages), *([compact()] if beside else []))
        return took, ended


def beside(place: Path) -> list[Row]:
    """Writers of one document while another is compacted in the same store."""
    entries, path = 8_000 if is_quick() else 200_000, place / "beside.db"
    say(f"writing {entries:,} entries")
    asyncio.run(fill(path, entries))
    rows: list[Row] = []
    for name, is_beside in (("alone", False), ("while compacting", True), ("alone again", False)):
        say(name)
        took, ended = asyncio.run(latencies(path, 120.0 if is_beside else (1.0 if is_quick() else 8.0), is_beside))
        p99 = percentile(took, 0.99) * 1e3
        row: Row = {"writers": name, "writes": len(took), "p50 ms": percentile(took, 0.5) * 1e3, "p99 ms": p99}
        row |= {"max ms": max(took) * 1e3, "p99 ratio": p99 / rows[0]["p99 ms"] if rows else 1.0}
        rows.append(row | ({"compaction s": ended} if is_beside else {}))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--only", choices=["at", "compact", "beside"], help="one question alone")
    only = parser.parse_args().only
    for name, measure in (("at", at), ("compact", compaction), ("beside", beside)):
        if only in (None, name):
            with folder() as place:
                report(f"retention {name}", measure(place))


if __name__ == "__main__":
    main()
