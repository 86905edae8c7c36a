"""A document that nobody uses is put away, and nobody who comes back loses anything or meets a closed door."""

from __future__ import annotations

import asyncio
import random

import pytest

from accordant import Document, Engine, Fenced, Log, Text
from accordant.engine.commands import Declare, Join, Sync, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.stores.memory import MemoryStore
from accordant.types.namespaces import DocumentKey
from served import GatedStore, until
from worlds import TASK, in_loop

KEY = DocumentKey.of(TASK, "brief")


class Brief(Document):
    findings: Log[str]
    draft: Text


class SlowToKeep(MemoryStore):
    """A real store whose checkpoints wait at a gate: the moment between closing a document and forgetting it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.keeping = 0

    async def checkpoint(self, document: str, offset: int, state: bytes) -> None:
        self.keeping += 1
        await self.gate.wait()
        await super().checkpoint(document, offset, state)


@in_loop
async def test_what_nobody_uses_is_put_away_and_comes_back_whole() -> None:
    """Closed with a checkpoint after its last session has left, loaded again on first use, with everything in it."""
    store = SlowToKeep()
    async with Engine(store=store, idle_s=0.05) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="ada")
        await brief.findings.append("kept")
        host = await engine.host(KEY)
        await brief.close()
        await until(lambda: store.keeping == 1)
        assert host.is_closed
        again = await engine.open(Brief, TASK, "brief", agent="ada")
        assert (await again.findings.read()).value == ["kept"]
        assert await engine.host(KEY) is not host


@in_loop
async def test_a_handle_or_a_listener_keeps_it_loaded() -> None:
    """Whoever has a session, or listens, need not say a word for that."""
    async with Engine(idle_s=0.04) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="ada")
        host = await engine.host(KEY)
        await asyncio.sleep(0.2)
        assert not host.is_closed
        stop = host.subscribe(lambda published: None)
        await brief.close()
        await asyncio.sleep(0.2)
        assert not host.is_closed
        stop()
        await until(lambda: host.is_closed)


@in_loop
async def test_who_opens_while_it_is_put_away_waits_and_gets_a_fresh_one() -> None:
    """An edit on the fresh one lands on top of everything before it."""
    store = SlowToKeep()
    async with Engine(store=store, idle_s=0.05) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="ada")
        await brief.findings.append("before")
        await brief.close()
        store.gate.clear()
        await until(lambda: store.keeping)
        opening = [asyncio.create_task(engine.open(Brief, TASK, "brief", agent=f"agent-{n}")) for n in range(3)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in opening)
        store.gate.set()
        handles = await asyncio.gather(*opening)
        for n, handle in enumerate(handles):
            await handle.findings.append(f"after {n}")
        assert (await handles[0].findings.read()).value == ["before", "after 0", "after 1", "after 2"]


@in_loop
async def test_a_session_that_ended_is_fenced_whether_or_not_its_document_is_loaded() -> None:
    """A handle that was fenced hears the same before and after its document was put away."""
    async with Engine(idle_s=0.05) as engine:
        brief = await engine.open(Brief, TASK, "brief", agent="ada")
        host = await engine.host(KEY)
        await engine.fence("ada")
        with pytest.raises(Fenced):
            await brief.findings.append("too late")
        await until(lambda: host.is_closed)
        with pytest.raises(Fenced):
            await brief.findings.append("later still")
        answers: list[object] = []
        host.post(Update("gone", b"\x00\x00"), answers.append)
        await asyncio.sleep(0)
        assert isinstance(answers[0], Fenced)


@in_loop
async def test_a_call_that_is_under_way_keeps_it_loaded() -> None:
    """However long its answer takes: the document is in use from the first moment of the call."""
    store = GatedStore()
    async with Engine(store=store, idle_s=0.02) as engine:
        host = await engine.host(KEY)
        store.gate.clear()
        declaring = asyncio.create_task(host.call(Declare(Brief.__schema__, "ada", trusted=True)))
        asking = asyncio.create_task(host.call(Sync()))
        await asyncio.sleep(0.2)
        assert not host.is_closed
        store.gate.set()
        await asyncio.gather(declaring, asking)
        await until(lambda: host.is_closed)


@in_loop
async def test_who_comes_between_the_look_and_the_closing_keeps_it() -> None:
    """A document that somebody opened since it was found idle stays as it is."""
    async with Engine(idle_s=50) as engine:
        host = await engine.host(KEY)
        async with engine._opening.of(KEY.path):
            unloading = asyncio.create_task(engine._unload(KEY.path))
            await asyncio.sleep(0)
            await host.call(Join("s", "ada"))
        await unloading
        assert not host.is_closed
        await host.call(Sync())


@pytest.mark.parametrize("seed", range(4))
@in_loop
async def test_nothing_is_lost_however_unloading_and_using_meet(seed: int) -> None:
    """With no rest at all between uses and unloading, every append that was acknowledged is there, once."""
    dice = random.Random(seed)
    async with Engine(idle_s=0.0001) as engine:
        hosts: set[DocumentHost] = set()
        kept: list[str] = []

        async def visit(agent: str) -> None:
            for n in range(25):
                await asyncio.sleep(dice.choice([0, 0, 0.001, 0.003]))
                async with await engine.open(Brief, TASK, "brief", agent=agent) as brief:
                    hosts.add(await engine.host(KEY))
                    await brief.findings.append(f"{agent} {n}")
                    kept.append(f"{agent} {n}")

        async def look() -> None:
            for n in range(40):
                host = await engine.host(KEY)
                await host.call(Join(f"look-{n}", f"looker-{n}"))
                await host.call(Sync())
                hosts.add(host)
                await engine.fence(f"looker-{n}")
                await asyncio.sleep(0.001)

        await asyncio.gather(*(visit(f"agent-{n}") for n in range(3)), look())
        brief = await engine.open(Brief, TASK, "brief", agent="auditor")
        assert sorted((await brief.findings.read()).value) == sorted(kept)
        assert len(hosts) > 1  # how often depends on how busy the machine is
