"""A store in this process's memory: the whole contract, nothing kept after the process ends.

It owns its dictionaries and must not know what a document means. No method awaits, so that each is atomic for the
tasks of one event loop; it never fails for want of a disk, and its readers never wait.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from accordant.engine.stores.admission import Admitted, admit, check_pin
from accordant.engine.stores.audit_index import entry_words, matches, query_words
from accordant.engine.stores.contract import (
    Appended,
    AuditQuery,
    Checkpoint,
    Commit,
    Compacted,
    DocumentInfo,
    FieldRow,
    Lease,
    Outcome,
    Pin,
    Refused,
    Sighting,
)
from accordant.engine.stores.judgement import judge
from accordant.engine.stores.ladder import kept
from accordant.engine.stores.leases import Claimant, HeldLease, grant, newest_epoch, prolong
from accordant.engine.stores.text_search import records
from accordant.types.entries import GENESIS, Entry, content_hash, entry_from
from accordant.types.errors import Invalid, StoreError
from accordant.types.limits import QUARANTINE_BYTES_MAX
from accordant.types.memory_limits import SIGHTINGS_PER_DOCUMENT_MAX
from accordant.types.retention import Sizes

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Row:
    """An entry as it is kept. Text, and parsed for each reader, so that no reader can change what the next one
    reads."""

    header: str
    update: bytes | None
    hash: bytes


@dataclass(slots=True)
class _Document:
    """One document. `newest_epoch` is set anew by each commit call; the rest is the log and what is derived from it."""

    info: DocumentInfo
    newest_epoch: int = 0
    rows: list[_Row] = field(default_factory=list)
    fields: dict[str, FieldRow] = field(default_factory=dict)
    op_ids: dict[str, int] = field(default_factory=dict)
    words: dict[str, list[int]] = field(default_factory=dict)
    times: list[tuple[int, int]] = field(default_factory=list)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    refused: dict[int, dict[str, Any]] = field(default_factory=dict)
    refused_whole: deque[int] = field(default_factory=deque)
    refused_bytes: int = 0
    compacted: int = 0
    pins: dict[int, tuple[Pin, Checkpoint]] = field(default_factory=dict)
    seen: dict[Sighting, Sighting] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.rows)

    def entry(self, offset: int) -> Entry:
        row = self.rows[offset - 1]
        return entry_from(offset, row.header, row.update, row.hash)

    def checkpoint(self, offset: int, state: bytes) -> Checkpoint:
        return Checkpoint(offset, self.rows[offset - 1].hash if offset else GENESIS, state)

    def landed(self, op_id: str) -> Appended | None:
        offset = self.op_ids.get(op_id)
        return None if offset is None else Appended(offset, self.rows[offset - 1].hash, duplicate=True)

    def version(self, path: str) -> int:
        row = self.fields.get(path)
        return 0 if row is None else row.version

    def append(self, admitted: Admitted) -> Appended:
        commit, entry, offset = admitted.commit, admitted.commit.entry, self.head + 1
        hash_ = content_hash(self.info.head_hash, offset, admitted.header, entry.update)
        for write in commit.fields:
            version = offset if write.version is None else write.version
            self.fields[write.path] = FieldRow(write.path, write.value, version, write.by, write.at, write.state)
        self.rows.append(_Row(admitted.header, entry.update, hash_))
        self.info = replace(self.info, head=offset, head_hash=hash_)
        if entry.op_id is not None:
            self.op_ids[entry.op_id] = offset
        for word in entry_words(entry):
            self.words.setdefault(word, []).append(offset)
        insort(self.times, (entry.at, offset))
        if commit.refused is not None:
            self._quarantine(commit.refused, offset, entry.at)
        return Appended(offset, hash_)

    def _quarantine(self, refused: Refused, offset: int, at: int) -> None:
        self.refused[offset] = {
            "offset": offset,
            "at": at,
            "peer": refused.peer,
            "reason": refused.reason,
            "size": len(refused.update),
            "sha256": hashlib.sha256(refused.update).hexdigest(),
            "update": refused.update,
        }
        self.refused_whole.append(offset)
        self.refused_bytes += len(refused.update)
        while self.refused_bytes > QUARANTINE_BYTES_MAX:
            oldest = self.refused[self.refused_whole.popleft()]
            self.refused_bytes -= oldest["size"]
            oldest["update"] = None

    def candidates(self, query: AuditQuery) -> Sequence[int]:
        """The offsets that may match, ascending: the shortest list among the query's words, or the window of times."""
        if words := query_words(query):
            return min((self.words.get(word, []) for word in words), key=len)
        if query.since is None and query.until is None:
            return range(1, self.head + 1)
        since = 0 if query.since is None else bisect_left(self.times, (query.since, 0))
        until = self.head if query.until is None else bisect_left(self.times, (query.until, 0))
        return sorted(offset for _, offset in self.times[since:until])


