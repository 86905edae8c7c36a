"""`accordant check --watch` as a real process beside a real server: whole reports or none, whatever is killed when."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx

from accordant import Document, Log, Namespace, connect
from accordant.coherence_pass.findings import Findings
from accordant.sync.server.tokens import create
from accordant.types.access import READ, Allowance, Grant, Principal
from processes import ROOM, ServerProcess, eventually
from sidecar import Sidecar
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
LOW, HIGH = "Churn in Q3 was 4.1%.", "Churn in Q3 was 6.3%."

SLOW = """
import sys, time
from accordant.coherence_pass import judging
real = judging.judge
def judge(a, b):
    print("judging", file=sys.stderr, flush=True)
    time.sleep(60)
    return real(a, b)
judging.judge = judge
from accordant.cli.main import app
app()
"""
"""The command, with a pass that never seems to end."""


class Brief(Document):
    findings: Log[str]


def agent(server: ServerProcess, name: str) -> Any:
    """A handle over a websocket."""
    return connect(Brief, server.url, TASK, "brief", agent=name)


async def writes_to_findings(doc: Document) -> list[str]:
    """Who wrote into `coherence`."""
    return [one.actor for one in await doc.history("coherence", outcome="committed") if one.ops]


@in_loop
async def test_a_sidecar_reports_publishes_and_tells_its_health(tmp_path: Path) -> None:
    """It joins a server, reports each change, keeps the findings in the document, and has its pages; SIGTERM ends it with 0."""
    async with ServerProcess(tmp_path / "state.db") as server, agent(server, "ann") as ann, agent(server, "bob") as bob:
        await ann.findings.append(LOW)
        async with Sidecar(f"{server.url}/sync/{ROOM}", "--debounce", "0.05") as sidecar:
            assert (await sidecar.report())["coherent"] is True
            await bob.findings.append(HIGH)
            found = (await sidecar.report_with(coherent=False))["contradictions"]
            assert {*found[0]["a"]["authors"], *found[0]["b"]["authors"]} == {"ann", "bob"}
            kept = (await Findings(ann).read()).report()
            assert kept is not None
            assert [one.id for one in kept.contradictions] == [found[0]["id"]]
            health = await sidecar.get("/healthz")
            assert (health.status_code, health.json()["status"], health.json()["coherent"]) == (200, "ok", False)
            shown = (await sidecar.get("/metrics")).text
            assert 'accordant_contradictions{kind="numeric",status="open"} 1.0' in shown
            assert "accordant_coherence_pass_seconds_count 2.0" in shown
            assert (await sidecar.get("/other")).status_code == 404
            assert await sidecar.end(signal.SIGTERM) == 0
        assert {one.actor for one in await ann.history() if one.ops} == {"ann", "bob", "accordant-check"}
        assert set(await writes_to_findings(ann)) == {"accordant-check"}
        async with httpx.AsyncClient(base_url=server.http) as http:
            served = (await http.get("/metrics")).text
            assert 'accordant_contradictions{kind="numeric",status="open"} 1.0' in served
            report = (await http.get(f"/documents/{ROOM}/contradictions")).json()
            await Findings(bob).dismiss(report["contradictions"][0]["id"], "two markets")
            assert (await http.get(f"/documents/{ROOM}/contradictions")).json()["n_suppressed"] == 1
            assert 'status="dismissed"} 1.0' in (await http.get("/metrics")).text
            assert "accordant_coherence_pass_seconds_count 2.0" in (await http.get("/metrics")).text


@in_loop
async def test_killed_in_the_middle_of_a_pass_it_leaves_nothing(tmp_path: Path) -> None:
    """After kill -9 no part of a report is in the document, writers were never held up, and a new one finds everything."""
    async with ServerProcess(tmp_path / "state.db") as server, agent(server, "ann") as ann:
        await ann.findings.append(LOW)
        await ann.findings.append(HIGH)
        source = f"{server.url}/sync/{ROOM}"
        async with Sidecar(source, "--debounce", "0.05", program=SLOW) as slow:
            await slow.said("judging")
            async with asyncio.timeout(5):
                await ann.findings.append("Nobody waits for a pass.")
            await slow.end(signal.SIGKILL)
        assert await writes_to_findings(ann) == []
        async with Sidecar(source, "--debounce", "0.05") as sidecar:
            assert len((await sidecar.report())["contradictions"]) == 1
        assert await writes_to_findings(ann) == ["accordant-check"]


@in_loop
async def test_restarted_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed and started again it runs no pass over what was checked; what was written meanwhile is in its first report."""
    async with ServerProcess(tmp_path / "state.db") as server, agent(server, "ann") as ann:
        await ann.findings.append(LOW)
        async with Sidecar(f"{server.url}/sync/{ROOM}", "--debounce", "0.05") as sidecar:
            await sidecar.report()
            await sidecar.end(signal.SIGKILL)
            await sidecar.start()
            await eventually(lambda: _status(sidecar), "ok")
            await asyncio.sleep(0.5)
            assert (await sidecar.get("/healthz")).json()["passes"] == 0
            await sidecar.end(signal.SIGKILL)
            await ann.findings.append(HIGH)
            await sidecar.start()
            assert (await sidecar.report())["coherent"] is False


