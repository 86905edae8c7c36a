"""Why something is as it is: who wrote it, from what, what became of it, and who relied on it. By the store's index alone.

Its cost follows what was made from the thing and what it was made from, not the length of the log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from accordant.engine import grants
from accordant.engine.content import is_kept, value_of
from accordant.engine.marks import Marks
from accordant.engine.stores.contract import AuditQuery, Store
from accordant.types.access import READ, Grant
from accordant.types.entries import Entry, EntryKind
from accordant.types.errors import Invalid
from accordant.types.memory_limits import WHY_DEPTH_MAX, WHY_DERIVED_MAX, WHY_SOURCES_MAX
from accordant.types.past import Explanation, Source
from accordant.types.provenance import WHOLE, Mark, bases, covers, outputs, region_of
from accordant.types.refs import Ref

__all__ = ["Readers", "explain", "next_write", "readers_of", "who_made"]

_PAGE = 200
_WROTE = (EntryKind.WRITE, EntryKind.RETRACTION)
Readers = tuple[tuple[str, int, str], ...]


async def explain(store: Store, key: str, head: int, target: str, grant: Grant, agent: str) -> Explanation:
    """The explanation of a ref, or of a path's newest write. Raises `Invalid` (`unknown_ref`), `Denied`."""
    grants.check_read(grant, agent, region_of(target))
    ref, entry = await _found(store, key, head, target)
    why = _Why(store, key, head, grant, await _marks(store, key, head))
    return await why.explain(ref, entry)


async def _found(store: Store, key: str, head: int, target: str) -> tuple[Ref, Entry]:
    try:
        ref = Ref.parse(target)
    except Invalid:
        return await _newest(store, key, head, target)
    entries = await store.pick(key, [ref.version]) if ref.version <= head else []
    if not entries or not any(op.path == ref.path for op in entries[0].ops):
        raise Invalid(
            f"the log has no {ref}", code="unknown_ref", path=ref.path, hint="refs come from writes, readings and `log`"
        )
    return ref, entries[0]


async def _newest(store: Store, key: str, head: int, path: str) -> tuple[Ref, Entry]:
    """The newest write on the path, or below it."""
    async for entry in _pages(store, AuditQuery(key, path, before=head + 1)):
        refs = [ref for ref in outputs(entry) if ref.path == path or ref.region == path]
        kept = {op.path for op in entry.ops if is_kept(op)}
        if wrote := [ref for ref in refs if ref.path not in kept]:
            return wrote[-1], entry
    raise Invalid(f"nothing was ever written at {path[:80]!r}", code="unknown_ref", path=path)


async def _marks(store: Store, key: str, head: int) -> Marks:
    """What was taken back: of more than a thousand retractions, the newest."""
    marks = Marks()
    query = AuditQuery(key, kind=EntryKind.RETRACTION, before=head + 1, limit=1_000)
    for entry in reversed(await store.audit(query)):
        marks.record(entry)
    return marks


async def _pages(store: Store, query: AuditQuery, entries_max: int | None = None) -> AsyncIterator[Entry]:
    """Matching entries, page by page."""
    seen = 0
    while entries_max is None or seen < entries_max:
        page = await store.audit(replace(query, limit=_PAGE))
        for entry in page:
            yield entry
        seen += len(page)
        if len(page) < _PAGE:
            return
        last = page[-1].offset
        query = replace(query, after=last) if query.oldest_first else replace(query, before=last)


async def next_write(store: Store, key: str, head: int, ref: Ref) -> Entry | None:
    """The write that put something else at a guarded path or a map's key."""
    async for entry in _pages(store, AuditQuery(key, ref.path, after=ref.version, before=head + 1, oldest_first=True)):
        if entry.kind in _WROTE and any(op.path == ref.path and not is_kept(op) for op in entry.ops):
            if entry.kind is EntryKind.RETRACTION and not any(
                op.path == ref.path and "is_set" in (op.detail or {}) for op in entry.ops
            ):
                continue
            return entry
    return None


