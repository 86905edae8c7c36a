"""Whether a document's log can be believed: the chain re-read, and every derived copy of the state held against its fold.

Reads only, so a store that somebody is writing can be verified while they write: what is compared is the log up to the head
as it was at the start. It must not know who asks, nor how the answer is shown.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from accordant.engine.guarded_root import visible_guarded
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import AuditQuery, Checkpoint, Compacted, FieldRow, Store
from accordant.types.entries import GENESIS, Entry
from accordant.types.errors import Invalid, StoreError
from accordant.types.limits import VERIFY_CHUNK
from accordant.types.regions import GUARDED_ROOT
from accordant.types.values import canonical_json

__all__ = ["Discrepancy", "VerifyReport", "verify"]

READER_ID = 1
"""The Yjs client id of a replica that only reads: it never writes, so it can clash with nobody."""

Progress = Callable[[int, int], None]
Where = Literal["chain", "fold", "checkpoint", "fields", "guarded"]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that does not agree. `where`: the hash chain, the fold itself, a checkpoint or pinned state, the store's table of
    guarded fields, or the root `guarded` that Yjs peers see. `offset` is the entry, `path` the region or field, if one can be
    named."""

    where: Where
    text: str
    offset: int | None = None
    path: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"where": self.where, "text": self.text, "offset": self.offset, "path": self.path}


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was compared, and what does not agree. `entries`: whose hash was recomputed, of `head`. `replayed_after`: 0 when
    the whole log was folded anew, else the checkpoint before which only headers and digests are kept. `checkpoint`: the
    offset of the newest one, None without any. `head_hash` stands for the whole log: keep it elsewhere to prove later that
    nothing before it was exchanged."""

    document: str
    head: int
    head_hash: str
    entries: int
    replayed_after: int
    checkpoint: int | None
    fields: int
    discrepancies: tuple[Discrepancy, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether chain and state agree."""
        return not self.discrepancies

    @property
    def first_bad(self) -> int | None:
        """The offset of the first entry that is not what was written."""
        return next((found.offset for found in self.discrepancies if found.where == "chain"), None)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "document": self.document,
            "agrees": self.agrees,
            "head": self.head,
            "head_hash": self.head_hash,
            "entries": self.entries,
            "replayed_after": self.replayed_after,
            "checkpoint": self.checkpoint,
            "fields": self.fields,
            "first_bad": self.first_bad,
            "discrepancies": [found.to_json() for found in self.discrepancies],
        }


async def verify(store: Store, key: str, progress: Progress | None = None) -> VerifyReport:
    """Compare everything that one document's log implies. `progress` is called with (entries read, head).

    Raises `Invalid` for a document that is not there, `StoreError` when the store cannot be read at all.
    """
    info = next((info for info in await store.documents() if info.key == key), None)
    if info is None:
        raise Invalid(f"there is no document {key!r} in this store", code="unknown_document")
    checkpoint = await store.load(key)  # before the head is taken, so that it never lies beyond
    head, rows = await store.fields(key)
    check = _Check(store, key, head, progress or _silent)
    state = await check.fold(checkpoint)
    await check.pins()
    if state is not None:
        check.compare_fields(state, rows)
        check.compare_guarded_root(state)
    return VerifyReport(
        document=key,
        head=head,
        head_hash=check.last_hash.hex(),
        entries=check.read,
        replayed_after=check.replayed_after,
        checkpoint=None if checkpoint is None else checkpoint.offset,
        fields=len(rows),
        discrepancies=tuple(check.found),
    )


