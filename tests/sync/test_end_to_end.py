"""The whole way: a real `accordant serve` process, unmodified yjs + y-websocket peers in Node, agents in Python."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pycrdt
import pytest
from pydantic import BaseModel

from accordant import Conflict, Document, Engine, EpochChanged, Guarded, Log, Namespace, NoAuthority, Text, connect
from accordant.types.limits import OUTBOX_BYTES_MAX
from processes import ServerProcess, YjsPeer, eventually
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
pytestmark = pytest.mark.usefixtures("node_bin", "node_modules")


class Account(BaseModel):
    plan: str = "free"
    seats: int = 1


class Brief(Document):
    account: Guarded[Account]
    findings: Log[str]
    draft: Text


async def retried(call: Any) -> Any:
    """The answer of a call that may meet the handle offline for a while, as agents retry what is retryable."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call()
            except NoAuthority:
                await asyncio.sleep(0.05)


async def lengths(peer: YjsPeer) -> tuple[int, int]:
    """How many findings and how many characters a Node peer has."""
    return len(await peer.do("array", root="findings")), len(await peer.do("text", root="draft"))


async def text_of(brief: Brief) -> str:
    return (await brief.draft.read()).value


@in_loop
async def test_agents_and_editors_write_one_document(tmp_path: Path) -> None:
    """Two Python agents and two Yjs editors meet in one document; every replica is equal, and so is the server's state."""
    async with ServerProcess(tmp_path) as server:
        ada, guest = YjsPeer(server.url, agent="ada"), YjsPeer(server.url)
        async with (
            ada,
            guest,
            connect(Brief, server.url, TASK, "brief", agent="triage") as triage,
            connect(Brief, server.url, TASK, "brief", agent="enrich") as enrich,
        ):
            await asyncio.gather(ada.heard("synced"), guest.heard("synced"))
            seen = await triage.account.read()
            await enrich.account.commit(Account(plan="pro"), expect=await enrich.account.read())
            with pytest.raises(Conflict) as lost:
                await triage.account.commit(Account(seats=5), expect=seen)
            fresh = lost.value.reading
            landed = await triage.account.commit(fresh.value.model_copy(update={"seats": 5}), expect=fresh)
            assert landed.value == Account(plan="pro", seats=5)

            await asyncio.gather(
                ada.do("insert", root="draft", index=0, text="grün "),
                guest.do("insert", root="draft", index=0, text="😀"),
                guest.do("push", root="findings", items=["from the editor"]),
                triage.findings.append("from triage"),
                enrich.findings.append("from enrich"),
                enrich.draft.append("end"),
            )
            shown = {"plan": "pro", "seats": 5}
            for peer in (ada, guest):
                await eventually(lambda peer=peer: lengths(peer), (3, len("grün 😀end")))
                field = (await peer.do("map", root="guarded"))["account"]
                assert (field["value"], field["version"], field["by"]) == (shown, landed.version, "triage")
            states = [await peer.do("state") for peer in (ada, guest)]
            assert contents(states[0]) == contents(states[1])
            assert contents(states[0])["draft"] == (await triage.draft.read()).value
            assert contents(states[0])["findings"] == (await enrich.findings.read()).value
            assert {entry.by for entry in (await enrich.findings.read()).entries} == {"anonymous", "triage", "enrich"}


