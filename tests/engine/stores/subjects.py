"""The stores that the contract is run over, each fresh, with a clock that only a test moves."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from accordant.engine.stores.contract import Commit, Outcome
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


class AtOnceStore(SqliteStore):
    """Commits at once, as often as that is possible, and counts how often it was."""

    at_once = 0

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        outcomes = self.commit_at_once(document, epoch, commits)
        if outcomes is None:
            return await super().commit(document, epoch, commits)
        self.at_once += 1
        return outcomes


@asynccontextmanager
async def sqlite(cls: type[SqliteStore] = SqliteStore) -> AsyncIterator[Subject]:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        store = cls(Path(folder) / "store.db", durability="process", clock=clock)
        await store.open()
        try:
            yield Subject(store, clock.advance)
        finally:
            await store.close()


SUBJECTS = {"memory": memory, "sqlite": sqlite, "sqlite at once": partial(sqlite, AtOnceStore)}
