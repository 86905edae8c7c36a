"""Scene: many appends and increments at once. A log grows by every one of them, a counter counts every one."""

from __future__ import annotations

import asyncio

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage

__all__ = ["TITLE", "play"]

TITLE = "An append race: every entry, every increment"
PAGES = 25
READERS = ("docs", "web", "triage")


async def play(stage: Stage, crew: Crew) -> None:
    """Three agents race, one entry and one increment per page."""
    await asyncio.gather(*(_reads(crew, name) for name in READERS))
    for name in READERS:
        await stage.step(name, f"{PAGES} findings and {PAGES} increments", "all acknowledged", "green")
    log = await crew["docs"].findings.read()
    count = (await crew["docs"].pages_read.read()).value
    await stage.step("crew", f"findings: {len(log.value)}, pages_read: {count}", style="bold")
    stage.holds(len(log.value) == len(READERS) * PAGES, "no append is lost")
    stage.holds(count == len(READERS) * PAGES, "no increment is lost")
    for name in READERS:
        own = [item.value for item in log.entries if item.by == name]
        stage.holds(
            own == [_finding(name, page) for page in range(PAGES)],
            "each agent's entries keep their order and their author",
        )
    await stage.ends(
        f"{len(log.value)} of {len(READERS) * PAGES} findings, each with its author, in its author's order."
    )


async def _reads(crew: Crew, name: str) -> None:
    for page in range(PAGES):
        await crew[name].findings.append(_finding(name, page))
        await crew[name].pages_read.increment()


def _finding(name: str, page: int) -> str:
    return f"{name} page {page} read"
