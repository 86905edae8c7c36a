"""A document as it was at an old version: the checkpoint at or before it and the log up to it, folded in a thread of its own.

The document's own task is not touched. The library's objects belong to the thread that made them, so that thread folds, reads
and forgets; what comes back is plain JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from accordant.engine.crdt import ReplicaBroken
from accordant.engine.host.expiry import expired
from accordant.engine.host.sightings import Sightings
from accordant.engine.outline import outline
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import Checkpoint, Compacted, Store
from accordant.types.entries import Entry
from accordant.types.errors import AccordantError, Invalid, NoAuthority, StoreError
from accordant.types.limits import REPLAY_S_MAX, REPLAYS_AT_ONCE_MAX
from accordant.types.memory_limits import RECALL_S_MAX, RECALLS_AT_ONCE_MAX

__all__ = ["Replays", "outline_at", "read_at"]

T = TypeVar("T")
READER_ID = 1
"""The Yjs client id of a replica that only reads."""

CHUNK = 500


class Replays:
    """The replays of one engine: few at once, because they share the processor with the documents. `sightings`: who saw what."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sightings = Sightings(store)
        self._questions = asyncio.Semaphore(RECALLS_AT_ONCE_MAX)
        self._turns = asyncio.Semaphore(REPLAYS_AT_ONCE_MAX)

    @asynccontextmanager
    async def question(self, key: str) -> AsyncIterator[None]:
        """A question about the past has its turn: few at once, because each may look through a whole log. Raises `NoAuthority`,
        `timeout`, when that takes too long, waiting included."""
        try:
            async with asyncio.timeout(RECALL_S_MAX), self._questions:
                yield
        except TimeoutError:
            raise NoAuthority(
                f"the question about {key} was not answered in {RECALL_S_MAX:.0f} s",
                code="timeout",
                hint="ask for less, or when there is less to do",
            ) from None

    async def outline(self, key: str, version: int) -> dict[str, Any]:
        """What `outline_at` answers; raises what `read` raises."""
        return await self.read(key, version, outline)

    async def read(self, key: str, version: int, reader: Callable[[DocumentState], T]) -> T:
        """What `read_at` answers; raises `NoAuthority`, `timeout`, when that takes too long, waiting included."""
        try:
            async with asyncio.timeout(REPLAY_S_MAX), self._turns:
                return await read_at(self._store, key, version, reader)
        except TimeoutError:
            raise NoAuthority(
                f"version {version} of {key} could not be rebuilt in {REPLAY_S_MAX:.0f} s",
                code="timeout",
                hint="try again when there is less to do",
            ) from None


async def outline_at(store: Store, key: str, version: int) -> dict[str, Any]:
    """The outline at exactly this version. Raises what `read_at` raises."""
    return await read_at(store, key, version, outline)


async def read_at(store: Store, key: str, version: int, reader: Callable[[DocumentState], T]) -> T:
    """What `reader` makes of the state at exactly this version; it runs in the thread of that state.

    Raises `Invalid` (`unknown_version`) for one that is not there yet, `SnapshotExpired` for one that can no longer be rebuilt,
    `StoreError`."""
    head = (await store.heads([key])).get(key, 0)
    if not 0 <= version <= head:
        raise Invalid(f"{key} has versions 0 to {head}, not {version}", code="unknown_version", version=head)
    checkpoint = await store.load(key, version)
    thread, fold, loop = ThreadPoolExecutor(1, "accordant replay"), _Fold(key), asyncio.get_running_loop()
    try:
        await loop.run_in_executor(thread, fold.begin, checkpoint)
        while fold.head < version:
            entries = await _entries(store, key, fold.head, min(CHUNK, version - fold.head), version)
            await loop.run_in_executor(thread, fold.take, entries)
        return await loop.run_in_executor(thread, fold.read, reader)
    finally:
        thread.submit(fold.forget)
        thread.shutdown(wait=False)  # whoever was cancelled does not wait for the step that runs


async def _entries(store: Store, key: str, after: int, count: int, version: int) -> list[Entry]:
    try:
        entries = await store.read(key, after, count)
    except Compacted as compacted:
        raise await expired(store, key, version, compacted) from compacted
    if not entries:
        raise _broken(key, after + 1, "it is missing")
    return entries


class _Fold:
    """The state that grows in its thread."""

    def __init__(self, key: str) -> None:
        self.head = 0
        self._key = key
        self._state: DocumentState | None = None

    def begin(self, checkpoint: Checkpoint | None) -> None:
        """Start from a checkpoint, or, without a usable one, from nothing."""
        self._state = DocumentState(READER_ID)
        if checkpoint is not None:
            try:
                loaded = DocumentState.load(READER_ID, checkpoint.state)
            except (ValueError, KeyError, ReplicaBroken, AccordantError):
                return  # the log has everything
            if loaded.head == checkpoint.offset:
                self._state, self.head = loaded, loaded.head

    def take(self, entries: list[Entry]) -> None:
        """Fold the next entries."""
        assert self._state is not None
        for entry in entries:
            try:
                self._state.fold(entry)
            except (ReplicaBroken, AccordantError, AssertionError) as error:
                raise _broken(self._key, entry.offset, str(error)) from error
            self.head = entry.offset

    def read(self, reader: Callable[[DocumentState], T]) -> T:
        """What the reader makes of it."""
        assert self._state is not None
        return reader(self._state)

    def forget(self) -> None:
        """Let go of the library's objects in the thread that made them."""
        self._state = None


def _broken(key: str, offset: int, why: str) -> StoreError:
    return StoreError(
        f"{key}: entry {offset} does not fit the log before it: {why}",
        code="store_corrupt",
        landed=False,
        offset=offset,
        hint="run `accordant verify`, then restore a backup",
    )
