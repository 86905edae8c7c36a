"""What readers are told while newer writes are still on their way to the store: the newest durable version, never the writer's.

So a read waits for no write (H10), and sees none that a crash could take back (I2). A field's former value is kept for as long
as its write is in flight; a region's content as the last reader had it made. Where what is durable is not at hand the answer is
None, and the reader waits its turn like anybody else. Part of the pure engine: it is told what is durable.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from accordant.engine.guard import Field
from accordant.engine.log_order import LogOrder
from accordant.engine.marks import shown
from accordant.engine.state import DocumentState
from accordant.types.entries import OpRecord
from accordant.types.memory_limits import APPENDED_READ_MAX, TOUCHED_MAX
from accordant.types.regions import Kind
from accordant.types.snapshots import Cut, FieldCut, RegionCut

__all__ = ["DurableView", "cut_of", "region_cut"]


@dataclass(slots=True)
class _Touched:
    """Writes in flight on one thing, the first and the newest of them; and, of a field, what was durable before."""

    first: int
    last: int
    field: Field | None = None


class DurableView:
    """One machine's. `durable` is set by whoever knows before anything is asked or judged."""

    def __init__(self, state: DocumentState) -> None:
        self.durable = state.head
        self._state = state
        self._cuts: dict[str, RegionCut] = {}
        self._fields: dict[str, _Touched] = {}
        self._regions: dict[str, _Touched] = {}
        self._read: dict[str, int] = {}
        self._grew: dict[str, tuple[LogOrder | None, int, int]] = {}
        self._all_until = 0

    # -- before a change ----------------------------------------------------------------------------------------

    def touch(self, ops: Iterable[OpRecord], offset: int, *, taking_back: bool = False) -> None:
        """These operations are about to be performed, as of `offset`. One that takes something back may mark anything."""
        if taking_back:
            self._all_until = offset
        for op in ops:
            if op.detail is not None and "is_set" in op.detail:
                self._touch_field(op.path, offset)
            if op.region in self._cuts:
                self._touch_region(op.region, offset)

    def touch_regions(self, regions: Iterable[str], offset: int) -> None:
        """A peer's update is about to be applied to these regions."""
        for region in regions if self._cuts else ():
            if region in self._cuts:
                self._touch_region(region, offset)

    def _touch_field(self, path: str, offset: int) -> None:
        found = self._fields.get(path)
        if found is not None and found.last > self.durable:
            found.last = offset
            return
        self._fields[path] = _Touched(offset, offset, self._state.fields.get(path, Field()))
        if len(self._fields) > TOUCHED_MAX:
            self._fields = {path: one for path, one in self._fields.items() if one.last > self.durable}

    def _touch_region(self, region: str, offset: int) -> None:
        """What a reader has had made is kept while it is durable; nothing is made for it, so that writers pay nothing."""
        found = self._regions.get(region)
        if found is not None and found.last > self.durable:
            found.last = offset
        elif self._cuts[region].version == self._state.versions.get(region, 0) <= self.durable:
            self._regions[region] = _Touched(offset, offset)
        elif not self._is_base(region):
            del self._cuts[region]

    def _is_base(self, region: str) -> bool:
        """Whether a log's cut, old as it is, may still be added to."""
        order, _, live = self._grew.get(region, (None, 0, 0))
        return order is not None and order.live - live < APPENDED_READ_MAX

    # -- answers ------------------------------------------------------------------------------------------------

    @property
    def is_clear(self) -> bool:
        """Whether nothing in flight can change what becomes of anything at all."""
        return self._all_until <= self.durable

    def field(self, path: str) -> Field | None:
        """A guarded field at the newest durable version."""
        found = self._fields.get(path)
        if found is not None and found.first > self.durable:
            return found.field
        if found is not None and found.last > self.durable:
            return None
        now = self._state.fields.get(path, Field())
        return now if now.version <= self.durable else None

    def version(self, name: str) -> int | None:
        """A region's newest durable version, when it is known."""
        found, version = self._regions.get(name), self._state.versions.get(name, 0)
        if found is not None and found.first > self.durable:
            return self._cuts[name].version
        return version if version <= self.durable else None

    def is_first_read(self, name: str, kind: Kind) -> bool:
        """Whether nobody has read this version, and it is the live one: a cut, which costs about a read, would be made for nobody
        yet. A text's costs nothing."""
        version = self._state.versions.get(name, 0)
        if kind in (Kind.TEXT, Kind.XML, Kind.COUNTER) or version > self.durable or self._read.get(name) == version:
            return False
        self._read[name] = version
        kept = self._cuts.get(name)
        return kept is None or kept.version != version

    def region(self, name: str, kind: Kind) -> RegionCut | None:
        """A region at the newest durable version."""
        if kind is Kind.GUARDED:
            now = self.field(name)
            return None if now is None else _one_field(self._state, name, now)
        found, version = self._regions.get(name), self._state.versions.get(name, 0)
        if found is not None and found.first > self.durable:
            return self._cuts.get(name)
        if version > self.durable:
            return None
        kept = self._cuts.get(name)
        if kept is None or kept.version != version:
            if kept is None or kind is not Kind.LOG or (kept := self._grown(name, kept)) is None:
                kept = region_cut(self._state, name, kind)
            self._cuts[name] = kept
            order = self._state.orders.get(name)
            self._grew[name] = (order, 0, 0) if order is None else (order, order.reordered, order.live)
        return kept

    def _grown(self, name: str, old: RegionCut) -> RegionCut | None:
        """A log's cut out of the one before it, when a few items have been appended since and nothing else: what was read and
        written out once is not read again. None: make it anew."""
        state, (order, reordered, live) = self._state, self._grew.get(name, (None, 0, 0))
        now = state.orders.get(name)
        if now is None or now is not order or now.reordered != reordered or old.rows is None:
            return None
        count = now.live - live
        if not 0 <= count <= APPENDED_READ_MAX or not live or state.replica.size(name) != now.live:
            return None
        items = state.replica.last_items(name, count)
        if items is None:
            return None
        version = state.versions.get(name, 0)
        rows = [(slot.ref(name), slot.version, *state.actors.of(slot.version)) for slot in now.last(count)]
        content = old.content
        if items:
            more = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
            content = f"{str(content)[:-1]},{more[1:]}"
        marks = shown(state.marks.within(name))
        return RegionCut(Kind.LOG, version, *state.actors.of(version), content, (*old.rows, *rows), marks=marks)

    def regions(self, names: Collection[str] | None) -> dict[str, RegionCut] | None:
        """All of these (None: all there are) at the newest durable version; None when one is not at hand."""
        cut: dict[str, RegionCut] = {}
        for name, kind in self._state.kinds_in(names).items():
            one = self.region(name, kind)
            if one is None:
                return None
            cut[name] = one
        return cut


