"""Open batches: what sessions have written so far that subscribers will hear of at the batch's end, once. Pure.

Part of a document's state, by fold: a write that bears a batch is counted, the entry that ends the batch carries the sum. So
whoever follows the log, now or later, hears of every write exactly once, whatever happened to the writer in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from accordant.engine.eventing import refs_of
from accordant.types.entries import Auth, Entry, EntryKind
from accordant.types.memory_limits import (
    BATCH_ENTRIES_MAX,
    BATCHES_PER_SESSION_MAX,
    EVENT_PATHS_MAX,
    EVENT_REFS_MAX,
)

__all__ = ["OpenBatch", "OpenBatches"]


@dataclass(slots=True)
class OpenBatch:
    """One session's batch: the writes since `first`. `regions`: how many of them touched each region.

    Of more paths than an event names the regions alone are kept: whoever follows one of them still hears of it.
    """

    session: str
    batch: str
    agent: str
    generation: int
    auth: str
    first: int
    count: int = 0
    paths: dict[str, None] = field(default_factory=dict)
    refs: list[str] = field(default_factory=list)
    regions: dict[str, int] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether it has to end here."""
        return self.count >= BATCH_ENTRIES_MAX or len(self.regions) >= EVENT_PATHS_MAX

    def add(self, entry: Entry) -> None:
        """One more write."""
        self.count += 1
        for region in {op.region for op in entry.ops}:
            self.regions[region] = self.regions.get(region, 0) + 1
        is_coarse = len(self.paths) >= EVENT_PATHS_MAX
        self.paths.update(dict.fromkeys(op.region if is_coarse else op.path for op in entry.ops))
        if len(self.paths) >= EVENT_PATHS_MAX:
            self.paths = dict.fromkeys(path.partition("/")[0] for path in self.paths)
        self.refs += refs_of(entry)[: EVENT_REFS_MAX - len(self.refs)]

    def ending(self, offset: int, now: int, why: str | None = None) -> Entry:
        """The entry that ends it."""
        info = {
            "batch": self.batch,
            "first": self.first,
            "count": self.count,
            "paths": list(self.paths),
            "refs": self.refs,
            "regions": self.regions,
        }
        return Entry(
            offset,
            EntryKind.BATCH,
            now,
            self.agent,
            self.session,
            self.generation,
            Auth(self.auth),
            why=why,
            info=info,
        )


class OpenBatches:
    """The open batches of a document, oldest first."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], OpenBatch] = {}

    def all(self) -> list[OpenBatch]:
        """All of them."""
        return list(self._open.values())

    def of(self, session: str) -> list[OpenBatch]:
        """One session's."""
        return [one for one in self._open.values() if one.session == session]

    def get(self, session: str, batch: str) -> OpenBatch | None:
        """The one of that id."""
        return self._open.get((session, batch))

    def due(self, session: str) -> list[OpenBatch]:
        """Those of a session that have to end: full ones, and the oldest of too many."""
        mine = self.of(session)
        extra = len(mine) - BATCHES_PER_SESSION_MAX
        return [one for at, one in enumerate(mine) if at < extra or one.is_full]

    def record(self, entry: Entry) -> None:
        """Fold an entry."""
        batch = entry.info.get("batch")
        if batch is None:
            return
        key = (entry.session, str(batch))
        if entry.kind is EntryKind.BATCH:
            self._open.pop(key, None)
        elif entry.kind is EntryKind.WRITE:
            if key not in self._open:
                self._open[key] = OpenBatch(
                    entry.session, key[1], entry.actor, entry.generation, entry.auth.value, entry.offset
                )
            self._open[key].add(entry)

    def dump(self) -> list[Any]:
        """As JSON values."""
        return [
            [
                *(one.session, one.batch, one.agent, one.generation, one.auth, one.first, one.count),
                *(list(one.paths), one.refs, one.regions),
            ]
            for one in self._open.values()
        ]

    @classmethod
    def load(cls, rows: Iterable[Any]) -> OpenBatches:
        """What `dump` gave."""
        batches = cls()
        for session, batch, agent, generation, auth, first, count, paths, refs, regions in rows:
            batches._open[session, batch] = OpenBatch(
                session, batch, agent, generation, auth, first, count, dict.fromkeys(paths), list(refs), dict(regions)
            )
        return batches
