"""How a document is read back, each call inside one snapshot that the reader thread holds.

Nothing that is damaged is returned: every entry is recomputed from its row and the hash before it, in a log read and
in an audit alike. It must not know of threads or the loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accordant.engine.stores.audit_index import matches, query_words
from accordant.engine.stores.contract import AuditQuery, Checkpoint, Compacted, DocumentInfo, FieldRow
from accordant.engine.stores.sqlite_database import Connection, every, first, whole_number
from accordant.engine.stores.sqlite_schema import entry_id, offset_of, word_hash
from accordant.types.entries import GENESIS, Entry, content_hash, entry_from
from accordant.types.errors import StoreError

__all__ = ["audit", "checkpoint_before", "documents", "entry_at", "field_rows", "heads", "quarantine", "read_entries"]

_INFO = "select key, incarnation, head, head_hash, created_at from documents"


def documents(
    connection: Connection, prefix: tuple[str, ...], after: str = "", limit: int | None = None
) -> list[DocumentInfo]:
    """Those whose leading segments equal the prefix's: a segment with a slash in it equals none."""
    if any("/" in segment for segment in prefix):
        return []
    some = (after, -1 if limit is None else max(limit, 0))
    if not prefix:
        rows = every(connection, f"{_INFO} where key > ? order by key limit ?", some)
    else:
        start = "/".join(prefix)
        rows = every(
            connection,
            f"{_INFO} where (key = ? or (key >= ? and key < ?)) and key > ? order by key limit ?",
            (start, f"{start}/", f"{start}0", *some),  # "0" follows "/"
        )
    return [DocumentInfo(*row) for row in rows]


def read_entries(connection: Connection, document: str, after: int, limit: int) -> list[Entry]:
    """Entries after an offset, verified, without gaps; raises `Compacted`."""
    row = first(connection, "select id, head, head_hash, compacted from documents where key = ?", (document,))
    if row is None:
        return []
    number, head, head_hash, compacted = row
    after = max(after, 0)
    if after < compacted:
        newest = _newest_checkpoint(connection, number)
        if newest < compacted:  # nothing to start from: entries were dropped that no checkpoint covers
            raise _damaged(document, after + 1)
        oldest = "select min(offset) from checkpoints where document = ? and offset >= ?"
        raise Compacted(newest, whole_number(connection, oldest, (number, compacted)))
    last = min(head, after + max(limit, 0))
    if last <= after:
        return []
    entries = _verified_run(connection, document, number, after, last)
    if last == head and entries[-1].hash != head_hash:
        raise _damaged(document, head)
    return entries


def field_rows(connection: Connection, document: str) -> tuple[int, list[FieldRow]]:
    """All guarded fields and the head, of one snapshot."""
    row = first(connection, "select id, head from documents where key = ?", (document,))
    if row is None:
        return 0, []
    rows = every(
        connection, "select path, value, version, by, at, state from fields where document = ? order by path", (row[0],)
    )
    return row[1], [FieldRow(*found) for found in rows]


