"""Sorted, disjoint ranges of clocks in two flat arrays: the dead clocks of one client. Knows nothing of what they mean.

The arrays are bisected, so a question costs O(log n); growing at the end or merging neighbours, the usual case, is O(1).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

__all__ = ["Ranges"]


class Ranges:
    """A set of clocks, kept as (clock, end) ranges."""

    __slots__ = ("ends", "starts")

    def __init__(self) -> None:
        self.starts = array("I")
        self.ends = array("I")

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts, self.ends, strict=True)

    def __contains__(self, clock: int) -> bool:
        at = bisect_right(self.starts, clock) - 1
        return at >= 0 and clock < self.ends[at]

    def add(self, clock: int, end: int) -> None:
        """Put the range in, merging with what it touches."""
        starts, ends = self.starts, self.ends
        first = bisect_left(ends, clock)
        last = bisect_right(starts, end, first)
        if first == last:
            starts.insert(first, clock)
            ends.insert(first, end)
            return
        clock = min(clock, starts[first])
        end = max(end, ends[last - 1])
        starts[first] = clock
        ends[first] = end
        if last - first > 1:
            del starts[first + 1 : last]
            del ends[first + 1 : last]

    def missing(self, clock: int, end: int) -> list[tuple[int, int]]:
        """The parts of [clock, end) that are not in the set."""
        starts, ends = self.starts, self.ends
        pieces: list[tuple[int, int]] = []
        at = bisect_right(ends, clock)
        while clock < end:
            if at == len(starts) or starts[at] >= end:
                pieces.append((clock, end))
                break
            if clock < starts[at]:
                pieces.append((clock, starts[at]))
            clock = ends[at]
            at += 1
        return pieces
