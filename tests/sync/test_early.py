"""A Yjs peer that comes back and types at once: its new edit arrives before all that it did offline."""

from __future__ import annotations

import asyncio

import pycrdt

from accordant import Document, Engine, Namespace, Text
from accordant.sync.wire import SyncStep1, SyncStep2, SyncUpdate
from raw_peer import raw_peer
from served import served
from worlds import in_loop


class Brief(Document):
    draft: Text


@in_loop
async def test_an_edit_before_the_answer_to_step_1_waits_for_it() -> None:
    """It stands on edits that the server has not seen yet; nothing is refused, nothing is lost."""
    async with Engine() as engine, served(engine) as url:
        brief = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ada")
        async with raw_peer(url, synced=False) as peer:
            peer.text().insert(0, "offline ")
            before = peer.doc.get_state()
            peer.text().insert(8, "online")
            await peer.say(SyncStep1(peer.doc.get_state()))
            await peer.say(SyncUpdate(peer.doc.get_update(before)))
            await peer.hear_until(SyncStep2)
            await asyncio.sleep(0.05)
            assert (await brief.draft.read()).value == ""
            await peer.say(SyncStep2(peer.doc.get_update()))
            async with asyncio.timeout(10):
                while (await brief.draft.read()).value != "offline online":  # noqa: ASYNC110 - another party's state
                    await asyncio.sleep(0.01)
            assert not await engine.store.quarantine("acme/task/q3/brief")


@in_loop
async def test_a_gap_is_refused_when_the_peer_has_answered() -> None:
    """Only until the answer to Step 1: afterwards a gap is a fault of the peer, with its code."""
    async with Engine() as engine, served(engine) as url, raw_peer(url) as peer:
        await peer.say(SyncStep2(pycrdt.Doc().get_update()))
        await peer.append("known")
        await peer.say(SyncStep2(peer.doc.get_update()))
        peer.text().insert(0, "lost ")
        before = peer.doc.get_state()
        peer.text().insert(0, "after ")
        await peer.say(SyncUpdate(peer.doc.get_update(before)))
        code, reason = await peer.closed()
        assert (code, reason.partition(":")[0]) == (4409, "clock_gap")
