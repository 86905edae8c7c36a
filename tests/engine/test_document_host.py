"""The task that owns a document: durability order, rebuilding, quarantine, and two writers under one client id."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pycrdt
import pytest

from accordant import (
    Denied,
    Document,
    Engine,
    Fenced,
    Guarded,
    Invalid,
    Log,
    NoAuthority,
    StoreError,
    Text,
    WireError,
    region,
)
from accordant.engine.commands import Audit, Declare, Join, Sync, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.stores.contract import Commit, Outcome
from accordant.engine.stores.memory import MemoryStore
from accordant.engine.structs import STRING, Struct
from accordant.engine.update_writer import encode_update
from accordant.types.namespaces import DocumentKey
from accordant.types.regions import Kind, RegionSpec, Schema
from worlds import TASK, in_loop

KEY = DocumentKey.of(TASK, "brief")


class Brief(Document):
    status: Guarded[str] = region(default="open")
    findings: Log[str]
    draft: Text


class GatedStore(MemoryStore):
    """A memory store whose commits wait at a gate, and fail when told to: the world between judging and durability."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures: list[Exception] = []
        self.batches: list[int] = []

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        await self.gate.wait()
        self.batches.append(len(commits))
        if self.failures:
            raise self.failures.pop(0)
        return await super().commit(document, epoch, commits)


async def _peer(host: DocumentHost, session: str, agent: str, client: int, shared: bool = False) -> pycrdt.Doc:
    await host.call(Join(session, agent, shared=shared))
    doc = pycrdt.Doc(client_id=client)
    doc.apply_update(await host.call(Sync()))
    return doc


def _typed(doc: pycrdt.Doc, text: str) -> bytes:
    before = doc.get_state()
    doc.get("draft", type=pycrdt.Text).insert(0, text)
    return doc.get_update(before)


