"""The server is stopped, or killed, while peers type at full speed: what anybody has seen of it is there afterwards.

An edit that came back to its writer is acknowledged; so is one that reached another peer, or one that an Ack counted.
"""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pycrdt
import pytest
from websockets.exceptions import ConnectionClosed

from accordant import Document, Engine, Namespace, Text
from accordant.engine.host.verify import verify
from accordant.sync.wire import SyncUpdate, encode_message
from accordant.types.namespaces import DocumentKey
from processes import ServerProcess
from raw_peer import RawPeer, raw_peer
from served import until

KEY = DocumentKey.of(Namespace.task("acme", "q3"), "brief")


class Brief(Document):
    draft: Text


async def type_on(peer: RawPeer, marks: list[str], name: str) -> None:
    """As fast as the socket takes it, until the server is gone: every piece is a word of its own."""
    sent: list[bytes] = []
    watch = peer.doc.observe(lambda event: sent.append(event.update))
    text = peer.text()
    try:
        for n in range(100_000):
            text.insert(len(text), f"{name}.{n} ")
            await peer.socket.send(encode_message(SyncUpdate(sent.pop())))
            sent.clear()
            marks.append(f"{name}.{n}")
            if n % 20 == 0:
                await asyncio.sleep(0)
    except ConnectionClosed:
        assert watch is not None


async def watch(peer: RawPeer) -> tuple[str, int]:
    """All that this peer was told, as a replica of its own, and the close code."""
    seen: pycrdt.Doc[None] = pycrdt.Doc()
    try:
        while True:
            frame = await peer.socket.recv()
            assert isinstance(frame, bytes)
            if frame[:2] == b"\x00\x02":
                at = 2
                while frame[at] > 127:
                    at += 1
                seen.apply_update(frame[at + 1 :])
    except ConnectionClosed:
        return str(seen.get("draft", type=pycrdt.Text)), peer.socket.close_code or 0


async def saw(path: Path, how: signal.Signals, dice: random.Random) -> tuple[set[str], list[int]]:
    """Run, end, and say what was seen and with which codes the connections closed."""
    async with (
        ServerProcess(path, "--durability", "process") as server,
        raw_peer(server.url) as one,
        raw_peer(server.url) as two,
        raw_peer(server.url) as reader,
    ):
        marks: list[str] = []
        # the writers do not apply what comes back: only what `watch` was told counts
        typing = [asyncio.create_task(type_on(peer, marks, name)) for peer, name in ((one, "a"), (two, "b"))]
        watching = [asyncio.create_task(watch(peer)) for peer in (one, two, reader)]
        await until(lambda: len(marks) >= 400)
        await asyncio.sleep(dice.uniform(0, 0.1))
        status = await server.end(how)
        assert status == (0 if how is signal.SIGTERM else -how)
        seen = await asyncio.wait_for(asyncio.gather(*watching), 20)
        for task in typing:
            task.cancel()
        await asyncio.gather(*typing, return_exceptions=True)
    return {word for text, _ in seen for word in text.split()}, [code for _, code in seen]


@pytest.mark.parametrize(
    ("how", "seed"), [(signal.SIGTERM, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 3), (signal.SIGKILL, 4)]
)
def test_what_anybody_has_seen_is_there_afterwards(tmp_path: Path, how: signal.Signals, seed: int) -> None:
    """Stopped or killed in the midst of a storm: nothing seen is lost, the log folds, and a stop says 1012 to everybody."""
    path = tmp_path / "state.db"
    seen, codes = asyncio.run(saw(path, how, random.Random(seed)))
    if how is signal.SIGTERM:
        assert codes == [1012] * 3
    assert len(seen) > 50

    async def look() -> set[str]:
        async with Engine(path) as engine:
            brief = await engine.open(Brief, KEY.namespace, KEY.name, agent="auditor")
            report = await verify(engine.store, KEY.path)
            assert report.agrees, report.discrepancies
            return set((await brief.draft.read()).value.split())

    assert seen - asyncio.run(look()) == set()
