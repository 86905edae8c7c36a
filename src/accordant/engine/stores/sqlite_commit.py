"""How one document's commits are written, inside a transaction that the writer thread began and will end.

It owns the rows of entries, fields, quarantine and the audit index; it must not know of threads, leases' rules or
the loop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from accordant.engine.stores.admission import Admitted
from accordant.engine.stores.audit_index import entry_words
from accordant.engine.stores.contract import ALL, Appended, FieldWrite, Outcome, Refused
from accordant.engine.stores.judgement import judge
from accordant.engine.stores.sqlite_database import Connection, every, first, whole_number
from accordant.engine.stores.sqlite_schema import entry_id, offset_of, op_word, word_hash
from accordant.types.entries import GENESIS, content_hash, entry_from
from accordant.types.errors import StoreError
from accordant.types.limits import QUARANTINE_BYTES_MAX

__all__ = ["commit_all", "unknown_document"]


def commit_all(connection: Connection, document: str, epoch: int, admitted: Sequence[Admitted]) -> list[Outcome]:
    """Judge and write each in order. Raises before the first write, or not at all by its own decision."""
    ledger = _SqliteLedger(connection, document)
    outcomes = [judge(ledger, epoch, one.commit) or ledger.append(one) for one in admitted]
    ledger.save_head()
    return outcomes


def unknown_document(document: str) -> StoreError:
    """The error for a document that was never created."""
    return StoreError(
        f"there is no document {document!r} in this store",
        code="unknown_document",
        document=document,
        landed=False,
        hint="create it first",
    )


class _SqliteLedger:
    """`judgement.Ledger` over one document's rows, as of this transaction."""

    def __init__(self, connection: Connection, document: str) -> None:
        self._sql = connection
        row = first(connection, "select id, head, head_hash, refused_bytes from documents where key = ?", (document,))
        if row is None:
            raise unknown_document(document)
        self._document: int
        self._document, self.head, self._head_hash, self._refused_bytes = row
        self._saved_head = self.head
        self._check_head(document)
        self.newest_epoch = whole_number(
            connection, "select coalesce(max(epoch), 0) from leases where resource in (?, ?)", (ALL, document)
        )

    def landed(self, op_id: str) -> Appended | None:
        rows = every(
            self._sql,
            "select e.id, e.header, e.hash from filed f join entries e on e.id = f.entry"
            " where f.word = ? and f.entry between ? and ?",
            (op_word(op_id), entry_id(self._document, 1), entry_id(self._document, self.head)),
        )
        for entry, header, hash_ in rows:
            if entry_from(0, header, None, b"").op_id == op_id:
                return Appended(offset_of(entry), hash_, duplicate=True)
        return None

    def version(self, path: str) -> int:
        row = first(self._sql, "select version from fields where document = ? and path = ?", (self._document, path))
        return 0 if row is None else row[0]

    def append(self, admitted: Admitted) -> Appended:
        commit, entry, offset = admitted.commit, admitted.commit.entry, self.head + 1
        row_id = entry_id(self._document, offset)
        hash_ = content_hash(self._head_hash, offset, admitted.header, entry.update)
        self._sql.execute(
            "insert into entries(id, at, header, body, hash) values(?, ?, ?, ?, ?)",
            (row_id, entry.at, admitted.header, entry.update, hash_),
        )
        words = [(word_hash(word), row_id) for word in entry_words(entry)]
        if entry.op_id is not None:
            words.append((op_word(entry.op_id), row_id))
        self._sql.executemany("insert or ignore into filed(word, entry) values(?, ?)", words)
        for write in commit.fields:
            self._write_field(write, offset)
        if commit.refused is not None:
            self._quarantine(commit.refused, row_id)
        self.head, self._head_hash = offset, hash_
        return Appended(offset, hash_)

    def save_head(self) -> None:
        """Once per call, not per commit: the transaction is one."""
        if self.head != self._saved_head:
            self._sql.execute(
                "update documents set head = ?, head_hash = ?, refused_bytes = ? where id = ?",
                (self.head, self._head_hash, self._refused_bytes, self._document),
            )

    def _check_head(self, document: str) -> None:
        """The chain's end is kept in two places; building on an end that is not the log's would bury the damage."""
        found = GENESIS
        if self.head:
            row = first(self._sql, "select hash from entries where id = ?", (entry_id(self._document, self.head),))
            found = b"" if row is None else row[0]
        if found != self._head_hash:
            raise StoreError(
                f"the last entry of {document!r} is not the one that its head names",
                code="store_corrupt",
                document=document,
                offset=self.head,
                landed=False,
                hint="restore a backup; keep this file, `accordant verify` says how far its log is whole",
            )

    def _write_field(self, write: FieldWrite, offset: int) -> None:
        self._sql.execute(
            "insert into fields(document, path, version, by, at, state, value) values(?, ?, ?, ?, ?, ?, ?)"
            " on conflict(document, path) do update set version = excluded.version, by = excluded.by,"
            " at = excluded.at, state = excluded.state, value = excluded.value",
            (
                self._document,
                write.path,
                offset if write.version is None else write.version,
                write.by,
                write.at,
                write.state,
                write.value,
            ),
        )

    def _quarantine(self, refused: Refused, row_id: int) -> None:
        update = refused.update
        self._sql.execute(
            "insert into refused(entry, peer, reason, size, sha256, body) values(?, ?, ?, ?, ?, ?)",
            (row_id, refused.peer, refused.reason, len(update), hashlib.sha256(update).hexdigest(), update),
        )
        self._refused_bytes += len(update)
        while self._refused_bytes > QUARANTINE_BYTES_MAX:
            oldest_row = first(
                self._sql,
                "select entry, size from refused where body is not null and entry between ? and ?"
                " order by entry limit 1",
                (entry_id(self._document, 1), row_id),
            )
            if oldest_row is None:
                break  # the count says more than the rows hold; nothing is left to give up
            oldest, size = oldest_row
            self._sql.execute("update refused set body = null where entry = ?", (oldest,))
            self._refused_bytes -= size
