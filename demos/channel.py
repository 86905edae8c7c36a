"""A supervised crew: five specialists hand their findings in, one supervisor decides, and a stale handoff is done again.

    python demos/channel.py [STORE]

The supervisor owns the plan and the findings. While the pricing specialist still works from the first plan, the plan changes;
its handoff says so, is not accepted, and goes back as a task. Two supervisors look at the queue at once, and nothing lands twice.
A hundred findings are told of once. Every outcome is asserted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from accordant import Channel, Denied, Document, Engine, Guarded, Namespace, StaleRead, channel, region

WORKERS = ("pricing", "churn", "legal", "web", "docs")
EACH = 20


class Brief(Document):
    """The plan and the findings have one writer each time; proposals come from anybody."""

    plan: Guarded[str] = region(default="compare list prices", writers=("lead", "deputy"))
    findings: Channel[str] = channel(supervisor=("lead", "deputy"))


@dataclass
class Crew:
    """Everybody's handle on the one brief."""

    lead: Brief
    deputy: Brief
    workers: dict[str, Brief]


async def workers_cannot_write(crew: Crew) -> str:
    """What a specialist believes to be true is not a finding yet."""
    try:
        await crew.workers["web"].findings.append("The market is ours.")
    except Denied as denied:
        return f"findings: {denied.message}"
    raise AssertionError("a worker wrote a finding")


async def a_stale_handoff_is_done_again(crew: Crew) -> str:
    """The plan changes between the reading and the handoff."""
    worker = crew.workers["pricing"]
    read = await worker.plan.read()
    changed = await crew.lead.plan.commit("compare street prices", expect=await crew.lead.plan.read(), why="new brief")
    late = await worker.findings.propose("List prices fell by 3%", why="price list", derived_from=read)
    [waiting] = await crew.lead.findings.pending()
    [moved] = waiting.stale
    assert (moved.yours, moved.current, moved.changed_by) == (read.version, changed.version, "lead"), moved
    try:
        await crew.lead.findings.accept(waiting)
    except StaleRead as stale:
        named = stale.fields["proposals"]
    else:
        raise AssertionError("a stale handoff was accepted")
    assert named == [late.ref], named
    await crew.lead.findings.redispatch(waiting, note="street prices, please")
    [task] = await worker.findings.returned()
    await worker.findings.propose("Street prices fell by 5%", derived_from=await worker.plan.read(), instead_of=task)
    await crew.lead.findings.accept(*await crew.lead.findings.pending())
    [item] = (await worker.findings.read()).value
    assert (item.value, item.proposed_by) == ("Street prices fell by 5%", "pricing"), item
    assert await worker.findings.returned() == []
    return f"a handoff from {moved.path} v{moved.yours} was denied and done again: the plan was at v{moved.current}"


async def a_hundred_are_told_of_once(crew: Crew) -> str:
    """Five workers at once, two supervisors at once."""
    await asyncio.gather(
        *(hand.findings.propose(f"{name} {n}", why="read") for name, hand in crew.workers.items() for n in range(EACH))
    )
    waiting = await crew.lead.findings.pending()
    assert len(waiting) == EACH * len(WORKERS), len(waiting)
    reader = crew.workers["docs"]
    async with reader.events("findings", kinds="write") as events:
        mine = await crew.lead.findings.accept(*waiting, why="sound")
        theirs = await crew.deputy.findings.accept(*waiting)
        event = await anext(events)
    assert (mine == theirs, event.count) == (True, len(waiting)), event
    items = (await reader.findings.read()).value[1:]
    assert sorted(item.value for item in items) == sorted(f"{name} {n}" for name in WORKERS for n in range(EACH))
    assert all(item.value.startswith(str(item.proposed_by)) for item in items)
    return f"{len(items)} proposals of {len(WORKERS)} workers landed once each; readers were told once"


async def a_rejection_says_why(crew: Crew) -> str:
    """Whoever proposed it can read the reason."""
    proposed = await crew.workers["legal"].findings.propose("Nobody will sue.", why="a feeling")
    await crew.lead.findings.reject(proposed, reason="no source")
    decision = await crew.workers["legal"].findings.decision(proposed)
    assert decision is not None
    assert (decision.outcome, decision.reason) == ("rejected", "no source"), decision
    return f"{proposed.ref} was rejected: {decision.reason}"


async def the_night(store: Path) -> list[str]:
    """All of it; returns what it showed."""
    async with Engine(store) as engine:
        task = Namespace.task("acme", "quarter")
        handles = {name: await engine.open(Brief, task, "brief", agent=name) for name in ("lead", "deputy", *WORKERS)}
        crew = Crew(handles["lead"], handles["deputy"], {name: handles[name] for name in WORKERS})
        return [
            await workers_cannot_write(crew),
            await a_stale_handoff_is_done_again(crew),
            await a_hundred_are_told_of_once(crew),
            await a_rejection_says_why(crew),
        ]


def main() -> None:
    """Play it in the named store, or in one that goes away."""
    with tempfile.TemporaryDirectory(prefix="accordant-channel-") as folder:
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "channel.db"
        for line in asyncio.run(the_night(store)):
            print(f"✓ {line}")


if __name__ == "__main__":
    main()
