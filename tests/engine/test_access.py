"""Who may do what in a document, by the engine's own answer."""

from __future__ import annotations

from accordant import Document, Engine, Guarded, Log, Text, region
from accordant.engine.host.access import who_may
from accordant.types.regions import Kind, RegionSpec, Rules
from worlds import TASK, in_loop


class Brief(Document):
    status: Guarded[str]
    findings: Log[str] = region(allow={"*": {"append"}, "role:curator": {"compact", "retract"}})
    draft: Text = region(writers="synthesizer")


@in_loop
async def test_rules_and_open_sessions() -> None:
    """Per region each operation with those whom the rules let; of the sessions those that are open."""
    async with Engine() as engine:
        await engine.open(Brief, TASK, "brief", agent="web", roles=("curator",))
        gone = await engine.open(Brief, TASK, "brief", agent="gone")
        await gone.close()
        found = await engine.access(TASK, "brief")
        may = {one["region"]: one["may"] for one in found["regions"]}
        assert may["status"]["commit"] == ["*"]
        assert (may["findings"]["append"], may["findings"]["compact"]) == (["*"], ["role:curator"])
        assert may["findings"]["retract"] == ["its author", "role:curator"]
        assert (may["draft"]["insert"], may["draft"]["retract"]) == (["synthesizer"], ["its author", "synthesizer"])
        assert [(one["agent"], one["roles"]) for one in found["sessions"]] == [("web", ["curator"])]


def test_a_role_is_not_an_agent_of_that_name() -> None:
    """Names, roles and everybody are told apart."""
    rules = Rules(frozenset({"ada", "role:curator"}), {"*": frozenset({"insert"}), "ada": frozenset({"rethink"})})
    may = who_may(RegionSpec("draft", Kind.TEXT, None, rules))
    assert (may["insert"], may["rethink"]) == (["ada", "role:curator"], ["ada"])
