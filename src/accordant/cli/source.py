"""Opens what a command was pointed at, to read it: a store file, without its lease, beside whoever is writing it.

Nothing here writes: the file is opened read-only, and no lease is taken, so that a running server is not disturbed. Which
document is meant is decided here; what it says is not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from accordant.engine.stores.contract import AuditQuery, Compacted, DocumentInfo, Store
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_database import Connection, connect, every, whole_number
from accordant.engine.stores.sqlite_schema import FORMAT
from accordant.engine.stores.sqlite_threads import ReaderThread
from accordant.types.entries import Entry
from accordant.types.errors import Invalid, StoreError
from accordant.types.limits import VERIFY_CHUNK
from accordant.types.namespaces import DocumentKey

__all__ = ["DocumentName", "StoreFile", "choose", "latest_entries", "reading", "store_path"]

StoreFile = Annotated[str, typer.Argument(metavar="STORE", help="A store file, or the folder of an accordant.db.")]
DocumentName = Annotated[
    str | None,
    typer.Argument(
        metavar="DOCUMENT",
        help="Such as acme/task/q3/brief, or brief where only one is called so. May be left out when there is one.",
    ),
]

SQLITE_MAGIC = b"SQLite format 3\0"
FILE_IN_FOLDER = "accordant.db"
DOCUMENTS_NAMED_MAX = 8


class _ReadOnlyStore(SqliteStore):
    """A store file read by one read-only connection: no writer, no lease, nothing created. Whatever would write raises."""

    async def open(self) -> None:
        if self._reader is None:
            reader = ReaderThread("accordant-store-reader", self.path, self._connect_reader)
            await reader.start()
            self._reader = reader

    def _connect_reader(self) -> Connection:
        connection = connect(self.path, read_only=True, durability="fsync", vfs=None)
        try:
            _check_format(connection, self.path)
        except BaseException:
            connection.close(True)
            raise
        return connection


def _check_format(connection: Connection, path: str) -> None:
    tables = {name for (name,) in every(connection, "select name from sqlite_schema where type = 'table'")}
    if not {"documents", "entries", "filed"} <= tables:
        raise StoreError(
            f"{path!r} is no accordant store",
            code="store_foreign",
            landed=False,
            hint="name the file that your engine opens",
        )
    if (version := whole_number(connection, "pragma user_version")) > FORMAT:
        raise StoreError(
            f"the store {path!r} has format {version}; this release knows formats up to {FORMAT}",
            code="store_newer",
            landed=False,
            hint="use the release that wrote it, or a newer one",
        )


def store_path(source: str) -> Path:
    """The store file that is meant: the file itself, or the one in that folder. Raises `Invalid` when there is none."""
    path = Path(source)
    if path.is_dir():
        path = path / FILE_IN_FOLDER
    if not path.is_file():
        raise Invalid(
            f"there is no store at {str(path)!r}",
            code="no_store",
            hint="name the file that your engine opens: Engine(PATH)",
        )
    with path.open("rb") as file:
        if file.read(len(SQLITE_MAGIC)) not in (SQLITE_MAGIC, b""):
            raise Invalid(
                f"{str(path)!r} is no accordant store, or its first bytes are damaged",
                code="no_store",
                hint="name the file that your engine opens: Engine(PATH)",
            )
    return path


@asynccontextmanager
async def reading(source: str) -> AsyncIterator[Store]:
    """The store, open for reading; raises `Invalid` or `StoreError`."""
    store = _ReadOnlyStore(store_path(source))
    try:
        await store.open()
        yield store
    finally:
        await store.close()


async def choose(store: Store, wanted: str | None) -> DocumentInfo:
    """The document of that path, or of that name where one alone has it, or the only one there is; raises `Invalid` naming those
    there are."""
    found = {info.key: info for info in await store.documents()}
    if wanted is None:
        if len(found) == 1:
            return next(iter(found.values()))
        if not found:
            raise Invalid(
                "there is no document in this store yet", code="unknown_document", hint="open one: engine.open(...)"
            )
        raise Invalid(
            f"this store has {len(found)} documents", code="which_document", hint=f"name one of them: {_names(found)}"
        )
    if "/" in wanted:
        named = [DocumentKey.parse(wanted).path]
    else:
        named = [path for path in found if DocumentKey.parse(path).name == wanted]
    if len(named) > 1:
        hint = f"write one of them out: {_names(named)}"
        raise Invalid(f"this store has {len(named)} documents {wanted!r}", code="which_document", hint=hint)
    info = found.get(named[0]) if named else None
    if info is None:
        hint = f"it has: {_names(found)}" if found else "it has none yet"
        raise Invalid(f"there is no document {wanted!r} in this store", code="unknown_document", hint=hint)
    return info


def _names(found: Iterable[str]) -> str:
    names = list(found)
    more = len(names) - DOCUMENTS_NAMED_MAX
    return ", ".join(names[:DOCUMENTS_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


async def latest_entries(store: Store, document: DocumentInfo, count: int) -> AsyncIterator[Entry]:
    """The last `count` entries up to the head of `document`, oldest first; compacted ones come without their updates."""
    after = max(document.head - count, 0)
    try:
        await store.read(document.key, after, 1)
    except Compacted as compacted:
        page: list[Entry] = []
        before, kept = compacted.checkpoint + 1, []
        while before > after + 1:
            query = AuditQuery(document.key, before=before, limit=min(VERIFY_CHUNK, before - after - 1))
            page = await store.audit(query)
            if not page:
                break
            kept.extend(page)
            before = page[-1].offset
        for entry in reversed(kept):
            yield entry
        after = compacted.checkpoint
    while after < document.head:
        chunk = await store.read(document.key, after, min(VERIFY_CHUNK, document.head - after))
        if not chunk:
            return
        for entry in chunk:
            yield entry
        after = chunk[-1].offset
