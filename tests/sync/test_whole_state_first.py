"""What a newcomer is sent first: the whole state, and only then what changes."""

from __future__ import annotations

import asyncio

from accordant import Document, Engine, Namespace, Text
from accordant.sync.wire import SyncStep1, SyncStep2, SyncUpdate
from raw_peer import raw_peer
from served import GatedStore, served, until
from serving import serving
from worlds import in_loop


class Brief(Document):
    draft: Text
    aside: Text


@in_loop
async def test_an_update_that_becomes_durable_meanwhile_follows_step_2() -> None:
    """It stands on what the newcomer does not have yet, and a yrs replica can leave such an update waiting for good."""
    store = GatedStore()
    async with Engine(store=store) as engine, served(engine) as url:
        brief = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ada")
        await brief.draft.append("before ")
        async with raw_peer(url, synced=False) as peer:
            await peer.append("here", "aside")  # joined, but it does not listen yet
            async with asyncio.timeout(10):
                while (await brief.aside.read()).value != "here":  # noqa: ASYNC110 - another party's state
                    await asyncio.sleep(0.01)
            store.gate.clear()
            writing = asyncio.create_task(brief.draft.append("meanwhile"))
            await until(lambda: store.waiting)
            await peer.say(SyncStep1(peer.doc.get_state()))
            await asyncio.sleep(0.05)  # Step 1 is answered in the batch after the one that waits
            store.gate.set()
            await writing
            await brief.draft.append(" and after")
            while str(peer.text()) != "before meanwhile and after":
                await peer.hear()
            came = [type(one) for frame in peer.heard for one in frame if isinstance(one, SyncStep2 | SyncUpdate)]
            assert came[0] is SyncStep2


@in_loop
async def test_a_newcomer_to_a_large_document_that_is_written_all_the_time_stays() -> None:
    """The whole state does not count against the outbox: what changes while it is on its way follows it."""
    async with Engine() as engine, serving(engine) as url:
        brief = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ada")
        for _ in range(24):
            await brief.draft.append("0123456789abcdef" * 65_536)
        async with raw_peer(url, synced=False) as peer:
            peer.socket.transport.pause_reading()
            await peer.say(SyncStep1(peer.doc.get_state()))
            await asyncio.sleep(0.1)
            for n in range(100):
                await brief.aside.append(f"{n} ")
            peer.socket.transport.resume_reading()
            while str(peer.text("aside")).count(" ") < 100:
                await peer.hear()
            assert len(str(peer.text())) == 24 * 2**20


@in_loop
async def test_who_asks_for_the_whole_again_and_again_without_reading_is_cut() -> None:
    """A second whole state counts, so asking costs the server one of them."""
    async with Engine() as engine, serving(engine) as url:
        brief = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ada")
        for _ in range(24):
            await brief.draft.append("0123456789abcdef" * 65_536)
        async with raw_peer(url, synced=False) as peer:
            peer.socket.transport.pause_reading()
            for _ in range(4):
                await peer.say(SyncStep1(peer.doc.get_state()))
                await asyncio.sleep(0.1)
            peer.socket.transport.resume_reading()
            code, _ = await peer.closed()
            assert code in (4508, 1006)  # whether the goodbye still fits behind what it did not read
            came = [type(one) for frame in peer.heard for one in frame]
            assert came.count(SyncStep2) <= 1
