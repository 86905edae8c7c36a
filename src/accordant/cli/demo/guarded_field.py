"""Scene: the same race on a guarded field. The loser is told so, derives again, and both updates land."""

from __future__ import annotations

from accordant.cli.demo.crew import Account, Crew
from accordant.cli.demo.stage import Stage
from accordant.types.errors import Conflict
from accordant.types.readings import Reading

__all__ = ["TITLE", "play"]

TITLE = "A guarded field: one winner per version, and nobody loses"


async def play(stage: Stage, crew: Crew) -> None:
    """Compare-and-swap on the version that was read."""
    account = crew["triage"].account
    enriched = await crew["enrichment"].account.read()
    await stage.step("enrichment", "reads the account, starts a long look-up", f"v{enriched.version}: {enriched.value}")
    triaged = await account.read()
    await stage.step("triage", "reads it too", f"v{triaged.version}")
    churned = triaged.value.model_copy(update={"status": "churned"})
    landed = await account.commit(churned, expect=triaged, why="cancellation e-mail")
    await stage.step("triage", "commits status=churned, having read that version", f"v{landed.version}", "green")
    news = {"plan": "pro", "seats": 25}
    conflict = await _stale_commit(crew, enriched.value.model_copy(update=news), enriched)
    stage.holds(conflict is not None, "a write derived from an old version is denied")
    assert conflict is not None
    await stage.step(
        "enrichment", "commits the record it derived from the old one", f"Conflict: {conflict.message}", "bold red"
    )
    stage.holds(
        conflict.writer == "triage" and conflict.version == landed.version,
        "the conflict names who won, at which version",
    )
    fresh = conflict.reading
    both = await crew["enrichment"].account.commit(fresh.value.model_copy(update=news), expect=fresh, why="look-up")
    await stage.step("enrichment", "derives again from the conflict's reading, commits", f"v{both.version}", "green")
    now = (await account.read()).value
    await stage.step("crew", "the record now", str(now), "bold")
    stage.holds((now.status, now.plan, now.seats) == ("churned", "pro", 25), "both updates land")
    await stage.ends("The loser got a typed conflict with what to derive from. Both updates are there.")


async def _stale_commit(crew: Crew, value: Account, seen: Reading[Account]) -> Conflict | None:
    try:
        await crew["enrichment"].account.commit(value, expect=seen, why="look-up")
    except Conflict as conflict:
        return conflict
    return None
