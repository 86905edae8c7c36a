"""The stores that the contract is run over, each fresh, with a clock that only a test moves."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from accordant.engine.stores.memory import MemoryStore
from accordant.engine.stores.sqlite import SqliteStore
from accordant.testing.store_contract import Subject

START_S = 1_800_000_000.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self, now_s: float = START_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    async def advance(self, seconds: float) -> None:
        self.now_s += seconds


@asynccontextmanager
async def memory() -> AsyncIterator[Subject]:
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.open()
    yield Subject(store, clock.advance)
    await store.close()


@asynccontextmanager
async def sqlite() -> AsyncIterator[Subject]:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db", durability="process", clock=clock)
        await store.open()
        try:
            yield Subject(store, clock.advance)
        finally:
            await store.close()


SUBJECTS = {"memory": memory, "sqlite": sqlite}
