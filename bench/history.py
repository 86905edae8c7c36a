"""What do questions about the past cost? `python bench/history.py [--entries 1000000] [--quick]`

A store file of so many entries (guarded writes on 200 keys, a log, a text, eight agents; written in bulk, with the bytes that an
engine writes) is asked why, traced and audited, warm; then once more after its pages were thrown out of memory, where the
system lets us. Blame is asked of a text of 100,000 characters by three authors, old versions of a document of 20,000 entries
with a checkpoint near them and without.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from measuring import Row, folder, report

from accordant import Document, Engine, Log, Namespace, Text
from accordant.engine.host.recall import Archive, recall
from accordant.engine.host.replay import outline_at
from accordant.engine.stores.contract import ALL, AuditQuery, Commit, FieldWrite
from accordant.engine.stores.memory import MemoryStore
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.update import ANY, STRING, Struct, encode_update
from accordant.types.entries import Auth, Entry, EntryKind, OpRecord
from accordant.types.past import Recall

KEY = "bench/task/history/page"
CLIENT = 2**52 + 1
NEEDLE = "Churn in Q3 was 4.1% at last"
WORDS = (
    "churn revenue plan account customer renewal forecast pipeline quarter region board figure source analyst".split()
)
BULK = 1_000


class Page(Document):
    draft: Text
    lines: Log[str]


class Writer:
    """Entries as an engine writes them: headers of about 330 bytes, updates that go on where the last one ended."""

    def __init__(self) -> None:
        self._dice = random.Random(1)
        self._ends: dict[str, tuple[int, int] | None] = {"findings": None, "draft": None}
        self._clock = 0

    def commit(self, offset: int, said: str | None = None) -> Commit:
        """The next entry; `said` goes to the log."""
        dice = self._dice
        actor, sort = f"agent-{dice.randrange(8)}", 1 if said else dice.randrange(3)
        text = said or " ".join(dice.choices(WORDS, k=9)) + f" {dice.randrange(10**6) / 100}%"
        fields: list[FieldWrite] = []
        update = None
        if sort == 0:
            key = str(dice.randrange(200))
            op = OpRecord("tasks", "commit", key, max(offset - 600, 0), {"value": text, "is_set": True})
            fields.append(FieldWrite(op.path, f'"{text}"', actor, 1_700_000_000_000 + offset))
        elif sort == 1:
            op = OpRecord("findings", "append", None, None, {"count": 1, "first": [text]})
            update = self._update("findings", ANY, [text], 1)
        else:
            text += ". "
            op = OpRecord("draft", "append", None, None, {"inserted": text, "chars": len(text)})
            update = self._update("draft", STRING, text, len(text))
        entry = Entry(
            offset,
            EntryKind.WRITE,
            1_700_000_000_000 + offset,
            actor,
            f"{dice.randrange(20):032x}",
            5,
            Auth.ASSERTED,
            (op,),
            "what the source says",
            op_id=f"{dice.getrandbits(128):032x}",
            update=update,
        )
        return Commit(entry, {}, fields)

    def _update(self, region: str, kind: int, content: Any, length: int) -> bytes:
        origin = self._ends[region]
        parent = region if origin is None else None
        struct = Struct(kind, CLIENT, self._clock, length, origin, None, parent, None, content, 0)
        self._clock += length
        self._ends[region] = (CLIENT, self._clock - 1)
        return encode_update({CLIENT: [struct]})


async def fill(store: SqliteStore, count: int) -> None:
    """Commit so many entries in bulk."""
    await store.create(KEY, "bench")
    lease = await store.acquire(ALL, "bench", 3_600)
    writer, start = Writer(), time.perf_counter()
    for first in range(1, count + 1, BULK):
        last = min(first + BULK, count + 1)
        await store.commit(
            KEY, lease.epoch, [writer.commit(at, NEEDLE if at == count // 3 else None) for at in range(first, last)]
        )
        if first % (count // 10 or 1) == 1 or last > count:
            seconds = time.perf_counter() - start
            print(f"  {last - 1:,} of {count:,} entries, {seconds:.0f} s", file=sys.stderr)


async def clocked(question: str, rounds: int, ask: Callable[[], Awaitable[Any]]) -> Row:
    """The median and the worst of some rounds."""
    times, found = [], None
    for _ in range(rounds):
        start = time.perf_counter()
        found = await ask()
        times.append(time.perf_counter() - start)
    return {
        "question": question,
        "median ms": sorted(times)[rounds // 2] * 1e3,
        "worst ms": max(times) * 1e3,
        "found": found,
    }


async def questions(path: Path, count: int) -> list[Row]:
    """Why, trace and audit, warm, then cold."""
    rows = []
    store = SqliteStore(path, durability="process")
    await store.open()
    archive = Archive(store, KEY, count)

    async def why(ref: str) -> int:
        return len((await recall(archive, Recall("why", path=ref)))["derived"])

    async def trace(text: str) -> int:
        return len((await recall(archive, Recall("trace", text=text)))["appearances"])

    async def audit(**conditions: Any) -> int:
        return len(await store.audit(AuditQuery(KEY, **conditions)))

    try:
        await trace("warm up")
        for ref in ("tasks/7", "tasks", "findings", "draft", f"findings@{count // 3}.0"):
            rows.append(await clocked(f"why {ref}", 5, lambda ref=ref: why(ref)))
        for name, text in (("one log item", NEEDLE), ("nothing", "was never written"), ("a number", "4.1% at last")):
            rows.append(await clocked(f"trace {name}", 3, lambda text=text: trace(text)))
        for name, conditions in (
            ("newest 100", {}),
            ("path", {"path": "tasks/7"}),
            ("actor and path", {"actor": "agent-3", "path": "findings"}),
            ("an hour", {"since": 1_700_000_000_000 + count // 2, "until": 1_700_000_000_000 + count // 2 + 50}),
            ("denials (none)", {"kind": "denial"}),
        ):
            rows.append(await clocked(f"audit {name}", 5, lambda conditions=conditions: audit(**conditions)))
        await store.close()
        if forget(path):
            await store.open()
            rows.append(await clocked("trace nothing, cold", 1, lambda: trace("was never written")))
    finally:
        await store.close()
    return rows


def forget(path: Path) -> bool:
    """Ask the system to drop the file's pages; whether it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


