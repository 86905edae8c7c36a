"""What the library will pay for merging an update's neighbours: it copies everything merged so far each time.

Honest peers send neighbours that one struct could hold: what was undone and redone stays apart at their side, and so does
what was deleted in a document that collects nothing. So copying is bounded, and not how many neighbours there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from accordant.engine.structs import ANY, DELETED, GC, STRING, DeleteSet, Struct
from accordant.types.errors import WireError
from accordant.types.limits import SQUASHED_BYTES_MAX

__all__ = ["check_squashing"]

FEW: Final = 32
"""Neighbours that cannot reach the bound, whatever fits into an update."""

VALUE_BYTES: Final = 64
"""What copying one value, or one struct without content, costs beside a byte of text."""

_SQUASHABLE: Final = frozenset({GC, DELETED, STRING, ANY})


def check_squashing(structs: Mapping[int, Sequence[Struct]], deletes: DeleteSet) -> None:
    """Raises `WireError` when merging the neighbours in these sections would copy more than the bound."""
    copied = 0
    for client, section in structs.items():
        if len(section) <= FEW:
            continue
        dead = deletes.get(client, ())
        run = 0
        for left, right in pairwise(section):
            if not _squashes(left, right, dead):
                run = 0
                continue
            run += _weight(right) + (0 if run else _weight(left))
            copied += run
        if copied > SQUASHED_BYTES_MAX:
            raise WireError("too many neighbours that one struct could hold", code="squashable_run", client=client)


def _squashes(left: Struct, right: Struct, dead: Sequence[tuple[int, int]]) -> bool:
    """Whether the library will merge these two: the dead do not merge with the living."""
    if left.kind != right.kind or left.kind not in _SQUASHABLE:
        return False
    if left.kind != GC and (right.origin != (left.client, right.clock - 1) or right.right != left.right):
        return False
    return not dead or _is_in(dead, right.clock - 1) == _is_in(dead, right.clock)


def _weight(struct: Struct) -> int:
    if struct.kind == STRING:
        return struct.size
    return VALUE_BYTES * struct.length if struct.kind == ANY else VALUE_BYTES


def _is_in(ranges: Sequence[tuple[int, int]], clock: int) -> bool:
    at = bisect_right(ranges, clock, key=lambda span: span[0]) - 1
    return at >= 0 and clock < ranges[at][1]
