"""A blackboard: twelve scripted specialists find out why a service is slow, and nobody says whose turn it is.

    python demos/board.py [STORE]

They share one board with the four classical regions: hypotheses and evidence that anybody appends, open questions that anybody
asks and strikes out, conclusions that the synthesizer alone writes. A scheduler fires whoever's precondition holds on the
board, so that what one finds decides who goes next. Two of them have nothing to do on this board, and never run; one fails at
first and is tried again; a supervisor only observes. At last, two rules that would wake each other for ever are stopped and
named. Every outcome is asserted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accordant import Board, Denied, Engine, Log, Namespace, Run, Runaway, Scheduler, Snapshot, Wake

TASK = Namespace.task("acme", "incident-7")
SYMPTOM = "checkout takes 9 s"


class Incident(Board):
    """The board of this crew: what they write is plain text."""

    hypotheses: Log[str]
    evidence: Log[str]


def found(board: Snapshot[Any], region: str, text: str) -> bool:
    """Whether something that contains the text is in that region."""
    return any(text in one for one in board[region].value)


@dataclass
class Specialist:
    """Somebody who looks for one thing on the board and adds another: `sees` in `where`, then `says` in `region`. That `answers`
    a question; a question that the evidence has answered (`unless`) is not asked again."""

    name: str
    where: str
    sees: str
    region: str
    says: str
    answers: str | None = None
    unless: str | None = None

    def is_called_for(self, board: Snapshot[Any]) -> bool:
        """What it looks for is there, and what it would say is not."""
        is_moot = self.unless is not None and found(board, "evidence", self.unless)
        return found(board, self.where, self.sees) and not found(board, self.region, self.says) and not is_moot

    async def work(self, wake: Wake) -> None:
        """Say it, on the basis of what was seen; strike out the question that is answered by it."""
        why = f"{self.name}: {wake.reason}"
        if self.region == "open_questions":
            await wake.doc.open_questions.add(self.says, why=why)
        else:
            await getattr(wake.doc, self.region).append(self.says, why=why, derived_from=[wake.snapshot[self.where]])
        if self.answers is not None:
            await wake.doc.open_questions.discard(self.answers, why=why)


CREW = [
    Specialist("triage", "evidence", SYMPTOM, "open_questions", "Which tier is slow?", unless="in the database"),
    Specialist("web", "open_questions", "Which tier", "evidence", "web tier answers in 20 ms"),
    Specialist("tracer", "evidence", "web tier", "evidence", "8.9 s are spent in the database", "Which tier is slow?"),
    Specialist("database", "evidence", "in the database", "hypotheses", "a query lost its index"),
    Specialist("network", "evidence", "packet loss", "hypotheses", "a link is broken"),
    Specialist("skeptic", "hypotheses", "lost its index", "open_questions", "Is it really gone?", unless="no index"),
    Specialist(
        "planner", "open_questions", "really gone", "evidence", "orders scanned: no index", "Is it really gone?"
    ),
    Specialist("historian", "evidence", "no index", "open_questions", "Who dropped it?", unless="migration 41"),
    Specialist("auditor", "open_questions", "Who dropped", "evidence", "migration 41 dropped it", "Who dropped it?"),
    Specialist("security", "evidence", "login from", "hypotheses", "somebody broke in"),
    Specialist("capacity", "evidence", "orders scanned", "evidence", "orders grew to 40 M rows in May"),
    Specialist("synthesizer", "evidence", "migration 41", "conclusions", "Restore the index of migration 41."),
]
IDLE = {"network", "security"}


def flaky(work: Callable[[Wake], Awaitable[None]]) -> Callable[[Wake], Awaitable[None]]:
    """The same, but the first attempt fails."""
    attempts = 0

    async def tried(wake: Wake) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ConnectionError("the log server did not answer")
        await work(wake)

    return tried


async def scheduled(engine: Engine) -> tuple[Incident, Run]:
    """The whole crew on the board, until there is a conclusion."""
    doc = await engine.open(Incident, TASK, "board", agent="scheduler")
    scheduler = Scheduler(doc)
    for one in CREW:
        own = await engine.open(Incident, TASK, "board", agent=one.name)
        run = flaky(one.work) if one.name == "auditor" else one.work
        urgent = 5 if one.name == "synthesizer" else 0
        scheduler.on(one.where, one.region, when=one.is_called_for, run=run, name=one.name, priority=urgent, doc=own)
    await doc.evidence.append(SYMPTOM, why="the alarm")
    return doc, await scheduler.run(until=lambda board: bool(board["conclusions"].value), idle=5)


async def the_board_decides(doc: Incident, run: Run) -> str:
    """Who ran, in which order, and that it ended by its goal."""
    names = run.names
    assert run.reason == "until", run
    assert set(names) == {one.name for one in CREW} - IDLE, names
    for earlier, later in [("triage", "web"), ("web", "tracer"), ("tracer", "database"), ("database", "skeptic")]:
        assert names.index(earlier) < names.index(later), names
    assert names[-1] == "synthesizer", names
    board = await doc.snapshot()
    assert board["conclusions"].value == ["Restore the index of migration 41."]
    assert board["open_questions"].value == set(), board["open_questions"].value
    assert [item.by for item in (await doc.conclusions.read()).entries] == ["synthesizer"]
    return f"{len(set(names))} of {len(CREW)} specialists ran in {run.rounds} rounds; {', '.join(sorted(IDLE))} had nothing to do"


async def every_firing_says_why(doc: Incident, run: Run) -> str:
    """The log of firings is in the document, and says the same as the run."""
    recorded = (await doc.firings.read()).value
    assert [(one.source, one.reason) for one in recorded] == [(one.source, one.reason) for one in run.fired]
    assert all("fired because" in one.reason and "is_called_for" in one.reason for one in recorded)
    last = recorded[-1]
    return f"the board keeps all {len(recorded)} firings: {last.source} {last.reason}"


async def a_failure_stops_nobody(run: Run) -> str:
    """The auditor's first attempt failed, and its second did not."""
    [failure] = run.failures
    assert (failure.source, run.suspended) == ("auditor", ()), run
    outcomes = [one.outcome.value for one in run.fired if one.source == "auditor"]
    assert outcomes == ["failed", "done"], outcomes
    return f"{failure.source} failed once ({failure.error}), rested, and was tried again"


