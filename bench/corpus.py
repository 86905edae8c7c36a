"""What does a corpus cost as it grows, and does a query feel the contributors? `python bench/corpus.py [--quick]`

First, with 1,000, 10,000 and 100,000 entries there: a contribution that becomes an entry (one after the other, and 32 at once),
one that is merged, a query, a handle's first look, and beside them the bare product of a vector with all vectors, which no exact
search can do without; with vectors that cost nothing to make, and by words alone. Then: the p50 and p99 of queries alone, and
beside contributors at 95 queries to 5 contributions. Last: what the encoder takes for a text, with `OPENBLAS_NUM_THREADS=1`, as
commands have it, or without.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from measuring import Row, is_quick, percentile, report, resident_mib

from accordant import Corpus, Document, Engine, Namespace, corpus
from accordant.patterns.corpus import Entry
from accordant.patterns.corpus.embedding import own_embedder

PLACE = Namespace.role("bench", "backend")
WIDTH = 384
AT_ONCE = 32
THINGS = "parser gateway scheduler exporter indexer mailer planner router sampler tracer cache ledger".split()
DOES = "retries drops buffers encrypts rejects compresses replicates throttles archives validates".split()
WHAT = "uploads sessions invoices webhooks thumbnails migrations heartbeats checkpoints tokens replies".split()
WHERE = "Frankfurt Dublin Oregon Tokyo Sydney Montreal Mumbai Paris Seoul Zurich".split()


class Hashed:
    """Vectors that cost next to nothing: one pseudo-random row a word, and the text's is their sum."""

    model_id = "hashed/1"

    def __init__(self) -> None:
        self._words: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> Any:
        return np.array([sum(self._word(word) for word in text.casefold().rstrip(".").split()) for text in texts])

    def _word(self, word: str) -> Any:
        if word not in self._words:
            if len(self._words) > 50_000:
                self._words.clear()
            seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
            self._words[word] = np.random.Generator(np.random.SFC64(seed)).standard_normal(WIDTH, dtype=np.float32)
        return self._words[word]


