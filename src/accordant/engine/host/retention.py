"""What of a document's past may go, and letting it go: beside the living document, in small steps, by hand or by itself.

The log's headers, hashes and op ids stay, and so do pinned versions. The live state is not touched: it stands on what the
newest checkpoint and the log after it say, and both stay. Killed at any moment, what was done stays done and the rest is done
the next time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from accordant.engine.host.replay import read_at
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import AuditQuery, Compacted, Store
from accordant.types.errors import Invalid
from accordant.types.memory_limits import (
    RETENTION_DOCUMENTS_PAGE,
    RETENTION_ENTRIES_MIN,
    RETENTION_EVERY_S,
    RETENTION_REST,
)
from accordant.types.retention import Compaction, Retention

__all__ = ["DAY_MS", "Keeper", "compact", "oldest_kept", "plan"]

logger = logging.getLogger("accordant.engine")
DAY_MS = 86_400_000


async def oldest_kept(store: Store, key: str, retention: Retention, now_ms: int) -> int:
    """The oldest version that has to stay rebuildable; 0 when all of them have to."""
    head = (await store.heads([key])).get(key, 0)
    kept = []
    if retention.keep_versions is not None:
        kept.append(max(head - retention.keep_versions + 1, 0))
    if retention.keep_days is not None:
        kept.append(await _version_at(store, key, head, now_ms - int(retention.keep_days * DAY_MS)))
    return min(kept, default=0)


async def _version_at(store: Store, key: str, head: int, moment_ms: int) -> int:
    """The version that was current at a moment, 0 before the first. By halving: a log's times grow but for a clock that was set
    back, and then a few versions more or less stay."""
    low, high = 0, head  # the entry at `low` is older than the moment, the one after `high` is not
    while low < high:
        middle = (low + high + 1) // 2
        found = await store.audit(AuditQuery(key, before=middle + 1, limit=1))
        if found and found[0].at < moment_ms:
            low = middle
        else:
            high = middle - 1
    return low


async def plan(store: Store, key: str, upto: int | None = None) -> Compaction:
    """What `compact` would do."""
    head = (await store.heads([key])).get(key, 0)
    wanted = head if upto is None else upto
    if not 0 <= wanted <= head:
        raise Invalid(f"{key} has versions 0 to {head}, not {wanted}", code="unknown_version", version=head)
    floor = await _floor(store, key)
    oldest = max(floor, wanted)
    pinned = tuple(pin.version for pin in await store.pins(key) if pin.version < oldest)
    freed = await store.sizes(key, oldest)
    return Compaction(key, oldest, max(freed.entries - freed.compacted, 0), freed.updates, pinned)


async def compact(store: Store, key: str, upto: int | None = None) -> Compaction:
    """Let go of the update bytes of all entries up to a version, None: up to the head. That version itself stays rebuildable,
    and so do all later and all pinned ones. Raises `Invalid` (`unknown_version`), `StoreError`."""
    planned = await plan(store, key, upto)
    if planned.entries:
        base = await read_at(store, key, planned.oldest, DocumentState.dump)
        await store.truncate(key, planned.oldest, base)
    return planned


async def _floor(store: Store, key: str) -> int:
    """The oldest version that can be rebuilt, pins aside."""
    try:
        await store.read(key, 0, 1)
    except Compacted as compacted:
        return compacted.oldest
    return 0


class Keeper:
    """Applies a retention to every document of a store, over and over, and never hurries.

    It rebuilds nothing: it truncates at a rung of the ladder, so that up to a tenth more than was asked stays. Documents with
    less than `RETENTION_ENTRIES_MIN` entries to let go wait until it is worth it.
    """

    def __init__(self, store: Store, retention: Retention, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._retention = retention
        self._now_ms = now_ms

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.turn()
            await asyncio.sleep(RETENTION_EVERY_S)

    async def turn(self) -> int:
        """Every document once; how many entries gave up their bytes."""
        dropped, after = 0, ""
        while page := await self._store.documents(after=after, limit=RETENTION_DOCUMENTS_PAGE):
            after = page[-1].key
            for info in page:
                began = time.monotonic()
                try:
                    dropped += await self._apply(info.key)
                except Exception as error:  # whatever a store raises: the next turn tries again
                    logger.warning("%s: retention could not be applied: %s", info.key, error)
                await asyncio.sleep((time.monotonic() - began) * RETENTION_REST)
        return dropped

    async def _apply(self, key: str) -> int:
        head = (await self._store.heads([key])).get(key, 0)
        if head < RETENTION_ENTRIES_MIN:
            return 0
        oldest = await oldest_kept(self._store, key, self._retention, self._now_ms())
        floor = await _floor(self._store, key)
        if oldest - floor < RETENTION_ENTRIES_MIN:
            return 0
        rung = await self._store.load(key, oldest)
        if rung is None or rung.offset - floor < RETENTION_ENTRIES_MIN:
            return 0
        return await self._store.truncate(key, rung.offset, rung.state)
