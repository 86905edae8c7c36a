"""Scene: two agents and a Python dict. Both writes succeed, and one of the two updates is gone."""

from __future__ import annotations

from accordant.cli.demo.crew import Account, Crew
from accordant.cli.demo.stage import Stage

__all__ = ["TITLE", "play"]

TITLE = "A dict: the last writer wins"


async def play(stage: Stage, _crew: Crew) -> None:
    """The whole-record write that was derived from an old read."""
    store: dict[str, Account] = {"account": Account()}
    enriched = store["account"]
    await stage.step("enrichment", "reads the account, starts a long look-up", str(enriched))
    triaged = store["account"]
    await stage.step("triage", "reads it, finds a cancellation e-mail", str(triaged))
    store["account"] = triaged.model_copy(update={"status": "churned"})
    await stage.step("triage", "writes status=churned", "ok", "green")
    store["account"] = enriched.model_copy(update={"plan": "pro", "seats": 25})
    await stage.step("enrichment", "writes back the record it read, with plan=pro", "ok", "green")
    await stage.step("crew", "the record now", str(store["account"]), "bold")
    stage.holds(store["account"].status == "active", "the control loses the update, or the race was not played")
    await stage.ends("Two writes, two successes, and the cancellation is gone. Nothing raised.", is_loss=True)
