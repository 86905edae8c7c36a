"""Scene: what several agents have learned. The same fact in other words is one entry; another fact is never merged into it."""

from __future__ import annotations

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.cli.demo.team import member

__all__ = ["TITLE", "play"]

TITLE = "Corpus: a paraphrase merges, a contradiction does not"
FACT = "Invoices of closed accounts are deleted after 30 days."
PARAPHRASE = "The invoices of closed accounts are removed after 30 days"
OTHER = "Invoices of closed accounts are deleted after 90 days."
NARRATION = "I looked at the docs and then I tried the endpoint"


async def play(stage: Stage, crew: Crew) -> None:
    """Each fact once, with everybody who found it."""
    web, docs, triage = [await member(crew, name) for name in ("web", "docs", "triage")]
    first = await web.knowledge.contribute(FACT, why="terms, page 4")
    stage.holds(first.status == "accepted", "a new fact is an entry")
    await stage.step("web", f"contributes: {FACT}", "accepted", "green")
    same = await docs.knowledge.contribute(PARAPHRASE, why="help page")
    stage.holds((same.status, same.ref) == ("merged", first.ref), "a paraphrase is merged into its entry")
    await stage.step("docs", f"contributes: {PARAPHRASE}", "merged", "green")
    other = await triage.knowledge.contribute(OTHER, why="ticket 118")
    stage.holds(other.status == "accepted", "what differs in a figure is never merged, however near it is")
    stage.holds([link.ref for link in other.links] == [first.ref], "it is linked to what it contradicts")
    await stage.step("triage", f"contributes: {OTHER}", f"an entry of its own, linked: {other.links[0].why}", "bold")
    talk = await web.knowledge.contribute(NARRATION)
    stage.holds((talk.status, talk.stage) == ("rejected", "narration"), "what is no knowledge is sent back")
    await stage.step("web", f"contributes: {NARRATION}", "rejected: narration")
    assert first.ref is not None
    known = await triage.knowledge.entry(first.ref)
    stage.holds(dict(known.counts.contributors) == {"web": 1, "docs": 1}, "an entry knows all who found it")
    stage.holds([link.ref for link in known.links] == [other.ref], "and what it contradicts to it")
    await stage.ends(
        "Two entries: one that web and docs have found, one that contradicts it, each linked to the other."
    )
