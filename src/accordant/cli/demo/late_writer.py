"""Scene: a writer that was given up comes back. Nobody has written since, its version still matches, and it may not land."""

from __future__ import annotations

from accordant.cli.demo.crew import Account, Brief, Crew
from accordant.cli.demo.stage import Stage
from accordant.types.errors import Fenced
from accordant.types.readings import Reading

__all__ = ["TITLE", "play"]

TITLE = "A late writer: fenced, although its version matches"


async def play(stage: Stage, crew: Crew) -> None:
    """A matching version number alone is not enough: its generation has ended."""
    late = crew["enrichment"]
    seen = await late.account.read()
    await stage.step(
        "enrichment", "reads the account, then its process hangs", f"v{seen.version}, generation {late.generation}"
    )
    await crew.engine.fence("enrichment", why="no sign of life")
    await stage.step("crew", "gives it up: engine.fence('enrichment')", "its generation has ended")
    current = await crew["triage"].account.read()
    stage.holds(current.version == seen.version, "nobody has written since, or the scene shows nothing")
    stage.holds(await _is_fenced(late, seen), "a writer whose generation has ended never lands")
    await stage.step("enrichment", f"wakes up and commits on v{seen.version}, which is current", "Fenced", "bold red")
    again = await crew.join("enrichment")
    stage.holds(again.generation > late.generation, "a new generation begins with a new join")
    await stage.step("enrichment", "joins again", f"generation {again.generation}", "green")
    stage.holds(await _is_fenced(again, seen), "what was read in an ended generation never lands, in a new one either")
    await stage.step("enrichment", "tries what it had read before", "Fenced", "bold red")
    after = await crew["triage"].account.read()
    stage.holds((after.value, after.version) == (current.value, current.version), "the record is as it was")
    await stage.ends("The version matched; the reader's generation did not.")


async def _is_fenced(brief: Brief, seen: Reading[Account]) -> bool:
    try:
        await brief.account.commit(seen.value.model_copy(update={"status": "active"}), expect=seen, why="woke up")
    except Fenced:
        return True
    return False
