"""What the log knows of a ref that is to be taken back: who wrote it, what was made from it however far, and who had read it.

By the store's index, so its cost follows what was made from the ref, not the length of the log. It reads what is durable; what
lands meanwhile, the machine knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from accordant.engine.remains import Remains
from accordant.engine.stores.contract import AuditQuery, Store
from accordant.engine.update import decode_own
from accordant.types.entries import Entry, EntryKind
from accordant.types.memory_limits import EVIDENCE_ENTRIES_MAX, EVIDENCE_PAGE, SUSPECTS_MAX
from accordant.types.provenance import WHOLE, Evidence, bases, brought, covers, outputs
from accordant.types.refs import Ref
from accordant.types.regions import Kind

__all__ = ["gather"]


async def gather(store: Store, key: str, ref: Ref, head: int, kind_of: Callable[[Ref], Kind | None]) -> Evidence:
    """The evidence up to `head`, a durable version. `kind_of`: the kind of region that a ref is in, None where there is none.
    Raises `StoreError`."""
    entry = await _entry(store, key, ref.version) if 0 < ref.version <= head else None
    if entry is None or not brought(entry, ref):
        return Evidence(ref, head)
    search = _Search(store, key, head, kind_of)
    await search.follow(ref)
    return Evidence(
        ref,
        head,
        entry.actor,
        search.until,
        tuple(search.suspects.items()),
        {one: tuple(agents) for one, agents in search.readers.items()},
        search.is_truncated,
    )


async def _entry(store: Store, key: str, offset: int) -> Entry | None:
    found = await store.audit(AuditQuery(key, before=offset + 1, limit=1))
    return found[0] if found and found[0].offset == offset else None


@dataclass(slots=True)
class _Search:
    """A walk from a ref to all that was made from it."""

    store: Store
    key: str
    head: int
    kind_of: Callable[[Ref], Kind | None]
    suspects: dict[str, str] = field(default_factory=dict)
    readers: dict[str, dict[str, None]] = field(default_factory=dict)
    until: dict[str, int | None] = field(default_factory=dict)
    is_truncated: bool = False
    looked_at: int = 0

    async def follow(self, root: Ref) -> None:
        """Breadth first, each ref once: cycles and diamonds end."""
        waiting = deque([root])
        while waiting:
            ref = waiting.popleft()
            until = self.until[ref] = await self._until(ref)
            await self._see(ref, until)
            for basis in (ref.region, WHOLE):
                after = ref.version
                while after < self.head:
                    page = await self._page(AuditQuery(self.key, after=after, basis=basis))
                    for entry in page:
                        waiting.extend(self._made(ref, until, entry, root))
                    self.looked_at += len(page)
                    if len(page) < EVIDENCE_PAGE:
                        break
                    if self.looked_at > EVIDENCE_ENTRIES_MAX:
                        self.is_truncated = True
                        return
                    after = page[-1].offset

    def _made(self, ref: Ref, until: int | None, entry: Entry, root: Ref) -> list[Ref]:
        """What this entry made from the ref that was not known before. Whoever named it had read it, denied or not."""
        if not any(covers(ref, until, path, version) for path, version in bases(entry)):
            return []
        self.readers.setdefault(str(ref), {})[entry.actor] = None
        fresh = [made for made in outputs(entry) if made not in self.suspects and made != root]
        if len(self.suspects) + len(fresh) > SUSPECTS_MAX:
            self.is_truncated = True
            fresh = fresh[: SUSPECTS_MAX - len(self.suspects)]
        self.suspects |= {str(made): str(ref) for made in fresh}
        return fresh

    async def _see(self, ref: Ref, until: int | None) -> None:
        """Who took a snapshot that held it."""
        end = self.head + 1 if until is None else until
        seen = await self.store.sightings(self.key, ref.version, end, EVIDENCE_ENTRIES_MAX)
        for one in seen:
            if not one.paths or ref.region in one.paths:
                self.readers.setdefault(str(ref), {})[one.actor] = None
        self.is_truncated |= len(seen) == EVIDENCE_ENTRIES_MAX

    async def _page(self, query: AuditQuery) -> list[Entry]:
        return await self.store.audit(replace(query, before=self.head + 1, limit=EVIDENCE_PAGE, oldest_first=True))

    async def _until(self, ref: Ref) -> int | None:
        """When it ceased to be in effect; None while it is, or where that is not known: a log and a set keep what they hold.

        A guarded path and a key: with their next value. What an entry brought to a text: when the last of its characters was
        deleted.
        """
        match self.kind_of(ref):
            case Kind.TEXT:
                return await self._gone(ref)
            case Kind.GUARDED | Kind.GUARDED_MAP | Kind.MAP:
                return await self._replaced(ref)
        return None

    async def _replaced(self, ref: Ref) -> int | None:
        for entry in await self._page(AuditQuery(self.key, ref.path, after=ref.version)):
            if entry.kind in (EntryKind.WRITE, EntryKind.RETRACTION) and any(
                op.path == ref.path and op.op != "renew" and (op.detail is None or "of" not in op.detail)
                for op in entry.ops
            ):
                return entry.offset
        return None

    async def _gone(self, ref: Ref) -> int | None:
        entry = await _entry(self.store, self.key, ref.version)
        if entry is None or entry.update is None:
            return None
        remains = Remains(decode_own(entry.update))
        after, seen = ref.version, 0
        while seen < EVIDENCE_ENTRIES_MAX:
            page = await self._page(AuditQuery(self.key, ref.path, after=after))
            for one in page:
                if one.update is not None and remains.take(decode_own(one.update)):
                    return one.offset
            if len(page) < EVIDENCE_PAGE:
                break
            after, seen = page[-1].offset, seen + len(page)
        return None
