"""Files that are not what they should be: each is named, none is returned as if it were whole, none is made worse."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from accordant.engine.stores.contract import ALL, AuditQuery
from accordant.engine.stores.sqlite import SqliteStore
from accordant.engine.stores.sqlite_schema import FORMAT, entry_id
from accordant.testing.store_contract import DOCUMENT, write
from accordant.types.errors import AccordantError, StoreError


def make(path: Path, entries: int = 6) -> None:
    """A closed store with a document."""

    async def run(store: SqliteStore) -> None:
        await store.create(DOCUMENT, "i")
        epoch = (await store.acquire(ALL, "maker", 10.0)).epoch
        await store.commit(DOCUMENT, epoch, [write(offset, op_id=f"op-{offset}") for offset in range(1, entries + 1)])
        await store.release(await store.acquire(ALL, "maker", 10.0))

    use(path, run)


def use(path: Path, work: Callable[[SqliteStore], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = SqliteStore(path)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def alter(path: Path, sql: str, values: tuple[Any, ...] = ()) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql, values)
    connection.close()


def refusal(path: Path) -> AccordantError:
    with pytest.raises(StoreError) as caught:
        use(path, lambda store: store.heads([]))
    assert caught.value.landed is False
    assert caught.value.fields["hint"]
    return caught.value


def read_error(path: Path) -> AccordantError:
    with pytest.raises(StoreError) as caught:
        use(path, lambda store: store.read(DOCUMENT))
    assert caught.value.code == "store_corrupt"
    return caught.value


def audit_error(path: Path) -> AccordantError:
    with pytest.raises(StoreError) as caught:
        use(path, lambda store: store.audit(AuditQuery(DOCUMENT)))
    assert caught.value.code == "store_corrupt"
    return caught.value


@pytest.mark.parametrize("column", ["header", "body", "hash"])
def test_every_byte_of_an_entry_counts(tmp_path: Path, column: str) -> None:
    """Whichever byte of an entry's row is changed, the log read and the audit say which entry is damaged."""
    path = tmp_path / "s.db"
    make(path, 3)
    connection = apsw.Connection(str(path))
    original = connection.execute(f"select cast({column} as blob) from entries where id = ?", (entry_id(1, 2),)).get
    for position in range(len(original)):
        changed = bytearray(original)
        changed[position] ^= 1 << position % 8
        as_text = " as text" if column == "header" else " as blob"
        update = f"update entries set {column} = cast(?{as_text}) where id = ?"
        connection.execute(update, (bytes(changed), entry_id(1, 2)))
        assert read_error(path).offset in (2, 3), position
    assert audit_error(path).offset in (2, 3)
    connection.execute(update, (original, entry_id(1, 2)))
    connection.close()
    assert len(use(path, lambda store: store.read(DOCUMENT))) == 3


@pytest.mark.parametrize(
    ("change", "offset"),
    [
        ("update entries set at = at + 1 where id = :two", 2),
        ("update entries set body = null where id = :two", 2),
        ("update entries set body = x'' where id = :two", 2),
        ("delete from entries where id = :two", 2),
        ("delete from entries where id = :two + 4", 6),
        ("update entries set id = id + 100 where id = :two", 2),
        ("update documents set head = head - 1", 5),
        ("update documents set head = head + 1", 7),
        ("update documents set head_hash = zeroblob(32)", 6),
        ("update entries set hash = x'' where id = :two", 2),
        ("update documents set compacted = 6", 1),
    ],
)
def test_a_changed_row_is_found(tmp_path: Path, change: str, offset: int) -> None:
    """An entry that is missing, moved, emptied or beyond the head is found, with its offset."""
    path = tmp_path / "s.db"
    make(path)
    connection = apsw.Connection(str(path))
    connection.execute(change, {"two": entry_id(1, 2)})
    connection.close()
    assert read_error(path).offset == offset


def test_a_truncated_entry_is_still_covered(tmp_path: Path) -> None:
    """What retention left of an entry, its header and its update's digest, cannot be changed unseen either."""
    path = tmp_path / "s.db"
    make(path)

    async def shorten(store: SqliteStore) -> None:
        await store.checkpoint(DOCUMENT, 4, b"state")
        assert await store.truncate(DOCUMENT, 4) == 4

    use(path, shorten)
    assert len(use(path, lambda store: store.audit(AuditQuery(DOCUMENT)))) == 6
    for column, value in (("body", bytes(32)), ("header", "{}"), ("hash", bytes(32)), ("body", None)):
        copy = tmp_path / f"{column}.db"
        copy.write_bytes(path.read_bytes())
        alter(copy, f"update entries set {column} = ? where id = ?", (value, entry_id(1, 2)))
        assert audit_error(copy).offset in (2, 3)


