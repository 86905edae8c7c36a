"""The order of a log region's items, with the version that appended each.

A Yjs array keeps ids to itself, so this table repeats its ordering rule (YATA: Nicolaescu et al., 2016, as integrated by
Yjs) for the only inserts that a log admits: appends, whose right origin is empty, and the authority's folded items, which
stand before everything. Items are never moved; a folded item stays as a tombstone, because a late append may name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["LogOrder", "Slot"]

Id = tuple[int, int]


@dataclass(slots=True)
class Slot:
    """One item: its id, the id it was appended after, its version (log offset) and its place in that entry."""

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
        self.folded_at = 0
        self.live = 0

    def __len__(self) -> int:
        return self.live

    def append(self, slot: Slot) -> None:
        """Place an item. The common case, appended after the last one, is O(1)."""
        slots = self._slots
        if not slots or slots[-1].id == slot.origin:
            slots.append(slot)
        else:
            slots.insert(self._place(slot), slot)
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
        raise AssertionError(f"log item {wanted} is unknown: the gate should have refused it")

    def fold(self, upto: int, folded: Iterable[Slot], at_version: int) -> None:
        """Items of versions up to `upto` become tombstones; `folded` stand before everything."""
        for slot in self._slots:
            if slot.is_live and slot.version <= upto:
                slot.is_live = False
                self.live -= 1
        new = list(folded)
        self._slots[:0] = new
        self.live += len(new)
        self.folded_at = at_version

    def bury(self, dead: Id) -> None:
        """One item was deleted in the very update that inserted it."""
        slot = self._slots[self._index(dead)]
        if slot.is_live:
            slot.is_live = False
            self.live -= 1

    def slots(self) -> list[Slot]:
        """The living items in document order."""
        return [slot for slot in self._slots if slot.is_live]

    def live_runs(self, upto: int) -> list[tuple[int, int]]:
        """(index, count) runs of living items of versions up to `upto`, last run first, as an array is to be cut."""
        runs: list[tuple[int, int]] = []
        for index, slot in enumerate(self.slots()):
            if slot.version > upto:
                continue
            if runs and runs[-1][0] + runs[-1][1] == index:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((index, 1))
        return runs[::-1]

    def dump(self) -> list[Any]:
        """As JSON values, for a checkpoint."""
        rows = [[*s.id, s.origin, s.version, s.n, s.is_live, s.is_folded] for s in self._slots]
        return [self.folded_at, rows]

    @classmethod
    def load(cls, data: list[Any]) -> LogOrder:
        """What `dump` gave."""
        order = cls()
        order.folded_at, rows = data
        for client, clock, origin, version, n, is_live, is_folded in rows:
            origin = None if origin is None else (origin[0], origin[1])
            order._slots.append(Slot((client, clock), origin, version, n, is_live, is_folded))
        order.live = sum(slot.is_live for slot in order._slots)
        return order
