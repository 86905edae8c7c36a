"""A store in one SQLite file: the embedded default. It owns the file, a writer thread and a reader thread.

SQLite comes with apsw and is newer than the versions whose write-ahead log can be corrupted (3.7.0 to 3.51.2); one
connection alone writes and checkpoints all the same. `durability="fsync"` survives a power cut: every acknowledged
commit was synced, in one sync for all that waited together. `durability="process"` survives the death of the process
only. It must not know what a document means.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from accordant.engine.stores import sqlite_documents, sqlite_memory, sqlite_read, sqlite_search
from accordant.engine.stores.admission import admit
from accordant.engine.stores.contract import (
    AuditQuery,
    Checkpoint,
    Commit,
    DocumentInfo,
    FieldRow,
    Lease,
    Outcome,
    Pin,
    Sighting,
    StoreFenced,
)
from accordant.engine.stores.process_lock import ProcessLock
from accordant.engine.stores.sqlite_commit import commit_all
from accordant.engine.stores.sqlite_database import Connection, Durability, connect
from accordant.engine.stores.sqlite_leases import SqliteLeases
from accordant.engine.stores.sqlite_schema import prepare
from accordant.engine.stores.sqlite_threads import ReaderThread, WriterThread
from accordant.types.entries import Entry
from accordant.types.errors import Invalid, StoreError
from accordant.types.limits import AT_ONCE_BYTES_MAX, TRUNCATE_CHUNK
from accordant.types.memory_limits import PICK_SLICE, TRUNCATE_CHUNK_BUSY, TRUNCATE_REST
from accordant.types.retention import Sizes

__all__ = ["SqliteStore"]

T = TypeVar("T")


class SqliteStore:
    """`Store` in the file at `path`, created when missing. `clock` gives seconds since 1970 and decides about leases.

    `vfs` names a registered SQLite VFS, for tests. The write-ahead log and the lock of the authority lie beside the
    file (`-wal`, `-shm`, `-lease`); a copy of a store is a copy of the file after `close`, or of file and `-wal`
    together.
    """

    exclusive = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "fsync",
        clock: Callable[[], float] = time.time,
        vfs: str | None = None,
    ) -> None:
        if durability not in ("fsync", "process"):
            raise Invalid(f"durability is 'fsync' or 'process', not {durability!r}", code="bad_durability")
        self.path = os.fspath(path)
        self._durability: Durability = durability
        self._clock = clock
        self._vfs = vfs
        self._lock = ProcessLock(f"{self.path}-lease")
        self._leases = SqliteLeases(self._lock, self._now_ms)
        self._writer: WriterThread | None = None
        self._reader: ReaderThread | None = None
        self._writes = 0
        """How often anything was written: whoever does much in small steps sees whether others wait."""

    async def open(self) -> None:
        if self._writer is not None:
            return
        writer = WriterThread("accordant-store-writer", self.path, self._connect_writer)
        reader = ReaderThread("accordant-store-reader", self.path, self._connect_reader)
        await writer.start()
        try:
            await reader.start()
        except BaseException:
            await writer.stop()
            raise
        self._writer, self._reader = writer, reader

    async def close(self) -> None:
        writer, reader = self._writer, self._reader
        self._writer = self._reader = None
        if reader is not None:
            await reader.stop()
        if writer is not None:
            await writer.stop()  # last, so that it finds itself alone and moves the whole log into the file
        self._lock.let_go()

    async def create(self, document: str, incarnation: str) -> DocumentInfo:
        now_ms = self._now_ms()
        return await self._write(lambda sql: sqlite_documents.create(sql, document, incarnation, now_ms))

    async def documents(
        self, prefix: tuple[str, ...] = (), after: str = "", limit: int | None = None
    ) -> list[DocumentInfo]:
        return await self._read(lambda sql: sqlite_read.documents(sql, prefix, after, limit))

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        return await self._write(self._commit_work(document, epoch, commits))

    def commit_at_once(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome] | None:
        """Only where nothing is synced, and little is written."""
        if self._durability != "process" or self._writer is None:
            return None
        if sum(map(_size, commits)) > AT_ONCE_BYTES_MAX:
            return None
        self._writes += 1
        job = self._writer.at_once(self._commit_work(document, epoch, commits))
        if job is None:
            return None
        if job.error is not None:
            raise job.error
        return job.value

    def _commit_work(
        self, document: str, epoch: int, commits: Sequence[Commit]
    ) -> Callable[[Connection], list[Outcome]]:
        admitted = admit(commits)

        def work(sql: Connection) -> list[Outcome]:
            outcomes = commit_all(sql, document, epoch, admitted)
            if any(isinstance(outcome, StoreFenced) for outcome in outcomes):
                self._leases.fenced(epoch)
            return outcomes

        return work

    async def read(self, document: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        return await self._read(lambda sql: sqlite_read.read_entries(sql, document, after, limit))

    async def fields(self, document: str) -> tuple[int, list[FieldRow]]:
        return await self._read(lambda sql: sqlite_read.field_rows(sql, document))

    async def heads(self, documents: Sequence[str]) -> dict[str, int]:
        return await self._read(lambda sql: sqlite_read.heads(sql, documents))

    async def hints(self) -> AsyncIterator[str]:
        nobody: tuple[str, ...] = ()  # one process writes, so there is nobody to be woken up
        for document in nobody:
            yield document

    async def checkpoint(self, document: str, offset: int, state: bytes) -> None:
        await self._write(lambda sql: sqlite_documents.save_checkpoint(sql, document, offset, state))

    async def load(self, document: str, upto: int | None = None) -> Checkpoint | None:
        return await self._read(lambda sql: sqlite_read.checkpoint_before(sql, document, upto))

    async def truncate(self, document: str, upto: int, base: bytes | None = None) -> int:
        dropped, more, size = 0, True, TRUNCATE_CHUNK_BUSY

        def work(sql: Connection) -> tuple[int, bool]:
            return sqlite_documents.truncate_chunk(sql, document, upto, base, size)

        while more:
            others = self._writes
            began = time.monotonic()
            count, more = await self._write(work)
            dropped += count
            is_busy = self._writes > others + 1  # somebody else writes: most of the time is theirs
            size = TRUNCATE_CHUNK_BUSY if is_busy else TRUNCATE_CHUNK
            if more and is_busy:
                await asyncio.sleep((time.monotonic() - began) * TRUNCATE_REST)
        return dropped

    async def pin(self, document: str, version: int, state: bytes, actor: str, why: str) -> None:
        wanted = Pin(version, actor, why, self._now_ms())
        await self._write(lambda sql: sqlite_memory.pin(sql, document, wanted, state))

    async def unpin(self, document: str, version: int) -> None:
        await self._write(lambda sql: sqlite_memory.unpin(sql, document, version))

    async def pins(self, document: str) -> list[Pin]:
        return await self._read(lambda sql: sqlite_memory.pins(sql, document))

    async def note_sightings(self, document: str, sightings: Sequence[Sighting]) -> None:
        noted = list(sightings)
        await self._write(lambda sql: sqlite_memory.note_sightings(sql, document, noted))

    async def sightings(self, document: str, low: int, high: int, limit: int) -> list[Sighting]:
        return await self._read(lambda sql: sqlite_memory.sightings(sql, document, low, high, limit))

    async def sizes(self, document: str, upto: int | None = None) -> Sizes:
        return await self._read(lambda sql: sqlite_memory.sizes(sql, document, upto))

    async def acquire(self, resource: str, holder: str, ttl_s: float) -> Lease:
        return await self._write(lambda sql: self._leases.acquire(sql, resource, holder, ttl_s))

    async def renew(self, lease: Lease, ttl_s: float) -> Lease:
        return await self._write(lambda sql: self._leases.renew(sql, lease, ttl_s))

    async def release(self, lease: Lease) -> None:
        await self._write(lambda sql: self._leases.release(sql, lease))

    async def audit(self, query: AuditQuery) -> list[Entry]:
        return await self._read(lambda sql: sqlite_read.audit(sql, query))

    async def pick(self, document: str, offsets: Sequence[int]) -> list[Entry]:
        wanted, picked = sorted(set(offsets)), list[Entry]()
        for start in range(0, len(wanted), PICK_SLICE):
            some = wanted[start : start + PICK_SLICE]
            picked += await self._read(partial(sqlite_search.pick, document=document, offsets=some))
        return picked

    async def search(self, document: str, text: str, before: int | None = None, limit: int = 100) -> list[Entry]:
        found: list[Entry] = []
        while text and (before is None or before > 1) and len(found) < limit:
            page, before = await self._read(
                partial(
                    sqlite_search.search_slice, document=document, text=text, before=before, limit=limit - len(found)
                )
            )
            found += page
        return found

    async def quarantine(self, document: str) -> list[Mapping[str, Any]]:
        return await self._read(lambda sql: sqlite_read.quarantine(sql, document))

    async def _write(self, work: Callable[[Connection], T]) -> T:
        if self._writer is None:
            raise self._not_open()
        self._writes += 1
        return await self._writer.submit(work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        if self._reader is None:
            raise self._not_open()
        return await self._reader.submit(work)

    def _connect_writer(self) -> Connection:
        connection = connect(self.path, read_only=False, durability=self._durability, vfs=self._vfs)
        try:
            prepare(connection, self.path)
        except BaseException:
            connection.close(True)
            raise
        return connection

    def _connect_reader(self) -> Connection:
        return connect(self.path, read_only=True, durability=self._durability, vfs=self._vfs)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _not_open(self) -> StoreError:
        return StoreError(
            f"the store {self.path!r} is not open", code="store_closed", landed=False, hint="open it first"
        )


def _size(commit: Commit) -> int:
    """About how many bytes are written for it."""
    refused = commit.refused
    return (
        1_000  # the entry's columns and index rows
        + len(commit.entry.update or b"")
        + sum(len(write.value or "") for write in commit.fields)
        + (0 if refused is None else len(refused.update))
    )