async def who_made(store: Store, key: str, head: int, region: str, after: int) -> tuple[list[Entry], bool]:
    """Entries after a version that were made from something in the region, or from the whole document, oldest first; and
    whether that is all of them."""
    found: dict[int, Entry] = {}
    is_all = True
    for basis in (region, WHOLE):
        count = 0
        query = AuditQuery(key, after=after, before=head + 1, oldest_first=True, basis=basis)
        async for entry in _pages(store, query, WHY_DERIVED_MAX * 10):
            found[entry.offset] = entry
            count += 1
        is_all = is_all and count < WHY_DERIVED_MAX * 10
    return [found[offset] for offset in sorted(found)], is_all


async def readers_of(
    store: Store, key: str, head: int, ref: Ref, until: int | None, made: list[Entry], path: str | None = None
) -> Readers:
    """(agent, version, how) of whose snapshot, or derived work, held what the ref names until (not including) a version."""
    readers: dict[tuple[str, int, str], None] = {}
    for one in await store.sightings(key, ref.version, until or head + 1, WHY_DERIVED_MAX):
        if not one.paths or ref.region in one.paths or (path or ref.path) in one.paths:
            readers[one.actor, one.version, "snapshot"] = None
    for entry in made:
        for basis, version in bases(entry):
            if covers(ref, until, basis, version):
                readers[entry.actor, version, "derived"] = None
    return tuple(sorted(readers, key=lambda row: (row[1], row[0], row[2])))[:WHY_DERIVED_MAX]


