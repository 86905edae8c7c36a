"""Entries by their offsets, and entries by what they say: one turn of the reader at a time.

A text is found by a scan, in SQL, over headers and bodies: half a second for a million entries that are in the page cache. An
index of its own would cost every write something, and half as much space again. What is found is verified like any entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from accordant.engine.stores.sqlite_database import Connection, every, first
from accordant.engine.stores.sqlite_read import entry_at
from accordant.engine.stores.sqlite_schema import entry_id, offset_of
from accordant.engine.stores.text_search import in_header, in_update, records
from accordant.types.entries import Entry
from accordant.types.memory_limits import SEARCH_SLICE

__all__ = ["pick", "search_slice"]


def pick(connection: Connection, document: str, offsets: Sequence[int]) -> list[Entry]:
    """The entries at these offsets, verified one by one; those beyond the log are left out."""
    row = first(connection, "select id, head from documents where key = ?", (document,))
    if row is None:
        return []
    number, head = row
    return [entry_at(connection, document, number, offset) for offset in offsets if 0 < offset <= head]


def search_slice(
    connection: Connection, document: str, text: str, before: int | None, limit: int
) -> tuple[list[Entry], int]:
    """Matches in the next slice below `before`, newest first, and where the slice after it begins (1: that was all)."""
    row = first(connection, "select id, head, compacted from documents where key = ?", (document,))
    if row is None:
        return [], 1
    number, head, compacted = row
    end = head + 1 if before is None else min(before, head + 1)
    start = max(end - SEARCH_SLICE, 1)
    needles = in_update(text)
    bodies = " or ".join("instr(body, ?)" for _ in needles)
    rows = every(
        connection,
        # Upwards, though the newest come first: the system reads ahead in that direction alone, and a cold file is read eight
        # times as fast.
        f"select id from entries where id >= ? and id < ? and (instr(header, ?) or (id > ? and ({bodies}))) order by id",
        (entry_id(number, start), entry_id(number, end), in_header(text), entry_id(number, compacted), *needles),
    )
    found: list[Entry] = []
    for (one,) in reversed(rows):
        entry = entry_at(connection, document, number, offset_of(one))
        if records(entry, text):
            found.append(entry)
            if len(found) == limit:
                break
    return found, start
