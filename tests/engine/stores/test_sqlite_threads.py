"""The two threads: neighbours in a group do not fail each other, readers do not wait, a cancelled caller harms
nobody."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from accordant.engine.stores import sqlite_read
from accordant.engine.stores.contract import ALL, Appended, AuditQuery
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_database import Connection
from accordant.engine.stores.sqlite_schema import entry_id, op_word, word_hash
from accordant.testing.store_contract import DOCUMENT, write


def with_store(path: Path, work: Callable[[SqliteStore, int], Awaitable[None]]) -> None:
    async def run() -> None:
        store = SqliteStore(path, durability="process")
        await store.open()
        await store.create(DOCUMENT, "i")
        epoch = (await store.acquire(ALL, "first", 60.0)).epoch
        try:
            await work(store, epoch)
        finally:
            await store.close()

    asyncio.run(run())


def test_a_failing_job_does_not_fail_its_neighbours(tmp_path: Path) -> None:
    """Work that breaks inside a shared transaction is undone alone; the others in the group land."""

    async def work(store: SqliteStore, epoch: int) -> None:
        def break_after_writing(sql: Connection) -> None:
            sql.execute("update documents set head = 99")
            raise ZeroDivisionError

        assert store._writer is not None
        hold = threading.Event()
        held = asyncio.ensure_future(store._writer.submit(lambda sql: hold.wait(5)))
        await asyncio.sleep(0.05)  # the next three wait together, so they form one group
        broken = asyncio.ensure_future(store._writer.submit(break_after_writing))
        first = asyncio.ensure_future(store.commit(DOCUMENT, epoch, [write(1)]))
        second = asyncio.ensure_future(store.commit(DOCUMENT, epoch, [write(2)]))
        await asyncio.sleep(0)
        hold.set()
        await held
        with pytest.raises(ZeroDivisionError):
            await broken
        assert [type(outcome) for outcome in (*await first, *await second)] == [Appended, Appended]
        assert await store.heads([DOCUMENT]) == {DOCUMENT: 2}

    with_store(tmp_path / "s.db", work)


def test_readers_do_not_wait_for_the_writer(tmp_path: Path) -> None:
    """While a transaction is open on the writer, reads are answered with what was committed before it."""

    async def work(store: SqliteStore, epoch: int) -> None:
        await store.commit(DOCUMENT, epoch, [write(1)])
        assert store._writer is not None
        hold = threading.Event()
        held = asyncio.ensure_future(store._writer.submit(lambda sql: hold.wait(5)))
        waiting = asyncio.ensure_future(store.commit(DOCUMENT, epoch, [write(2)]))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            assert len(await store.audit(AuditQuery(DOCUMENT))) == 1
            assert len(await store.read(DOCUMENT)) == 1
        assert not waiting.done()
        hold.set()
        await held
        await waiting
        assert len(await store.read(DOCUMENT)) == 2

    with_store(tmp_path / "s.db", work)


def test_a_cancelled_commit_is_whole_or_absent(tmp_path: Path) -> None:
    """A caller that gives up leaves a commit that a retry with the same op id finds, or lands, exactly once."""

    async def work(store: SqliteStore, epoch: int) -> None:
        for offset in range(1, 21):
            task = asyncio.ensure_future(store.commit(DOCUMENT, epoch, [write(offset, op_id=f"op-{offset}")]))
            await asyncio.sleep(0 if offset % 2 else 0.001)
            task.cancel()
            outcome = (await store.commit(DOCUMENT, epoch, [write(offset, op_id=f"op-{offset}")]))[0]
            assert isinstance(outcome, Appended)
            assert outcome.offset == offset
        assert len(await store.read(DOCUMENT)) == 20

    with_store(tmp_path / "s.db", work)


def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    """Commits that were submitted before `close` are answered, and no thread is left."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "s.db")
        await store.open()
        await store.create(DOCUMENT, "i")
        epoch = (await store.acquire(ALL, "first", 60.0)).epoch
        tasks = [asyncio.ensure_future(store.commit(DOCUMENT, epoch, [write(offset)])) for offset in (1, 2, 3)]
        await asyncio.sleep(0)
        await store.close()
        outcomes = await asyncio.gather(*tasks)
        assert [type(outcome[0]) for outcome in outcomes] == [Appended] * 3
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("accordant-store")]

    asyncio.run(run())


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"actor": "ada"},
        {"path": "account"},
        {"outcome": "conflict"},
        {"kind": "denial", "actor": "bob"},
        {"since": 5, "until": 9},
        {"path": "tasks", "since": 5},
    ],
)
def test_audits_use_an_index(tmp_path: Path, question: dict[str, object]) -> None:
    """No audit question is answered by a walk over a table, as SQLite's own plan says."""
    path = tmp_path / "s.db"

    async def fill(store: SqliteStore, epoch: int) -> None:
        await store.commit(DOCUMENT, epoch, [write(1)])

    with_store(path, fill)
    sql = apsw.Connection(str(path))
    asked: list[tuple[str, object]] = []
    sql.exec_trace = lambda cursor, statement, values: asked.append((statement, values)) or True
    sqlite_read.audit(sql, AuditQuery(DOCUMENT, **question))  # type: ignore[arg-type]
    sql.exec_trace = None
    assert asked
    for statement, values in asked:
        for *_, step in sql.execute(f"explain query plan {statement}", values):
            assert "SCAN" not in step, statement
    sql.close()


def test_words_that_share_a_hash_are_told_apart(tmp_path: Path) -> None:
    """An entry that the index names by a collision is looked at and left out; an op id that collides lands."""
    path = tmp_path / "s.db"

    async def run(store: SqliteStore, epoch: int) -> None:
        await store.commit(DOCUMENT, epoch, [write(1), write(2, "status")])
        sql = apsw.Connection(str(path))
        sql.execute(
            "insert into filed select ?, entry from filed where word = ?",
            (word_hash("actor:eve"), word_hash("path:status")),
        )
        sql.execute("insert into filed values(?, ?)", (op_word("op-3"), entry_id(1, 1)))
        sql.close()
        assert await store.audit(AuditQuery(DOCUMENT, actor="eve")) == []
        assert (await store.commit(DOCUMENT, epoch, [write(3, op_id="op-3")]))[0].offset == 3  # type: ignore[union-attr]

    with_store(path, run)


def test_a_long_truncation_lets_commits_in(tmp_path: Path) -> None:
    """A truncation of many entries goes in steps, and a commit that is sent meanwhile lands before it ends."""

    async def work(store: SqliteStore, epoch: int) -> None:
        await store.commit(DOCUMENT, epoch, [write(offset) for offset in range(1, 4_001)])
        await store.checkpoint(DOCUMENT, 4_000, b"state")
        truncation = asyncio.ensure_future(store.truncate(DOCUMENT, 4_000))
        await asyncio.sleep(0)
        start = time.perf_counter()
        await store.commit(DOCUMENT, epoch, [write(4_001)])
        assert not truncation.done(), f"the commit waited {time.perf_counter() - start:.3f} s, for all of it"
        assert await truncation == 4_000

    with_store(tmp_path / "s.db", work)
