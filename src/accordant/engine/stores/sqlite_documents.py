"""What is written about a document besides its commits: its creation, its checkpoints, and what retention drops.

Each function runs inside a transaction of the writer thread; it must not know of threads, leases or the loop.
"""

from __future__ import annotations

import hashlib

from accordant.engine.stores.contract import DocumentInfo
from accordant.engine.stores.ladder import kept
from accordant.engine.stores.sqlite_commit import unknown_document
from accordant.engine.stores.sqlite_database import Connection, every, first, whole_number
from accordant.engine.stores.sqlite_schema import entry_id
from accordant.types.entries import GENESIS
from accordant.types.errors import Invalid, StoreError
from accordant.types.limits import DOCUMENTS_PER_STORE_MAX, TRUNCATE_CHUNK

__all__ = ["create", "save_checkpoint", "truncate_chunk"]


def create(connection: Connection, document: str, incarnation: str, now_ms: int) -> DocumentInfo:
    """The document as it is, or a new one."""
    query = "select key, incarnation, head, head_hash, created_at from documents where key = ?"
    row = first(connection, query, (document,))
    if row is None:
        if whole_number(connection, "select max(id) from documents") >= DOCUMENTS_PER_STORE_MAX:
            raise StoreError(
                f"a store holds at most {DOCUMENTS_PER_STORE_MAX} documents",
                code="store_full",
                landed=False,
                limit=DOCUMENTS_PER_STORE_MAX,
                hint="begin another store file",
            )
        connection.execute(
            "insert into documents(key, incarnation, created_at, head_hash) values(?, ?, ?, ?)",
            (document, incarnation, now_ms, GENESIS),
        )
        row = (document, incarnation, 0, GENESIS, now_ms)
    return DocumentInfo(*row)


def save_checkpoint(connection: Connection, document: str, offset: int, state: bytes) -> None:
    """Keep it, and of the others what the ladder keeps."""
    number, head, compacted = _document(connection, document)
    if not 0 <= offset <= head:
        raise Invalid(f"there is no entry {offset}: the head is {head}", code="bad_offset", head=head)
    _insert_checkpoint(connection, number, offset, state)
    rows = every(connection, "select offset, length(state) from checkpoints where document = ?", (number,))
    sizes: dict[int, int] = dict(rows)
    gone = [(number, other) for other in sizes.keys() - kept(sizes, compacted, offset)]
    connection.executemany("delete from checkpoints where document = ? and offset = ?", gone)


def truncate_chunk(
    connection: Connection, document: str, upto: int, base: bytes | None = None, count: int = TRUNCATE_CHUNK
) -> tuple[int, bool]:
    """The next `count` entries give up their bytes, leaving their digest to the chain: how many did, and whether more wait.

    The base goes in with every chunk that still needs it: a checkpoint saved in between may have thinned it out.
    """
    row = first(connection, "select id, head, compacted from documents where key = ?", (document,))
    if row is None:
        return 0, False
    number, head, compacted = row
    if base is not None and compacted < upto <= head:
        _insert_checkpoint(connection, number, upto, base)
    newest = whole_number(connection, "select max(offset) from checkpoints where document = ?", (number,))
    end = min(upto, newest)
    chunk_end = min(end, compacted + count)
    if chunk_end <= compacted:
        return 0, False
    bodies = every(
        connection,
        "select body, id from entries where id between ? and ? and body is not null",
        (entry_id(number, compacted + 1), entry_id(number, chunk_end)),
    )
    connection.executemany(
        "update entries set body = ? where id = ?", [(hashlib.sha256(body).digest(), entry) for body, entry in bodies]
    )
    connection.execute("update documents set compacted = ? where id = ?", (chunk_end, number))
    connection.execute("delete from checkpoints where document = ? and offset < ?", (number, chunk_end))
    return len(bodies), chunk_end < end


def _insert_checkpoint(connection: Connection, number: int, offset: int, state: bytes) -> None:
    hash_ = GENESIS
    if offset:
        hash_ = connection.execute("select hash from entries where id = ?", (entry_id(number, offset),)).get
    connection.execute(
        "insert into checkpoints(document, offset, hash, state) values(?, ?, ?, ?)"
        " on conflict(document, offset) do update set hash = excluded.hash, state = excluded.state",
        (number, offset, hash_, state),
    )


def _document(connection: Connection, document: str) -> tuple[int, int, int]:
    row = first(connection, "select id, head, compacted from documents where key = ?", (document,))
    if row is None:
        raise unknown_document(document)
    return row[0], row[1], row[2]
