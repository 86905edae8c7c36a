"""Who took a snapshot of which version, on its way to the store: soon, together, and never in anybody's way.

Beside the log and not in it: reading writes nothing that anybody waits for. What a crash takes along is the last moment's
sightings; who derived something from a snapshot and said so is in the log.
"""

from __future__ import annotations

import asyncio
import logging

from accordant.engine.stores.contract import Sighting, Store
from accordant.types.memory_limits import SIGHTINGS_SOON_S, SIGHTINGS_WAITING_MAX

__all__ = ["Sightings"]

logger = logging.getLogger("accordant.engine")


class Sightings:
    """Those of one engine. At `SIGHTINGS_WAITING_MAX` what waits longest is let go, and the log of the process says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[tuple[str, int, str, tuple[str, ...]], Sighting] = {}
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None

    def note(self, key: str, sighting: Sighting) -> None:
        """Written soon. The same again, by one session, is one."""
        self._waiting[key, sighting.version, sighting.session, sighting.paths] = sighting
        if len(self._waiting) > SIGHTINGS_WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
            self._lost += 1
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_soon(), name="accordant sightings")

    async def flush(self) -> None:
        """Write what waits. Whoever asks the store who saw what does this first."""
        waiting, self._waiting = self._waiting, {}
        if self._lost:
            logger.warning("%d snapshots were taken faster than they could be noted", self._lost)
            self._lost = 0
        by_key: dict[str, list[Sighting]] = {}
        for (key, *_), sighting in waiting.items():
            by_key.setdefault(key, []).append(sighting)
        for key, sightings in by_key.items():
            try:
                await self._store.note_sightings(key, sightings)
            except Exception as error:  # whatever a store raises: nobody's write depends on it
                logger.warning("who saw versions of %s could not be noted: %s", key, error)

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(SIGHTINGS_SOON_S)
            await self.flush()

    async def close(self) -> None:
        """Write what waits, and stop."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.flush()
