"""How long the goodbye to a refused peer takes: the same poisoned replica that comes back again and again is held longer.

Pure: the time comes as an argument. Nobody is turned away at the door, where one cannot tell the poisoned tab from its
neighbour of the same name: a peer is held after its update was refused, and that concerns nobody else.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from zlib import crc32

from accordant.sync.wire import Bytes
from accordant.types.errors import WireError
from accordant.types.limits import (
    REFUSAL_DELAY_MAX_S,
    REFUSAL_DELAY_S,
    REFUSALS_FORGOTTEN_S,
    REFUSALS_FREE,
    REFUSALS_FREE_PER_AGENT,
    REFUSALS_REMEMBERED_MAX,
)

__all__ = ["Patience", "writer_of"]


@dataclass(slots=True)
class _Seen:
    count: int
    at_s: float


class Patience:
    """The refusals of one application."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str, int | None], _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def refused(self, document: str, agent: str, update: bytes, now_s: float) -> float:
        """An update was refused now: how many seconds later its connection is to be closed."""
        replica = self._count((document, agent, writer_of(update)), now_s)
        everybody = self._count((document, agent, None), now_s)  # whoever takes a new client id each time
        return max(_delay_s(replica - REFUSALS_FREE), _delay_s(everybody - REFUSALS_FREE_PER_AGENT))

    def _count(self, key: tuple[str, str, int | None], now_s: float) -> int:
        seen = self._seen.pop(key, None)
        if seen is None or now_s - seen.at_s > REFUSALS_FORGOTTEN_S:
            seen = _Seen(0, now_s)
        seen.count, seen.at_s = seen.count + 1, now_s
        self._seen[key] = seen  # at the end: the longest quiet are forgotten first
        if len(self._seen) > REFUSALS_REMEMBERED_MAX:
            self._seen.popitem(last=False)
        return seen.count


def _delay_s(beyond: int) -> float:
    return 0.0 if beyond <= 0 else min(REFUSAL_DELAY_MAX_S, REFUSAL_DELAY_S * 2.0 ** min(beyond - 1, 16))


def writer_of(update: bytes) -> int:
    """What stays the same when a replica sends its refused content again: the first client id in it.

    Raises nothing: of what has none the bytes themselves count.
    """
    cursor = Bytes(update)
    try:
        if cursor.varint():
            cursor.varint()
            return cursor.varint()
    except WireError:
        pass
    return -1 - crc32(update)
