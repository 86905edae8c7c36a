"""Three agents write one brief in parallel; it converges and contradicts itself; a sidecar says so, and somebody puts it right.

    python demos/reconcile.py

Every part is a process of its own: `accordant serve`, agents and a reconciler over websockets, and `accordant check --watch`
beside them, which may write nothing but findings. The merge has nothing to complain of: every statement landed. The sidecar names
both sides of the planted contradiction, who wrote them, and what each had read. The reconciler looks at the bases, takes back the
side that has none, and corrects it in the draft; the next report is coherent. Every outcome is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from accordant import Document, EventKind, Guarded, Log, Namespace, Text, connect, region
from accordant.coherence_pass import CoherenceReport, Contradiction, Side
from accordant.coherence_pass.findings import Findings

TASK, NAME = Namespace.task("acme", "q3"), "brief"
AUDITED = "Customer churn in the third quarter was 4.1%."
RUMOUR = "Customer churn in the third quarter was 5.3%."
RIVALS = ("Acme", "Borealis", "Cumulus", "Dynamo", "Everest", "Fjord", "Gamma", "Helix")
TRIALS = ("northern", "southern", "eastern", "western", "coastal", "alpine", "urban", "rural")
WAIT_S = 30.0


class Brief(Document):
    """What the three share."""

    ledger: Guarded[dict[str, str]]
    findings: Log[str] = region(allow={"*": {"append"}, "role:curator": {"append", "retract"}})
    draft: Text


@dataclass(frozen=True)
class Crew:
    """Everybody's handle on the one brief, each over a websocket of its own."""

    web: Brief
    docs: Brief
    writer: Brief
    reconciler: Brief


@contextlib.asynccontextmanager
async def process(*words: str) -> AsyncIterator[Process]:
    """`accordant ...`, ended when the block ends."""
    command = [sys.executable, "-u", "-m", "accordant", *words]
    running = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, limit=2**24)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.terminate()
        await asyncio.wait_for(running.communicate(), WAIT_S)


async def line(running: Process) -> str:
    """The next line that it prints."""
    assert running.stdout is not None
    found = (await asyncio.wait_for(running.stdout.readline(), WAIT_S)).decode()
    assert found, "it ended"
    return found


async def report_that(sidecar: Process, coherent: bool) -> CoherenceReport:
    """The sidecar's next report that says so."""
    while True:
        report = CoherenceReport.model_validate_json(await line(sidecar))
        if report.coherent is coherent:
            return report


# -- the night -----------------------------------------------------------------------------------------------------


async def write_in_parallel(crew: Crew) -> None:
    """Nobody waits for anybody, and nobody's words are lost."""

    async def web() -> None:
        for page in range(len(RIVALS)):
            await crew.web.findings.append(f"{RIVALS[page]} sells on its own page.", why="crawl")
        await crew.web.findings.append(RUMOUR, why="a forum says so")

    async def docs() -> None:
        for paper in range(len(TRIALS)):
            await crew.docs.findings.append(f"The {TRIALS[paper]} pilot is described in a paper.", why="reading")
        seen = await crew.docs.ledger.read()
        await crew.docs.findings.append(AUDITED, why="the audited ledger", derived_from=[seen])

    async def writer() -> None:
        for part in ("# Brief\n\n", "The third quarter was quiet. ", "The pilot goes on."):
            await crew.writer.draft.append(part)

    await asyncio.gather(web(), docs(), writer())


async def converged(crew: Crew) -> int:
    """All handles read the same; returns how many findings there are."""
    reads = [(await one.findings.read()).value for one in (crew.web, crew.docs, crew.writer)]
    assert reads[0] == reads[1] == reads[2], "the replicas differ"
    assert {AUDITED, RUMOUR} <= set(reads[0]), "something was lost"
    return len(reads[0])


async def reconcile(brief: Brief, finding: Contradiction) -> str:
    """Take back the side that was made from nothing; put the other one in its place. Returns the ref that was taken back."""
    based, baseless = sorted((finding.a, finding.b), key=lambda side: not side.read)
    assert based.read, "neither side had read anything: this is for a person to decide"
    entries = (await brief.findings.read()).entries
    standing = next(one for one in entries if one.value == based.text)
    wrong = next(one for one in entries if one.value == baseless.text)
    await brief.retract(wrong.ref, f"against {standing.ref}, which has a basis", correction=standing.ref)
    await brief.draft.append(f" {based.text}", why=f"finding {finding.id}", derived_from=[standing])
    return str(wrong.ref)


def told(side: Side) -> str:
    """One side in a line."""
    read = ", ".join(f"{path} at version {version}" for path, version in side.read) or "nothing"
    return f"{side.text!r} by {', '.join(side.authors)} at version {side.version}, having read {read}"


async def play(crew: Crew, sidecar: Process) -> None:
    """The scenes, in order."""
    await report_that(sidecar, True)
    await crew.reconciler.ledger.commit({"churn": "4.1%"}, expect=await crew.reconciler.ledger.read())
    async with crew.reconciler.events(kinds=EventKind.CONTRADICTION) as events:
        await write_in_parallel(crew)
        print(f"three agents in parallel: {await converged(crew)} findings, the same on every replica, nothing lost")
        report = await report_that(sidecar, False)
        (found,) = report.contradictions
        print(f"the sidecar, version {report.version}: {found.detail}")
        print(f"  {told(found.a)}\n  {told(found.b)}")
        sides = {side.text: side for side in (found.a, found.b)}
        assert sides[RUMOUR].authors == ["web"]
        assert sides[AUDITED].authors == ["docs"]
        assert [path for path, _ in sides[AUDITED].read] == ["ledger"]
        assert sides[RUMOUR].read == []
        while True:  # earlier reports are events, too
            event = await asyncio.wait_for(anext(events), WAIT_S)
            kept = (await Findings(crew.reconciler).read()).report()
            if kept is not None and not kept.coherent:
                break
    assert event.actor == "accordant-check"
    print(f"the reconciler takes back {await reconcile(crew.reconciler, kept.contradictions[0])}")
    report = await report_that(sidecar, True)
    print(f"the sidecar, version {report.version}: coherent, {report.n_claims} statements")
    status = {one.status for one in (await Findings(crew.web).read()).findings.values()}
    assert status == {"closed"}, status
    actors = {entry.actor for entry in await crew.web.history("coherence") if entry.ops}
    assert actors == {"accordant-check"}, actors
    wrote = {op.region for entry in await crew.web.history(actor="accordant-check", limit=1000) for op in entry.ops}
    assert wrote == {"coherence"}, "the sidecar wrote something else"
    assert AUDITED in (await crew.writer.draft.read()).value


async def main(folder: Path) -> None:
    """Everything in processes of its own, on a store in that folder."""
    async with (
        process("serve", str(folder / "brief.db"), "--port", "0") as server,
        contextlib.AsyncExitStack() as stack,
    ):
        port = (await line(server)).strip().rpartition(":")[2]
        url = f"ws://127.0.0.1:{port}"

        async def joined(agent: str) -> Brief:
            roles = ("curator",) if agent == "reconciler" else ()
            return await stack.enter_async_context(connect(Brief, url, TASK, NAME, agent=agent, roles=roles))

        crew = Crew(*[await joined(agent) for agent in ("web", "docs", "writer", "reconciler")])
        source = f"{url}/sync/{crew.web.key.path}"
        async with process("check", source, "--watch", "--rules-only", "--json", "--debounce", "0.5") as sidecar:
            await play(crew, sidecar)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="accordant-reconcile-") as name:
        asyncio.run(main(Path(name)))