async def blamed(chars: int) -> list[Row]:
    """Blame of a text of so many characters, typed in words by three authors at random places."""
    dice, written = random.Random(2), 0
    async with Engine() as engine:
        pages = [
            await engine.open(Page, Namespace.task("bench", "history"), "page", agent=f"author-{n}") for n in "abc"
        ]
        while written < chars:
            word = f"{dice.choice(WORDS)} "
            await dice.choice(pages).draft.insert(dice.randint(0, written), word)
            written += len(word)
        version = pages[0].version
        rows = [await clocked(f"blame {chars:,} characters", 3, lambda: pages[0].blame("draft"))]
        rows.append(await clocked(f"blame at v{version // 2:,}", 3, lambda: pages[0].blame("draft", at=version // 2)))
    for row in rows:
        row["found"] = len(row["found"])
    return rows


async def old_versions(count: int) -> list[Row]:
    """`at`: a version in the middle without any checkpoint, with those that the engine keeps by itself, and the last one."""
    rows: list[Row] = []
    for store, name in ((Forgetful(), "without checkpoints"), (MemoryStore(), "with its checkpoints")):
        async with Engine(store=store) as engine:
            page = await engine.open(Page, Namespace.task("bench", "history"), "page", agent="one")
            for n in range(count):
                await (page.lines.append(f"line {n}") if n % 2 else page.draft.append("A sentence of a text. "))
        key = page.key.path
        for version in (page.version * 3 // 4, page.version):
            row = await clocked(
                f"at v{version:,} {name}", 3, lambda store=store, key=key, at=version: outline_at(store, key, at)
            )
            near = await store.load(key, version)
            rows.append(row | {"found": f"checkpoint {0 if near is None else near.offset:,}"})
    return rows


class Forgetful(MemoryStore):
    """A store that keeps no checkpoint: everything is folded from the log."""

    async def checkpoint(self, document: str, offset: int, state: bytes) -> None:
        """Dropped."""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="entries of the document that is asked (1,000,000)"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    chosen = parser.parse_args()
    count = 3_000 if chosen.quick else chosen.entries
    rows: list[Row] = []
    with folder() as place:
        path = place / "history.db"
        print(f"writing {count:,} entries", file=sys.stderr)
        store = SqliteStore(path, durability="process")
        await store.open()
        try:
            await fill(store, count)
        finally:
            await store.close()
        print(f"  {path.stat().st_size / 2**20:,.0f} MiB; asking", file=sys.stderr)
        rows += await questions(path, count)
    print("blame and old versions", file=sys.stderr)
    rows += await blamed(2_000 if chosen.quick else 100_000)
    rows += await old_versions(1_000 if chosen.quick else 20_000)
    report("history", rows)


if __name__ == "__main__":
    asyncio.run(main())
