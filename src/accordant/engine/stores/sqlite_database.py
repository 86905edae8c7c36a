"""The one file that apsw enters through: opening a store file, and turning SQLite's failures into `StoreError`.

apsw brings its own SQLite. It is newer than the versions that can corrupt a database in WAL mode when two connections
write and checkpoint at once (3.7.0 to 3.51.2), and its VFS lets the tests cut the power below this very code. This file
must not know what is stored; `sqlite_schema` does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import apsw

from accordant.types.errors import StoreError
from accordant.types.limits import STORE_BUSY_S, WAL_BYTES_KEPT_MAX

__all__ = [
    "Connection",
    "Durability",
    "SqlError",
    "checkpoint_wal",
    "connect",
    "every",
    "first",
    "translated",
    "use_wal",
    "vacuum",
    "whole_number",
]

Connection = apsw.Connection
SqlError = apsw.Error
Durability = Literal["fsync", "process"]

_CACHE_KIB = 32_768
"""Pages kept in memory by the writer, so that index pages of a large log are not read again for each commit."""


def connect(path: str, *, read_only: bool, durability: Durability, vfs: str | None) -> Connection:
    """A connection in the file's own journal mode; `use_wal` comes after the schema check, which must change
    nothing."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(path, flags=flags, vfs=vfs)
    if not read_only and connection.readonly("main"):  # before any pragma: those already want to read a log
        connection.close()
        raise apsw.ReadOnlyError("this user may not write the file")
    connection.set_busy_timeout(int(STORE_BUSY_S * 1000))
    connection.execute(f"pragma cache_size = -{_CACHE_KIB}; pragma temp_store = memory")
    if not read_only:
        connection.execute(f"pragma synchronous = {'full' if durability == 'fsync' else 'normal'}")
        # macOS: without these an fsync stops at the drive's cache.
        connection.execute("pragma fullfsync = 1; pragma checkpoint_fullfsync = 1")
        # The writer thread checkpoints by itself, after it has answered; never inside a commit.
        connection.wal_autocheckpoint(0)
        connection.execute(f"pragma journal_size_limit = {WAL_BYTES_KEPT_MAX}")
    return connection


def every(connection: Connection, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return connection.execute(sql, values).fetchall()


def first(connection: Connection, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> tuple[Any, ...] | None:
    """The first row of a query, None when it has none."""
    row: tuple[Any, ...] | None = connection.execute(sql, values).fetchone()
    return row


def whole_number(connection: Connection, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
    """The one number that a query answers; 0 when it has no row, or null."""
    row = first(connection, sql, values)
    return 0 if row is None or row[0] is None else int(row[0])


def use_wal(connection: Connection) -> None:
    """Switch the file to a write-ahead log, once; harmless when it is on."""
    mode = connection.execute("pragma journal_mode = wal").get
    if mode != "wal":
        raise StoreError(
            f"this place cannot hold a write-ahead log (SQLite answered {mode!r})",
            code="store_cannot_open",
            landed=False,
            hint="put the store on a local file system",
        )


def checkpoint_wal(connection: Connection) -> bool:
    """Move the log's pages into the file as far as readers allow; False when that failed, and a later try will do."""
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.Error:
        return False  # the log still holds every page, so nothing is lost and commits go on
    return True


def vacuum(path: str) -> None:
    """Write the file anew without the pages that nothing uses. Needs as much free space as the file has, and that nobody else
    has it open for writing; killed, it changes nothing. Raises `StoreError`."""
    try:
        connection = connect(path, read_only=False, durability="fsync", vfs=None)
        try:
            connection.execute("vacuum")
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()
    except apsw.Error as error:
        raise translated(error, path, landed=False) from error


def translated(error: Exception, path: str, *, landed: bool | None) -> StoreError:
    """What a failure of SQLite means, with what to do. `landed`: False, or None when a commit was under way."""
    code, hint = _meaning(error, path)
    if code in ("store_read_only", "store_busy"):
        landed = False  # SQLite gives these before the first byte of a commit is written
    elif code == "store_full":
        # The log's last frame is what makes a transaction whole, and it is written last: a write that found no room
        # means that it is not there, and the next transaction begins where this one did.
        landed = False
    return StoreError(f"the store {path!r} failed: {error}", code=code, landed=landed, path=path, hint=hint)


def _meaning(error: Exception, path: str) -> tuple[str, str]:
    match error:
        case apsw.FullError():
            return (
                "store_full",
                "free some space on its disk; nothing acknowledged is lost, and commits then work again",
            )
        case apsw.NotADBError() | apsw.CorruptError() | UnicodeDecodeError():
            return "store_corrupt", "restore a backup; keep this file, `accordant verify` says how far its log is whole"
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return "store_read_only", "let this user write the file and its folder"
        case apsw.BusyError() | apsw.LockedError():
            return "store_busy", "another process is writing this file, or was stopped while it did: try again"
        case apsw.CantOpenError():
            return _why_not_open(path)
        case apsw.IOError() | apsw.NoMemError():
            return "store_io", "look at the disk; try again with the same op id"
        case _:
            return "store", "try again with the same op id"


def _why_not_open(path: str) -> tuple[str, str]:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        return "store_cannot_open", "this is a folder: name a file in it"
    if not os.path.isdir(folder):
        return "store_cannot_open", f"create the folder {folder!r} first"
    if not os.access(folder, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        return "store_read_only", "let this user write the file and its folder"
    return "store_cannot_open", "see that this is a plain file in a folder that this user can write"
