"""Picking and searching in turns: what several turns give is what one turn gives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant.engine.stores import sqlite, sqlite_search
from accordant.engine.stores.sqlite import SqliteStore
from accordant.testing.store_contract import DOCUMENT, Subject, write


def test_turns_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With slices of three entries, twenty are picked and searched as with one slice, from any end and to any limit."""

    async def play() -> None:
        store = SqliteStore(tmp_path / "store.db", durability="process")
        await store.open()
        try:
            epoch = await Subject(store, asyncio.sleep).begin()
            await store.commit(DOCUMENT, epoch, [write(n, update=b"even" * (n % 2 == 0)) for n in range(1, 21)])
            whole = [entry.offset for entry in await store.search(DOCUMENT, "even")]
            assert whole == list(range(20, 0, -2))
            monkeypatch.setattr(sqlite_search, "SEARCH_SLICE", 3)
            monkeypatch.setattr(sqlite, "PICK_SLICE", 3)
            for before in (None, 1, 2, 8, 21, 99):
                for limit in (1, 4, 100):
                    found = [entry.offset for entry in await store.search(DOCUMENT, "even", before, limit)]
                    assert found == [n for n in whole if before is None or n < before][:limit]
            assert [entry.offset for entry in await store.pick(DOCUMENT, range(30, 0, -1))] == list(range(1, 21))
        finally:
            await store.close()

    asyncio.run(play())