async def _status(sidecar: Sidecar) -> str:
    return str((await sidecar.get("/healthz")).json()["status"])


@in_loop
async def test_a_server_that_comes_back_is_joined_again(tmp_path: Path) -> None:
    """Started before its server, and over a server's restart, it waits, says so, and goes on."""
    server = ServerProcess(tmp_path / "state.db")
    await server.start()
    await server.end(signal.SIGKILL)
    async with Sidecar(f"{server.url}/sync/{ROOM}", "--debounce", "0.05") as sidecar:
        await sidecar.said("waiting")
        assert (await sidecar.get("/healthz")).status_code == 503
        async with server, agent(server, "ann") as ann:
            assert (await sidecar.report())["n_claims"] == 0
            await ann.findings.append(LOW)
            await server.end(signal.SIGKILL)
            await server.start()
            await ann.synced(20)
            await ann.findings.append(HIGH)
            assert len((await sidecar.report_with(coherent=False))["contradictions"]) == 1


@in_loop
async def test_without_publishing_it_writes_nothing(tmp_path: Path) -> None:
    """--no-publish joins to read only, and the document stays as it is."""
    async with ServerProcess(tmp_path / "state.db") as server, agent(server, "ann") as ann:
        await ann.findings.append(LOW)
        await ann.findings.append(HIGH)
        async with Sidecar(f"{server.url}/sync/{ROOM}", "--no-publish", "--debounce", "0.05") as sidecar:
            assert (await sidecar.report())["coherent"] is False
            assert 'status="open"} 1.0' in (await sidecar.get("/metrics")).text
        assert await writes_to_findings(ann) == []


@in_loop
async def test_a_token_for_reading_and_for_findings_is_enough(tmp_path: Path) -> None:
    """With tokens on, a sidecar that may read everything and write `coherence` publishes; with reading alone it ends."""
    keys = tmp_path / "keys.json"
    reads, scope = Allowance("*", frozenset({READ})), (("acme",),)
    writes = Allowance("coherence", frozenset({"commit", "delete"}))

    def token(agent: str, *allow: Allowance) -> str:
        return create(keys, Principal(agent, grant=Grant(scope, allow or None)), 1)[0]

    mine, checks, only_reads = token("ann"), token("accordant-check", reads, writes), token("accordant-check", reads)
    async with (
        ServerProcess(tmp_path / "state.db", "--token-file", str(keys)) as server,
        connect(Brief, server.url, TASK, "brief", agent="ann", token=mine) as ann,
    ):
        await ann.findings.append(LOW)
        await ann.findings.append(HIGH)
        source = f"{server.url}/sync/{ROOM}"
        async with Sidecar(source, "--token", only_reads) as sidecar:
            await sidecar.said("error:")
            assert await sidecar.end(None) == 5
        assert await writes_to_findings(ann) == []
        async with Sidecar(source, "--token", checks) as sidecar:
            assert (await sidecar.report())["coherent"] is False
        assert await writes_to_findings(ann) == ["accordant-check"]


@in_loop
async def test_a_file_is_watched_too(tmp_path: Path) -> None:
    """A Markdown file is read again when it has changed."""
    brief = tmp_path / "brief.md"
    brief.write_text(LOW, encoding="utf-8")
    async with Sidecar(str(brief), "--debounce", "0.05") as sidecar:
        assert (await sidecar.report())["coherent"] is True
        brief.write_text(f"{LOW}\n\n{HIGH}\n", encoding="utf-8")
        report = await sidecar.report_with(coherent=False)
        assert report["incremental"] is True
