"""From an entry to what its subscribers are told, and which of it one subscriber wants. Pure.

Everything is in the entry: a stream that is resumed from the log says exactly what it would have said live.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from accordant.types.access import READ, Grant
from accordant.types.entries import Entry, EntryKind
from accordant.types.events import Event, EventKind, EventQuery, Invalidated, SecondWriter, WriteDenied
from accordant.types.memory_limits import EVENT_PATHS_MAX, EVENT_REFS_MAX
from accordant.types.refs import Ref
from accordant.types.regions import COHERENCE

__all__ = ["Interest", "events_of", "noted", "refs_of"]

_KINDS = {
    EntryKind.WRITE: EventKind.WRITE,
    EntryKind.DENIAL: EventKind.DENIAL,
    EntryKind.REFUSAL: EventKind.REFUSAL,
    EntryKind.RETRACTION: EventKind.RETRACTION,
    EntryKind.EPOCH: EventKind.AUTHORITY,
    EntryKind.SCHEMA: EventKind.SCHEMA,
    EntryKind.JOIN: EventKind.JOIN,
    EntryKind.LEAVE: EventKind.LEAVE,
    EntryKind.BATCH: EventKind.WRITE,
}
_ITEMS = frozenset({"append", "add", "compact"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batched(Event):
    """A whole batch, before anybody's share of it is taken. `regions`: how many of its entries touched each."""

    regions: Mapping[str, int] = field(default_factory=dict)


def noted(entry: Entry, second: Mapping[str, str], batch: str | None) -> Entry:
    """A write with what its subscribers will be told of it: of which batch it is, which regions have a second writer now.

    What concerns somebody at once is no part of a batch: a retraction, a contradiction.
    """
    info: dict[str, Any] = dict(entry.info)
    if batch is not None and _KINDS[entry.kind] is EventKind.WRITE and not _is_contradiction(entry):
        info["batch"] = batch
    if second:
        info["second_writer"] = dict(second)
    return replace(entry, info=info) if len(info) > len(entry.info) else entry


def refs_of(entry: Entry) -> list[str]:
    """The items of logs and sets that an entry brought, as far as an event names them: numbered by region."""
    made: dict[str, int] = {}
    refs: list[str] = []
    for op in entry.ops:
        detail = op.detail or {}
        count = detail.get("count")
        if op.op not in _ITEMS or op.key is not None or not isinstance(count, int) or "chars" in detail:
            continue
        first = made.get(op.region, 0)
        made[op.region] = first + count
        last = min(first + count, first + EVENT_REFS_MAX - len(refs))
        refs.extend(f"{op.region}@{entry.offset}.{n}" for n in range(first, last))
    return refs


def events_of(entry: Entry) -> list[Event]:
    """What is told of an entry: what concerns single readers first, then the entry itself, unless a batch will tell of it."""
    if entry.kind is EntryKind.BATCH:
        return [_batch(entry)]
    events: list[Event] = [*_invalidated(entry), *_second_writers(entry)]
    if entry.kind is EntryKind.DENIAL:
        events.append(_denied(entry))
    elif "batch" not in entry.info:
        kind = EventKind.CONTRADICTION if _is_contradiction(entry) else _KINDS[entry.kind]
        refs = tuple(refs_of(entry)) if entry.ops else ()
        events.append(Event(**_base(entry), kind=kind, paths=entry.paths, refs=refs))
    return events


def _is_contradiction(entry: Entry) -> bool:
    return entry.kind is EntryKind.WRITE and any(op.region == COHERENCE for op in entry.ops)


def _base(entry: Entry) -> dict[str, Any]:
    return {
        "version": entry.offset,
        "actor": entry.actor,
        "at": entry.at,
        "outcome": entry.outcome,
        "first": entry.offset,
    }


def _batch(entry: Entry) -> Event:
    info = entry.info
    return _Batched(
        **_base(entry) | {"first": int(info["first"])},
        kind=EventKind.WRITE,
        paths=tuple(info["paths"]),
        refs=tuple(info["refs"]),
        count=int(info["count"]),
        batch=str(info["batch"]),
        regions=info.get("regions", {}),
    )


def _denied(entry: Entry) -> Event:
    info = entry.info
    winner = info.get("beaten_by") or {}
    yours = next((op.read for op in entry.ops if op.read is not None), None)
    current, who = winner.get("version"), winner.get("actor")
    if info.get("stale"):
        stale = info["stale"][0]
        yours, current, who = stale.get("yours"), stale.get("current"), stale.get("changed_by")
    return WriteDenied(
        **_base(entry),
        kind=EventKind.DENIAL,
        paths=entry.paths,
        code=str(info.get("code", "")),
        beaten_by=who,
        yours=yours,
        current=current,
        times=int(info.get("times", 1)),
    )


