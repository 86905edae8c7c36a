"""`doc.batch`: writes land one by one as ever, and subscribers hear of them once; no event is lost, whatever ends the batch."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from accordant import Conflict, Document, Engine, Event, EventKind, Guarded, Log, SecondWriter, WriteDenied, blocking
from accordant.document.events import Events
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.state import DocumentState
from accordant.types import memory_limits
from worlds import TASK, in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Brief(Document):
    account: Guarded[str]
    findings: Log[str]
    notes: Log[str]


async def take(events: Events, count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), 20) for _ in range(count)]


@worlds
@in_loop
async def test_fifty_writes_are_one_event(kind: str, tmp_path: Path) -> None:
    """One event with fifty refs; each write has its own version, is durable and readable at once, and bears the reason."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        async with reader.events("findings") as events, reader.events("notes") as others:
            async with writer.batch(why="bulk load"):
                refs = [await writer.findings.append(str(n)) for n in range(50)]
                assert len((await reader.findings.read()).value) == 50
            after = await writer.findings.append("after")
            await writer.notes.append("elsewhere")
            batch, single = await take(events, 2)
            assert [event.path for event in await take(others, 1)] == ["notes"]
        assert (batch.count, list(batch.refs), batch.paths) == (50, refs, ("findings",))
        assert (batch.first, batch.version) == (refs[0].version, refs[-1].version + 1)
        assert (batch.actor, batch.kind, single.version) == ("writer", EventKind.WRITE, after.version)
        assert len({ref.version for ref in refs}) == 50
        entries = await reader.history("findings", limit=60)
        assert [entry.why for entry in entries].count("bulk load") == 50


@worlds
@in_loop
async def test_tasks_and_transactions_within_belong_to_it(kind: str, tmp_path: Path) -> None:
    """Child tasks, transactions and inner batches are part of the outermost; other handles, and what comes later, are not."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer, other = [await w.open(Brief, name) for name in ("reader", "writer", "other")]
        late: asyncio.Task[object] | None = None
        go = asyncio.Event()

        async def afterwards() -> None:
            await go.wait()
            await writer.notes.append("late")

        async with reader.events("findings", "notes", "account", kinds=["write"]) as events:
            async with writer.batch():
                late = asyncio.create_task(afterwards())
                await asyncio.gather(*(writer.findings.append(str(n)) for n in range(5)))
                async with writer.transaction() as tx:
                    await tx.findings.append("a")
                    await tx.notes.append("b")
                async with writer.batch():
                    await writer.notes.append("inner")
                await other.notes.append("not mine")
            go.set()
            await late
            alone, batch, last = await take(events, 3)
        assert (alone.actor, alone.batch, last.batch, last.actor) == ("other", None, None, "writer")
        assert (batch.count, len(batch.refs)) == (7, 8)


@worlds
@in_loop
async def test_what_concerns_somebody_is_told_within_it(kind: str, tmp_path: Path) -> None:
    """Denials, retractions and second writers do not wait for its end; its writes do."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        stale = await writer.account.read()
        await reader.account.commit("first", expect=stale)
        ref = await writer.notes.append("wrong")
        async with reader.events() as events:
            async with writer.batch():
                with pytest.raises(Conflict):
                    await writer.account.commit("lost", expect=stale)
                await writer.account.commit("second", expect=await writer.account.read())
                await writer.retract(ref)
                denied, second, retracted = await take(events, 3)
            [batch] = await take(events, 1)
        assert isinstance(denied, WriteDenied)
        assert isinstance(second, SecondWriter)
        assert retracted.kind is EventKind.RETRACTION
        assert (batch.count, batch.paths) == (1, ("account",))


@worlds
@in_loop
async def test_a_batch_without_writes_leaves_nothing(kind: str, tmp_path: Path) -> None:
    """No entry, and no event."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "doc")
        before = (await w.engine.host(doc.key)).durable_head
        async with doc.batch():
            await doc.findings.read()
        assert (await w.engine.host(doc.key)).durable_head == before


@worlds
@in_loop
async def test_a_block_that_fails_is_told_all_the_same(kind: str, tmp_path: Path) -> None:
    """What it wrote has landed, so subscribers hear of it; and the block's own error is what its caller sees."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        async with reader.events("notes") as events:
            with pytest.raises(ZeroDivisionError):
                async with writer.batch():
                    await writer.notes.append("one")
                    raise ZeroDivisionError
            assert [event.count for event in await take(events, 1)] == [1]


