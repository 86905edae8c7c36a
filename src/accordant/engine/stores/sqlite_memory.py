"""What a store file remembers of a document beside its log: who saw which version, and which versions are pinned.

Both came after the first files: the tables are made when a file is opened for writing, and a reader of a file that has none
finds nothing. Each function runs on one of the store's threads; it must not know of threads, leases or the loop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from accordant.engine.stores.admission import check_pin
from accordant.engine.stores.contract import Pin, Sighting
from accordant.engine.stores.sqlite_commit import unknown_document
from accordant.engine.stores.sqlite_database import Connection, every, first, whole_number
from accordant.engine.stores.sqlite_schema import entry_id
from accordant.types.entries import GENESIS
from accordant.types.memory_limits import SIGHTINGS_PER_DOCUMENT_MAX
from accordant.types.retention import Sizes

__all__ = ["note_sightings", "pin", "pins", "sightings", "sizes", "unpin"]

_INDEX_ROW_BYTES = 20
"""A word's hash, the entry, and what SQLite adds."""


def pin(connection: Connection, document: str, wanted: Pin, state: bytes) -> None:
    """Keep that version's state; raises before it writes."""
    row = first(connection, "select id, head from documents where key = ?", (document,))
    if row is None:
        raise unknown_document(document)
    number, head = row
    version = wanted.version
    others = "select count(*) from pins where document = ? and version <> ?"
    check_pin(document, version, head, whole_number(connection, others, (number, version)))
    found = first(connection, "select hash from entries where id = ?", (entry_id(number, version),))
    hash_ = GENESIS if found is None else found[0]
    connection.execute(
        "insert or replace into pins(document, version, actor, why, at, hash, state) values(?, ?, ?, ?, ?, ?, ?)",
        (number, version, wanted.actor, wanted.why, wanted.at, hash_, state),
    )


def unpin(connection: Connection, document: str, version: int) -> None:
    """Forget it, if it is there."""
    connection.execute(
        "delete from pins where document = (select id from documents where key = ?) and version = ?",
        (document, version),
    )


def pins(connection: Connection, document: str) -> list[Pin]:
    """All of them, oldest version first."""
    if not _has(connection, "pins"):
        return []
    rows = every(
        connection,
        "select p.version, p.actor, p.why, p.at from pins p join documents d on d.id = p.document"
        " where d.key = ? order by p.version",
        (document,),
    )
    return [Pin(*row) for row in rows]


def note_sightings(connection: Connection, document: str, noted: Sequence[Sighting]) -> None:
    """Write them down, numbered in order; the first numbers make room."""
    number = whole_number(connection, "select id from documents where key = ?", (document,))
    if not number:
        raise unknown_document(document)
    low, end = entry_id(number, 0), entry_id(number + 1, 0)
    last = whole_number(connection, "select max(id) from sightings where id >= ? and id < ?", (low, end)) or low
    for one in noted:
        row = first(
            connection,
            "insert into sightings(id, version, actor, session, generation, paths, at) values(?, ?, ?, ?, ?, ?, ?)"
            " on conflict(id >> 40, version, actor, session, generation, paths)"
            " do update set at = max(at, excluded.at) returning id",
            (last + 1, one.version, one.actor, one.session, one.generation, json.dumps(one.paths), one.at),
        )
        last = last if row is None else max(last, row[0])
    connection.execute(
        "delete from sightings where id >= ? and id <= ?", (low, max(last - SIGHTINGS_PER_DOCUMENT_MAX, low))
    )


def sightings(connection: Connection, document: str, low: int, high: int, limit: int) -> list[Sighting]:
    """By version, by the index, newest first."""
    if not _has(connection, "sightings"):
        return []
    rows = every(
        connection,
        "select s.version, s.actor, s.session, s.generation, s.at, s.paths from documents d"
        " join sightings s on s.id >> 40 = d.id where d.key = ? and s.version >= ? and s.version < ?"
        " order by s.version desc, s.id desc limit ?",
        (document, low, high, max(limit, 0)),
    )
    return [Sighting(row[0], row[1], row[2], row[3], row[4], tuple(json.loads(row[5]))) for row in rows]


def sizes(connection: Connection, document: str, upto: int | None) -> Sizes:
    """By walks over the document's rows, and over the whole index."""
    row = first(connection, "select id, head, compacted, refused_bytes from documents where key = ?", (document,))
    if row is None:
        return Sizes()
    number, head, compacted, refused = row
    last = head if upto is None else max(min(upto, head), 0)
    whole = [entry_id(number, 1), entry_id(number, last)]
    headers = "select sum(length(cast(header as blob)) + length(hash)) from entries where id between ? and ?"
    bodies = "select sum(length(body)) from entries where id between ? and ?"
    filed = "select count(*) from filed where entry between ? and ?"
    states = "select sum(length(state)) from {} where document = ?"
    return Sizes(
        entries=last,
        compacted=min(compacted, last),
        updates=whole_number(connection, bodies, [entry_id(number, compacted + 1), entry_id(number, last)]),
        headers=whole_number(connection, headers, whole),
        index=0 if upto is not None else _INDEX_ROW_BYTES * whole_number(connection, filed, whole),
        checkpoints=whole_number(connection, states.format("checkpoints"), (number,)),
        pinned=whole_number(connection, states.format("pins"), (number,)) if _has(connection, "pins") else 0,
        quarantine=refused,
        sightings=_sighting_bytes(connection, number) if _has(connection, "sightings") else 0,
    )


def _sighting_bytes(connection: Connection, number: int) -> int:
    """Each is there twice: as a row and in the index that keeps it from being noted again."""
    text = "select sum(2 * length(actor || session || paths) + 40) from sightings where id between ? and ?"
    return whole_number(connection, text, (entry_id(number, 0), entry_id(number + 1, 0) - 1))


def _has(connection: Connection, table: str) -> bool:
    return first(connection, "select 1 from sqlite_schema where name = ?", (table,)) is not None
