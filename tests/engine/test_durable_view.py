"""Reads beside writes that are still on their way: what is durable is told at once, and nothing else ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pycrdt
import pytest

from accordant import Counter, Document, Engine, Guarded, GuardedMap, Log, StoreError, Text, UnionSet, region
from accordant.engine.commands import Sync
from accordant.engine.durable_view import region_cut
from accordant.engine.stores.contract import Commit, Outcome
from accordant.engine.stores.memory import MemoryStore
from accordant.types.regions import Kind
from worlds import TASK, in_loop


class Brief(Document):
    account: Guarded[int]
    tasks: GuardedMap[int]
    draft: Text
    findings: Log[str]
    questions: UnionSet[str]
    citations: Counter


class GatedStore(MemoryStore):
    """Commits wait while the gate is closed, and fail while told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        await self.gate.wait()
        if self.fails:
            self.fails = False
            raise StoreError("the disk is full", code="store_full", landed=False)
        return await super().commit(document, epoch, commits)


async def _at_once(work: Any) -> Any:
    """What answers without a turn of the loop, let alone the store's."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    assert task.done(), "it waited"
    return task.result()


async def _write_everything(doc: Brief, n: int) -> None:
    await doc.account.commit(n, expect=await doc.account.read())
    await doc.tasks.commit("a", n, expect=await doc.tasks.read("a"))
    await doc.draft.append(str(n))
    await doc.findings.append(str(n))
    await doc.questions.add(str(n))
    await doc.citations.increment()


async def _everything(doc: Any) -> list[Any]:
    regions = (doc.account, doc.tasks, doc.draft, doc.findings, doc.questions, doc.citations)
    return [await region.read() for region in regions]


async def _in_flight(store: GatedStore, *writes: Any) -> list[asyncio.Task[Any]]:
    store.gate.clear()
    tasks = [asyncio.ensure_future(write) for write in writes]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


@in_loop
async def test_a_reader_does_not_wait_for_a_write_and_does_not_see_it() -> None:
    """While writes to everything wait for the store, every region, every key and a snapshot answer as before, at once; when the
    writes are durable, as after."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        doc, reader = [await engine.open(Brief, TASK, "brief", agent=name) for name in ("web", "reader")]
        await _write_everything(doc, 1)
        before, snap = await _everything(reader), await reader.snapshot()
        async with doc.transaction() as tx:
            await tx.findings.append("also")
        for _ in range(2):  # who reads a version of a log first is given it; from the second on it is kept
            before[3] = await reader.findings.read()
        seen = await doc.account.read(), await doc.tasks.read("a")
        writing = await _in_flight(
            store,
            doc.account.commit(2, expect=seen[0]),
            doc.tasks.commit("a", 2, expect=seen[1]),
            doc.tasks.claim("b", 60),
            doc.draft.append("2"),
            doc.findings.append("2"),
            doc.questions.add("2"),
            doc.citations.increment(),
        )
        assert await _at_once(_everything(reader)) == before
        assert (await _at_once(reader.tasks.read("a"))).value == 1
        assert (await _at_once(reader.tasks.read("b"))).version == 0
        again = await _at_once(reader.snapshot())
        assert (again.version, again.render()) == (reader.version, again.render())
        assert await _everything(again) == before
        assert await _everything(snap) != before
        store.gate.set()
        await asyncio.gather(*writing)
        assert [one.value for one in await _everything(reader)] == [
            2, {"a": 2}, "12", ["1", "also", "2"], {"1", "2"}, 2,
        ]  # fmt: skip


@in_loop
async def test_what_fails_to_land_is_never_seen() -> None:
    """Neither while it waits, nor when the store has refused it."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        doc, reader = [await engine.open(Brief, TASK, "brief", agent=name) for name in ("web", "reader")]
        await _write_everything(doc, 1)
        before = await _everything(reader)
        seen = await doc.account.read()

        async def both() -> None:
            async with doc.transaction() as tx:
                await tx.account.commit(2, expect=seen)
                await tx.draft.append("2")

        writing = await _in_flight(store, both())
        assert await _at_once(_everything(reader)) == before
        store.fails = True
        store.gate.set()
        for failed in await asyncio.gather(*writing, return_exceptions=True):
            assert isinstance(failed, StoreError)
        assert await _everything(reader) == before


@in_loop
async def test_what_is_being_taken_back_is_not_told_of_as_if_it_held() -> None:
    """While a retraction waits for the store, a reader waits with it, and is told of what it has read."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        doc, reader = [await engine.open(Brief, TASK, "brief", agent=name) for name in ("web", "reader")]
        ref = await doc.findings.append("wrong")
        await reader.draft.append("from it", derived_from=ref)
        await _everything(reader)
        [retracting] = await _in_flight(store, doc.retract(ref))
        reading = [
            asyncio.ensure_future(one) for one in (reader.findings.read(), reader.draft.read(), reader.snapshot())
        ]
        await asyncio.sleep(0)
        assert not any(one.done() for one in reading)
        store.gate.set()
        await retracting
        findings, draft, snap = await asyncio.gather(*reading)
        assert findings.entries[0].status == "retracted"
        assert set(draft.marks.values()) == {("suspect", ref)}
        assert snap["findings"].entries[0].status == "retracted"


