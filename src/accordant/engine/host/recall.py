"""Questions about the past of a document, answered from its store: who wrote which characters, why, since when, what changed.

One implementation for every surface: it takes a store and a key, so that a file is asked as a living document is. What the
grant does not let read is not shown, and a region that it hides is `Denied`. Old states are folded in a thread of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from accordant.engine import grants
from accordant.engine.blame import Run, blame
from accordant.engine.differences import compare
from accordant.engine.host.explaining import explain
from accordant.engine.host.replay import read_at
from accordant.engine.host.tracing import trace
from accordant.engine.outline import outline
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import Store
from accordant.types.access import EVERYTHING, Grant
from accordant.types.errors import Invalid
from accordant.types.past import BlameRun, Recall
from accordant.types.provenance import bases
from accordant.types.regions import Kind

__all__ = ["Archive", "recall"]

T = TypeVar("T")
Fold = Callable[[int, Callable[[DocumentState], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Archive:
    """A document's past as somebody may see it. `head`: the version up to which it is looked at. `fold`: reads the state at a
    version; None: beside the store, without waiting for a turn."""

    store: Store
    key: str
    head: int
    grant: Grant = EVERYTHING
    agent: str = "?"
    fold: Fold | None = None

    async def state(self, version: int, reader: Callable[[DocumentState], T]) -> T:
        """What the reader makes of the state at this version."""
        if version > self.head:
            raise Invalid(
                f"{self.key} has versions 0 to {self.head}, not {version}", code="unknown_version", version=self.head
            )
        fold = self.fold or partial(read_at, self.store, self.key)
        found: T = await fold(version, reader)
        return found


async def recall(archive: Archive, query: Recall) -> dict[str, Any]:
    """The answer as JSON values. Raises `Invalid`, `Denied`, `SnapshotExpired`, `StoreError`, `NoAuthority` (`timeout`)."""
    match query.what:
        case "blame":
            return await _blame(archive, str(query.path), query.at)
        case "why":
            found = await explain(
                archive.store, archive.key, archive.head, str(query.path), archive.grant, archive.agent
            )
            return found.to_json()
        case "trace":
            return (await trace(archive.store, archive.key, archive.head, str(query.text), archive.grant)).to_json()
        case "diff":
            return await _diff(archive, query.first or 0, query.last)


async def _blame(archive: Archive, region: str, at: int | None) -> dict[str, Any]:
    grants.check_read(archive.grant, archive.agent, region)
    version = archive.head if at is None else at
    runs, text = await archive.state(version, partial(_runs, region=region))
    entries = await archive.store.pick(archive.key, [run.version for run in runs])
    by_version = {entry.offset: entry for entry in grants.readable_entries(entries, archive.grant)}
    shown = []
    for run in runs:
        entry = by_version.get(run.version)
        read = () if entry is None else bases(entry)
        at_ms, why = (None, None) if entry is None else (entry.at, entry.why)
        piece = text[run.start : run.end]
        shown.append(BlameRun(run.start, run.end, piece, run.actor, run.version, at_ms, why, tuple(read)).to_json())
    return {"region": region, "version": version, "runs": shown}


def _runs(state: DocumentState, region: str) -> tuple[list[Run], str]:
    kind = state.kinds().get(region)
    if kind is None:
        raise Invalid(f"there is no region {region[:80]!r} at v{state.head}", code="unknown_region", path=region)
    if kind is not Kind.TEXT:
        raise Invalid(
            f"{region} is a {kind.value} region, not a text",
            code="wrong_kind",
            path=region,
            hint="blame is for texts; ask why(ref) of anything else",
        )
    return blame(state, region), state.replica.text(region)


async def _diff(archive: Archive, first: int, last: int | None) -> dict[str, Any]:
    last = archive.head if last is None else last
    old = grants.readable(await archive.state(first, outline), archive.grant)
    new = grants.readable(await archive.state(last, outline), archive.grant)
    changes = await asyncio.to_thread(compare, old, new)
    return {"first": first, "last": last, "changes": [one.to_json() for one in changes]}