@worlds
@in_loop
async def test_a_session_that_ends_ends_its_batches(kind: str, tmp_path: Path) -> None:
    """Fenced in the midst of a batch: what it had written is told before the session's end is."""
    async with world(kind, tmp_path / "a.db") as w:
        reader, writer = await w.open(Brief, "reader"), await w.open(Brief, "writer")
        async with reader.events(kinds=["write", "leave"]) as events:
            batch = writer.batch()
            await batch.__aenter__()
            await writer.notes.append("one")
            await writer.notes.append("two")
            await w.engine.fence("writer")
            told, leave = await take(events, 2)
            batch.leave()
        assert (told.count, told.version + 1, leave.kind) == (2, leave.version, EventKind.LEAVE)


@in_loop
async def test_a_long_batch_is_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its bound it ends with an event, and what follows is a new one: the counts add up."""
    monkeypatch.setattr("accordant.engine.batches.BATCH_ENTRIES_MAX", 10)
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        async with doc.events("notes") as events:
            async with doc.batch():
                for n in range(25):
                    await doc.notes.append(str(n))
            assert [event.count for event in await take(events, 3)] == [10, 10, 5]


@in_loop
async def test_a_session_has_a_bounded_number_of_batches() -> None:
    """At the bound its oldest ends with an event."""
    most = memory_limits.BATCHES_PER_SESSION_MAX
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        host = await engine.host(doc.key)
        async with doc.events("notes") as events:

            async def one(n: int, done: asyncio.Event) -> None:
                async with doc.batch():
                    await doc.notes.append(str(n))
                    await done.wait()

            done = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for n in range(most + 1):
                    group.create_task(one(n, done))
                [event] = await take(events, 1)
                assert event.count == 1
                assert _open_batches(host) == most
                done.set()
            assert sum(event.count for event in await take(events, most)) == most
            assert _open_batches(host) == 0


def _open_batches(host: DocumentHost) -> int:
    return len(host.machine.state.batches.all())


@in_loop
async def test_open_batches_and_writers_are_in_a_checkpoint() -> None:
    """A state that is dumped and loaded knows them; one of before knows none, and makes nobody a second writer."""
    async with Engine() as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="doc")
        batch = doc.batch()
        await batch.__aenter__()
        await doc.notes.append("one")
        state = (await engine.host(doc.key)).machine.state
        again = DocumentState.load(7, state.dump())
        assert again.batches.dump() == state.batches.dump() != []
        assert again.writers.dump() == {"notes": "doc"}
        state.writers.__init__(dict.fromkeys(["notes"]))  # type: ignore[misc]
        await batch.__aexit__(None, None, None)
        other = await engine.open(Brief, TASK, "brief", agent="other")
        async with other.events("notes") as events:
            await other.notes.append("two")
            await other.notes.append("three")
            assert [event.kind for event in await take(events, 2)] == [EventKind.WRITE, EventKind.WRITE]


def test_a_checkpoint_of_before_still_loads() -> None:
    """Without writers and batches: regions that were written have no single writer any more."""
    from accordant.engine.batches import OpenBatches
    from accordant.engine.writers import Writers

    assert Writers.load(None, ["notes"]).dump() == {"notes": None}
    assert OpenBatches.load(()).all() == []


WRITER = """
import asyncio, sys
from accordant import Document, Engine, Log, Namespace
class Brief(Document):
    notes: Log[str]
async def main():
    async with Engine(sys.argv[1]) as engine:
        doc = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="writer")
        async with doc.batch():
            for n in range(10**9):
                print((await doc.notes.append(str(n))).version, flush=True)
asyncio.run(main())
"""


@in_loop
async def test_a_process_that_dies_in_a_batch_loses_no_event(tmp_path: Path) -> None:
    """kill -9 in the middle: who follows after the restart hears of every write that was acknowledged, once."""
    path = tmp_path / "a.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    versions = [json.loads(await asyncio.wait_for(process.stdout.readline(), 30)) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    versions += [json.loads(line) for line in (await process.communicate())[0].splitlines() if line.endswith(b"\n")]
    async with Engine(path) as engine:
        doc = await engine.open(Brief, TASK, "brief", agent="reader")
        written = len((await doc.notes.read()).value)
        async with doc.events("notes", after=versions[9]) as events:
            [told] = await take(events, 1)
        assert (told.actor, told.count, told.first) == ("writer", written, versions[0])
        assert told.version > versions[-1]
        assert written >= 20


def test_the_blocking_handle_has_both(tmp_path: Path) -> None:
    """A plain iterator of the same events, and a plain block."""
    with blocking.Engine(tmp_path / "a.db") as engine:
        doc = engine.open(Brief, TASK, "brief", agent="doc")
        with doc.events("notes") as events:
            with doc.batch(why="bulk"):
                for n in range(5):
                    doc.notes.append(str(n))
            doc.notes.append("after")
            assert [next(events).count for _ in range(2)] == [5, 1]
        assert list(events) == []