def fact(n: int) -> str:
    """No two are alike."""
    thing, does, what, where = (list_[n // 10**place % 10] for place, list_ in enumerate((THINGS, DOES, WHAT, WHERE)))
    return f"The {thing} {does} {what} in {where} after {n} failures."


def hive_class(embedder: Any) -> type[Document]:
    class Hive(Document):
        knowledge: Corpus = corpus(embedder=embedder, scorer=None)

    return Hive


async def filled(hive: Any, there: int, size: int) -> None:
    """Entries from `there` to `size`, written past the comparison: they are known to be unlike."""
    for low in range(there, size, 1_000):
        entries = [Entry(text=fact(n), compared=1) for n in range(low, min(low + 1_000, size))]
        await hive.knowledge.regions[0].extend(entries)


def cpu_ms(start: float, count: int) -> float:
    """What a call took of all cores since then: the figure to compare where others use the machine too."""
    return (time.process_time() - start) / count * 1e3


async def ms_of(count: int, call: Callable[[int], Awaitable[Any]]) -> list[float]:
    times = []
    for n in range(count):
        start = time.perf_counter()
        await call(n)
        times.append((time.perf_counter() - start) * 1e3)
    return times


async def growth(name: str, embedder: Any, sizes: list[int], count: int) -> list[Row]:
    rows: list[Row] = []
    async with Engine() as engine:
        writer: Any = await engine.open(hive_class(embedder), PLACE, "hive", agent="writer")
        there, fresh = 0, 10**9
        for size in sizes:
            await filled(writer, there, size)
            there = size
            memory = resident_mib()
            hive: Any = await engine.open(hive_class(embedder), PLACE, "hive", agent=f"reader-{size}")
            start = time.perf_counter()
            await hive.knowledge.search(fact(0))
            await asyncio.to_thread(hive.knowledge._memory.view.warm, "", None)
            first_s = time.perf_counter() - start
            begin = fresh

            async def accepted(n: int, hive: Any = hive, begin: int = begin) -> None:
                assert (await hive.knowledge.contribute(fact(begin + n))).status == "accepted"

            async def merged(n: int, hive: Any = hive, size: int = size) -> None:
                assert (await hive.knowledge.contribute(fact(n * 7 % size).lower())).status == "merged"

            async def asked(n: int, hive: Any = hive, size: int = size) -> None:
                assert (await hive.knowledge.search(f"{fact(n * 7 % size)} again", limit=5))[0]

            cpu = time.process_time()
            new = await ms_of(count, accepted)
            new_cpu = cpu_ms(cpu, count)
            start = time.perf_counter()
            await asyncio.gather(*(accepted(count + n) for n in range(AT_ONCE)))
            together = AT_ONCE / (time.perf_counter() - start)
            fresh = begin + count + AT_ONCE
            again = await ms_of(count, merged)
            cpu = time.process_time()
            found = await ms_of(count, asked)
            found_cpu = cpu_ms(cpu, count)
            rows.append(
                {
                    "vectors": name,
                    "entries": size,
                    "contribute/s": 1e3 * len(new) / sum(new),
                    "p50 ms": percentile(new, 0.5),
                    "p99 ms": percentile(new, 0.99),
                    "cpu ms": new_cpu,
                    "32 at once/s": together,
                    "merge p50 ms": percentile(again, 0.5),
                    "query p50 ms": percentile(found, 0.5),
                    "query p99 ms": percentile(found, 0.99),
                    "query cpu ms": found_cpu,
                    "bare product cpu ms": product_ms(size) if embedder else None,
                    "first look s": first_s,
                    "MiB a view": resident_mib() - memory,
                }
            )
            await hive.close()
    return rows


def product_ms(size: int) -> float:
    """A vector with all vectors, and the greatest of it: what no exact search can do without."""
    matrix = np.random.default_rng(1).standard_normal((size, WIDTH), dtype=np.float32)
    start = time.process_time()
    for row in matrix[:20]:
        (matrix @ row).argmax()
    return cpu_ms(start, 20)


async def mixed(size: int, count: int) -> list[Row]:
    """Ten agents ask, one after the other and without a pause; beside them every twentieth turn is a contribution."""
    async with Engine() as engine:
        embedder = Hashed()
        writer: Any = await engine.open(hive_class(embedder), PLACE, "hive", agent="writer")
        await filled(writer, 0, size)
        hive: Any = await engine.open(hive_class(embedder), PLACE, "hive", agent="reader")
        other: Any = await engine.open(hive_class(embedder), PLACE, "hive", agent="other")
        for handle in (hive, other):
            await handle.knowledge.search(fact(0))
            await asyncio.to_thread(handle.knowledge._memory.view.warm, "", None)
        done = 0

        async def asked(n: int) -> None:
            nonlocal done
            await hive.knowledge.search(f"{fact(n * 7 % size)} again", limit=5)
            done += 1

        async def contributing(by: Any, stop: asyncio.Event) -> int:
            made, begin = 0, 10**9 if by is other else 2 * 10**9
            while not stop.is_set():
                if done < 19 * (made + 1):
                    await asyncio.sleep(0.001)
                    continue
                await by.knowledge.contribute(fact(begin + made))
                made += 1
            return made

        rows: list[Row] = []
        for name, by in (("another handle", other), ("the same handle", hive)):
            await ms_of(20, asked)
            alone = await ms_of(count, asked)
            done, stop = 0, asyncio.Event()
            beside = asyncio.create_task(contributing(by, stop))
            busy = await ms_of(count, asked)
            stop.set()
            rows.append(
                {
                    "entries": size,
                    "contributing": name,
                    "p50 alone ms": percentile(alone, 0.5),
                    "p99 alone ms": percentile(alone, 0.99),
                    "p50 beside ms": percentile(busy, 0.5),
                    "p99 beside ms": percentile(busy, 0.99),
                    "p99 ratio": percentile(busy, 0.99) / percentile(alone, 0.99),
                    "contributions": await beside,
                }
            )
    return rows


def encoder() -> list[Row]:
    """What a text costs that has no vector yet."""
    own = own_embedder()
    if own is None:
        return []
    own.embed([fact(0)])
    rows: list[Row] = []
    for count in (1, 64):
        start = time.perf_counter()
        for turn in range(64 // count):
            own.embed([fact(count * 1_000 + turn * count + n) for n in range(count)])
        rows.append({"texts at once": count, "ms a text": (time.perf_counter() - start) / 64 * 1e3})
    return rows


def main() -> None:
    sizes = [200, 500] if is_quick() else [1_000, 10_000, 100_000]
    count = 20 if is_quick() else 100
    report("corpus", asyncio.run(growth("free", Hashed(), sizes, count)))
    report("corpus by words", asyncio.run(growth("none", None, sizes[:2], count)))
    report("corpus mixed", [row for size in sizes[:2] for row in asyncio.run(mixed(size, 10 * count))])
    if rows := encoder():
        report("corpus encoder", rows)


if __name__ == "__main__":
    main()
