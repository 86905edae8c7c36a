"""Scene: ten agents on one board, and nobody says whose turn it is. Two of them only answer each other: stopped, and named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from accordant.cli.demo.crew import NAMESPACE, Crew
from accordant.cli.demo.stage import Stage
from accordant.document.regions import Log
from accordant.document.snapshot import Snapshot
from accordant.patterns.board import Board
from accordant.patterns.firing import Wake
from accordant.patterns.scheduler import Scheduler
from accordant.types.errors import Runaway

__all__ = ["TITLE", "play"]

TITLE = "Board: ten agents, nobody says whose turn it is"
SYMPTOM = "checkout takes 9 s"
QUARREL = {"optimist": "surely it heals", "pessimist": "it never heals"}


class Incident(Board):
    """The board of this crew: what they write is plain text."""

    hypotheses: Log[str]
    evidence: Log[str]


@dataclass(frozen=True, slots=True)
class Specialist:
    """Somebody who waits for one text on the board and adds another."""

    name: str
    where: str
    sees: str
    region: str
    says: str

    def is_called_for(self, board: Snapshot[Any]) -> bool:
        """What it waits for is there, and what it would say is not."""
        return _has(board, self.where, self.sees) and not _has(board, self.region, self.says)

    async def work(self, wake: Wake) -> None:
        """Say it, by the handle of its own."""
        await getattr(wake.doc, self.region).append(self.says, why=wake.reason)


SPECIALISTS = (
    Specialist("web", "evidence", SYMPTOM, "evidence", "pages are built in 20 ms"),
    Specialist("tracer", "evidence", "20 ms", "evidence", "8.9 s are spent in the database"),
    Specialist("database", "evidence", "in the database", "hypotheses", "a query lost its index"),
    Specialist("planner", "hypotheses", "lost its index", "evidence", "the table of orders is scanned"),
    Specialist("historian", "evidence", "is scanned", "evidence", "migration 41 dropped the index"),
    Specialist("synthesizer", "evidence", "migration 41", "conclusions", "Restore the index of migration 41."),
    Specialist("network", "evidence", "packet loss", "hypotheses", "a link is broken"),
    Specialist("security", "evidence", "login from", "hypotheses", "somebody broke in"),
)


async def play(stage: Stage, crew: Crew) -> None:
    """Document + scheduler = blackboard: whoever's precondition holds on the board is fired."""
    board = await crew.engine.open(Incident, NAMESPACE, "board", agent="scheduler")
    scheduler = Scheduler(board)
    for one in SPECIALISTS:
        own = await crew.engine.open(Incident, NAMESPACE, "board", agent=one.name)
        scheduler.on(one.where, one.region, when=one.is_called_for, run=one.work, name=one.name, doc=own)
    for name in QUARREL:
        await _quarrels(scheduler, crew, name)
    await stage.step("crew", f"{len(scheduler.sources)} agents watch the board, each for what it knows about")
    await board.evidence.append(SYMPTOM, why="the alarm")
    await board.hypotheses.append(QUARREL["pessimist"])
    await stage.step("scheduler", f"puts the alarm there: {SYMPTOM}")
    runaway = await _runaway(scheduler)
    stage.holds(runaway is not None, "agents that only wake each other are stopped")
    assert runaway is not None
    fired = [name for name in dict.fromkeys(runaway.run.names) if name not in QUARREL]
    stage.holds(
        fired == ["web", "tracer", "database", "planner", "historian", "synthesizer"],
        "what one agent finds decides who is next; who has nothing to do is not fired",
    )
    await stage.step("scheduler", f"fires {', then '.join(fired)}", "each by what the one before had found", "green")
    idle = [one.name for one in SPECIALISTS if one.name not in fired]
    await stage.step("scheduler", f"fires neither {' nor '.join(idle)}", "nothing there for them")
    conclusions = (await board.conclusions.read()).value
    stage.holds(conclusions == ["Restore the index of migration 41."], "the board comes to its conclusion")
    await stage.step("synthesizer", "concludes", conclusions[0], "bold")
    stage.holds(sorted(runaway.cycle) == sorted(QUARREL), "the runaway is named, and nobody else")
    named = " and ".join(runaway.cycle)
    await stage.step("scheduler", f"stops {named}", "Runaway: they only answer each other", "bold red")
    await stage.ends("The board decided who went next; the two that went in circles were stopped, by name.")


async def _quarrels(scheduler: Scheduler, crew: Crew, name: str) -> None:
    """It answers the other one, with a number, as if that were news."""
    [other] = [text for who, text in QUARREL.items() if who != name]
    own = await crew.engine.open(Incident, NAMESPACE, "board", agent=name)

    def is_provoked(board: Snapshot[Any]) -> bool:
        said = [text for text in board["hypotheses"].value if text.startswith(tuple(QUARREL.values()))]
        return bool(said) and said[-1].startswith(other)

    async def answers(wake: Wake) -> None:
        count = len(wake.snapshot["hypotheses"].value)
        await wake.doc.hypotheses.append(f"{QUARREL[name]}, argument {count}", why=wake.reason)

    scheduler.on("hypotheses", when=is_provoked, run=answers, name=name, doc=own)


async def _runaway(scheduler: Scheduler) -> Runaway | None:
    try:
        await scheduler.run(idle=5)
    except Runaway as runaway:
        return runaway
    return None


def _has(board: Snapshot[Any], region: str, text: str) -> bool:
    return any(text in one for one in board[region].value)
