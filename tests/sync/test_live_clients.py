"""One document and everybody who speaks Yjs: both y-websockets, Hocuspocus' provider, agents, our own package."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pycrdt
import pytest

from accordant import Document, Engine, Log, Namespace, Text, connect
from processes import BrowserPeer, YjsPeer, eventually
from serving import serving
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
PROVIDERS = ("y-websocket", "y-websocket-2", "hocuspocus", "accordant")
WORDS = 5

pytestmark = pytest.mark.usefixtures("node_bin", "node_modules")


class Brief(Document):
    findings: Log[str]
    draft: Text


def replica(state: str) -> dict[str, Any]:
    """A peer's replica, read by another implementation."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(base64.b64decode(state))
    return {
        "draft": str(doc.get("draft", type=pycrdt.Text)),
        "findings": doc.get("findings", type=pycrdt.Array).to_py(),
    }


async def write(peer: YjsPeer, name: str) -> None:
    """Words into the text, each at the beginning, and as many items at the array's end."""
    for n in range(WORDS):
        await peer.do("insert", root="draft", index=0, text=f"<{name}{n}>")
        await peer.do("push", root="findings", items=[f"{name}{n}"])


async def agent_writes(brief: Brief, name: str) -> None:
    for n in range(WORDS):
        await brief.draft.append(f"<{name}{n}>")
        await brief.findings.append(f"{name}{n}")


async def sizes(peer: YjsPeer) -> tuple[int, int]:
    found = replica(await peer.do("state"))
    return len(found["draft"]), len(found["findings"])


async def names_present(peer: YjsPeer) -> list[str]:
    return sorted(state["name"] for state in (await peer.do("present")).values() if "name" in state)


@in_loop
async def test_all_clients_write_one_document_and_end_equal(tmp_path: Path, chromium: str) -> None:
    """Unmodified providers in Node and in a browser, our package and two agents: equal replicas, all words once."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, AsyncExitStack() as stack:
        here = await engine.open(Brief, TASK, "brief", agent="embedded")
        there = await stack.enter_async_context(connect(Brief, url, TASK, "brief", agent="remote"))
        peers: dict[str, YjsPeer] = {name: YjsPeer(url, agent=f"{name}-user", provider=name) for name in PROVIDERS}
        peers["page"] = BrowserPeer(url, agent="page")
        await asyncio.gather(*(stack.enter_async_context(peer) for peer in peers.values()))
        await asyncio.gather(*(peer.heard("synced") for peer in peers.values()))
        await asyncio.gather(
            *(write(peer, name) for name, peer in peers.items()),
            agent_writes(here, "embedded"),
            agent_writes(there, "remote"),
        )
        words = {f"{name}{n}" for name in (*peers, "embedded", "remote") for n in range(WORDS)}
        whole = (sum(len(word) + 2 for word in words), len(words))
        for peer in peers.values():
            await eventually(lambda peer=peer: sizes(peer), whole)  # type: ignore[misc]
        replicas = [replica(await peer.do("state")) for peer in peers.values()]
        assert all(one == replicas[0] for one in replicas)
        assert replicas[0]["draft"] == (await here.draft.read()).value == (await there.draft.read()).value
        assert replicas[0]["findings"] == (await here.findings.read()).value
        assert sorted(replicas[0]["draft"][1:-1].split("><")) == sorted(words)
        assert sorted(replicas[0]["findings"]) == sorted(words)
        await peers["hocuspocus"].until("unsynced", 0)
        assert not [
            event for peer in peers.values() for event in peer.events if event["event"] in ("close", "pageerror")
        ]


@in_loop
async def test_clients_of_every_kind_see_each_other_come_and_go(tmp_path: Path, chromium: str) -> None:
    """Presence crosses between all providers; who leaves, by goodbye or by the death of its process, is gone for all."""
    async with Engine(tmp_path / "state.db") as engine, serving(engine) as url, AsyncExitStack() as stack:
        peers: dict[str, YjsPeer] = {name: YjsPeer(url, agent=f"{name}-user", provider=name) for name in PROVIDERS}
        peers["page"] = BrowserPeer(url, agent="page")
        await asyncio.gather(*(stack.enter_async_context(peer) for peer in peers.values()))
        await asyncio.gather(*(peer.heard("synced") for peer in peers.values()))
        for name, peer in peers.items():
            await peer.do("awareness", state={"name": name})
        for peer in peers.values():
            await eventually(lambda peer=peer: names_present(peer), sorted(peers))  # type: ignore[misc]
        await peers["y-websocket-2"].do("leave")
        await peers["hocuspocus"].do("leave")
        peers["page"].kill()
        rest = ["accordant", "y-websocket"]
        for name in rest:
            await eventually(lambda name=name: names_present(peers[name]), rest)  # type: ignore[misc]
        await peers["accordant"].do("close")
        await eventually(lambda: names_present(peers["y-websocket"]), ["y-websocket"])
