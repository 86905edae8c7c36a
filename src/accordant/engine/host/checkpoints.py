"""When a document's state is worth a checkpoint, and keeping it once everything in it is durable.

The log has everything: a checkpoint only saves time, and one that cannot be kept costs nothing but a warning.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from accordant.engine.stores.contract import Commit, Store
from accordant.types.limits import CHECKPOINT_BYTES, CHECKPOINT_ENTRIES, CHECKPOINT_TIME_SHARE_MAX

__all__ = ["Checkpoints"]

logger = logging.getLogger("accordant.engine")


class Checkpoints:
    """The checkpoints of one document."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        self._entries = 0
        self._bytes = 0
        self._state_bytes = 0
        self._taken: tuple[int, bytes] | None = None
        self._keeping: set[asyncio.Task[None]] = set()
        self._rests_until = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether anything has come since the last one."""
        return self._entries > 0

    @property
    def is_due(self) -> bool:
        """Whether so much has come that the cost of one is shared."""
        enough = self._entries >= CHECKPOINT_ENTRIES or self._bytes >= CHECKPOINT_BYTES
        is_worth_it = self._bytes * 4 + self._entries * 64 >= self._state_bytes
        return enough and is_worth_it and self._taken is None and time.monotonic() >= self._rests_until

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """While one is taken nobody is answered: the longer that lasts, the longer until the next."""
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self._rests_until = began + took / CHECKPOINT_TIME_SHARE_MAX

    def count(self, commits: Sequence[Commit]) -> None:
        """These became durable."""
        self._entries += len(commits)
        self._bytes += sum(len(commit.entry.update or b"") for commit in commits)

    def take(self, offset: int, state: bytes) -> None:
        """A state as of an offset that may not be durable yet."""
        self._taken = (offset, state)
        self._state_bytes = len(state)
        self._entries = self._bytes = 0

    def forget_taken(self) -> None:
        """The live state was thrown away, and a state taken of it may hold what never landed."""
        self._taken = None

    def keep_taken(self, durable_head: int) -> None:
        """Keep the state that was taken, if it is durable and nothing else is being kept."""
        if self._taken is not None and self._taken[0] <= durable_head and not self._keeping:
            task = asyncio.create_task(self.keep(*self._taken))
            self._taken = None
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)

    async def keep(self, offset: int, state: bytes) -> None:
        """Put it into the store."""
        try:
            await self._store.checkpoint(self._key, offset, state)
        except Exception as error:
            logger.warning("%s: no checkpoint at %d: %s", self._key, offset, error)

    async def settled(self) -> None:
        """Wait for what is being kept."""
        if self._keeping:
            await asyncio.gather(*self._keeping, return_exceptions=True)
