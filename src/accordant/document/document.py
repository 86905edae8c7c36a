"""`Document`: subclass it to declare a schema; an instance is one agent's handle on one document."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from accordant.document.batch import Batch
from accordant.document.consistency import consistency
from accordant.document.currency import is_current, moved_on
from accordant.document.events import Events, query_of
from accordant.document.pattern import Declared
from accordant.document.port import HistoryQuery, Port
from accordant.document.presence import Presence
from accordant.document.regions import (
    REGION_CLASSES,
    Counter,
    Guarded,
    GuardedMap,
    Log,
    Map,
    Region,
    Text,
    UnionSet,
    Xml,
)
from accordant.document.schema import schema_of
from accordant.document.snapshot import Snapshot
from accordant.document.taking_back import ref_of, take_back
from accordant.document.transaction import TransactionPort
from accordant.types.commands import RefusedWrite
from accordant.types.entries import Entry
from accordant.types.errors import Conflict, Invalid
from accordant.types.events import EventKind
from accordant.types.limits import REGION_NAME_CHARS_MAX
from accordant.types.namespaces import DocumentKey
from accordant.types.past import BlameRun, Change, Explanation, Recall, Trace
from accordant.types.provenance import Retraction
from accordant.types.readings import Readings, Stale, bases_of
from accordant.types.regions import GUARDED_ROOT, Kind, RegionSpec, Rules, Schema

__all__ = ["Document"]

R = TypeVar("R", bound=Region)
_CLASSES: dict[Kind, type[Region]] = {kind: cls for cls, kind in REGION_CLASSES.items()}


class Document:
    """A shared document. Annotate a subclass with region kinds; get an instance from `Engine.open` or `connect`.

    Without a subclass, `doc.text("draft")`, `doc.guarded("status")` and so on open regions by name, with merge rules only.
    """

    __schema__: ClassVar[Schema] = Schema.open()
    __patterns__: ClassVar[Mapping[str, Declared]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__schema__, cls.__patterns__ = schema_of(cls, Document, sys._getframe(1).f_locals)

    def __init__(self, port: Port) -> None:
        self._port = port
        self._outside: Self | None = None
        for name, spec in self.__schema__.regions.items():
            object.__setattr__(self, name, _CLASSES[spec.kind](port, spec))
        for name, declared in self.__patterns__.items():
            object.__setattr__(self, name, declared.pattern(self, name, declared.settings, item=declared.item))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._port.key} as {self._port.agent!r}>"

    @property
    def outside(self) -> Self:
        """Within a transaction, the handle that it was begun on; anywhere else this one. What a pattern remembers belongs to
        it."""
        return self if self._outside is None else self._outside

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__schema__.regions:
            raise Invalid(f"{name} is a region: write it through its methods", code="not_assignable", path=name)
        object.__setattr__(self, name, value)

    # -- who and where ----------------------------------------------------------------------------------------

    @property
    def key(self) -> DocumentKey:
        """Namespace and name."""
        return self._port.key

    @property
    def agent(self) -> str:
        """Under which name this handle writes."""
        return self._port.agent

    @property
    def generation(self) -> int:
        """This handle's generation: readings of an ended one never land (I6)."""
        return self._port.generation

    @property
    def version(self) -> int:
        """The newest durable version this handle knows of."""
        return self._port.version

    @property
    def schema(self) -> Schema:
        """The regions as declared."""
        return self._port.schema

    # -- offline ----------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the authority can be asked now. Always, in the process of the engine."""
        return self._port.is_connected

    @property
    def pending(self) -> int:
        """How many writes were made offline and wait to be merged."""
        return self._port.pending

    @property
    def refused(self) -> Sequence[RefusedWrite]:
        """Writes made offline that did not land when the server was back: each whole, with the typed error. Newest last."""
        return self._port.refused

    async def synced(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - the bound is part of the promise
        """Wait, at most `timeout` seconds, until no write is pending; returns the newest version known.

        Raises `NoAuthority` (code `timeout`). What was refused meanwhile is in `refused`.
        """
        return await self._port.synced(timeout)

    @property
    def presence(self) -> Presence:
        """Who is here now, and what they show of themselves."""
        return Presence(self._port.presence)

    # -- regions by name --------------------------------------------------------------------------------------

    def guarded(self, name: str) -> Guarded[Any]:
        """The guarded field of that name."""
        return self._region(Guarded, name)

    def guarded_map(self, name: str) -> GuardedMap[Any]:
        """The guarded map of that name."""
        return self._region(GuardedMap, name)

    def text(self, name: str) -> Text:
        """The text of that name."""
        return self._region(Text, name)

    def log(self, name: str) -> Log[Any]:
        """The log of that name."""
        return self._region(Log, name)

    def union_set(self, name: str) -> UnionSet[Any]:
        """The add-wins set of that name."""
        return self._region(UnionSet, name)

    def counter(self, name: str) -> Counter:
        """The counter of that name."""
        return self._region(Counter, name)

    def map(self, name: str) -> Map[Any]:
        """The last-writer-wins map of that name."""
        return self._region(Map, name)

    def xml(self, name: str) -> Xml:
        """The XML fragment of that name."""
        return self._region(Xml, name)

    def regions(self) -> list[Region]:
        """All declared regions, in the order of the schema."""
        return [_CLASSES[spec.kind](self._port, spec) for spec in self._port.schema.regions.values()]

    def region_of(self, kind: Kind, name: str) -> Region:
        """The region of that name and kind."""
        return self._region(_CLASSES[kind], name)

    def region_as(self, spec: RegionSpec) -> Region:
        """The region of that name as the schema declares it, or where none does, as `spec` says: what patterns are made of."""
        return self._region(_CLASSES[spec.kind], spec.name, spec)

    def _region(self, cls: type[R], name: str, otherwise: RegionSpec | None = None) -> R:
        if not isinstance(name, str) or not 0 < len(name) <= REGION_NAME_CHARS_MAX or name == GUARDED_ROOT:
            raise Invalid(f"{name!r} cannot be a region's name", code="bad_region_name")
        spec = self.__schema__.region(name) or otherwise or self._port.schema.region(name)
        if spec is None:
            spec = RegionSpec(name, cls.kind, None, Rules())
        if spec.kind is not cls.kind:
            raise Invalid(f"{name} is a {spec.kind.value} region, not a {cls.kind.value}", code="wrong_kind", path=name)
        return cls(self._port, spec)

    # -- several writes at once -------------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self, *, why: str | None = None, derived_from: Readings = ()) -> AsyncIterator[Self]:
        """Several writes, all or none: `async with doc.transaction() as tx: await tx.account.commit(...)`.

        Writes on `tx` are collected and land together when the block ends; reads on it see what is committed, not what is
        collected. An exception in the block discards everything. After the block `tx.version` is the version that landed.
        """
        port = TransactionPort(self._port, why, derived_from)
        collecting = type(self)(port)
        collecting._outside = self.outside
        yield collecting
        try:
            await port.land()
        except Conflict as conflict:
            name = str(conflict.fields.get("path", "")).partition("/")[0]
            kind = port.kind_of(name)
            raise (conflict if kind is None else self.region_of(kind, name).fresh(conflict)) from None

    # -- what it promises -------------------------------------------------------------------------------------

    @staticmethod
    def consistency() -> str:
        """The consistency model: what is promised, per region kind, in words and tables (Markdown; `docs/CONSISTENCY.md`)."""
        return consistency()

    # -- one version ------------------------------------------------------------------------------------------

    async def snapshot(self, *regions: str | Region) -> Snapshot[Self]:
        """One consistent, immutable cut over all regions (or these), at the newest durable version. No writer waits for it, and
        it waits for none. It is on record who has seen which version."""
        names = frozenset(one.name if isinstance(one, Region) else one for one in regions)
        return Snapshot(type(self), await self._port.cut(names or None, None), self._port)

    async def at(self, version: int) -> Snapshot[Self]:
        """The document as it was at exactly this version, rebuilt from the log. Raises `SnapshotExpired` when it is past
        retention, naming the oldest that is not; `Invalid` (`unknown_version`) for one that is not there yet."""
        if not isinstance(version, int) or isinstance(version, bool):
            raise Invalid("a version is a whole number", code="bad_argument")
        return Snapshot(type(self), await self._port.cut(None, version), self._port)

    # -- still true? ------------------------------------------------------------------------------------------

    async def is_current(self, *readings: Any) -> bool:
        """Whether a write with `derived_from=` these (readings, snapshots, refs) would land now. Changes nothing, promises
        nothing: the write itself is judged when it comes. Raises `Invalid` for what is no reading."""
        return await is_current(self._port, bases_of(readings))

    async def moved_on(self, *readings: Any) -> tuple[Stale, ...]:
        """Which of these have changed since they were read: path, version read, version now, by whom. By versions alone, so that
        readings from before a restart of the authority can be compared too."""
        return await moved_on(self._port, bases_of(readings))

    # -- taking back ------------------------------------------------------------------------------------------

    async def retract(self, ref: Any, why: str | None = None, *, correction: Any = None) -> Retraction:
        """Say that something written was wrong: `ref` as a write or a reading gave it (a log's item, a reading, `path@version`).

        An entry, not an erasure: it stays where it is and in the history, marked `retracted`; what was derived from it, however
        far, is marked `suspect`, and everybody who has read any of it is told (`Invalidated`). `correction`: the right value,
        which lands in the same entry on a guarded path, a log or a set, or the ref of one. Its author may; anybody else, whom the
        region's `writers=` or `allow=` lets. Raises `Denied`, `Conflict` (it was taken back already), `Invalid`.
        """
        return await self._take_back("retract", ref, correction, why)

    async def supersede(self, ref: Any, new: Any, why: str | None = None) -> Retraction:
        """Say that something was right until now: `new`, a value or the ref of one, stands in its place. Else as `retract`."""
        return await self._take_back("supersede", ref, new, why)

    async def _take_back(self, op: str, ref: Any, by: Any, why: str | None) -> Retraction:
        named = ref_of(ref)
        spec = self.__schema__.region(named.region) or self._port.schema.region(named.region)
        return await take_back(self._port, spec, op, named, by, why)

    # -- the log ----------------------------------------------------------------------------------------------

    async def history(
        self,
        path: str | None = None,
        *,
        actor: str | None = None,
        kind: str | None = None,
        outcome: str | None = None,
        since: int | None = None,
        until: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Entry]:
        """What happened, newest first: writes, denials, joins, each with who, when, why and having read what.

        `path` matches the region or key and everything below it; `since` and `until` are milliseconds since 1970; `before` is
        a version: page on with the oldest one seen.
        """
        return await self._port.history(HistoryQuery(path, actor, kind, outcome, since, until, before, limit))

    async def blame(self, region: str, at: int | None = None) -> list[BlameRun]:
        """Who wrote which characters of a text, now or at a version: runs in order, together covering it.

        Raises `Invalid` (`unknown_region`, `wrong_kind`, `unknown_version`), `SnapshotExpired`, `Denied`.
        """
        found = await self._port.recall(Recall("blame", path=region, at=at))
        return [BlameRun.from_json(run) for run in found["runs"]]

    async def why(self, ref: str) -> Explanation:
        """Why something is as it is: who wrote it, made from what, what became of it, who relied on it. `ref` as a write, a
        reading or the log gives it; of a path, its newest write. Raises `Invalid` (`unknown_ref`), `Denied`."""
        return Explanation.from_json(await self._port.recall(Recall("why", path=str(ref))))

    async def trace(self, text: str) -> Trace:
        """Where and when a text existed, who wrote it, and who had it in a snapshot or made something from it: also when it was
        there for one version only. Of numbers, their digits count. `is_complete` says whether everything was examined."""
        return Trace.from_json(await self._port.recall(Recall("trace", text=text)))

    async def diff(self, first: int, last: int | None = None) -> list[Change]:
        """How one version differs from another (None: the newest), region by region, and who is responsible.

        Raises `Invalid` (`unknown_version`), `SnapshotExpired`."""
        found = await self._port.recall(Recall("diff", first=first, last=last))
        return [Change.from_json(change) for change in found["changes"]]

    async def outline(self) -> Mapping[str, Any]:
        """All regions at one version as JSON values, with authors: `{version, regions, fields}`."""
        return await self._port.outline()

    # -- what happens -----------------------------------------------------------------------------------------

    def events(
        self,
        *regions: Region | str,
        kinds: Iterable[EventKind | str] | EventKind | str | None = None,
        coalesce: float = 0.0,
        max_rate: float | None = None,
        group: str | None = None,
        after: int | None = None,
    ) -> Events:
        """What happens, as it happens: `async with doc.events("findings") as events: async for event in events: ...`.

        Small and typed: version, kind, actor, paths, refs; whoever wants the content reads it. `regions`: names or paths
        (`tasks/7`); none: all. `kinds`: only these. `after`: begin behind that version, from the log, without a gap; else from
        now on. `coalesce`: what happens within so many seconds is one event with a `count`; `max_rate`: at most so many events
        per second. What concerns you is told at once and by itself: `WriteDenied`, `SecondWriter`, and, whatever the regions,
        `Invalidated` for what this agent has read. Who is too slow gets one `Lagged`: `doc.events(after=lagged.resume_from)` has
        all that was let go. `group`: each event goes to one member of the group, and is confirmed by asking for the next.
        The iterator raises what ends it, as any call of this handle does; raises `Invalid`, `Denied`, `SnapshotExpired`.
        """
        return Events(self._port, query_of(regions, kinds, coalesce, max_rate, group, after))

    def batch(self, why: str | None = None) -> Batch:
        """`async with doc.batch(): ...`: this handle's writes in the block land one by one, and subscribers hear of them once.

        Each write is durable, has its own version and raises its own conflicts, as ever; one event tells of all of them when the
        block ends (or the session does, or after 1,000 writes). Denials, retractions and contradictions are told at once. `why`
        stands for writes that give no reason. Raises `NoAuthority` when the end of the block cannot be told to the server:
        subscribers then hear of it when the session ends.
        """
        return Batch(self._port, why)

    # -- the end ----------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """End this handle's session; its readings never land again."""
        await self._port.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