def test_a_commit_never_builds_on_a_damaged_end(tmp_path: Path) -> None:
    """When the head and the last entry disagree nothing is appended: that would bury the damage."""
    path = tmp_path / "s.db"
    make(path)
    alter(path, "delete from entries where id = ?", (entry_id(1, 6),))

    async def append(store: SqliteStore) -> None:
        epoch = (await store.acquire(ALL, "maker", 10.0)).epoch
        await store.commit(DOCUMENT, epoch, [write(7)])

    with pytest.raises(StoreError) as caught:
        use(path, append)
    assert (caught.value.code, caught.value.landed, caught.value.offset) == ("store_corrupt", False, 6)


def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    """A file of a newer release is refused with both formats, and not a byte of it changes."""
    path = tmp_path / "s.db"
    make(path)
    alter(path, f"pragma user_version = {FORMAT + 1}")
    before = path.read_bytes()
    error = refusal(path)
    assert (error.code, error.format) == ("store_newer", FORMAT + 1)
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A SQLite file that is not a store is refused, and not a byte of it changes."""
    path = tmp_path / "s.db"
    alter(path, "create table recipes(name)")
    before = path.read_bytes()
    assert refusal(path).code == "store_foreign"
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """Text, or a store whose first page is overwritten, is refused as corrupt."""
    path = tmp_path / "s.db"
    path.write_text("# notes\n" * 200)
    assert refusal(path).code == "store_corrupt"
    make(tmp_path / "t.db")
    damaged = bytearray((tmp_path / "t.db").read_bytes())
    damaged[:100] = os.urandom(100)
    (tmp_path / "t.db").write_bytes(damaged)
    assert refusal(tmp_path / "t.db").code == "store_corrupt"


def test_malformed_pages_are_named(tmp_path: Path) -> None:
    """With every page but the first overwritten, reading and writing both say corrupt, and neither crashes."""
    path = tmp_path / "s.db"
    make(path, 200)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    for work in (lambda store: store.read(DOCUMENT), lambda store: store.acquire(ALL, "x", 1.0)):
        with pytest.raises(StoreError) as caught:
            use(path, work)
        assert caught.value.code == "store_corrupt"


def test_a_file_cut_short_never_reads_as_whole(tmp_path: Path) -> None:
    """A store that lost its end is refused or reads up to an error: it never answers with fewer entries as if all
    were there."""
    path = tmp_path / "s.db"
    make(path, 300)
    content = path.read_bytes()
    for pages in range(1, len(content) // 4096, 3):
        path.write_bytes(content[: pages * 4096])
        with pytest.raises(StoreError) as caught:
            use(path, lambda store: store.read(DOCUMENT))
        assert caught.value.code == "store_corrupt"


def test_places_that_cannot_hold_a_store_are_named(tmp_path: Path) -> None:
    """A folder, or a path in a folder that does not exist, is refused with what to do."""
    assert refusal(tmp_path).code == "store_cannot_open"
    assert "folder" in str(refusal(tmp_path))
    assert refusal(tmp_path / "nowhere" / "s.db").code == "store_cannot_open"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may write everything")
def test_a_file_without_write_permission_is_named(tmp_path: Path) -> None:
    """A file, or its folder, that this user may not write is refused as read-only."""
    path = tmp_path / "s.db"
    make(path)
    path.chmod(0o444)
    assert refusal(path).code == "store_read_only"
    path.chmod(0o644)
    tmp_path.chmod(0o555)
    assert refusal(path).code == "store_read_only"
    tmp_path.chmod(0o755)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Before `open` and after `close` every call is refused as not landed; closing twice is harmless."""

    async def run() -> None:
        store = SqliteStore(tmp_path / "s.db")
        for _ in range(2):
            with pytest.raises(StoreError) as caught:
                await store.commit(DOCUMENT, 1, [write(1)])
            assert (caught.value.code, caught.value.landed) == ("store_closed", False)
            with pytest.raises(StoreError):
                await store.read(DOCUMENT)
            await store.open()
            await store.close()
            await store.close()

    asyncio.run(run())
