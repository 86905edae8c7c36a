"""The same peers on accordant and on other Yjs servers, in one run. `python bench/peers_sync.py [--quick] [--only NAME]`

Fetches Hocuspocus, y-websocket's server and pycrdt-websocket into `bench/sync_peers` the first time. Every server is one process;
the generator is another and opens raw sockets, so that only servers are measured; where it was the bottleneck, the column
`generator busy` says so (1 = all of its core). Servers take turns, rounds are repeated, the median counts, and ratios are to
Hocuspocus in the same run. What the figures do not show: accordant judges every update before it applies it and logs it with
its author; the others do neither, and keep nothing on disk here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from measuring import Row, folder, is_quick, report
from sync_load import scenarios, servers
from sync_load.servers import HOCUSPOCUS, Kind, Running, running

QUICK = is_quick()


@dataclass(frozen=True)
class Question:
    """A scenario with its sizes. `ratio_of` is the figure that is compared; `is_alone`: a fresh process for each answer."""

    name: str
    ask: Callable[[Running], Awaitable[Row]]
    ratio_of: tuple[str, ...]
    is_alone: bool = False


def _throughput(writers: int, readers: int, in_flight: int, updates: int) -> Question:
    updates = updates // 10 if QUICK else updates
    return Question(
        f"{writers} writers, {readers} readers, {in_flight} in flight",
        lambda server: scenarios.throughput(server, writers, readers, updates, in_flight),
        ("updates/s",),
    )


def _stalled(readers: int) -> Question:
    seconds = 2 if QUICK else 10
    return Question(
        f"{readers} stalled readers, 200 blocks of 20 kB a second",
        lambda server: scenarios.stalled(server, readers, 200, seconds, 20_000),
        ("p99 ms", "peak MiB"),
        is_alone=True,
    )


def _cold(megabytes: int) -> Question:
    return Question(
        f"cold sync of {megabytes} MB",
        lambda server: scenarios.cold_sync(server, megabytes, 5),
        ("median ms", "MiB"),
        is_alone=True,
    )


QUESTIONS = (
    _throughput(1, 1, 200, 20_000),
    _throughput(8, 8, 200, 20_000),
    _throughput(8, 8, 10, 20_000),
    _throughput(1, 100, 200, 5_000),
    _throughput(50, 50, 200, 5_000),
    Question(
        "200 letters a second, 4 writers, 4 readers",
        lambda server: scenarios.latency(server, 200, 1 if QUICK else 8),
        ("p50 ms", "p99 ms"),
    ),
    _stalled(0),
    _stalled(5),
    _cold(1),
    _cold(2 if QUICK else 10),
    Question(
        f"{100 if QUICK else 1_000} documents, two peers each",
        lambda server: scenarios.many_documents(server, 100 if QUICK else 1_000),
        ("joins/s", "letters/s", "KiB a document"),
        is_alone=True,
    ),
)


async def answers(question: Question, kinds: list[Kind], rounds: int) -> list[Row]:
    """One row per server, medians over the rounds."""
    found: dict[str, list[Row]] = {kind.name: [] for kind in kinds}
    async with AsyncExitStack() as stack:
        if not question.is_alone:
            alive = [await _start(stack, kind) for kind in kinds]
        for n in range(rounds):
            for at in range(len(kinds)):
                kind = kinds[(at + n) % len(kinds)]
                async with AsyncExitStack() as once:
                    server = await _start(once, kind) if question.is_alone else alive[(at + n) % len(kinds)]
                    began = time.perf_counter()
                    found[kind.name].append(await _asked(question, server))
                    print(f"  {kind.name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)
    rows = [_median(question.name, name, rows) for name, rows in found.items()]
    against = next((row for row in rows if row["server"] == HOCUSPOCUS), None)
    for row in rows:
        for figure in question.ratio_of if against else ():
            if row.get(figure) is not None and against and against.get(figure):
                row[f"{figure} / {HOCUSPOCUS}"] = row[figure] / against[figure]
    return rows


async def _start(stack: AsyncExitStack, kind: Kind) -> Running:
    return await stack.enter_async_context(running(kind, stack.enter_context(folder())))


async def _asked(question: Question, server: Running) -> Row:
    """A server that cannot do it is a finding about that server, not the end of the measurement."""
    try:
        return await question.ask(server)
    except (AssertionError, ConnectionError, TimeoutError) as failed:
        print(f"  {server.kind.name}: {failed!r}", file=sys.stderr)
        return {"failed": 1}


def _median(question: str, server: str, rows: list[Row]) -> Row:
    """Medians over the rounds that ended well, and how many did not."""
    figures = dict.fromkeys(column for row in rows for column in row)
    middle: Row = {"server": server, "question": question}
    for figure in figures:
        values = [row[figure] for row in rows if figure in row]
        middle[figure] = sum(values) if figure == "failed" else median(values)
    return middle


def flush_ms() -> float:
    """What one flush of this disk costs, the middle of fifty."""
    took = []
    with folder() as where, (where / "flushed").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took) * 1e3


def main() -> None:
    """Fetch what is compared, then ask every question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one round")
    parser.add_argument("--only", default="", help="questions whose name holds this")
    parser.add_argument("--servers", default="", help="servers whose name holds one of these words, comma between")
    parser.add_argument("--rounds", type=int, default=1 if QUICK else 3)
    asked = parser.parse_args()
    subprocess.run([sys.executable, str(servers.PEERS / "install.py")], check=True)
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    with suppress(ImportError):  # the generator should cost as little as it can
        import uvloop

        run = uvloop.run
    run(compare(asked))


async def compare(asked: argparse.Namespace) -> None:
    words = asked.servers.split(",")
    kinds = [kind for kind in servers.KINDS if any(word in kind.name for word in words)]
    for question in QUESTIONS:
        if asked.only in question.name:
            print(f"{question.name} ...", file=sys.stderr)
            rows = await answers(question, kinds, asked.rounds)
            print(f"\n{question.name}")
            report(f"{Path(__file__).stem}: {question.name}", [_shown(row) for row in rows])
    print(f"\none flush of this disk: {flush_ms():.2f} ms")


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "question"}


if __name__ == "__main__":
    main()
