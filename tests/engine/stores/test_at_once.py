"""A commit without a thread: only where nothing is synced, nothing is under way, and nobody else writes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from accordant.engine.stores.contract import ALL, Appended, Commit, Outcome
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_database import Durability
from accordant.testing.store_contract import DOCUMENT, write
from accordant.types.errors import AccordantError, StoreError
from accordant.types.limits import AT_ONCE_BYTES_MAX, WAL_PAGES_MAX


def with_store(
    path: Path, work: Callable[[SqliteStore, int], Awaitable[None]], durability: Durability = "process"
) -> None:
    async def run() -> None:
        store = SqliteStore(path, durability=durability)
        await store.open()
        await store.create(DOCUMENT, "i")
        epoch = (await store.acquire(ALL, "first", 60.0)).epoch
        try:
            await work(store, epoch)
        finally:
            await store.close()

    asyncio.run(run())


async def at_once(store: SqliteStore, epoch: int, commits: list[Commit], document: str = DOCUMENT) -> list[Outcome]:
    """Its outcomes, as soon as the thread has let go of the connection."""
    async with asyncio.timeout(10):
        while (outcomes := store.commit_at_once(document, epoch, commits)) is None:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0)
    return outcomes


def test_it_has_landed_when_it_returns(tmp_path: Path) -> None:
    """The outcome is there at once, and another connection reads the entry."""

    async def work(store: SqliteStore, epoch: int) -> None:
        outcomes = await at_once(store, epoch, [write(1), write(2)])
        assert [type(outcome) for outcome in outcomes] == [Appended, Appended]
        [(head,)] = apsw.Connection(store.path).execute("select head from documents").fetchall()
        assert head == 2

    with_store(tmp_path / "s.db", work)


def test_it_raises_what_commit_raises(tmp_path: Path) -> None:
    """A document that was never created is the same error either way."""

    async def work(store: SqliteStore, epoch: int) -> None:
        with pytest.raises(AccordantError) as here:
            await at_once(store, epoch, [write(1)], "acme/task/x/none")
        with pytest.raises(AccordantError) as waited:
            await store.commit("acme/task/x/none", epoch, [write(1)])
        assert here.value.to_dict() == waited.value.to_dict()

    with_store(tmp_path / "s.db", work)


def test_not_where_a_disk_is_waited_for(tmp_path: Path) -> None:
    """With `durability="fsync"` the loop would stand still for a flush: the thread does it."""

    async def work(store: SqliteStore, epoch: int) -> None:
        assert store.commit_at_once(DOCUMENT, epoch, [write(1)]) is None
        assert await store.heads([DOCUMENT]) == {DOCUMENT: 0}

    with_store(tmp_path / "s.db", work, "fsync")


def test_not_what_is_large(tmp_path: Path) -> None:
    """A commit of many bytes is the thread's."""

    async def work(store: SqliteStore, epoch: int) -> None:
        large: Commit = write(1, update=b"x" * (AT_ONCE_BYTES_MAX + 1))
        assert store.commit_at_once(DOCUMENT, epoch, [large]) is None
        assert await store.heads([DOCUMENT]) == {DOCUMENT: 0}

    with_store(tmp_path / "s.db", work)


def test_it_overtakes_nothing(tmp_path: Path) -> None:
    """While a commit waits for the thread, or was only just answered by it, the next one goes behind it."""

    async def work(store: SqliteStore, epoch: int) -> None:
        assert store._writer is not None
        hold = threading.Event()
        held = asyncio.ensure_future(store._writer.submit(lambda sql: hold.wait(5)))
        await asyncio.sleep(0)
        assert store.commit_at_once(DOCUMENT, epoch, [write(1)]) is None
        held.cancel()  # nobody waits for it any more, but it is still at work
        await asyncio.gather(held, return_exceptions=True)
        assert store.commit_at_once(DOCUMENT, epoch, [write(1)]) is None
        hold.set()
        assert [type(one) for one in await store.commit(DOCUMENT, epoch, [write(1)])] == [Appended]
        assert [type(one) for one in await at_once(store, epoch, [write(2)])] == [Appended]

    with_store(tmp_path / "s.db", work)


def test_it_does_not_wait_for_another_process(tmp_path: Path) -> None:
    """While somebody else writes the file it gives up at once, and the thread waits as it always did."""

    async def work(store: SqliteStore, epoch: int) -> None:
        other = apsw.Connection(store.path)
        other.execute("begin immediate")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert store.commit_at_once(DOCUMENT, epoch, [write(1)]) is None
        assert loop.time() - began < 1.0
        waiting = asyncio.ensure_future(store.commit(DOCUMENT, epoch, [write(1)]))
        await asyncio.sleep(0.1)
        other.execute("rollback")
        assert [type(one) for one in await waiting] == [Appended]
        other.close()

    with_store(tmp_path / "s.db", work)


def test_a_failure_of_the_disk_is_told_by_the_thread(tmp_path: Path) -> None:
    """What goes wrong before the commit changes nothing, and `commit` says what it was."""

    async def work(store: SqliteStore, epoch: int) -> None:
        await at_once(store, epoch, [write(1)])
        assert store._writer is not None
        await store._writer.submit(lambda sql: sql.execute("pragma max_page_count = 1").fetchall())  # as large as it is
        await asyncio.sleep(0)
        large = write(2, update=b"x" * 50_000)
        assert store.commit_at_once(DOCUMENT, epoch, [large]) is None
        with pytest.raises(StoreError) as full:
            await store.commit(DOCUMENT, epoch, [large])
        assert full.value.code == "store_full"
        await store._writer.submit(lambda sql: sql.execute("pragma max_page_count = 1000000").fetchall())
        assert [type(one) for one in await store.commit(DOCUMENT, epoch, [large])] == [Appended]

    with_store(tmp_path / "s.db", work)


def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    """The thread moves the write-ahead log into the file, though no commit passes through it."""

    async def work(store: SqliteStore, epoch: int) -> None:
        offset, at_once = 0, 0
        for _ in range(12):
            for _ in range(WAL_PAGES_MAX // 8):
                offset += 1
                commit = write(offset, update=b"x" * 30_000)
                if store.commit_at_once(DOCUMENT, epoch, [commit]) is None:
                    await store.commit(DOCUMENT, epoch, [commit])
                else:
                    at_once += 1
            await asyncio.sleep(0.02)
        assert at_once > offset // 4
        sizes.append(os.stat(f"{store.path}-wal").st_size)

    sizes: list[int] = []
    with_store(tmp_path / "s.db", work)
    assert sizes[0] < 3 * WAL_PAGES_MAX * 4096
