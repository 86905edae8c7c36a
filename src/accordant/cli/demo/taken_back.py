"""Scene: a finding turns out to be wrong. Whoever had read it is told, and what was made from it is suspect."""

from __future__ import annotations

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.types.events import Invalidated

__all__ = ["TITLE", "play"]

TITLE = "A retraction: it reaches whoever had read it"
WRONG = "The signed contract ends on 31 May."
RIGHT = "The signed contract ends on 31 August."
MADE = "Offer a renewal before June."


async def play(stage: Stage, crew: Crew) -> None:
    """Taking back is an entry: the history keeps it, its readers hear of it."""
    web, docs = crew["web"], crew["docs"]
    await web.findings.append(WRONG, why="a draft")
    await stage.step("web", f"appends: {WRONG}")
    async with docs.events(kinds="invalidated") as told:
        finding = (await docs.findings.read()).entries[-1]
        made = await docs.findings.append(MADE, derived_from=finding)
        await stage.step("docs", f"reads it, and concludes: {MADE}", f"derived from {finding.ref}")
        await web.retract(finding, why="that was a draft", correction=RIGHT)
        await stage.step("web", "takes it back: that was a draft", f"correction: {RIGHT}", "green")
        event = await anext(told)
    stage.holds(
        isinstance(event, Invalidated) and event.ref == finding.ref and event.readers == ("docs",),
        "exactly those who had read it are told",
    )
    await stage.step("docs", "is told what it had read", f"{finding.ref} no longer holds", "bold red")
    items = {item.ref: item for item in (await docs.findings.read()).entries}
    stage.holds(items[made].status == "suspect", "what was derived from it is suspect")
    stage.holds(items[finding.ref].value == WRONG, "it stays in the history")
    await stage.step("crew", f"the conclusion now: {MADE}", f"{items[made].status}, because of {finding.ref}", "bold")
    await stage.ends("An entry, not an erasure: its reader was told, and what it concluded is suspect.")
