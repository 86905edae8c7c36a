"""What does a scheduler cost per event, by 1, 10 and 100 sources? `python bench/board.py [--quick]`

One writer appends to a board in memory, one item after another, each once the scheduler has decided on the last; the scheduler
runs beside it in the same loop. `idle`: no precondition ever holds, so that an event costs a snapshot and as many judgements as
there are sources. `fires`: one of them fires each time, and is recorded; the others watch another region, and are not asked.
`alone` is the writer without a scheduler. Below it, what the pure parts take: one decision of the agenda, and one look of the
runaway detector at a log that has grown by one.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from measuring import Row, best_of, is_quick, report

from accordant import Board, Budget, Engine, Namespace, Scheduler, Wake
from accordant.patterns.agenda import Agenda, Outcome
from accordant.patterns.runaway import RegionState, RunawayDetector
from accordant.types.regions import Kind

TASK = Namespace.task("bench", "board")
WAYS = ("alone", "idle", "fires")


async def measure(engine: Engine, way: str, sources: int, events: int) -> Row:
    """Events a second, from the call of the write to the end of the decision (or of the firing)."""
    name = f"{way}-{sources}-{time.monotonic_ns()}"
    writer = await engine.open(Board, TASK, name, agent="writer")
    doc = await engine.open(Board, TASK, name, agent="scheduler")
    decided: asyncio.Event = asyncio.Event()
    judged = 0

    def never(board: Any) -> bool:
        nonlocal judged
        judged += 1
        if judged % sources == 0:
            decided.set()
        return False

    async def fired(wake: Wake) -> None:
        decided.set()

    scheduler = Scheduler(doc, budget=Budget(firings=None), runaway=None)
    if way == "idle":
        for n in range(sources):
            scheduler.on("evidence", when=never, run=fired, name=f"s{n}")
    elif way == "fires":
        for n in range(sources - 1):
            scheduler.on("hypotheses", when=lambda board: False, run=fired, name=f"s{n}")
        scheduler.on("evidence", run=fired, name="reader")
    running = asyncio.create_task(scheduler.run()) if way != "alone" else None
    await asyncio.sleep(0.05)  # its first look is behind it
    begin = time.perf_counter()
    for n in range(events):
        decided.clear()
        await writer.evidence.append(f"item {n}")
        if running is not None:
            await decided.wait()
    took = time.perf_counter() - begin
    if running is not None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return {"way": way, "sources": sources, "events/s": events / took, "us/event": took / events * 1e6}


def decision_us(sources: int) -> float:
    """One decision of the agenda: everybody has moved, everybody is dismissed but one that fires."""
    agenda, state = Agenda(), 0
    for n in range(sources):
        agenda.add(f"s{n}")

    def decide() -> None:
        nonlocal state
        for _ in range(100):
            state += 1
            agenda.look({f"s{n}": state for n in range(sources)})
            first, *others = agenda.ready(float(state))
            for name in others:
                agenda.dismiss(name)
            agenda.begin(first, float(state))
            agenda.end(first, float(state), Outcome.DONE)

    return best_of(5, decide) / 100 * 1e6


def look_us(items: int) -> float:
    """One look of the detector at a log of so many items that has one more."""
    log = [f"finding {n * n} about the {n % 97}th page" for n in range(items)]
    detector, version = RunawayDetector(1_000_000), 1
    detector.begin({"log": RegionState(Kind.LOG, version, lambda: log)})

    def look() -> None:
        nonlocal version, log
        for _ in range(20):
            version += 1
            log = [*log, f"one more, {version * version}"]
            detector.observe({"log": RegionState(Kind.LOG, version, lambda log=log: log)}, ["reader"])

    return best_of(5, look) / 20 * 1e6


async def main(events: int) -> None:
    rows: list[Row] = []
    async with Engine() as engine:
        await measure(engine, "alone", 0, events)  # warms up
        for way in WAYS:
            for sources in (0,) if way == "alone" else (1, 10, 100):
                rows.append(await measure(engine, way, sources, events))
    alone = rows[0]["us/event"]
    report("scheduler", [row | {"above alone, us": row["us/event"] - alone} for row in rows])
    report(
        "agenda", [{"sources": n, "us/decision": decision_us(n), "us/source": decision_us(n) / n} for n in (1, 10, 100)]
    )
    report("runaway", [{"log items": n, "us/look": look_us(n)} for n in (10, 1_000, 10_000)])


if __name__ == "__main__":
    asyncio.run(main(100 if is_quick() else 2_000))
