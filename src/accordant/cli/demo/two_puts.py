"""Scene: two nodes of a graph put the same item, as into LangGraph's store. The second had read the old one, and is denied."""

from __future__ import annotations

from typing import Any

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.cli.demo.team import Team, member
from accordant.patterns.store_items import Item
from accordant.types.errors import Conflict

__all__ = ["TITLE", "play"]

TITLE = "Store: two puts on one item, one denied"
ACCOUNTS, KEY = ("accounts",), "acme"


async def play(stage: Stage, crew: Crew) -> None:
    """Items by namespace and key, each compared and swapped."""
    triage, enrichment = await member(crew, "triage"), await member(crew, "enrichment")
    await triage.profiles.put(ACCOUNTS, KEY, {"status": "active", "usage": 41})
    theirs, mine = [await one.profiles.get(ACCOUNTS, KEY) for one in (triage, enrichment)]
    assert theirs is not None
    assert mine is not None
    await stage.step("crew", "triage and enrichment both get ('accounts',) 'acme'", f"{mine.value}")
    await triage.profiles.put(ACCOUNTS, KEY, theirs.value | {"status": "churned"}, expect=theirs)
    await stage.step("triage", "puts it with status churned", "landed", "green")
    lost = await _refused(enrichment, mine)
    stage.holds(lost is not None, "a put over an item that has changed since it was read is denied")
    assert lost is not None
    await stage.step(
        "enrichment", "puts what it read, with usage 57", f"Conflict: {lost.writer} has put since", "bold red"
    )
    now: Item[Any] = lost.fields["item"]
    await enrichment.profiles.put(ACCOUNTS, KEY, now.value | {"usage": 57}, expect=now)
    await stage.step("enrichment", "puts again, from the item that the conflict gave it", "landed", "green")
    item = await triage.profiles.get(ACCOUNTS, KEY)
    assert item is not None
    stage.holds(item.value == {"status": "churned", "usage": 57}, "both puts are in the item")
    await stage.step("crew", "the item now", str(item.value), "bold")
    await stage.ends("Both are in. DocStore does this behind LangGraph's own interface, nodes unchanged.")


async def _refused(writer: Team, seen: Item[dict[str, Any]]) -> Conflict | None:
    try:
        await writer.profiles.put(ACCOUNTS, KEY, seen.value | {"usage": 57}, expect=seen)
    except Conflict as conflict:
        return conflict
    return None
