"""The tables of a store file, its format version, and how rows are numbered.

An entry's row id is its document's number and its offset in one integer: entries of one document lie side by side, and
every index that ends in it is in offset order within a document for free. `filed` is the one audit index: the hash of a
word (an actor, an outcome, a path level, an op id) and the entry filed under it; a reader looks at the entry itself
before it believes a hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache

from accordant.engine.stores.sqlite_database import Connection, use_wal
from accordant.types.errors import StoreError

__all__ = ["FORMAT", "entry_id", "offset_of", "op_word", "prepare", "word_hash"]

FORMAT = 1
"""Raised by every change that an older release would misread; kept in the file as `user_version`."""

_APPLICATION_ID = 0x41434344
_OFFSET_BITS = 40

_TABLES = """
create table documents(
    id integer primary key,
    key text not null unique,
    incarnation text not null,
    created_at integer not null,
    head integer not null default 0,
    head_hash blob not null,
    compacted integer not null default 0,       -- entries up to here keep a digest in place of their update
    refused_bytes integer not null default 0    -- in quarantine now
) strict;
create table entries(
    id integer primary key,                     -- document << 40 | offset
    at integer not null,
    header text not null,
    body blob,                                  -- the update, or its SHA-256 when the entry is compacted
    hash blob not null
) strict;
create index entries_by_time on entries(id >> 40, at);
create table filed(word integer not null, entry integer not null, primary key(word, entry)) strict, without rowid;
create table fields(
    document integer not null,
    path text not null,
    version integer not null,
    by text not null,
    at integer not null,
    state text,
    value text,
    unique(document, path)
) strict;
create table checkpoints(
    document integer not null,
    offset integer not null,
    hash blob not null,
    state blob not null,
    unique(document, offset)
) strict;
create table refused(
    entry integer primary key,
    peer text not null,
    reason text not null,
    size integer not null,
    sha256 text not null,
    body blob                                   -- null when it made room for newer ones
) strict;
create index refused_whole on refused(entry) where body is not null;
create table leases(
    resource text primary key,
    holder text not null,
    epoch integer not null,
    expires_at integer not null,
    locked integer not null
) strict, without rowid;
"""

_LATER_TABLES = """
create table if not exists pins(
    document integer not null,
    version integer not null,
    actor text not null,
    why text not null,
    at integer not null,
    hash blob not null,
    state blob not null,
    unique(document, version)
) strict;
create table if not exists sightings(
    id integer primary key,                     -- document << 40 | number, in the order of noting
    version integer not null,
    actor text not null,
    session text not null,
    generation integer not null,
    paths text not null,
    at integer not null
) strict;
create unique index if not exists sightings_once
    on sightings(id >> 40, version, actor, session, generation, paths);
"""
"""Added to a file when it is opened for writing. An older release leaves them alone, so the format stays the same."""


def prepare(connection: Connection, path: str) -> None:
    """Make the file ours: create the tables in an empty one, refuse a stranger's or a newer one before changing
    anything."""
    if _is_new(connection, path):
        use_wal(connection)
        _create(connection, path)
    else:
        use_wal(connection)
    if connection.execute("select 1 from sqlite_schema where name = 'sightings_once'").get is None:
        _in_transaction(connection, lambda: connection.execute(_LATER_TABLES))


def _create(connection: Connection, path: str) -> None:
    def create() -> None:
        if _is_new(connection, path):  # another process may have been faster
            connection.execute(_TABLES + _LATER_TABLES)
            connection.execute(f"pragma application_id = {_APPLICATION_ID}; pragma user_version = {FORMAT}")

    _in_transaction(connection, create)


def _in_transaction(connection: Connection, work: Callable[[], object]) -> None:
    connection.execute("begin immediate")
    try:
        work()
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _is_new(connection: Connection, path: str) -> bool:
    application = connection.execute("pragma application_id").get
    version = connection.execute("pragma user_version").get
    if application == _APPLICATION_ID:
        if version > FORMAT:
            raise StoreError(
                f"the store {path!r} has format {version}; this release knows formats up to {FORMAT}",
                code="store_newer",
                landed=False,
                path=path,
                format=version,
                hint="open it with the release that wrote it, or a newer one",
            )
        return False
    if application or version or connection.execute("select 1 from sqlite_schema limit 1").get:
        raise StoreError(
            f"{path!r} is a SQLite database of another program",
            code="store_foreign",
            landed=False,
            path=path,
            hint="name another file; this one was not touched",
        )
    return True


def entry_id(document: int, offset: int) -> int:
    """The row id of a document's entry."""
    return document << _OFFSET_BITS | offset


def offset_of(entry: int) -> int:
    """The offset within its document of a row id."""
    return entry & ((1 << _OFFSET_BITS) - 1)


@lru_cache(maxsize=16_384)
def word_hash(word: str) -> int:
    """A word as `filed` keeps it: 64 bits, signed. Collisions are looked through, never believed."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big", signed=True)


def op_word(op_id: str) -> int:
    """The word of an op id. Not remembered: each is used once."""
    return int.from_bytes(hashlib.sha256(f"op:{op_id}".encode()).digest()[:8], "big", signed=True)