class MemoryStore:
    """`Store` in memory. `clock` gives seconds since 1970 and decides about leases."""

    exclusive = True

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._documents: dict[str, _Document] = {}
        self._leases: dict[str, HeldLease] = {}

    async def open(self) -> None:
        """Nothing to make ready."""

    async def close(self) -> None:
        """Nothing to let go of: a memory store that is opened again still has what it had."""

    async def create(self, document: str, incarnation: str) -> DocumentInfo:
        if document not in self._documents:
            info = DocumentInfo(document, incarnation, 0, GENESIS, self._now_ms())
            self._documents[document] = _Document(info)
        return self._documents[document].info

    async def documents(
        self, prefix: tuple[str, ...] = (), after: str = "", limit: int | None = None
    ) -> list[DocumentInfo]:
        found = (key for key in self._documents if tuple(key.split("/"))[: len(prefix)] == prefix and key > after)
        return [self._documents[key].info for key in sorted(found)[: None if limit is None else max(limit, 0)]]

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        ledger = self._known(document)
        admitted = admit(commits)
        ledger.newest_epoch = newest_epoch(self._leases.values(), document)
        return [judge(ledger, epoch, one.commit) or ledger.append(one) for one in admitted]

    async def read(self, document: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        found = self._documents.get(document)
        if found is None:
            return []
        if after < found.compacted:
            raise Compacted(max(found.checkpoints), min(at for at in found.checkpoints if at >= found.compacted))
        start = max(after, 0)
        return [found.entry(offset) for offset in range(start + 1, min(start + limit, found.head) + 1)]

    async def fields(self, document: str) -> tuple[int, list[FieldRow]]:
        found = self._documents.get(document)
        return (0, []) if found is None else (found.head, sorted(found.fields.values(), key=lambda row: row.path))

    async def heads(self, documents: Sequence[str]) -> dict[str, int]:
        return {key: self._documents[key].head if key in self._documents else 0 for key in documents}

    async def hints(self) -> AsyncIterator[str]:
        nobody: tuple[str, ...] = ()  # one process, so there is nobody to be woken up
        for document in nobody:
            yield document

    async def checkpoint(self, document: str, offset: int, state: bytes) -> None:
        found = self._known(document)
        if not 0 <= offset <= found.head:
            raise Invalid(f"there is no entry {offset}: the head is {found.head}", code="bad_offset", head=found.head)
        states = {**found.checkpoints, offset: found.checkpoint(offset, state)}
        sizes = {at: len(one.state) for at, one in states.items()}
        stay = kept(sizes, found.compacted, offset)
        found.checkpoints = {at: one for at, one in states.items() if at in stay}

    async def load(self, document: str, upto: int | None = None) -> Checkpoint | None:
        found = self._documents.get(document)
        if found is None:
            return None
        states = found.checkpoints | {at: one for at, (_, one) in found.pins.items()}
        usable = [offset for offset in states if upto is None or offset <= upto]
        return states[max(usable)] if usable else None

    async def truncate(self, document: str, upto: int, base: bytes | None = None) -> int:
        found = self._documents.get(document)
        if found is None:
            return 0
        if base is not None and found.compacted < upto <= found.head:
            found.checkpoints[upto] = found.checkpoint(upto, base)
        end = min(upto, max(found.checkpoints, default=0))
        dropped = 0
        for index in range(found.compacted, end):
            dropped += found.rows[index].update is not None
            found.rows[index].update = None
        found.compacted = max(found.compacted, end)
        found.checkpoints = {at: one for at, one in found.checkpoints.items() if at >= found.compacted}
        return dropped

    async def pin(self, document: str, version: int, state: bytes, actor: str, why: str) -> None:
        found = self._known(document)
        check_pin(document, version, found.head, len(found.pins.keys() - {version}))
        found.pins[version] = Pin(version, actor, why, self._now_ms()), found.checkpoint(version, state)

    async def unpin(self, document: str, version: int) -> None:
        if document in self._documents:
            self._documents[document].pins.pop(version, None)

    async def pins(self, document: str) -> list[Pin]:
        found = self._documents.get(document)
        return [] if found is None else [found.pins[version][0] for version in sorted(found.pins)]

    async def note_sightings(self, document: str, sightings: Sequence[Sighting]) -> None:
        seen = self._known(document).seen
        for one in sightings:
            key = replace(one, at=0)
            known = seen.get(key)
            seen[key] = one if known is None else replace(one, at=max(one.at, known.at))
        while len(seen) > SIGHTINGS_PER_DOCUMENT_MAX:
            del seen[next(iter(seen))]

    async def sightings(self, document: str, low: int, high: int, limit: int) -> list[Sighting]:
        found = self._documents.get(document)
        noted = [] if found is None else [one for one in reversed(found.seen.values()) if low <= one.version < high]
        return sorted(noted, key=lambda one: one.version, reverse=True)[: max(limit, 0)]

    async def sizes(self, document: str, upto: int | None = None) -> Sizes:
        found = self._documents.get(document)
        if found is None:
            return Sizes()
        rows = found.rows[: found.head if upto is None else max(upto, 0)]
        return Sizes(
            entries=len(rows),
            compacted=min(found.compacted, len(rows)),
            updates=sum(len(row.update or b"") for row in rows),
            headers=sum(len(row.header) + len(row.hash) for row in rows),
            index=0 if upto is not None else sum(map(len, found.words.values())) * 8,
            checkpoints=sum(len(one.state) for one in found.checkpoints.values()),
            pinned=sum(len(state.state) for _, state in found.pins.values()),
            quarantine=found.refused_bytes,
            sightings=len(found.seen) * 100,
        )

    async def acquire(self, resource: str, holder: str, ttl_s: float) -> Lease:
        lease = grant(self._leases.values(), resource, Claimant(holder), self._now_ms(), ttl_s)
        self._leases[resource] = HeldLease(lease)
        return lease

    async def renew(self, lease: Lease, ttl_s: float) -> Lease:
        longer = prolong(self._leases.values(), lease, self._now_ms(), ttl_s)
        self._leases[lease.resource] = HeldLease(longer)
        return longer

    async def release(self, lease: Lease) -> None:
        held = self._leases.get(lease.resource)
        if held is not None and held.lease.epoch == lease.epoch:
            self._leases[lease.resource] = HeldLease(replace(held.lease, expires_at=0))

    async def audit(self, query: AuditQuery) -> list[Entry]:
        found = self._documents.get(query.document)
        if found is None:
            return []
        listed: list[Entry] = []
        offsets = found.candidates(query)
        if query.after > 0:
            offsets = offsets[bisect_right(offsets, query.after) :]
        for offset in offsets if query.oldest_first else reversed(offsets):
            if len(listed) >= query.limit:
                break
            if matches(query, entry := found.entry(offset)):
                listed.append(entry)
        return listed

    async def pick(self, document: str, offsets: Sequence[int]) -> list[Entry]:
        found = self._documents.get(document)
        if found is None:
            return []
        return [found.entry(offset) for offset in sorted(set(offsets)) if 0 < offset <= found.head]

    async def search(self, document: str, text: str, before: int | None = None, limit: int = 100) -> list[Entry]:
        found = self._documents.get(document)
        if found is None or not text:
            return []
        last = found.head if before is None else min(found.head, before - 1)
        matching = (entry for offset in range(last, 0, -1) if records(entry := found.entry(offset), text))
        return list(islice(matching, max(limit, 0)))

    async def quarantine(self, document: str) -> list[Mapping[str, Any]]:
        found = self._documents.get(document)
        return [] if found is None else [dict(row) for row in found.refused.values()]

    def _known(self, document: str) -> _Document:
        if document not in self._documents:
            raise StoreError(
                f"there is no document {document!r} in this store",
                code="unknown_document",
                document=document,
                landed=False,
                hint="create it first",
            )
        return self._documents[document]

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