@dataclass(slots=True)
class _Check:
    """One verification under way."""

    store: Store
    key: str
    head: int
    progress: Progress
    read: int = 0
    replayed_after: int = 0
    last_hash: bytes = GENESIS
    found: list[Discrepancy] = field(default_factory=list)

    # -- the chain and the fold -------------------------------------------------------------------------------

    async def fold(self, checkpoint: Checkpoint | None) -> DocumentState | None:
        """Read every entry once, fold it twice: from the beginning, and from the checkpoint on. None when that broke off."""
        state = DocumentState(READER_ID)
        try:
            if self.head:
                await self.store.read(self.key, 0, 1)
        except Compacted:
            return await self._fold_tail(checkpoint)
        except StoreError:
            pass  # the walk below meets it again, and names it
        resumed: DocumentState | None = None
        async for entry in self._entries(0):
            if not self._fold_entry(state, entry) or (resumed is not None and not self._fold_entry(resumed, entry)):
                return None
            if checkpoint is not None and entry.offset == checkpoint.offset:
                resumed = self._load(checkpoint, entry.hash)
                self._compare_states(state, resumed, checkpoint.offset)
        if self.found and self.found[0].where == "chain":
            return None
        if resumed is not None and checkpoint is not None and checkpoint.offset < self.head:
            self._compare_states(state, resumed, checkpoint.offset)
        return state

    async def _fold_tail(self, checkpoint: Checkpoint | None) -> DocumentState | None:
        """The log's start has given up its bytes: its headers are verified, the state begins with the checkpoint."""
        if checkpoint is None:
            self._note("checkpoint", "the start of the log is compacted and no checkpoint is kept")
            return None
        await self._verify_compacted(checkpoint.offset)
        if self.found:
            return None
        state = self._load(checkpoint, self.last_hash)
        self.replayed_after = checkpoint.offset
        async for entry in self._entries(checkpoint.offset):
            if state is None or not self._fold_entry(state, entry):
                return None
        return None if self.found else state

    async def pins(self) -> None:
        """Each pinned state can be read and is of this log; nothing else stands for a version whose bytes are gone."""
        for pin in await self.store.pins(self.key):
            kept = await self.store.load(self.key, pin.version)
            try:
                found = await self.store.audit(AuditQuery(self.key, before=pin.version + 1, limit=1))
            except StoreError:
                continue  # the chain is broken there, which is told already
            expected = found[0].hash if found else GENESIS
            if kept is None or kept.offset != pin.version:
                self._note("checkpoint", f"the pinned version {pin.version} is not there", pin.version)
            else:
                self._load(kept, expected)

    async def _entries(self, after: int) -> AsyncIterator[Entry]:
        """The entries up to the head, each verified by the store; ends early where one is not what was written."""
        while after < self.head:
            try:
                chunk = await self.store.read(self.key, after, min(VERIFY_CHUNK, self.head - after))
            except StoreError as error:
                offset = await self._first_unreadable(after) if "offset" not in error.fields else error.fields["offset"]
                self._note("chain", error.message, offset)
                return
            if not chunk:
                self._note("chain", f"the log ends after entry {after}, its head says {self.head}", after + 1)
                return
            for entry in chunk:
                self.last_hash = entry.hash
                yield entry
            after = chunk[-1].offset
            self._advance(len(chunk))

    async def _first_unreadable(self, after: int) -> int:
        """A page of the file is damaged: which entry cannot be read?"""
        for offset in range(after + 1, self.head + 1):
            try:
                await self.store.read(self.key, offset - 1, 1)
            except StoreError:
                return offset
        return after + 1

    async def _verify_compacted(self, upto: int) -> None:
        """Headers and digests of entries up to `upto`, newest first; what is found first in the log is noted last."""
        before, worst = upto + 1, None
        while before > 1:
            try:
                page = await self.store.audit(AuditQuery(self.key, before=before, limit=VERIFY_CHUNK))
            except StoreError as error:
                if "offset" not in error.fields:
                    raise
                worst, before = error, error.fields["offset"]
                continue
            if not page:
                break
            if before == upto + 1:
                self.last_hash = page[0].hash
            before = page[-1].offset
            self._advance(len(page))
        if worst is not None:
            self._note("chain", worst.message, worst.fields["offset"])

    def _fold_entry(self, state: DocumentState, entry: Entry) -> bool:
        try:
            state.fold(entry)
        except Exception as error:  # whatever a well-hashed entry makes the fold raise means: it does not belong here
            self._note("fold", f"entry {entry.offset} does not fit the log before it: {error}", entry.offset)
            return False
        return True

    def _load(self, checkpoint: Checkpoint, expected_hash: bytes) -> DocumentState | None:
        offset = checkpoint.offset
        if checkpoint.hash != expected_hash:
            self._note("checkpoint", f"the checkpoint at {offset} belongs to another log", offset)
        try:
            return DocumentState.load(READER_ID, checkpoint.state)
        except Exception as error:  # damaged bytes may fail at any depth of the format
            self._note("checkpoint", f"the checkpoint at {offset} cannot be read: {error}", offset)
            return None

    # -- the copies of the state ------------------------------------------------------------------------------

    def _compare_states(self, folded: DocumentState, resumed: DocumentState | None, offset: int) -> None:
        if resumed is None or any(found.where == "checkpoint" for found in self.found):
            return
        for path in _differences(_visible(folded), _visible(resumed)):
            text = f"{path}: the checkpoint at {offset} gives another value than the log, at entry {folded.head}"
            self._note("checkpoint", text, offset, path)

    def compare_fields(self, state: DocumentState, rows: Sequence[FieldRow]) -> None:
        """The store's table of guarded fields, which commits are judged by, against the fold."""
        stored = {row.path: [_value(row.value), row.version, row.by, row.at, _value(row.state)] for row in rows}
        folded: dict[str, Any] = {}
        for path, one in state.fields.items():
            claim = one.claim
            held = None if claim is None else claim.to_list()
            folded[path] = [one.value if one.is_set else None, one.version, one.by, one.at, held]
        for path in _differences(folded, stored):
            version = folded[path][1] if path in folded else None
            self._note("fields", f"{path}: the store's row is not what the log says", version, path)

    def compare_guarded_root(self, state: DocumentState) -> None:
        """What Yjs peers see in the root `guarded` comes from update bytes, the fields from the audit: they must agree."""
        shown = {
            path: visible_guarded(one) for path, one in state.fields.items() if one.is_set or one.claim is not None
        }
        for path in _differences(shown, state.replica.entries(GUARDED_ROOT)):
            version = state.fields[path].version if path in state.fields else None
            self._note("guarded", f"{path}: its update and its audit record say different things", version, path)

    # -- what is told -----------------------------------------------------------------------------------------

    def _advance(self, count: int) -> None:
        self.read += count
        self.progress(self.read, self.head)

    def _note(self, where: Where, text: str, offset: int | None = None, path: str | None = None) -> None:
        self.found.append(Discrepancy(where, text, offset, path))


def _visible(state: DocumentState) -> Mapping[str, Any]:
    """All that a reader can see, with the versions of regions."""
    canonical = state.canonical_state()
    shown: dict[str, Any] = canonical["regions"] | canonical["guarded"]
    shown["marks"] = state.marks.dump()
    return shown | {f"version of {name}": version for name, version in state.versions.items()}


def _differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The names whose values differ, or that only one side has, in order."""
    missing = object()
    names = sorted(set(mine) | set(theirs))
    return [name for name in names if not _equal(mine.get(name, missing), theirs.get(name, missing))]


def _equal(one: Any, other: Any) -> bool:
    if type(one) is object or type(other) is object:
        return False
    return canonical_json(one) == canonical_json(other)


def _value(text: str | None) -> Any:
    """A stored JSON text's value; a text that is none stands for itself, and so equals no value of the fold."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return {"not JSON": text}


def _silent(read: int, head: int) -> None:
    return None