def contents(state: str) -> dict[str, Any]:
    """A Node peer's replica, read by another implementation."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(base64.b64decode(state))
    return {
        "draft": str(doc.get("draft", type=pycrdt.Text)),
        "findings": doc.get("findings", type=pycrdt.Array).to_py(),
        "guarded": doc.get("guarded", type=pycrdt.Map).to_py(),
    }


@in_loop
async def test_an_editor_that_writes_a_guarded_field_stops_alone(tmp_path: Path) -> None:
    """y-websocket is closed with a code after which it does not come back, and says why; nobody else notices."""
    async with ServerProcess(tmp_path) as server:
        mallory, guest = YjsPeer(server.url, agent="mallory"), YjsPeer(server.url)
        async with mallory, guest:
            await asyncio.gather(mallory.heard("synced"), guest.heard("synced"))
            await mallory.do("set", root="guarded", key="account", value={"value": {"plan": "pro"}})
            close = await mallory.heard("close")
            assert close["code"] == 4409
            assert close["reason"].startswith("guarded_closed: ")
            assert (await mallory.heard("closed"))["code"] == 4409
            assert "guarded_closed" in (await mallory.heard("warning"))["text"]
            await guest.do("insert", root="draft", index=0, text="undisturbed")
            async with connect(Brief, server.url, TASK, "brief", agent="triage") as triage:
                await eventually(lambda: text_of(triage), "undisturbed")
                assert (await triage.account.read()).value is None
            assert await guest.do("map", root="guarded") == {}
            assert not [event for event in guest.events if event["event"] in ("close", "disconnected")]


@in_loop
async def test_presence_crosses_between_editors(tmp_path: Path) -> None:
    """Editors see each other come and go."""
    async with ServerProcess(tmp_path) as server, YjsPeer(server.url) as one:
        await one.heard("synced")
        await one.do("awareness", state={"name": "one"})
        me = str(await one.do("me"))
        async with YjsPeer(server.url) as other:
            await other.heard("synced")
            await other.do("awareness", state={"name": "other"})
            you = str(await other.do("me"))
            both = {me: {"name": "one"}, you: {"name": "other"}}
            await asyncio.gather(one.until("present", both), other.until("present", both))
        await one.until("present", {me: {"name": "one"}})


@in_loop
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """SIGKILL and a restart: agents and editors come back by themselves, and every acknowledged write is there, once."""
    async with ServerProcess(tmp_path / "state.db") as server, YjsPeer(server.url) as guest:
        await guest.heard("synced")
        async with connect(Brief, server.url, TASK, "brief", agent="triage") as triage:
            seen = await triage.account.read()
            acknowledged: list[str] = []
            some = asyncio.Event()

            async def write() -> None:
                for n in range(200):
                    await retried(lambda n=n: triage.findings.append(f"finding {n}"))
                    acknowledged.append(f"finding {n}")
                    if n == 50:
                        some.set()

            writing = asyncio.create_task(write())
            await guest.do("insert", root="draft", index=0, text="typed before")
            await asyncio.wait_for(some.wait(), 20)
            await server.end(signal.SIGKILL)
            await guest.do("insert", root="draft", index=0, text="typed offline, ")
            await server.start()
            await writing
            log = (await triage.findings.read()).value
            assert log == acknowledged
            await guest.until("text", "typed offline, typed before", root="draft")
            await guest.until("array", acknowledged, root="findings")
            assert (await triage.draft.read()).value == "typed offline, typed before"
            with pytest.raises(EpochChanged):
                await triage.account.commit(Account(plan="pro"), expect=seen)
            await triage.account.commit(Account(plan="pro"), expect=await triage.account.read())


@in_loop
async def test_an_orderly_end_loses_nothing_and_frees_the_file(tmp_path: Path) -> None:
    """SIGTERM ends the server with 0 while peers are connected; the next process has the file at once, with everything."""
    async with ServerProcess(tmp_path) as server, YjsPeer(server.url) as guest:
        await guest.heard("synced")
        brief = await connect(Brief, server.url, TASK, "brief", agent="triage")
        await brief.findings.append("kept")
        assert await server.end(signal.SIGTERM) == 0
        await brief.close()
        async with Engine(tmp_path / "accordant.db") as engine:
            here = await engine.open(Brief, TASK, "brief", agent="next")
            assert (await here.findings.read()).value == ["kept"]


@in_loop
async def test_a_stalled_editor_is_cut_and_nobody_waits(tmp_path: Path) -> None:
    """An editor that stops reading loses its own connection; agents and the other editor go on at full speed."""
    async with ServerProcess(tmp_path, "--durability", "process") as server:
        stalled, guest = YjsPeer(server.url), YjsPeer(server.url)
        async with stalled, guest:
            await asyncio.gather(stalled.heard("synced"), guest.heard("synced"))
            assert stalled._process is not None
            stalled._process.send_signal(signal.SIGSTOP)
            async with connect(Brief, server.url, TASK, "brief", agent="triage") as triage:
                count = OUTBOX_BYTES_MAX * 4 // 500_000
                for _ in range(count):
                    await asyncio.wait_for(triage.draft.append("x" * 500_000), 5)
                await eventually(lambda: lengths(guest), (0, count * 500_000))
            stalled._process.send_signal(signal.SIGCONT)
            await stalled.heard("disconnected")
            await stalled.heard("synced")  # it comes back by itself, and has everything
            await eventually(lambda: lengths(stalled), (0, count * 500_000))


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accordant.cli.main", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=dict(os.environ))


def test_a_held_file_names_its_holder(tmp_path: Path) -> None:
    """A second server on one file ends with 6 and says who holds it."""

    async def beside() -> tuple[subprocess.CompletedProcess[str], str]:
        async with Engine(tmp_path / "accordant.db") as engine:
            return await asyncio.to_thread(serve, str(tmp_path), "--port", "0"), engine.holder

    done, holder = asyncio.run(beside())
    assert done.returncode == 6
    assert holder in done.stderr


def test_an_address_that_others_reach_is_refused(tmp_path: Path) -> None:
    """Without tokens nothing but loopback is served; the sentence says what to do."""
    done = serve(str(tmp_path), "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "127.0.0.1" in done.stderr


@in_loop
async def test_an_allowed_origin_is_let_in(tmp_path: Path) -> None:
    """`--origin` names whose pages may connect; others stay out, and what is no origin is refused at once."""
    async with (
        ServerProcess(tmp_path, "--origin", "https://app.example") as server,
        httpx.AsyncClient(base_url=server.url.replace("ws:", "http:"), trust_env=False) as http,
    ):
        for origin, status in (("https://app.example", 200), ("https://other.example", 403)):
            assert (await http.get("/documents", headers={"Origin": origin})).status_code == status
    for wrong in ("app.example", "https://app.example/page", "https://app.example/", "ftp://app.example"):
        done = await asyncio.to_thread(serve, str(tmp_path), "--port", "0", "--origin", wrong)
        assert (done.returncode, "no web origin" in done.stderr) == (2, True)


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """A port that somebody listens on is no crash."""

    async def beside() -> subprocess.CompletedProcess[str]:
        async with ServerProcess(tmp_path / "one.db") as server:
            return await asyncio.to_thread(serve, str(tmp_path / "two.db"), "--port", str(server.port))

    done = asyncio.run(beside())
    assert done.returncode == 6
    assert "cannot listen" in done.stderr


@in_loop
async def test_programs_can_read_where_it_listens(tmp_path: Path) -> None:
    """With --json the first line says the address as JSON."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "accordant.cli.main", "serve", str(tmp_path), "--port", "0", "--json"],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    shown = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    process.terminate()
    await process.communicate()
    assert shown["listening"].startswith("http://127.0.0.1:")
    assert shown["store"] == str(tmp_path / "accordant.db")