@in_loop
async def test_nobody_learns_of_an_edit_before_it_is_durable() -> None:
    """Neither the writer, nor a reader, nor a subscriber, nor a peer that syncs (I2); the waiting ones share a batch."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        a, b = await engine.open(Brief, TASK, "brief", agent="a"), await engine.open(Brief, TASK, "brief", agent="b")
        host = await engine.host(KEY)
        published: list[int] = []
        host.subscribe(lambda batch: published.extend(one.offset for one in batch))
        durable = host.durable_head
        store.gate.clear()
        store.batches.clear()
        waiting = [
            asyncio.create_task(a.findings.append("one")),
            asyncio.create_task(b.findings.read()),
            asyncio.create_task(host.call(Sync())),
            *(asyncio.create_task(a.findings.append(f"more {n}")) for n in range(20)),
        ]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        assert published == []
        assert host.durable_head == durable
        store.gate.set()
        await asyncio.gather(*waiting)
        assert (await waiting[1]).value[0] == "one"
        assert published == list(range(durable + 1, durable + 22))
        assert len(store.batches) <= 2


@pytest.mark.parametrize("landed", [False, None])
@in_loop
async def test_a_failed_append_takes_nothing_along(landed: bool | None) -> None:
    """The batch is told; what was judged on top of it is judged anew; a retry with the same op id lands once."""
    from accordant.types.commands import Submission, Write
    from accordant.types.regions import Kind

    store = GatedStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.findings.append("before")
        store.gate.clear()
        store.failures.append(
            StoreError("disk full", code="store_full", landed=False) if landed is False else OSError("?")
        )
        submission = Submission((Write("findings", Kind.LOG, "append", None, {"items": ["lost"]}),), "op-1")
        first = asyncio.create_task(a._port.submit(submission))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(a.findings.append("on top"))
        await asyncio.sleep(0.01)
        store.gate.set()
        with pytest.raises(StoreError) as failed:
            await first
        assert failed.value.landed is landed
        await second
        assert (await a.findings.read()).value == ["before", "on top"]
        await a._port.submit(submission)
        assert (await a._port.submit(submission)).duplicate
        assert (await a.findings.read()).value == ["before", "on top", "lost"]
        await a.status.commit("still here", expect=await a.status.read())


@in_loop
async def test_an_update_that_does_something_else_goes_to_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it stays, everybody else's edits do, its client id is retired, and its bytes are kept (I9)."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        host = await engine.host(KEY)
        evil = await _peer(host, "s-evil", "evil", 7)
        honest = await _peer(host, "s-honest", "honest", 8)
        from accordant.engine import gate

        real = gate.verify_emitted
        bad = _typed(evil, "EVIL")
        monkeypatch.setattr(gate, "verify_emitted", lambda plan, out, update: update != bad and real(plan, out, update))
        results = await asyncio.gather(
            host.call(Update("s-honest", _typed(honest, "good "))),
            host.call(Update("s-evil", bad)),
            a.draft.append("end"),
            return_exceptions=True,
        )
        assert isinstance(results[1], Invalid)
        assert results[1].code == "not_as_judged"
        assert (await a.draft.read()).value in ("good end", "endgood ")
        with pytest.raises(Exception, match="retired"):
            await host.call(Update("s-evil", bad))
        kept = await store.quarantine(KEY.path)
        assert kept[0]["update"] == bad
        refusals = await a.history(kind="refusal")
        assert refusals[-1].info["retired"] == [7]
        assert refusals[-1].actor == "evil"


@in_loop
async def test_two_writers_under_one_client_id_end_in_a_loud_refusal() -> None:
    """A reconnect takes its id along; the session it left is over, so that a clone cannot lose edits unseen."""
    async with Engine() as engine:
        await engine.open(Brief, TASK, "brief", agent="a")
        host = await engine.host(KEY)
        first = await _peer(host, "s1", "pool", 5, shared=True)
        await host.call(Update("s1", _typed(first, "x")))
        again = pycrdt.Doc(client_id=5)
        await host.call(Join("s2", "pool", shared=True))
        again.apply_update(await host.call(Sync()))
        await host.call(Update("s2", _typed(again, "y")))
        with pytest.raises(Fenced):
            await host.call(Update("s1", _typed(first, "z")))


@in_loop
async def test_guarded_fields_are_closed_to_peers_however_they_are_reached() -> None:
    """A raw Yjs write, overwrite or delete in the root `guarded` is refused and kept; the field stays."""
    async with Engine() as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.status.commit("mine", expect=await a.status.read())
        host = await engine.host(KEY)

        async def attempt(session: str, client: int, write: object) -> None:
            doc = await _peer(host, session, session, client)
            before = doc.get_state()
            guarded = doc.get("guarded", type=pycrdt.Map)
            write(guarded)  # type: ignore[operator]
            with pytest.raises(Denied) as denied:
                await host.call(Update(session, doc.get_update(before)))
            assert denied.value.code == "guarded_closed"

        await attempt("p1", 11, lambda g: g.__setitem__("status", {"value": "theirs"}))
        await attempt("p2", 12, lambda g: g.__delitem__("status"))
        await attempt("p3", 13, lambda g: g.__setitem__("new", 1))
        assert (await a.status.read()).value == "mine"
        plain = pycrdt.Doc()
        plain.apply_update(await host.call(Sync()))
        shown = plain.get("guarded", type=pycrdt.Map).to_py()["status"]
        assert shown["value"] == "mine"
        assert shown["by"] == "a"
        assert shown["version"] == (await a.status.read()).version


@in_loop
async def test_an_authority_whose_lease_has_passed_on_answers_nothing() -> None:
    """Not a commit, and not even a read: somebody else may have written since."""
    now = [1_800_000_000.0]
    store = MemoryStore(clock=lambda: now[0])
    first = Engine(store=store, clock=lambda: now[0], lease_s=10)
    async with first:
        a = await first.open(Brief, TASK, "brief", agent="a")
        reading = await a.status.read()
        now[0] += 11
        second = Engine(store=store, clock=lambda: now[0], lease_s=10)
        async with second:
            b = await second.open(Brief, TASK, "brief", agent="b")
            await b.status.commit("newer", expect=await b.status.read())
            with pytest.raises(NoAuthority):
                await a.status.read()
            with pytest.raises(NoAuthority):
                await a.status.commit("zombie", expect=reading)
            assert (await b.status.read()).value == "newer"


@in_loop
async def test_cancelling_a_caller_leaves_the_document_sound() -> None:
    """A write that was judged lands though its caller has gone, whole; one that never began does not."""
    store = GatedStore()
    async with Engine(store=store) as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        store.gate.clear()
        judged = asyncio.create_task(a.findings.append("judged"))
        await asyncio.sleep(0.01)
        unjudged = asyncio.create_task(a.findings.append("never"))
        unjudged.cancel()
        judged.cancel()
        await asyncio.gather(judged, unjudged, return_exceptions=True)
        store.gate.set()
        assert (await a.findings.read()).value == ["judged"]
        await a.findings.append("next")
        assert (await a.findings.read()).value == ["judged", "next"]


class Late(Document):
    findings: Log[str] = region(allow={"*": {"append", "compact"}})


@in_loop
async def test_a_log_that_had_items_before_it_was_declared() -> None:
    """A raw peer filled the array in a document without a schema; declared later, it reads, appends, and compacts."""
    async with Engine() as engine:
        host = await engine.host(KEY)
        doc = await _peer(host, "raw", "raw", 5)
        array = doc.get("findings", type=pycrdt.Array)
        array.extend(["b", "c"])
        array.insert(0, "a")
        await host.call(Update("raw", doc.get_update()))
        a = await engine.open(Late, TASK, "brief", agent="a")
        await a.findings.append("d")
        before = doc.get_state()
        array.append("e")  # its peer has not seen "d"
        await host.call(Update("raw", doc.get_update(before)))
        reading = await a.findings.read()
        assert reading.value[:3] == ["a", "b", "c"]
        assert sorted(reading.value[3:]) == ["d", "e"]
        assert [entry.by for entry in reading.entries if entry.value in "de"] in (["a", "raw"], ["raw", "a"])
        by_value = {entry.value: entry.by for entry in reading.entries}
        assert by_value == {"a": "raw", "b": "raw", "c": "raw", "d": "a", "e": "raw"}
        await a.findings.compact(lambda entries: ["".join(sorted(entry.value for entry in entries))])
        assert (await a.findings.read()).value == ["abcde"]

        class Wrong(Document):
            findings: Text

        with pytest.raises(Invalid) as mismatch:
            await engine.open(Wrong, TASK, "brief", agent="b")
        assert mismatch.value.code == "schema_mismatch"


@in_loop
async def test_insertions_that_make_replicas_disagree_are_found_and_healed() -> None:
    """Neighbours named in the wrong order pass the gate; the audit writes the text anew, and all replicas agree again."""
    disagreed = 0
    for seed in range(20):
        async with Engine() as engine:
            a = await engine.open(Brief, TASK, "brief", agent="a")
            host = await engine.host(KEY)
            dice = random.Random(seed)
            live = host.machine.state.replica
            ids: list[tuple[int, int]] = []
            for client, shown in ((3, "abc"), (5, "de"), (9, "fgh")):
                await host.call(Join(f"s{client}", f"peer{client}"))
                doc = pycrdt.Doc(client_id=client)
                for letter in shown:
                    doc.apply_update(await host.call(Sync(doc.get_state())))
                    text, before = doc.get("draft", type=pycrdt.Text), doc.get_state()
                    text.insert(dice.randint(0, len(text)), letter)
                    ids.append((client, len([one for one in ids if one[0] == client])))
                    await host.call(Update(f"s{client}", doc.get_update(before)))
            clocks: dict[int, int] = {}
            for n in range(40):
                client = dice.choice([0, 2, 4, 6, 8, 12])
                origin, right = dice.sample(ids, 2)
                clock = clocks.get(client, 0)
                struct = Struct(STRING, client, clock, 1, origin, right, None, None, chr(65 + n), 0)
                if clock == 0:
                    await host.call(Join(f"evil{client}", f"evil{client}"))
                await host.call(Update(f"evil{client}", encode_update({client: [struct]})))
                clocks[client] = clock + 1
                ids.append((client, clock))
            fresh = pycrdt.Doc()
            fresh.apply_update(live.encode())
            before_audit = (await a.draft.read()).value
            diverged = str(fresh.get("draft", type=pycrdt.Text)) != before_audit
            disagreed += diverged
            assert await host.call(Audit()) == (["draft"] if diverged else [])
            assert await host.call(Audit()) == []
            assert (await a.draft.read()).value == before_audit
            fresh = pycrdt.Doc()
            fresh.apply_update(await host.call(Sync()))
            assert str(fresh.get("draft", type=pycrdt.Text)) == before_audit
    assert disagreed


@in_loop
async def test_nobody_writes_under_the_authoritys_client_id() -> None:
    """Not even the agent whose write was the first that the authority made: its id belongs to no agent."""
    async with Engine() as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        await a.draft.append("first")
        host = await engine.host(KEY)
        await host.call(Join("raw", "a"))
        clock = host.machine.state.ledger.next_clock(host.epoch)
        forged = Struct(STRING, host.epoch, clock, 1, (host.epoch, clock - 1), None, None, None, "X", 0)
        with pytest.raises(WireError) as refused:
            await host.call(Update("raw", encode_update({host.epoch: [forged]})))
        assert refused.value.code == "authority_client"
        await host.call(Join("raw2", "b"))
        with pytest.raises(WireError):
            await host.call(Update("raw2", encode_update({host.epoch + 1: [forged._replace(client=host.epoch + 1)]})))


@in_loop
async def test_a_peer_may_declare_regions_but_change_no_rule() -> None:
    """Who joins over a wire adds what is missing; the process that embeds the engine alone changes rules."""

    class Strict(Document):
        minutes: Log[str] = region(writers="clerk")

    class Loose(Document):
        minutes: Log[str]
        extra: Text

    async with Engine() as engine:
        clerk = await engine.open(Strict, TASK, "brief", agent="clerk")
        host = await engine.host(KEY)
        schema = await host.call(Declare(Loose.__schema__, "peer", trusted=False))
        assert list(schema.regions) == ["minutes", "extra"]
        await host.call(Join("s", "peer"))
        doc = pycrdt.Doc(client_id=7)
        doc.get("minutes", type=pycrdt.Array).append("not mine")
        with pytest.raises(Denied):
            await host.call(Update("s", doc.get_update()))
        await clerk.minutes.append("mine")
        relaxed = await engine.open(Loose, TASK, "brief", agent="anybody")
        await relaxed.minutes.append("allowed now")
        for name in ("guarded", "a/b", "x" * 1_000, ""):
            bad = Schema("Bad", {name: RegionSpec(name, Kind.TEXT)})
            with pytest.raises(Invalid):
                await host.call(Declare(bad, "peer", trusted=False))


@in_loop
async def test_whatever_a_reader_writes_is_refused_for_one_reason() -> None:
    """Its second edit, which refers to its first, and junk too: `read_only`, nothing retired. What brings nothing new is fine."""
    async with Engine() as engine:
        await engine.open(Brief, TASK, "brief", agent="owner")
        host = await engine.host(KEY)
        writer = await _peer(host, "w", "ada", 5)
        landed = await host.call(Update("w", _typed(writer, "hello")))
        await host.call(Join("r", "bo", shared=True, read_only=True))
        reader = pycrdt.Doc(client_id=6)
        reader.apply_update(await host.call(Sync()))
        assert await host.call(Update("r", reader.get_update(), catches_up=True)) >= landed
        for update in (_typed(reader, "x"), _typed(reader, "y"), b"junk"):
            with pytest.raises(Denied) as refused:
                await host.call(Update("r", update))
            assert refused.value.code == "read_only"
        assert 6 not in host.machine.state.ledger.retired


@pytest.mark.parametrize("lease_s", [0, -1, float("nan"), float("inf"), "60"])
@in_loop
async def test_a_session_lasts_a_number_of_seconds(lease_s: Any) -> None:
    """A lease that is no time is refused, and nobody joins."""
    async with Engine() as engine:
        with pytest.raises(Invalid):
            await engine.open(None, TASK, "brief", agent="a", lease_s=lease_s)
