"""`Store` and `DocStore` beside LangGraph's stores: puts, gets and searches a second, in one run; and how a search grows.

`python bench/store.py [--quick]`. LangGraph's SQLite store takes part where `langgraph-checkpoint-sqlite` is installed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.store.base import BaseStore, PutOp
from langgraph.store.memory import InMemoryStore
from measuring import Row, folder, is_quick, report, timed

from accordant import Document, Engine, Namespace, Store, store
from accordant.adapters.langgraph import DocStore
from accordant.patterns.store import Put

PLACE = Namespace.task("bench", "store")
SPACES = 100


class Hive(Document):
    memory: Store[Any] = store()


def rate(count: int, work: Callable[[int], Any]) -> float:
    start = time.perf_counter()
    for n in range(count):
        work(n)
    return count / (time.perf_counter() - start)


def calls(name: str, one: BaseStore, count: int) -> Row:
    """Blocking calls, one after the other, from one thread."""
    value = {"text": "a fact of some length, as agents write them", "n": 1}
    puts = rate(count, lambda n: one.put(("facts", str(n % SPACES)), str(n), value | {"n": n}))
    bulk = count // 250

    def batch(n: int) -> None:
        one.batch([PutOp(("bulk", str(n)), str(key), value) for key in range(250)])

    bulk_puts = rate(bulk, batch) * 250
    gets = rate(count, lambda n: one.get(("facts", str(n % SPACES)), str(n)))
    searches = rate(count // 10, lambda n: one.search(("facts", str(n % SPACES))))
    filters = rate(count // 50, lambda n: one.search(("facts",), filter={"n": n}))
    names = ("put/s", "put/s by 250", "get/s", "search/s", "filtered search/s")
    return {"store": name, **dict(zip(names, (puts, bulk_puts, gets, searches, filters), strict=True))}


@contextmanager
def sqlite_of_langgraph(path: Path) -> Iterator[BaseStore | None]:
    try:
        from langgraph.store.sqlite import SqliteStore
    except ImportError:
        yield None
        return
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        own = SqliteStore(connection)
        own.setup()
        yield own
    finally:
        connection.close()


def adapters(count: int) -> list[Row]:
    with folder() as place:
        rows = [calls("InMemoryStore", InMemoryStore(), count)]
        with sqlite_of_langgraph(place / "theirs.db") as theirs:
            if theirs is not None:
                rows.append(calls("LangGraph's SqliteStore", theirs, count))
        with DocStore() as memory:
            rows.append(calls("DocStore, memory", memory, count))
        with DocStore.open(place / "process.db", durability="process") as memory:
            rows.append(calls("DocStore, file, process", memory, count))
        with DocStore.open(place / "fsync.db") as memory:
            rows.append(calls("DocStore, file, fsync", memory, count))
    for row in rows[1:]:
        row["put of InMemory"] = f"{row['put/s'] / rows[0]['put/s']:.3f}"
        row["get of InMemory"] = f"{row['get/s'] / rows[0]['get/s']:.3f}"
    return rows


async def growth(sizes: list[int]) -> list[Row]:
    """One handle's store as it grows: the first search reads all, later ones what has changed."""
    rows: list[Row] = []
    async with Engine() as engine:
        hive = await engine.open(Hive, PLACE, "hive", agent="writer")
        there = 0
        for size in sizes:
            for start in range(there, size, 250):
                puts = [Put(("facts", str(n % SPACES)), str(n), {"n": n}) for n in range(start, min(start + 250, size))]
                await hive.memory.write(*puts)
            there = size
            reader = await engine.open(Hive, PLACE, "hive", agent="reader")
            row: Row = {"items": size}
            memory = reader.memory
            work: dict[str, Awaitable[Any]] = {
                "first search ms": memory.search(("facts", "7")),
                "search ms": memory.search(("facts", "7")),
                "page at the end ms": memory.search(("facts",), offset=size - 10),
                "filtered search ms": memory.search(("facts",), filter={"n": 3}),
                "list_namespaces ms": memory.list_namespaces(),
                "get ms": memory.get(("facts", "7"), "7"),
            }
            for name, one in work.items():
                row[name] = await timed(one) * 1_000
            await hive.memory.put(("facts", "7"), "7", {"n": -1}, overwrite=True)
            start_s = time.perf_counter()
            found = await reader.memory.search(("facts", "7"), filter={"n": -1})
            row["search after a write ms"] = (time.perf_counter() - start_s) * 1_000
            assert [one.key for one in found] == ["7"], "a write was not seen"
            rows.append(row)
    return rows


def main() -> None:
    count = 500 if is_quick() else 5_000
    report("store", adapters(count))
    report("store growth", asyncio.run(growth([500, 1_000] if is_quick() else [1_000, 10_000, 100_000])))


if __name__ == "__main__":
    main()
