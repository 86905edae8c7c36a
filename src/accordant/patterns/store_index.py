"""Where a store's items are, as one handle knows it: all names in order, brought up to date by what has changed since it last
asked.

It never decides that something is current: each look first asks the authority for what was written since, in one call, so that
nothing rests on an event that may be late or lost. Another epoch, and it begins anew.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accordant.document.regions import GuardedMap
from accordant.patterns.store_items import Labels, Pattern, decoded, is_envelope, matches
from accordant.types.errors import EpochChanged
from accordant.types.readings import CURRENT, Reading
from accordant.types.values import own_copy

__all__ = ["StoreIndex"]

Name = tuple[Labels, str]
_SORT_FROM = 256
"""Changes from which sorting once is cheaper than inserting each."""


class StoreIndex:
    """One handle's."""

    def __init__(self) -> None:
        self._readings: dict[Name, Reading[Any]] = {}
        self._names: list[Name] = []
        self._counts: dict[Labels, int] = {}
        self._spaces: list[Labels] = []
        self._seen: Reading[Any] | None = None
        self._turn = asyncio.Lock()

    async def refresh(self, region: GuardedMap[Any]) -> None:
        """Know everything that was written before this call."""
        async with self._turn:
            try:
                changed = await region.readings(since=self._seen)
            except EpochChanged:
                self._forget()
                changed = await region.readings()
            self._apply(changed.value)
            self._seen = replace(changed, value={})

    def under(self, prefix: Labels) -> Sequence[Name]:
        """The items whose namespace begins with these whole labels, by namespace, then by key."""
        if not prefix:
            return self._names
        # No label is between one and itself with a NUL behind it.
        start, end = ((prefix, ""), ((*prefix[:-1], prefix[-1] + "\0"), ""))
        return self._names[bisect_left(self._names, start) : bisect_left(self._names, end)]

    def value(self, name: Name) -> Any:
        """What an item's key holds, the index's own."""
        return self._readings[name].value

    def reading(self, name: Name) -> Reading[Any]:
        """The reader's own reading of an item: whoever asked just now has read it just now, in this generation."""
        assert self._seen is not None, "refresh first"
        known, marks = self._readings[name], self._seen.marks
        token = replace(self._seen.token, version=known.version)
        status, because = marks.get(f"{known.path}@{known.version}", (CURRENT, None))
        return replace(known, value=own_copy(known.value), token=token, status=status, because=because)

    def spaces(self, prefix: Pattern, suffix: Pattern) -> Iterator[Labels]:
        """The namespaces that hold an item and match, in order."""
        return (space for space in self._spaces if matches(space, prefix, suffix))

    def _forget(self) -> None:
        self._seen = None
        self._readings, self._names, self._counts, self._spaces = {}, [], {}, []

    def _apply(self, changed: Mapping[str, Reading[Any]]) -> None:
        added: list[Name] = []
        removed: list[Name] = []
        for text, reading in changed.items():
            name = decoded(text)
            if name is None:
                continue
            if not is_envelope(reading.value):
                if self._readings.pop(name, None) is not None:
                    removed.append(name)
            else:
                if name not in self._readings:
                    added.append(name)
                self._readings[name] = reading
        self._list(added, removed)

    def _list(self, added: list[Name], removed: list[Name]) -> None:
        new = [labels for labels, _ in added if self._count(labels, 1) == 1]
        gone = [labels for labels, _ in removed if self._count(labels, -1) == 0]
        if len(added) + len(removed) < _SORT_FROM:
            _merge(self._names, added, removed)
            _merge(self._spaces, new, gone)
        else:
            self._names, self._spaces = sorted(self._readings), sorted(self._counts)

    def _count(self, labels: Labels, step: int) -> int:
        count = self._counts.get(labels, 0) + step
        if count:
            self._counts[labels] = count
        else:
            del self._counts[labels]
        return count


def _merge(ordered: list[Any], added: Iterable[Any], removed: Iterable[Any]) -> None:
    for one in added:
        insort(ordered, one)
    for one in removed:
        del ordered[bisect_left(ordered, one)]