@dataclass(slots=True)
class _Why:
    """One explanation in the making."""

    store: Store
    key: str
    head: int
    grant: Grant
    marks: Marks
    seen: set[str] = field(default_factory=set)
    is_complete: bool = True

    async def explain(self, ref: Ref, entry: Entry) -> Explanation:
        shown = grants.readable_entries([entry], self.grant)
        mine = shown[0] if shown else replace(entry, why=None, info={}, derived_from=())
        is_denial = entry.kind not in _WROTE
        status, by, until = ("denied", None, None) if is_denial else await self._status(ref)
        made, is_all = (
            ([], True) if is_denial else await who_made(self.store, self.key, self.head, ref.region, ref.version)
        )
        derived = [
            (str(one), other.actor)
            for other in made
            if any(covers(ref, until, path, version) for path, version in bases(other))
            for one in outputs(other)
            if self._may_read(one)
        ]
        self.is_complete = self.is_complete and is_all and len(derived) <= WHY_DERIVED_MAX
        self.seen.add(str(ref))
        return Explanation(
            str(ref),
            ref.path,
            _shown(mine),
            None if is_denial else value_of(entry, ref),
            status,
            by,
            await self._sources(mine, WHY_DEPTH_MAX),
            tuple(dict.fromkeys(derived))[:WHY_DERIVED_MAX],
            () if is_denial else await readers_of(self.store, self.key, self.head, ref, until, made),
            await self._denial(mine) if entry.kind is EntryKind.DENIAL else None,
            self.is_complete,
        )

    # -- what became of it ------------------------------------------------------------------------------------

    async def _status(self, ref: Ref) -> tuple[str, Mapping[str, Any] | None, int | None]:
        """Status, by whom, and the version at which it ceased to be there."""
        later = await next_write(self.store, self.key, self.head, ref) if ref.n is None else await self._folded(ref)
        if later is not None and ref.n is None and not self._is_replaced_by(ref, later):
            later = None
        until = None if later is None else later.offset
        mark = self.marks.of(ref)
        if mark is not None:
            return mark.status, await self._marked(mark), until
        if later is None:
            return "current", None, None
        return "replaced", self._who(later), until

    def _is_replaced_by(self, ref: Ref, later: Entry) -> bool:
        """A guarded path's or a key's next write replaces the value; a text's, a set's, a counter's goes on beside it."""
        ops = [op for op in later.ops if op.path == ref.path]
        return ref.key is not None or any("is_set" in (op.detail or {}) for op in ops)

    async def _folded(self, ref: Ref) -> Entry | None:
        """The compaction that took a log's item away."""
        query = AuditQuery(
            self.key, after=ref.version, before=self.head + 1, oldest_first=True, basis=ref.region, path=ref.region
        )
        async for entry in _pages(self.store, query, WHY_DERIVED_MAX * 10):
            for op in entry.ops:
                if (
                    op.op == "compact"
                    and op.region == ref.region
                    and str(ref) in (op.detail or {}).get("supersedes", ())
                ):
                    return entry
        return None

    async def _marked(self, mark: Mark) -> Mapping[str, Any]:
        found = await self.store.pick(self.key, [mark.version])
        because = mark.because if mark.because is not None and self._may_read(mark.because) else None
        return {**(self._who(found[0]) if found else {"version": mark.version}), "ref": because}

    # -- what it was made from --------------------------------------------------------------------------------

    async def _sources(self, entry: Entry, depth: int) -> tuple[Source, ...]:
        made_from = dict.fromkeys(one for one in bases(entry) if self._may_read(one[0]))
        return tuple([await self._source(path, version, depth) for path, version in made_from])

    async def _source(self, path: str, version: int, depth: int) -> Source:
        if path == WHOLE:
            return Source(f"{WHOLE}@{version}")
        ref = Ref(path) if _names(path, version) else Ref(f"{path}@{version}")
        if str(ref) in self.seen:
            return Source(str(ref), cut="seen")
        if depth == 0 or len(self.seen) > WHY_SOURCES_MAX:
            self.is_complete = False
            return Source(str(ref), cut="wide" if depth else "deep")
        self.seen.add(str(ref))
        found = await self.store.pick(self.key, [ref.version])
        if not found:
            return Source(str(ref))
        shown = grants.readable_entries(found, self.grant)
        mine = shown[0] if shown else replace(found[0], why=None, derived_from=(), ops=())
        mark = self.marks.of(ref)
        status = "current" if mark is None else mark.status
        value = value_of(found[0], ref)
        return Source(str(ref), mine.actor, mine.at, mine.why, status, value, await self._sources(mine, depth - 1))

    def _may_read(self, path: str) -> bool:
        if path == WHOLE:
            return self.grant.reads_everything
        return self.grant.permits(READ, region_of(path))

    # -- a denial ---------------------------------------------------------------------------------------------

    async def _denial(self, entry: Entry) -> Mapping[str, Any]:
        """Who was beaten, having read what, by whom, with which version and why."""
        info, yours = entry.info, [op.read for op in entry.ops if op.read is not None]
        denial: dict[str, Any] = {"actor": entry.actor, "code": info.get("code"), "times": info.get("times", 1)}
        stale = [one for one in info.get("stale", ()) if self._may_read(str(one.get("path")))]
        denial |= {"yours": yours[0] if yours else None, "stale": stale or None}
        beaten = info.get("beaten_by")
        if isinstance(beaten, dict):
            version = beaten.get("version")
            found = await self.store.pick(self.key, [version]) if isinstance(version, int) else []
            denial["beaten_by"] = self._who(found[0]) if found else dict(beaten)
        return denial

    def _who(self, entry: Entry) -> dict[str, Any]:
        """As much of who and why as may be read."""
        shown = grants.readable_entries([entry], self.grant)
        return _who(shown[0] if shown else replace(entry, why=None))


def _names(path: str, version: int) -> bool:
    name, _, place = path.rpartition("@")
    return bool(name) and place.partition(".")[0] == str(version)


def _who(entry: Entry) -> dict[str, Any]:
    return {"version": entry.offset, "actor": entry.actor, "at": entry.at, "why": entry.why}


def _shown(entry: Entry) -> dict[str, Any]:
    """The entry as JSON values, without the bytes."""
    return _who(entry) | {
        "kind": entry.kind.value,
        "auth": entry.auth.value,
        "session": entry.session,
        "generation": entry.generation,
        "outcome": entry.outcome,
        "ops": [{"op": op.op, "path": op.path, "read": op.read, "detail": op.detail} for op in entry.ops],
        "derived_from": [list(one) for one in bases(entry)],
    }
