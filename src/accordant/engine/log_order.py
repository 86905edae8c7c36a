"""The order of a log region's items, with the version that appended each.

A Yjs array keeps ids to itself, so this table repeats its ordering rule (YATA: Nicolaescu et al., 2016, as integrated by
Yjs) for the only inserts that a log admits: appends, whose right origin is empty, and the authority's folded items, which
stand before everything that lives. Items are never moved; a folded item stays as a tombstone, because a late append may name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["LogOrder", "Slot", "UnknownOrigin"]

Id = tuple[int, int]


class UnknownOrigin(Exception):
    """An append names an item that this table never saw."""


@dataclass(slots=True)
class Slot:
    """One item: its id, the id it was appended after, its version (log offset) and its place in that entry. `is_folded`: the
    authority put it before another item, so that its right origin is not empty."""

    id: Id
    origin: Id | None
    version: int
    n: int
    is_live: bool = True
    is_folded: bool = False

    def ref(self, region: str) -> str:
        """The item's stable name."""
        return f"{region}@{self.version}.{self.n}"


class LogOrder:
    """The items of one log in document order, tombstones included."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self.live = 0
        self.reordered = 0
        """How often something else happened than an append of one living item after the last one."""
        self._misplaced = 0
        """The newest version of an item that stands before an older one: items after any later version are the last ones."""

    def __len__(self) -> int:
        return self.live

    def append(self, slot: Slot) -> None:
        """Place an item. The common case, appended after the last one, is O(1)."""
        slots = self._slots
        if not slots or slots[-1].id == slot.origin:
            slots.append(slot)
        else:
            slots.insert(self._place(slot), slot)
            self._misplaced = max(self._misplaced, slot.version)
            self.reordered += 1
        self.live += slot.is_live

    def _place(self, slot: Slot) -> int:
        """YATA's scan from the origin to the right; every append has the same (empty) right origin."""
        slots = self._slots
        start = 0 if slot.origin is None else self._index(slot.origin) + 1
        place = start
        before: set[Id] = set()
        conflicting: set[Id] = set()
        for index in range(start, len(slots)):
            other = slots[index]
            before.add(other.id)
            conflicting.add(other.id)
            if other.origin == slot.origin:
                if other.id[0] < slot.id[0]:
                    place = index + 1
                    conflicting.clear()
                elif not other.is_folded:  # equal (empty) right origins
                    break
            elif other.origin is not None and other.origin in before:
                if other.origin not in conflicting:
                    place = index + 1
                    conflicting.clear()
            else:
                break
        return place

    def _index(self, wanted: Id) -> int:
        for index in range(len(self._slots) - 1, -1, -1):
            if self._slots[index].id == wanted:
                return index
        raise UnknownOrigin(wanted)

    def fold(self, upto: int, folded: Iterable[Slot]) -> None:
        """Items of versions up to `upto` become tombstones; `folded` stand where the authority put them: before everything
        that lives, which may be after tombstones at the front.

        The authority has seen every item, so nothing was concurrent with what it puts: it stands right after its origin.
        """
        self.reordered += 1
        for slot in self._slots:
            if slot.is_live and slot.version <= upto:
                slot.is_live = False
                self.live -= 1
        new = list(folded)
        if not new:
            return
        place = 0 if new[0].origin is None else self._index(new[0].origin) + 1
        for slot in new:
            slot.is_folded = place < len(
                self._slots
            )  # with nothing after it, its right origin is empty like an append's
        self._misplaced = max(self._misplaced, new[0].version)
        self._slots[place:place] = new
        self.live += len(new)

    def slots(self) -> list[Slot]:
        """The living items in document order."""
        return [slot for slot in self._slots if slot.is_live]

    def last(self, count: int) -> list[Slot]:
        """The last so many living items, in document order."""
        found: list[Slot] = []
        for slot in reversed(self._slots):
            if len(found) == count:
                break
            if slot.is_live:
                found.append(slot)
        return found[::-1]

    def after(self, version: int) -> list[Slot] | None:
        """The living items of later versions, in document order; None where they are not the last ones."""
        if version < self._misplaced:
            return None
        found: list[Slot] = []
        for slot in reversed(self._slots):
            if slot.version <= version:
                break
            if slot.is_live:
                found.append(slot)
        return found[::-1]

    def dump(self) -> list[Any]:
        """As JSON values, for a checkpoint."""
        rows = [[*s.id, s.origin, s.version, s.n, s.is_live, s.is_folded] for s in self._slots]
        return rows

    @classmethod
    def load(cls, data: list[Any]) -> LogOrder:
        """What `dump` gave."""
        order = cls()
        for client, clock, origin, version, n, is_live, is_folded in data:
            origin = None if origin is None else (origin[0], origin[1])
            order._slots.append(Slot((client, clock), origin, version, n, is_live, is_folded))
        order.live = sum(slot.is_live for slot in order._slots)
        newest = 0
        for slot in order._slots:
            if slot.version < newest:
                order._misplaced = newest
            newest = max(newest, slot.version)
        return order