def region_cut(state: DocumentState, name: str, kind: Kind) -> RegionCut:
    """A region of the state as values of its own."""
    if kind is Kind.GUARDED:
        return _one_field(state, name, state.fields.get(name, Field()))
    version = state.versions.get(name, 0)
    by, at = state.actors.of(version)
    marks = shown(state.marks.within(name))
    if kind is Kind.GUARDED_MAP:
        prefix = f"{name}/"
        fields: dict[str | None, FieldCut] = {
            path[len(prefix) :]: _field_cut(one) for path, one in state.fields.items() if path.startswith(prefix)
        }
        return RegionCut(kind, version, by, at, fields=fields, marks=marks)
    value = state.value(name, kind)
    content = value if isinstance(value, str | int) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    rows = tuple(state.log_rows(name)) if kind is Kind.LOG else None
    return RegionCut(kind, version, by, at, content, rows, marks=marks)


def cut_of(state: DocumentState, epoch: int, incarnation: str, generation: int) -> Cut:
    """The whole of a state that nobody changes meanwhile."""
    regions = {name: region_cut(state, name, kind) for name, kind in state.kinds_of_all().items()}
    return Cut(state.head, state.actors.of(state.head)[1], epoch, incarnation, generation, regions)


def _one_field(state: DocumentState, name: str, field: Field) -> RegionCut:
    marks = shown(state.marks.within(name))
    return RegionCut(Kind.GUARDED, field.version, field.by, field.at, fields={None: _field_cut(field)}, marks=marks)


def _field_cut(field: Field) -> FieldCut:
    claim = field.claim
    held = None if claim is None else claim.shown()
    value = json.dumps(field.value, ensure_ascii=False, separators=(",", ":")) if field.is_set else None
    return FieldCut(value, field.version, field.by, field.at, held)
