"""Scene: a writer that was given up comes back. Nobody has written since, its version still matches, and it may not land."""

from __future__ import annotations

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.types.errors import Fenced

__all__ = ["play"]


async def play(stage: Stage, crew: Crew) -> None:
    """A matching version number alone is not enough: its generation has ended."""
    await stage.opens("A late writer: fenced, although its version matches")
    late = crew["enrichment"]
    seen = await late.account.read()
    await stage.step("enrichment", "reads the account, then its process hangs", f"v{seen.version}, generation {late.generation}")
    await crew.engine.fence("enrichment", why="no sign of life")
    await stage.step("crew", "gives it up: engine.fence('enrichment')", "its generation has ended")
    current = await crew["triage"].account.read()
    stage.holds(current.version == seen.version, "nobody has written since, or the scene shows nothing")
    try:
        await late.account.commit(seen.value.model_copy(update={"status": "active"}), expect=seen, why="woke up")
    except Fenced:
        await stage.step("enrichment", f"wakes up and commits on v{seen.version}, which is current", "Fenced", "bold red")
    else:
        stage.holds(False, "a writer whose generation has ended never lands")
    after = await crew["triage"].account.read()
    stage.holds(after.value == current.value and after.version == current.version, "a writer whose generation has ended never lands")
    again = await crew.join("enrichment")
    stage.holds(again.generation > late.generation, "a new generation begins with a new join")
    await stage.step("enrichment", "joins again", f"generation {again.generation}", "green")
    await stage.ends("The version matched; the reader's generation did not.")