@in_loop
async def test_what_lands_while_the_log_is_asked_is_suspect_too() -> None:
    """Something made from a ref, on its way to the store when the retraction begins: not in the log yet, and not forgotten."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        doc, other = [await engine.open(Brief, TASK, "brief", agent=name) for name in ("web", "other")]
        ref = await doc.findings.append("wrong")
        deriving, retracting = await _in_flight(store, other.questions.add("so?", derived_from=ref), doc.retract(ref))
        store.gate.set()
        made = (await deriving).refs[0][0]
        assert (await retracting).suspects == (made,)
        assert (await other.questions.read()).marks[made] == ("suspect", ref)


@pytest.mark.parametrize("seed", range(12))
@in_loop
async def test_every_read_is_of_a_durable_version_no_older_than_what_was_acknowledged(seed: int) -> None:
    """Random writes, reads and closed gates: a read that is answered has exactly what was durable then; one that waits, what is
    durable when it is answered."""
    dice = random.Random(seed)
    store = GatedStore()
    async with Engine(store=store) as engine:
        doc, reader = [await engine.open(Brief, TASK, "brief", agent=name) for name in ("web", "reader")]
        history: dict[str, list[Any]] = {"draft": [""], "citations": [0], "account": [None]}
        waiting: list[tuple[str, Any, asyncio.Task[Any]]] = []
        reads: list[tuple[str, int, asyncio.Task[Any]]] = []

        async def settle() -> None:
            store.gate.set()
            for name, value, task in waiting:
                await task
                history[name].append(value if name == "account" else history[name][-1] + value)
            waiting.clear()
            for name, since, read in reads:
                assert (await read).value in history[name][since:]
            reads.clear()

        for n in range(150):
            match dice.randrange(8):
                case 0:
                    waiting.append(("draft", f"{n},", asyncio.ensure_future(doc.draft.append(f"{n},"))))
                case 1:
                    waiting.append(("citations", n, asyncio.ensure_future(doc.citations.increment(n))))
                case 2 if not any(name == "account" for name, *_ in waiting):
                    seen = await doc.account.read()
                    waiting.append(("account", n, asyncio.ensure_future(doc.account.commit(n, expect=seen))))
                case 3:
                    store.gate.clear()
                case 4:
                    await settle()
                case _:
                    name = dice.choice(["draft", "citations", "account"])
                    if not store.gate.is_set():
                        read = asyncio.ensure_future(getattr(reader, name).read())
                        await asyncio.sleep(0)
                        if read.done():
                            assert read.result().value == history[name][-1]
                        else:
                            reads.append((name, len(history[name]) - 1, read))
            if store.gate.is_set():
                await settle()
            else:
                await asyncio.sleep(0)
        await settle()


@pytest.mark.parametrize("seed", range(6))
@in_loop
async def test_a_log_that_grew_is_cut_as_if_it_were_read_anew(seed: int) -> None:
    """Appends of one and of many, of peers who had not seen the last ones, compactions and retractions, with snapshots in
    between: every snapshot has the log as a fresh reading of the state has it, refs and authors included."""
    dice = random.Random(seed)

    class Notes(Document):
        findings: Log[Any] = region(allow={"*": {"append", "compact"}})

    async with Engine() as engine:
        doc = await engine.open(Notes, TASK, "brief", agent="web", shared=True)
        peers = [await engine.open(Notes, TASK, "brief", agent="web", shared=True) for _ in range(2)]
        host = await engine.host(doc.key)
        replicas = [pycrdt.Doc(client_id=7 + n) for n in range(2)]
        for n in range(120):
            at = dice.randrange(2)
            replica = replicas[at]
            match dice.randrange(9):
                case 0:
                    await doc.findings.extend([{"n": n, "m": i / 2} for i in range(dice.choice([1, 3, 70]))])
                case 1:
                    reading = await doc.findings.read()
                    if standing := [item for item in reading.entries if item.status == "current"]:
                        await doc.retract(dice.choice(standing))
                case 2 if n > 40 and n % 3 == 0:
                    await doc.findings.compact(lambda items: [len(items), 1.0])
                case 3 | 4:
                    before = replica.get_state()
                    replica.get("findings", type=pycrdt.Array).append(
                        dice.choice(["x", 1.0, 2.5, None, {"b": [1.0], "a": ""}])
                    )
                    await peers[at]._port.merge(replica.get_update(before), f"{n}", None)  # type: ignore[attr-defined]
                case 5:
                    replica.apply_update(await host.call(Sync(replica.get_state())))
                case _:
                    await doc.findings.append(dice.choice([n, "é😀", 1.0, {"z": 1, "a": [True, None]}]))
            if dice.randrange(3):
                cut = await doc._port.cut(None, None)
                fresh = region_cut(host.machine.state, "findings", Kind.LOG)
                assert cut.regions["findings"] == fresh, n
                assert (await doc.findings.read()).value == fresh.value()
