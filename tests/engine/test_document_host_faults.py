"""A document's task when its store, its callers or its own state fail in the middle of work: nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import unittest.mock
from collections.abc import Sequence
from typing import Any

import pytest

from accordant import Document, Engine, Guarded, Log, NoAuthority, StoreError, Text, region
from accordant.engine.commands import FenceAgent
from accordant.engine.host import checkpoints, document_host, loading
from accordant.engine.machine import LiveStateBroken, Machine
from accordant.engine.stores.contract import ALL, Commit, GuardFailed, Outcome
from accordant.engine.stores.memory import MemoryStore
from accordant.types.entries import Entry, EntryKind
from accordant.types.namespaces import DocumentKey
from worlds import TASK, in_loop

KEY = DocumentKey.of(TASK, "brief")


class Brief(Document):
    status: Guarded[str] = region(default="open")
    findings: Log[str]
    draft: Text


class FaultyStore(MemoryStore):
    """A memory store that fails as it is told to: before it has written, or after."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []
        self.reading: list[Exception] = []
        self.checkpointing: list[Exception] = []

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        await self.gate.wait()
        if self.before:
            raise self.before.pop(0)
        outcomes = await super().commit(document, epoch, commits)
        if self.after:
            raise self.after.pop(0)
        return outcomes

    async def read(self, document: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        if self.reading:
            raise self.reading.pop(0)
        return await super().read(document, after, limit)

    async def checkpoint(self, document: str, offset: int, state: bytes) -> None:
        if self.checkpointing:
            raise self.checkpointing.pop(0)
        await super().checkpoint(document, offset, state)


@in_loop
async def test_a_store_that_raises_what_no_contract_names_stops_nobody_for_ever() -> None:
    """Neither while a commit fails nor while the log is read again; when it works again, so does the document."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        store.before.append(OSError("gone"))
        store.reading.extend([OSError("still gone"), ValueError("odd")])
        async with asyncio.timeout(5):
            with pytest.raises(StoreError):
                await a.findings.append("lost")
            for _ in range(3):
                with contextlib.suppress(StoreError):
                    await a.findings.read()
            await a.findings.append("kept")
            assert (await a.findings.read()).value == ["kept"]


@in_loop
async def test_a_cancelled_commit_is_an_unknown_outcome() -> None:
    """A store whose commit is cancelled within itself is a store that failed; the document goes on."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        store.before.append(asyncio.CancelledError())
        async with asyncio.timeout(5):
            with pytest.raises(StoreError) as failed:
                await a.findings.append("lost")
            assert failed.value.landed is None
            await a.findings.append("kept")
            assert (await a.findings.read()).value == ["kept"]


@in_loop
async def test_what_landed_although_the_store_failed_is_published_once() -> None:
    """A peer that never heard of an entry could not place anything that builds on it."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        host = await engine.host(KEY)
        seen: list[tuple[int, bytes | None]] = []
        host.subscribe(lambda batch: seen.extend((one.offset, one.update) for one in batch))
        first = host.durable_head + 1
        store.after.append(OSError("the answer was lost"))
        with pytest.raises(StoreError):
            await a.findings.append("landed")
        await a.findings.append("next")
        assert [offset for offset, _ in seen] == [first, first + 1]
        assert all(update for _, update in seen)


@in_loop
async def test_a_deposed_authority_keeps_no_checkpoint_of_what_never_landed() -> None:
    """What it judged and could not append is not in the log, so no checkpoint may say that it is."""
    store = FaultyStore()
    engine = Engine(store=store)
    async with engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.findings.append("one")
        await store.release(store._leases[ALL].lease)
        await store.acquire(ALL, "somebody else", 60)
        with pytest.raises(NoAuthority):
            await a.findings.append("never landed")
        successor = store._leases[ALL].lease.epoch
        head = (await store.heads([KEY.path]))[KEY.path]
        for n in range(1, 4):
            await store.commit(
                KEY.path, successor, [Commit(Entry(head + n, EntryKind.EPOCH, 1, "accordant", info={"epoch": 1}))]
            )
    kept = await store.load(KEY.path)
    if kept is not None:
        assert b"never landed" not in kept.state


@in_loop
async def test_callers_that_wait_for_room_are_answered_when_the_store_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those who had not even found a place in the queue."""
    monkeypatch.setattr(document_host, "INBOX_MAX", 4)
    monkeypatch.setattr(document_host, "BATCH_COMMITS_MAX", 2)
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        store.gate.clear()
        waiting = [asyncio.create_task(a.findings.append(str(n))) for n in range(30)]
        await asyncio.sleep(0.01)
        store.before.append(OSError("gone"))
        store.reading.extend(OSError("still gone") for _ in range(3))
        store.gate.set()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(not isinstance(one, Exception) or isinstance(one, StoreError) for one in results)
        landed = sum(not isinstance(one, Exception) for one in results)
        assert len((await a.findings.read()).value) == landed


@in_loop
async def test_callers_that_wait_for_room_are_answered_when_the_document_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was queued is done, what was not is told; nothing is written after the end."""
    monkeypatch.setattr(document_host, "INBOX_MAX", 4)
    monkeypatch.setattr(document_host, "BATCH_COMMITS_MAX", 2)
    store = FaultyStore()
    engine = Engine(store=store)
    await engine.__aenter__()
    a = await engine.open(Brief, TASK, "brief", agent="a")
    store.gate.clear()
    waiting = [asyncio.create_task(a.findings.append(str(n))) for n in range(30)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0.01)
    store.gate.set()
    async with asyncio.timeout(5):
        await closing
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(not isinstance(one, Exception) or isinstance(one, NoAuthority) for one in results)


@in_loop
async def test_a_state_that_breaks_while_work_is_judged_anew_is_rebuilt_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that broke it is refused, not forgotten."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        store.gate.clear()
        first = asyncio.create_task(a.findings.append("lost"))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(a.findings.append("breaks"))
        await asyncio.sleep(0.01)
        handle, broken = Machine._land, [LiveStateBroken("odd")]

        def breaking(self: Machine, *args: Any) -> Any:
            if broken:
                raise broken.pop()
            return handle(self, *args)

        monkeypatch.setattr(Machine, "_land", breaking)
        store.before.append(OSError("gone"))
        store.gate.set()
        async with asyncio.timeout(5):
            results = await asyncio.gather(first, second, return_exceptions=True)
            assert [type(one) for one in results] == [StoreError, StoreError]
            await a.findings.append("kept")
        assert (await a.findings.read()).value == ["kept"]


@in_loop
async def test_a_mistake_of_ours_refuses_one_call_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever judging raises, the live state is not trusted any further, and the call gets a typed error."""
    async with Engine() as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        handle, mistakes = Machine._land, [KeyError("mistake")]

        def mistaken(self: Machine, *args: Any) -> Any:
            if mistakes:
                raise mistakes.pop()
            return handle(self, *args)

        monkeypatch.setattr(Machine, "_land", mistaken)
        async with asyncio.timeout(5):
            with pytest.raises(StoreError):
                await a.findings.append("lost")
            await a.findings.append("kept")
        assert (await a.findings.read()).value == ["kept"]


@in_loop
async def test_a_fence_judged_on_top_of_a_failed_append_is_judged_anew() -> None:
    """It ends the session in the log as well, and says how many it ended."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await engine.open(Brief, TASK, "brief", agent="b")
        host = await engine.host(KEY)
        store.gate.clear()
        first = asyncio.create_task(a.findings.append("lost"))
        await asyncio.sleep(0.01)
        fence = asyncio.create_task(host.call(FenceAgent("b", "a", "late")))
        await asyncio.sleep(0.01)
        store.before.append(StoreError("full", code="store_full", landed=False))
        store.gate.set()
        with pytest.raises(StoreError):
            await first
        assert await fence == 1
        assert (await store.read(KEY.path))[-1].kind.value == "leave"


@in_loop
async def test_a_join_that_did_not_land_ends_nobody() -> None:
    """The one whose place it would have taken goes on."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.findings.append("before")
        store.before.append(StoreError("full", code="store_full", landed=False))
        with pytest.raises(StoreError):
            await engine.open(None, TASK, "brief", agent="a")
        await a.findings.append("after")


@in_loop
async def test_a_listener_that_unsubscribes_and_then_fails_harms_nobody() -> None:
    """It was asked to be dropped already."""
    async with Engine() as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        host = await engine.host(KEY)

        def listener(batch: Any) -> None:
            stop()
            raise ValueError("late")

        stop = host.subscribe(listener)
        async with asyncio.timeout(5):
            await a.findings.append("one")


@in_loop
async def test_an_opening_that_was_cancelled_stands_in_nobodys_way() -> None:
    """Its first entry may land after the next one has read the log."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        store.gate.clear()
        first = asyncio.create_task(engine.open(Brief, TASK, "brief", agent="a"))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        guard_failed, commit = [GuardFailed({"": 1})], MemoryStore.commit

        async def late(document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
            if guard_failed:
                entry = commits[0].entry
                await commit(store, document, epoch, [Commit(entry)])
                return [guard_failed.pop()]
            return await commit(store, document, epoch, commits)

        store.commit = late  # type: ignore[method-assign]
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.findings.append("one")


@in_loop
async def test_a_checkpoint_that_fails_oddly_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has everything; closing gives the lease and the store back all the same."""
    monkeypatch.setattr(checkpoints, "CHECKPOINT_ENTRIES", 5)
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    store = FaultyStore()
    store.checkpointing = [OSError("odd")] * 50
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        for n in range(100):
            await a.findings.append(str(n))
    assert len(store.checkpointing) < 50
    await asyncio.sleep(0)
    assert complaints == []
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        assert len((await a.findings.read()).value) == 100


@in_loop
async def test_waiting_for_a_version_ends_with_the_document() -> None:
    """Whoever asks a closed document for a version hears so at once."""
    engine = Engine()
    await engine.__aenter__()
    a = await engine.open(Brief, TASK, "brief", agent="a")
    early = asyncio.create_task(a.findings.read(at_least=1000))
    await asyncio.sleep(0.01)
    await engine.close()
    async with asyncio.timeout(5):
        with pytest.raises(NoAuthority):
            await early
        with pytest.raises(NoAuthority):
            await a.findings.read(at_least=1000)


@in_loop
async def test_an_engine_that_closes_while_a_document_opens_leaves_nothing_running() -> None:
    """The opening is refused, and no task outlives the engine."""
    store = FaultyStore()
    engine = Engine(store=store)
    await engine.__aenter__()
    store.gate.clear()
    opening = asyncio.create_task(engine.open(Brief, TASK, "brief", agent="a"))
    await asyncio.sleep(0.01)
    await engine.close()
    store.gate.set()
    with pytest.raises(NoAuthority):
        await opening
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("accordant")]


@pytest.mark.parametrize("damage", [{"hash": bytes(32)}, {"offset": 2}, {"offset": 99}])
@in_loop
async def test_a_checkpoint_of_another_log_is_not_built_upon(damage: dict[str, Any]) -> None:
    """It is only a shortcut: one that does not name this log's entry is left aside, and the log read."""
    store = FaultyStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.findings.append("one")
    found = store._documents[KEY.path]
    ((_, checkpoint),) = found.checkpoints.items()
    forged = dataclasses.replace(checkpoint, **damage)
    found.checkpoints = {forged.offset: forged}
    with unittest.mock.patch.object(loading.logger, "warning") as warned:
        async with Engine(store=store) as engine:
            a = await engine.open(Brief, TASK, "brief", agent="a")
            assert (await a.findings.read()).value == ["one"]
    assert warned.called
