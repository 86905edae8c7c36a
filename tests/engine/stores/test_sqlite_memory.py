"""Files of before there were pins and sightings."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import apsw

from accordant.cli.source import reading
from accordant.engine.stores.contract import ALL, Sighting
from accordant.engine.stores.sqlite import SqliteStore
from accordant.testing.store_subject import DOCUMENT, write


async def old_file(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.create(DOCUMENT, "i")
    lease = await store.acquire(ALL, "h", 60.0)
    await store.commit(DOCUMENT, lease.epoch, [write(1), write(2)])
    await store.checkpoint(DOCUMENT, 2, b"state 2")
    await store.release(lease)
    await store.close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("drop table pins; drop table sightings")


async def reads_nothing(path: Path) -> None:
    async with reading(str(path)) as store:
        assert await store.pins(DOCUMENT) == []
        assert await store.sightings(DOCUMENT, 0, 99, 10) == []
        checkpoint = await store.load(DOCUMENT)
        assert checkpoint is not None
        assert checkpoint.state == b"state 2"


async def gets_them(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    try:
        await store.pin(DOCUMENT, 1, b"state 1", "ada", "why")
        await store.note_sightings(DOCUMENT, [Sighting(1, "ada", "s", 1, 5)])
        assert len(await store.pins(DOCUMENT)) == len(await store.sightings(DOCUMENT, 0, 9, 9)) == 1
    finally:
        await store.close()


def test_an_older_file_is_read_as_it_is_and_gets_the_tables_when_it_is_written(tmp_path: Path) -> None:
    """A reader of a file without pins and sightings finds none; opened for writing it has them, without a new format."""
    path = tmp_path / "store.db"

    async def story() -> None:
        await old_file(path)
        await reads_nothing(path)
        await gets_them(path)

    asyncio.run(story())