def _invalidated(entry: Entry) -> Iterator[Event]:
    if entry.kind is not EntryKind.RETRACTION:
        return
    info = entry.info
    causes = {str(one): str(because) for one, because in info.get("suspects", ())}
    for ref, readers in info.get("readers", {}).items():
        yield Invalidated(
            **_base(entry),
            kind=EventKind.INVALIDATED,
            paths=(Ref(ref).path,),
            refs=(ref,),
            ref=ref,
            because=causes.get(ref, ref),
            readers=tuple(readers),
            act=str(info.get("act", "retract")),
            why=entry.why,
            replacement=info.get("replacement"),
            is_suspect=ref in causes,
        )


def _second_writers(entry: Entry) -> Iterator[Event]:
    for region, before in entry.info.get("second_writer", {}).items():
        yield SecondWriter(**_base(entry), kind=EventKind.SECOND_WRITER, paths=(region,), before=before)


# -- whose it is ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interest:
    """What one subscriber wants to hear of, and may. `regions`: names or paths; empty: all that may be read.

    What has no path (a join, an authority) is told to whoever named no regions, or named its kind.
    """

    regions: frozenset[str] = frozenset()
    kinds: frozenset[EventKind] | None = None
    grant: Grant = field(default_factory=Grant)

    @classmethod
    def of(cls, query: EventQuery, grant: Grant) -> Interest:
        """What that query asks for."""
        return cls(frozenset(query.regions), query.kinds, grant)

    @property
    def names(self) -> frozenset[str]:
        """The regions in which something has to happen; empty: any."""
        return frozenset(path.partition("/")[0] for path in self.regions)

    @property
    def hears_pathless(self) -> bool:
        """Whether it is told of what is in no region."""
        if not self.grant.reads_everything:
            return False
        return not self.regions or any(kind in _PATHLESS for kind in self.kinds or ())

    def narrow(self, event: Event, agents: Collection[str]) -> Event | None:
        """The subscriber's share of an event, None when it has none. `agents`: who listens."""
        if self.kinds is not None and event.kind not in self.kinds:
            return None
        if isinstance(event, Invalidated):
            return self._own(event, agents)
        if not event.paths:
            return event if self.hears_pathless else None
        if not self.regions and self.grant.reads_everything:
            return _bounded(event)
        paths = tuple(path for path in event.paths if self._wants(path))
        if not paths:
            return None
        refs = tuple(ref for ref in event.refs if self._wants(Ref(ref).path))
        count = event.count
        if isinstance(event, _Batched):
            mine = [n for region, n in event.regions.items() if self._wants(region)]
            count = min(count, sum(mine)) if mine else count
        return _bounded(event, paths, refs, count)

    def _own(self, event: Invalidated, agents: Collection[str]) -> Event | None:
        """Told to those who have read it, whatever regions they follow; what else they may not read, it does not name."""
        if not any(agent in agents for agent in event.readers) or not self._may(event.path):
            return None
        if self._may(Ref(event.because).path):
            return event
        return replace(event, because=event.ref, why=None, replacement=None)

    def _wants(self, path: str) -> bool:
        return self._may(path) and (
            not self.regions
            or path in self.regions
            or path.partition("/")[0] in self.regions
            or any(one.startswith(f"{path}/") for one in self.regions)  # the whole region: perhaps this key of it
        )

    def _may(self, path: str) -> bool:
        return self.grant.permits(READ, path.partition("/")[0])


_PATHLESS = frozenset({EventKind.AUTHORITY, EventKind.SCHEMA, EventKind.JOIN, EventKind.LEAVE})


def _bounded(
    event: Event, paths: tuple[str, ...] | None = None, refs: tuple[str, ...] | None = None, count: int | None = None
) -> Event:
    """As it is told: a batch as one event, and not more of it than an event holds."""
    paths, refs = event.paths if paths is None else paths, event.refs if refs is None else refs
    paths, refs, count = paths[:EVENT_PATHS_MAX], refs[:EVENT_REFS_MAX], event.count if count is None else count
    if isinstance(event, _Batched):
        return Event(
            version=event.version,
            kind=event.kind,
            actor=event.actor,
            paths=paths,
            at=event.at,
            outcome=event.outcome,
            refs=refs,
            count=count,
            first=event.first,
            batch=event.batch,
        )
    if paths == event.paths and refs == event.refs:
        return event
    return replace(event, paths=paths, refs=refs)
