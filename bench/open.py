"""Opening a document with 100,000 entries, and the memory of an open one. `python bench/open.py [--quick]`

The store is written once, then opened in fresh processes: with its checkpoint, and without it (the whole log folded).
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import apsw
from measuring import Row, folder, is_quick, report, resident_mib

from accordant import Document, Engine, Guarded, Log, Namespace, Text

PLACE = Namespace.task("bench", "open")
SMALL_DOCUMENTS = 200


class Page(Document):
    title: Guarded[str]
    lines: Log[str]
    draft: Text


async def fill(path: Path, entries: int) -> None:
    """A third guarded commits, a third log items, a third typing."""
    async with Engine(path, durability="process") as engine:
        pages = [await engine.open(Page, PLACE, "large", agent=f"agent-{n}") for n in range(16)]

        async def work(page: Page) -> None:
            for n in range(entries // len(pages)):
                if n % 3 == 0:
                    await page.lines.append(f"{page.agent} {n}: something that was found out")
                elif n % 3 == 1:
                    await page.draft.append("a few words ")
                else:
                    await page.title.update(lambda title, n=n: f"title {n}", attempts=1_000)

        await asyncio.gather(*map(work, pages))


async def opened(path: Path) -> Row:
    """In this process: how long until the first reading of the large document, and what it holds in memory."""
    async with Engine(path, durability="process") as engine:
        before = resident_mib()
        start = time.perf_counter()
        page = await engine.open(Page, PLACE, "large", agent="reader")
        title = await page.title.read()
        took = time.perf_counter() - start
        return {"entries": title.token.generation, "open s": took, "memory MiB": resident_mib() - before}


async def many(path: Path) -> Row:
    """Small documents: time and memory for each that is open."""
    async with Engine(path, durability="process") as engine:
        before, start = resident_mib(), time.perf_counter()
        for n in range(SMALL_DOCUMENTS):
            page = await engine.open(Page, PLACE, f"small-{n}", agent="reader")
            await page.draft.append("a note of some thirty letters")
        took = time.perf_counter() - start
        each = (resident_mib() - before) / SMALL_DOCUMENTS
        return {"entries": 5, "open s": took / SMALL_DOCUMENTS, "memory MiB": each}


def in_a_fresh_process(what: str, path: Path) -> Row:
    output = subprocess.run([sys.executable, __file__, "--measure", what, str(path)], capture_output=True, check=True)
    row: Row = json.loads(output.stdout)
    return row


def main() -> None:
    entries = 3_000 if is_quick() else 100_000
    with folder() as place:
        path = place / "open.db"
        start = time.perf_counter()
        asyncio.run(fill(path, entries))
        rows = [{"document": "written", "entries": entries, "entries/s": entries / (time.perf_counter() - start)}]
        rows.append({"document": "large, checkpoint", **in_a_fresh_process("large", path)})
        connection = apsw.Connection(str(path))
        connection.execute("delete from checkpoints")
        connection.close()
        rows.append({"document": "large, whole log", **in_a_fresh_process("large", path)})
        rows.append({"document": f"small, of {SMALL_DOCUMENTS}", **in_a_fresh_process("small", place / "small.db")})
        rows[0]["file MiB"] = path.stat().st_size / 2**20
    report("open", rows)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        what, path = sys.argv[2:4]
        print(json.dumps(asyncio.run(opened(Path(path)) if what == "large" else many(Path(path)))))
    else:
        main()
