"""Scene: a curator rewrites the shared memory from a base that is old by the time it has thought. It wipes nothing."""

from __future__ import annotations

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.cli.demo.team import member
from accordant.patterns.block import Draft
from accordant.types.errors import Conflict

__all__ = ["TITLE", "play"]

TITLE = "Block: a consolidation that does not wipe"
SUMMARY = "Q3: prices down, churn up. "
LATE = "Acme cancelled. "


async def play(stage: Stage, crew: Crew) -> None:
    """Many insert, one rethinks under a lease; what came meanwhile stays."""
    web, docs, night = await member(crew, "web"), await member(crew, "docs"), await member(crew, "night", "curator")
    await web.memory.append("List prices fell by 3%. ")
    await docs.memory.append("Churn rose to 4.1%. ")
    await stage.step("crew", "web and docs have added a sentence each")
    async with night.memory.rethinking() as draft:
        await stage.step("night", "takes the lease, reads it all, and thinks", f"v{draft.base.version}")
        await web.memory.append(LATE)
        await stage.step("web", f"adds meanwhile: {LATE.strip()}", "landed", "green")
        lost = await _refused(draft)
        stage.holds(lost is not None and lost.writer == "web", "a rewriting from an old base does not land")
        await stage.step(
            "night", "commits its summary in the place of everything", "Conflict: web has written since", "bold red"
        )
        await draft.fold(SUMMARY, why="nightly")
        await stage.step("night", "folds it, in the place of what it had read alone", "landed", "green")
    text = (await docs.memory.read()).value
    stage.holds(text == SUMMARY + LATE, "a fold keeps what came while its writer thought")
    await stage.step("crew", "the memory now", text.strip(), "bold")
    await stage.ends("Folded, and the sentence that came meanwhile is there.")


async def _refused(draft: Draft) -> Conflict | None:
    try:
        await draft.commit(SUMMARY)
    except Conflict as conflict:
        return conflict
    return None
