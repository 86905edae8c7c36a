"""The same jobs on agent-coherence (package `ccs`) and on accordant, in one run. `python bench/peers_ccs.py [--quick]`

Needs `pip install -r bench/requirements.txt`. Jobs: compare-and-swap by one agent, in memory and in a file; eight agents that
think for a millisecond and want one object; the cost of a commit after many. What the figures do not show: a commit of
accordant is also an entry of a hash-chained log with its author, reason and readings, durable before it is answered; a commit
of ccs stores version and hash, and keeps the content where the caller asks for it. ccs has no merging types, so that the
split of one object into merging regions is a row of accordant's alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guarded import naive, split, thoughtful, useful
from measuring import Row, folder, is_quick, percentile, report

from accordant import Document, Engine, Guarded, Namespace

WRITERS = 8
THINK_S = 0.001


class Page(Document):
    value: Guarded[str]


class Peer:
    """One artifact of ccs, and its agents."""

    def __init__(self, path: Path | None) -> None:
        from ccs.coordinator.registry import ArtifactRegistry
        from ccs.coordinator.service import CoordinatorService
        from ccs.coordinator.sqlite_registry import SqliteArtifactRegistry
        from ccs.core.types import FetchRequest

        self._request = FetchRequest
        self._observer = uuid.uuid4()
        self.service = CoordinatorService(ArtifactRegistry() if path is None else SqliteArtifactRegistry(path))
        self.artifact = self.service.register_artifact(name="page", content="0")

    def read(self, agent: uuid.UUID) -> int:
        """The version, read as this agent. A sole reader's compare-and-swap is refused there, so somebody reads along."""
        version = self._fetch(agent)
        self._fetch(self._observer)
        return version

    def _fetch(self, agent: uuid.UUID) -> int:
        request = self._request(artifact_id=self.artifact.id, requesting_agent_id=agent, requested_at_tick=0)
        version: int = self.service.fetch(request).version
        return version

    def commit(self, agent: uuid.UUID, version: int, text: str) -> bool:
        """Whether the compare-and-swap landed."""
        outcome = self.service.commit_cas(
            agent_id=agent,
            artifact_id=self.artifact.id,
            expected_version=version,
            content_hash=hashlib.sha256(text.encode()).hexdigest(),
            content=text,
        )
        return isinstance(outcome, tuple)


def peer_times(path: Path | None, count: int) -> list[float]:
    """Seconds of each of so many commits by one agent."""
    peer, one = Peer(path), uuid.uuid4()
    version = peer.read(one)
    times = []
    for n in range(count):
        start = time.perf_counter()
        if not peer.commit(one, version + n, str(n)):
            raise AssertionError("a commit of the only writer was refused")
        times.append(time.perf_counter() - start)
    return times


async def our_times(path: Path | None, count: int) -> list[float]:
    """The same, each awaited; durable against a crash of the process, as SQLite is there."""
    async with Engine(path, durability="process") as engine:
        page = await engine.open(Page, Namespace.task("bench", "peers"), "page", agent="one")
        reading = await page.value.read()
        times = []
        for n in range(count):
            start = time.perf_counter()
            reading = await page.value.commit(str(n), expect=reading)
            times.append(time.perf_counter() - start)
        return times


def row(name: str, times: list[float]) -> Row:
    last = max(1, len(times) // 20)
    return {
        "one agent": name,
        "commits": len(times),
        "commits/s": len(times) / sum(times),
        "us, first 5 %": percentile(times[:last], 0.5) * 1e6,
        "us, last 5 %": percentile(times[-last:], 0.5) * 1e6,
    }


async def peer_useful(jobs_each: int) -> Row:
    """Eight thinking agents on one object of ccs: read, think, compare-and-swap, begin again when beaten."""
    peer, attempts = Peer(None), 0

    async def work(agent: uuid.UUID) -> None:
        nonlocal attempts
        for n in range(jobs_each):
            landed = False
            while not landed:
                attempts += 1
                version = peer.read(agent)
                await asyncio.sleep(THINK_S)
                landed = committed(lambda version=version, n=n: peer.commit(agent, version, f"{agent} {n}"))

    start = time.perf_counter()
    await asyncio.gather(*(work(uuid.uuid4()) for _ in range(WRITERS)))
    took = time.perf_counter() - start
    done = WRITERS * jobs_each
    return {
        "eight writers, 1 ms": "ccs, one object",
        "jobs/s": done / took,
        "attempts": attempts,
        "useful share": done / attempts,
    }


def committed(commit: Callable[[], bool]) -> bool:
    """Whether it landed; any of ccs' refusals counts as not."""
    from ccs.core.exceptions import CoherenceError

    try:
        return commit()
    except CoherenceError:
        return False


async def main() -> None:
    count = 500 if is_quick() else 5_000
    rows: list[Any] = [row("ccs, memory", peer_times(None, count))]
    with folder() as place:
        rows.append(row("ccs, sqlite", peer_times(place / "ccs.db", count)))
    rows.append(row("accordant, memory", await our_times(None, count)))
    with folder() as place:
        rows.append(row("accordant, sqlite process", await our_times(place / "ours.db", count)))
    report("peers_ccs", rows)
    jobs = 5 if is_quick() else 50
    work = [await peer_useful(jobs)]
    for name, job in (("naive loop", naive), ("update()", thoughtful), ("split fields", split)):
        work.append(await useful(f"accordant, {name}", job, jobs))
    report("peers_ccs useful work", work)


if __name__ == "__main__":
    if importlib.util.find_spec("ccs") is None:
        print("agent-coherence is not installed here: pip install -r bench/requirements.txt", file=sys.stderr)
        sys.exit(0)  # so that `make bench` goes on
    asyncio.run(main())
