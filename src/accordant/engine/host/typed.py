"""Reads what was typed into a text out of the log, and follows one insertion through what came after it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import AuditQuery, Compacted, Store
from accordant.engine.timeline import Timeline
from accordant.engine.update import GC, STRING, Struct, decode_own, units
from accordant.types.entries import Entry
from accordant.types.errors import WireError

__all__ = ["Typed", "followed", "read_typed"]

_PAGE = 500
_READER_ID = 1


@dataclass(frozen=True, slots=True)
class Typed:
    """A text's characters through time. `entries`: how many were read; `oldest`: what was gone before it is not known."""

    timeline: Timeline
    entries: int
    oldest: int


async def read_typed(store: Store, key: str, region: str, head: int, entries_max: int) -> Typed | None:
    """The timeline of a text region up to `head`; None when it takes more than so many entries. Raises `StoreError`."""
    timeline = Timeline(region)
    oldest = await _begun(store, key, region, timeline)
    query = AuditQuery(key, region, after=oldest - 1, before=head + 1, oldest_first=True, limit=_PAGE)
    count = 0
    while page := await store.audit(query):
        count += len(page)
        if count > entries_max:
            return None
        await asyncio.to_thread(_take, timeline, page)
        query = replace(query, after=page[-1].offset)
    return Typed(timeline, count, oldest)


async def _begun(store: Store, key: str, region: str, timeline: Timeline) -> int:
    """Begin where the log begins: with nothing, or with what the checkpoint there still has. Returns the first version."""
    try:
        await store.read(key, 0, 1)
    except Compacted as compacted:
        checkpoint = await store.load(key, compacted.oldest)
        if checkpoint is not None:
            await asyncio.to_thread(_restore, checkpoint.state, region, timeline)
            return checkpoint.offset + 1
    return 1


def _restore(state: bytes, region: str, timeline: Timeline) -> None:
    """In a thread that makes the library's objects and lets go of them."""
    loaded = DocumentState.load(_READER_ID, state)
    whole = loaded.replica.encode()
    ledger = loaded.ledger
    rows = []
    for client, section in sorted(decode_own(whole).structs.items()):
        for struct in section:
            place = None if struct.kind == GC else ledger.place(client, struct.clock)
            is_sequence = place is not None and place.key is None and not place.container.depth
            name = place.container.name if is_sequence and place is not None else None
            is_ours = name == region and struct.kind == STRING
            runs = ledger.versions(client, struct.clock, struct.clock + struct.length) if is_ours else []
            rows.append((struct, name, runs))
    timeline.restore(rows)


def _take(timeline: Timeline, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.update is not None:
            timeline.add(entry.offset, decode_own(entry.update))


def followed(entry: Entry, text: str, later: Sequence[Entry]) -> Entry | None:
    """The first later entry that deleted one of the characters that the entry brought as this text, or came between them."""
    spans = _spans(entry, text)
    for one in later:
        if one.update is None or not spans:
            continue
        try:
            update = decode_own(one.update)
        except WireError:
            continue
        spans = [span for span in spans if not _breaks(update.structs, update.deletes, *span)]
        if not spans:
            return one
    return None


def _spans(entry: Entry, text: str) -> list[tuple[int, int, int]]:
    """(client, first clock, end) of each place where the entry's update spells the text in one piece."""
    if entry.update is None:
        return []
    spans = []
    update = decode_own(entry.update)
    for client, section in update.structs.items():
        for struct in section:
            if struct.kind != STRING:
                continue
            at = struct.content.find(text)
            while at >= 0:
                clock = struct.clock + units(struct.content[:at])
                spans.append((client, clock, clock + units(text)))
                at = struct.content.find(text, at + 1)
    return spans


def _breaks(
    structs: dict[int, list[Struct]], deletes: dict[int, list[tuple[int, int]]], client: int, clock: int, end: int
) -> bool:
    if any(start < end and clock < until for start, until in deletes.get(client, ())):
        return True
    origins = (struct.origin for section in structs.values() for struct in section if struct.origin is not None)
    return any(origin[0] == client and clock <= origin[1] < end - 1 for origin in origins)
