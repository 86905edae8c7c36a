"""Scene: a worker hands in what it made of a plan that has changed since. The supervisor sees that, and has it done again."""

from __future__ import annotations

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.cli.demo.team import Team, member
from accordant.patterns.handoff import Proposal
from accordant.types.errors import StaleRead

__all__ = ["TITLE", "play"]

TITLE = "Channel: a stale handoff is seen, and done again"


async def play(stage: Stage, crew: Crew) -> None:
    """One agent writes, the others propose; a proposal names what it was derived from."""
    lead, web = await member(crew, "lead"), await member(crew, "web")
    first = await lead.plan.commit("compare list prices", expect=await lead.plan.read(), why="the brief")
    read = await web.plan.read()
    await stage.step("web", f"reads the plan and goes to work: {read.value}", f"v{read.version}")
    second = await lead.plan.commit("compare street prices", expect=first, why="the customer called")
    await stage.step("lead", f"changes the plan meanwhile: {second.value}", f"v{second.version}", "green")
    await web.handoffs.propose("List prices fell by 3%.", why="price list", derived_from=read)
    await stage.step("web", f"hands in: List prices fell by 3%, derived from v{read.version}")
    [late] = await lead.handoffs.pending()
    denied = await _refused(lead, late)
    stage.holds(denied is not None, "a handoff that was derived from an old plan is not accepted unseen")
    [moved] = late.stale
    stage.holds(
        (moved.yours, moved.current, moved.changed_by) == (read.version, second.version, "lead"),
        "the handoff names what it was derived from, and who has changed it",
    )
    await stage.step("lead", "tries to accept it", f"StaleRead: {moved}", "bold red")
    await lead.handoffs.redispatch(late, note="street prices, please")
    [task] = await web.handoffs.returned()
    await stage.step("lead", "sends it back", f"web finds a task: {task.note}")
    await web.handoffs.propose("Street prices fell by 5%.", derived_from=await web.plan.read(), instead_of=task)
    await lead.handoffs.accept(*await lead.handoffs.pending(), why="sound")
    [item] = (await web.handoffs.read()).value
    stage.holds((item.value, item.proposed_by) == ("Street prices fell by 5%.", "web"), "what landed is the new one")
    await stage.step("web", "hands in: Street prices fell by 5%", "accepted, proposed by web", "green")
    await stage.ends("One writer, and nothing that was made from an old plan landed.")


async def _refused(lead: Team, late: Proposal[str]) -> StaleRead | None:
    try:
        await lead.handoffs.accept(late)
    except StaleRead as stale:
        return stale
    return None
