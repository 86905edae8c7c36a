"""Where and when a text existed, who wrote it and who had it before them: from the store's search, its index, and its updates.

What arrived whole in one entry, the search finds. What was typed into a text in pieces, the timeline of that text's characters
finds, where the text has few enough entries. What was not examined, the answer says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from accordant.engine import grants
from accordant.engine.content import BRINGS_ITEMS, holds, is_kept, items_of, text_of
from accordant.engine.host.explaining import next_write, readers_of, who_made
from accordant.engine.host.typed import followed, read_typed
from accordant.engine.stores.contract import AuditQuery, Store
from accordant.engine.timeline import Spelling
from accordant.types.access import READ, Grant
from accordant.types.entries import Entry, EntryKind, OpRecord
from accordant.types.memory_limits import TRACE_APPEARANCES_MAX, TRACE_FOLLOWED_MAX, TRACE_TEXT_ENTRIES_MAX
from accordant.types.past import Appearance, Trace
from accordant.types.provenance import bases
from accordant.types.refs import Ref
from accordant.types.regions import Kind, Schema
from accordant.types.values import canonical_json

__all__ = ["trace"]

_WROTE = (EntryKind.WRITE, EntryKind.RETRACTION)
_TEXT_OPS = frozenset({"insert", "append", "delete", "replace", "rethink"})


async def trace(store: Store, key: str, head: int, text: str, grant: Grant) -> Trace:
    """Every appearance of the text up to `head` in what the grant lets read. Raises `StoreError`."""
    tracing = _Tracing(store, key, head, text, grant)
    return await tracing.run()


@dataclass(slots=True)
class _Tracing:
    """One trace in the making. `missing`: what was not examined, as sentences."""

    store: Store
    key: str
    head: int
    text: str
    grant: Grant
    found: list[Appearance] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    made: dict[str, list[Entry]] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)

    async def run(self) -> Trace:
        hits = await self._hits()
        hits.reverse()
        await self._learn_kinds(hits)
        await self._typed()
        for entry in hits:
            for op in entry.ops:
                if entry.kind in _WROTE and self._may_read(op.region):
                    await self._operation(entry, op)
        appearances = sorted(self._distinct(), key=lambda one: (one.since, one.path, one.until or self.head + 1))
        if len(appearances) > TRACE_APPEARANCES_MAX:
            self._miss(f"appearances before version {appearances[-TRACE_APPEARANCES_MAX].since}")
            appearances = appearances[-TRACE_APPEARANCES_MAX:]
        appearances = [await self._with_readers(one) for one in appearances]
        examined = {"head": self.head, "texts": self.texts, "not_examined": list(self.missing)}
        return Trace(self.text, tuple(appearances), not self.missing, examined)

    async def _hits(self) -> list[Entry]:
        """Entries that hold the text in what may be read, newest first. How many others hold it is nobody's business."""
        hits: list[Entry] = []
        before = self.head + 1
        while len(hits) <= TRACE_APPEARANCES_MAX:
            page = await self.store.search(self.key, self.text, before, TRACE_APPEARANCES_MAX + 1)
            hits += [entry for entry in page if any(self._may_read(op.region) for op in entry.ops)]
            if len(page) <= TRACE_APPEARANCES_MAX:
                return hits
            before = page[-1].offset
        hits = hits[:TRACE_APPEARANCES_MAX]
        self._miss(f"entries before version {hits[-1].offset}: more than {TRACE_APPEARANCES_MAX} hold the text")
        return hits

    def _miss(self, what: str) -> None:
        self.missing[what] = None

    def _may_read(self, region: str) -> bool:
        return self.grant.permits(READ, region)

    def _distinct(self) -> Iterable[Appearance]:
        return {(one.path, one.ref, one.since, one.until): one for one in self.found}.values()

    def _add(
        self, entry: Entry, path: str, ref: str, until: Entry | int | None, followed_to: int | None = None
    ) -> None:
        shown = grants.readable_entries([entry], self.grant)
        why, read = (shown[0].why, bases(shown[0])) if shown else (None, ())
        ended_by = until.actor if isinstance(until, Entry) else None
        end = until.offset if isinstance(until, Entry) else until
        end = None if end is not None and end > self.head else end
        self.found.append(
            Appearance(
                path,
                ref,
                entry.offset,
                end,
                entry.actor,
                entry.at,
                why,
                tuple(read),
                (),
                ended_by,
                followed_to or self.head,
            )
        )

    async def _with_readers(self, one: Appearance) -> Appearance:
        region = one.path.partition("/")[0]
        ref = Ref(one.ref)
        if region not in self.made:
            after = min(other.since for other in self.found if other.path.partition("/")[0] == region)
            self.made[region], is_all = await who_made(self.store, self.key, self.head, region, after)
            if not is_all:
                self._miss(f"some who derived from {region}")
        readers = await readers_of(self.store, self.key, self.head, ref, one.until, self.made[region], one.path)
        return replace(one, readers=readers)

    # -- which regions there are ------------------------------------------------------------------------------

    async def _learn_kinds(self, hits: list[Entry]) -> None:
        """Declared regions; of what nobody declared, what the entries at hand show, all of them where they are few."""
        query = AuditQuery(self.key, kind=EntryKind.SCHEMA, before=self.head + 1, limit=TRACE_APPEARANCES_MAX)
        for entry in reversed(await self.store.audit(query)):
            for name, spec in Schema.from_description(entry.info["schema"]).regions.items():
                self.kinds[name] = spec.kind
        some = hits
        if self.head <= TRACE_APPEARANCES_MAX:
            some = await self.store.audit(AuditQuery(self.key, before=self.head + 1, limit=TRACE_APPEARANCES_MAX))
        for entry in some:
            for op in entry.ops if entry.kind in _WROTE else ():
                if op.region not in self.kinds:
                    kind = _shown_kind(op)
                    if kind is not None:
                        self.kinds[op.region] = kind
        for name, kind in self.kinds.items():
            if kind is Kind.XML and self._may_read(name):
                self._miss(f"{name}: XML is looked through by whole insertions alone, and not followed")

    # -- texts ------------------------------------------------------------------------------------------------

    async def _typed(self) -> None:
        """The exact timelines of texts, as far as they are short enough."""
        left = TRACE_TEXT_ENTRIES_MAX
        for region in sorted(name for name, kind in self.kinds.items() if kind is Kind.TEXT and self._may_read(name)):
            typed = await read_typed(self.store, self.key, region, self.head, left)
            if typed is None:
                self._miss(f"{region}: too long to look for what was typed in pieces; whole insertions were looked for")
                continue
            left -= typed.entries
            self.texts[region] = typed.entries
            if typed.oldest > 1:
                self._miss(f"{region}: what was gone before version {typed.oldest}, where its log begins")
            if not typed.timeline.is_whole:
                self._miss(f"{region}: content whose place could not be told")
            spellings = await asyncio.to_thread(typed.timeline.spellings, self.text)
            if len(spellings) > TRACE_APPEARANCES_MAX:
                self._miss(f"{region}: appearances before version {spellings[-TRACE_APPEARANCES_MAX].since}")
            await self._spelled(region, spellings[-TRACE_APPEARANCES_MAX:])

    async def _spelled(self, region: str, spellings: list[Spelling]) -> None:
        versions = {version for one in spellings for version in (one.since, one.until) if version}
        entries = {entry.offset: entry for entry in await self.store.pick(self.key, sorted(versions))}
        for one in spellings:
            until = None if one.until is None else entries[one.until]
            self._add(entries[one.since], region, f"{region}@{one.since}", until)

    async def _inserted(self, entry: Entry, op: OpRecord) -> None:
        """A whole insertion into a text that is too long for a timeline."""
        inserted = text_of(entry, op)
        if inserted is None or self.text not in inserted:
            return
        query = AuditQuery(
            self.key, op.region, after=entry.offset, before=self.head + 1, oldest_first=True, limit=TRACE_FOLLOWED_MAX
        )
        later = await self.store.audit(query)
        is_followed = len(later) < TRACE_FOLLOWED_MAX
        until = await asyncio.to_thread(followed, entry, self.text, later)
        to = self.head if is_followed or until is not None else later[-1].offset
        if to < self.head:
            self._miss(f"{op.region}: whether what came with version {entry.offset} was broken after version {to}")
        self._add(entry, op.region, f"{op.region}@{entry.offset}", until, to)

    # -- everything else --------------------------------------------------------------------------------------

    async def _operation(self, entry: Entry, op: OpRecord) -> None:
        detail, kind = op.detail or {}, self.kinds.get(op.region)
        if "is_set" in detail:
            if detail["is_set"] and not is_kept(op) and holds(detail["value"], self.text):
                ref = Ref(f"{op.path}@{entry.offset}")
                self._add(entry, op.path, ref, await next_write(self.store, self.key, self.head, ref))
        elif kind is Kind.TEXT or "chars" in detail:
            if op.region not in self.texts:
                await self._inserted(entry, op)
        elif op.op == "set":
            await self._set(entry, op)
        elif op.op in BRINGS_ITEMS:
            await self._items(entry, op, kind)

    async def _set(self, entry: Entry, op: OpRecord) -> None:
        items = items_of(entry, op)
        if items is None:
            self._miss(f"{op.path}: what version {entry.offset} wrote there")
        elif holds(items, self.text) or (op.key is not None and self.text in op.key):
            ref = Ref(f"{op.path}@{entry.offset}")
            self._add(entry, op.path, ref, await next_write(self.store, self.key, self.head, ref))

    async def _items(self, entry: Entry, op: OpRecord, kind: Kind | None) -> None:
        items = items_of(entry, op)
        if items is None:
            if len(entry.ops) > 1 or entry.update is None:
                self._miss(f"{op.region}: which items version {entry.offset} brought")
            return
        earlier = [
            one for one in entry.ops[: entry.ops.index(op)] if one.region == op.region and one.op in BRINGS_ITEMS
        ]
        first = sum(int((one.detail or {}).get("count", 0)) for one in earlier)
        for n, item in enumerate(items, first):
            if not holds(item, self.text):
                continue
            ref = Ref(f"{op.region}@{entry.offset}.{n}")
            until = await (self._discarded(ref, item) if kind is Kind.UNION_SET else self._folded(ref))
            if until is not False:
                self._add(entry, op.region, ref, until or None)

    async def _folded(self, ref: Ref) -> Entry | None:
        """The compaction that took an item of a log away."""
        query = AuditQuery(
            self.key,
            ref.region,
            after=ref.version,
            before=self.head + 1,
            oldest_first=True,
            basis=ref.region,
            limit=1_000,
        )
        for entry in await self.store.audit(query):
            for op in entry.ops:
                if (
                    op.op == "compact"
                    and op.region == ref.region
                    and str(ref) in (op.detail or {}).get("supersedes", ())
                ):
                    return entry
        return None

    async def _discarded(self, ref: Ref, item: Any) -> Entry | bool | None:
        """The entry that took a member out of its set; False when it was in the set already, and only added again."""
        wanted = canonical_json(item)
        there = (one for one in self.found if one.path == ref.region and one.since < ref.version)
        if any(self.members.get(one.ref) == wanted for one in there if one.until is None or one.until > ref.version):
            return False
        self.members[ref] = wanted
        query = AuditQuery(self.key, ref.region, after=ref.version, before=self.head + 1, oldest_first=True)
        later = await self.store.audit(replace(query, limit=TRACE_FOLLOWED_MAX))
        if len(later) == TRACE_FOLLOWED_MAX:
            self._miss(f"{ref.region}: whether {ref} was discarded after version {later[-1].offset}")
        tags = {ref.rpartition(".")[0]}
        for entry in later:
            for op in entry.ops:
                if op.op != "discard" or op.region != ref.region:
                    continue
                gone = (op.detail or {}).get("items")
                if isinstance(gone, list):
                    if any(canonical_json(one) == wanted for one in gone):
                        return entry
                elif op.key is None or op.key.rpartition(".")[0] in tags:
                    self._miss(f"{ref.region}: what exactly version {entry.offset} discarded")
        return None


def _shown_kind(op: OpRecord) -> Kind | None:
    """What kind of region an operation on an undeclared one shows."""
    detail = op.detail or {}
    if "is_set" in detail:
        return Kind.GUARDED if op.key is None else Kind.GUARDED_MAP
    if "chars" in detail or op.op == "insert":
        return Kind.TEXT
    if op.op == "edit":
        return Kind.XML
    return None