async def the_supervisor_observes(engine: Engine) -> str:
    """Reads everything, writes nothing."""
    supervisor = await engine.open(Incident, TASK, "board", agent="supervisor", read_only=True)
    seen = len((await supervisor.snapshot())["evidence"].value)
    try:
        await supervisor.evidence.append("an order from above")
    except Denied as denied:
        return f"the supervisor sees {seen} pieces of evidence and may write none ({denied.code})"
    raise AssertionError("an observer has written")


async def circles_end(engine: Engine) -> str:
    """An optimist and a pessimist answer each other, with numbers, as if that were news."""
    doc = await engine.open(Incident, TASK, "quarrel", agent="scheduler")
    scheduler = Scheduler(doc)
    for mine, yours in (("surely it is the cache", "hardly the cache"), ("hardly the cache", "surely it is the cache")):

        def is_provoked(board: Snapshot[Any], yours: str = yours) -> bool:
            return bool(board["hypotheses"].value[-1].startswith(yours))

        async def answers(wake: Wake, mine: str = mine) -> None:
            count = len(wake.snapshot["hypotheses"].value) // 2 + 1
            await wake.doc.hypotheses.append(f"{mine}, argument {count}", derived_from=wake.basis)

        scheduler.on("hypotheses", when=is_provoked, run=answers, name=mine.split()[0])
    await doc.hypotheses.append("hardly the cache, argument 0")
    try:
        await scheduler.run(idle=5)
    except Runaway as runaway:
        cycle, rounds = runaway.cycle, runaway.rounds
    else:
        raise AssertionError("two rules that only wake each other went on")
    assert cycle == ["surely", "hardly"], cycle
    return f"{' and '.join(cycle)} were stopped after {rounds} rounds"


async def incident(store: Path) -> list[str]:
    """The whole of it; returns what it showed."""
    async with Engine(store) as engine:
        doc, run = await scheduled(engine)
        return [
            await the_board_decides(doc, run),
            await every_firing_says_why(doc, run),
            await a_failure_stops_nobody(run),
            await the_supervisor_observes(engine),
            await circles_end(engine),
        ]


def main() -> None:
    """Play it in the named store, or in one that goes away."""
    with tempfile.TemporaryDirectory(prefix="accordant-board-") as folder:
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "board.db"
        for line in asyncio.run(incident(store)):
            print(f"✓ {line}")


if __name__ == "__main__":
    main()
