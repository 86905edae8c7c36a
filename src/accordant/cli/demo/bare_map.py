"""Scene: the same race on a Yjs map that merges. It converges every time, on whoever has the larger client id."""

from __future__ import annotations

from accordant.cli.demo.crew import Crew
from accordant.cli.demo.stage import Stage
from accordant.engine.crdt import Replica

__all__ = ["TITLE", "play"]

TITLE = "A bare CRDT map: it converges, on one of the two"
SMALL, LARGE = 1_001, 2_002
SEEDER = 1


async def play(stage: Stage, _crew: Crew) -> None:
    """Both orders of the client ids: only that decides whose update is kept."""
    for triage_id, enrichment_id in ((SMALL, LARGE), (LARGE, SMALL)):
        status, is_converged = _race(triage_id, enrichment_id)
        kept = "triage" if status == "churned" else "enrichment"
        await stage.step(
            "crew", f"triage is client {triage_id}, enrichment client {enrichment_id}", f"status={status}", "bold"
        )
        stage.holds(is_converged, "a CRDT map converges")
        larger = "triage" if triage_id > enrichment_id else "enrichment"
        stage.holds(kept == larger, "of two concurrent writes to one key, the larger client id stays")
    await stage.ends("Equal replicas, and a random number chose which update survived.", is_loss=True)


def _race(triage_id: int, enrichment_id: int) -> tuple[str, bool]:
    """The status that both replicas agree on after concurrent writes, and whether they do agree."""
    seed = _written(Replica(SEEDER), {"status": "active", "plan": "basic"})
    triage, enrichment = Replica(triage_id, seed), Replica(enrichment_id, seed)
    first = _written(triage, {"status": "churned", "plan": "basic"})
    second = _written(enrichment, {"status": "active", "plan": "pro"})
    triage.apply(second)
    enrichment.apply(first)
    ends = [replica.entries("accounts")["acme"] for replica in (triage, enrichment)]
    return str(ends[0]["status"]), ends[0] == ends[1]


def _written(replica: Replica, record: dict[str, str]) -> bytes:
    with replica.change() as emission:
        replica.set_entry("accounts", "acme", record)
    return emission.update or b""