def heads(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Each document's head, 0 where there is none."""
    return {name: whole_number(connection, "select head from documents where key = ?", (name,)) for name in names}


def checkpoint_before(connection: Connection, document: str, upto: int | None) -> Checkpoint | None:
    """The newest checkpoint or pinned state at or before an offset."""
    found = [
        row
        for table, column in (("checkpoints", "offset"), ("pins", "version"))
        if (row := _state_before(connection, table, column, document, upto)) is not None
    ]
    return Checkpoint(*max(found, key=lambda row: row[0])) if found else None


def _state_before(
    connection: Connection, table: str, column: str, document: str, upto: int | None
) -> tuple[Any, ...] | None:
    if first(connection, "select 1 from sqlite_schema where name = ?", (table,)) is None:
        return None  # an older file, opened by a reader
    return first(
        connection,
        f"select c.{column}, c.hash, c.state from {table} c join documents d on d.id = c.document"
        f" where d.key = ? and c.{column} <= coalesce(?, d.head) order by c.{column} desc limit 1",
        (document, upto),
    )


def audit(connection: Connection, query: AuditQuery) -> list[Entry]:
    """The entries a query asks for, by the audit index, verified one by one."""
    number = whole_number(connection, "select id from documents where key = ?", (query.document,))
    if not number:
        return []
    listed: list[Entry] = []
    for offset in _candidates(connection, number, query):
        if len(listed) >= query.limit:
            break
        if matches(query, entry := entry_at(connection, query.document, number, offset)):
            listed.append(entry)
    return listed


def quarantine(connection: Connection, document: str) -> list[Mapping[str, Any]]:
    """What was refused, oldest first."""
    rows = every(
        connection,
        "select r.entry, e.at, r.peer, r.reason, r.size, r.sha256, r.body"
        " from documents d join refused r on r.entry between d.id << 40 and (d.id << 40) + d.head"
        " join entries e on e.id = r.entry where d.key = ? order by r.entry",
        (document,),
    )
    names = ("offset", "at", "peer", "reason", "size", "sha256", "update")
    return [dict(zip(names, (offset_of(row[0]), *row[1:]), strict=True)) for row in rows]


def _candidates(connection: Connection, number: int, query: AuditQuery) -> Iterator[int]:
    """Offsets that every index in question names, in the order asked for; lazily, so that a limit ends the search."""
    order = "asc" if query.oldest_first else "desc"
    end = entry_id(number + 1, 0) if query.before is None else entry_id(number, max(query.before, 0))
    values = {
        "low": entry_id(number, max(query.after, 0) + 1),
        "end": min(end, entry_id(number + 1, 0)),
        "number": number,
    }
    values |= {"since": query.since or 0, "until": query.until or 0}
    times = " and at >= :since" * (query.since is not None) + " and at < :until" * (query.until is not None)
    if words := {f"word{at}": word_hash(word) for at, word in enumerate(query_words(query))}:
        values |= words
        first, *others = words
        sql = f"select entry from filed f where word = :{first} and entry >= :low and entry < :end"
        sql += "".join(f" and exists(select 1 from filed where word = :{word} and entry = f.entry)" for word in others)
        sql += f" and exists(select 1 from entries where id = f.entry{times})" if times else ""
        sql += f" order by entry {order}"
    elif times:
        # The index alone answers this; sorted, because clocks step back and offsets do not.
        sql = f"select id from entries indexed by entries_by_time where id >> 40 = :number{times}"
        sql += f" and id >= :low and id < :end order by id {order}"
    else:
        sql = f"select id from entries where id >= :low and id < :end order by id {order}"
    rows: Iterator[tuple[int]] = connection.execute(sql, values)
    for (entry,) in rows:
        yield offset_of(entry)


def _verified_run(connection: Connection, document: str, number: int, after: int, last: int) -> list[Entry]:
    """Every entry from `after` + 1 to `last`, none of them compacted; raises at the first that is missing or
    changed."""
    previous = _hash_at(connection, document, number, after)
    rows: Iterator[tuple[Any, ...]] = connection.execute(
        "select id, at, header, body, hash from entries where id between ? and ? order by id",
        (entry_id(number, after + 1), entry_id(number, last)),
    )
    entries: list[Entry] = []
    for offset in range(after + 1, last + 1):
        try:
            row = next(rows, None)
        except UnicodeDecodeError:
            row = None
        if row is None or row[0] != entry_id(number, offset):
            raise _damaged(document, offset)
        entries.append(_verified(document, offset, row[1:], previous, compacted=False))
        previous = entries[-1].hash
    return entries


def entry_at(connection: Connection, document: str, number: int, offset: int) -> Entry:
    """One entry, verified against the one before it."""
    try:
        row = first(
            connection,
            "select e.at, e.header, e.body, e.hash, d.compacted from entries e join documents d on d.id = ?"
            " where e.id = ?",
            (number, entry_id(number, offset)),
        )
    except UnicodeDecodeError:
        row = None
    if row is None:
        raise _damaged(document, offset)
    previous = _hash_at(connection, document, number, offset - 1)
    return _verified(document, offset, row[:4], previous, compacted=offset <= row[4])


def _verified(document: str, offset: int, row: tuple[Any, ...], previous: bytes, *, compacted: bool) -> Entry:
    at, header, body, hash_ = row
    if not isinstance(header, str) or not isinstance(body, bytes | None):
        raise _damaged(document, offset)
    update, digest = (None, body) if compacted else (body, None)
    if content_hash(previous, offset, header, update, update_digest=digest) != hash_:
        raise _damaged(document, offset)
    entry = entry_from(offset, header, update, hash_)
    if entry.at != at:  # the time has a column of its own, for its index
        raise _damaged(document, offset)
    return entry


def _hash_at(connection: Connection, document: str, number: int, offset: int) -> bytes:
    if not offset:
        return GENESIS
    row = first(connection, "select hash from entries where id = ?", (entry_id(number, offset),))
    if row is None:
        raise _damaged(document, offset)
    found: bytes = row[0]
    return found


def _newest_checkpoint(connection: Connection, number: int) -> int:
    return whole_number(connection, "select max(offset) from checkpoints where document = ?", (number,))


def _damaged(document: str, offset: int) -> StoreError:
    return StoreError(
        f"entry {offset} of {document!r} is missing or not what was written",
        code="store_corrupt",
        document=document,
        offset=offset,
        landed=False,
        hint="restore a backup; keep this file, `accordant verify` says how far its log is whole",
    )
