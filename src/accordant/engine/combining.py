"""Several updates of one peer as one: judged, applied and logged once instead of a hundred times. Pure.

Combining must not change what is allowed. So only updates are taken together that bring the content of one client id, clock
after clock, and of which none touches what an earlier one of them brought, but for going on after it in a sequence: no
deletion of it, no second write to a key, nothing inside a shared type that it made. What is left is what typing, pasting
and appending send. Whoever judges them together must grant no room that only a later one frees, and when they are refused,
judges one by one: then the guilty one alone is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, Protocol

from accordant.engine.squashing import check_squashing
from accordant.engine.structs import STRING, TYPE, Struct, Update, units
from accordant.engine.update_writer import encode_update
from accordant.types.errors import WireError
from accordant.types.limits import UPDATE_BYTES_MAX

__all__ = ["Combination", "Known"]

STRUCTS_MAX: Final = 512
RANGES_MAX: Final = 512
"""Structs and deleted ranges taken together; beyond, judging apart costs little more, and merging neighbours gets dear."""

Ranges = list[tuple[int, int]]


class Known(Protocol):
    """What the document knows of ids."""

    def next_clock(self, client: int) -> int:
        """The clock that this client's next unit must have."""

    def is_keyed(self, client: int, clock: int) -> bool:
        """Whether an id is an entry of a key; true for one that is not known."""


class Combination:
    """Updates of one peer, taken in one by one in the order in which it sent them."""

    def __init__(self, known: Known) -> None:
        self.count = 0
        self._known = known
        self._bytes = 0
        self._client: int | None = None
        self._start = 0  # what is fresh here: the clocks of the client from start to next
        self._next = 0
        self._structs: list[Struct] = []
        self._run: list[str] = []
        self._keyed: Ranges = []
        self._is_last_joinable = False
        self._is_complete = False
        self._deletes: dict[int, Ranges] = {}
        self._ranges = 0

    def add(self, update: Update, size: int) -> bool:
        """Take it in. False: it has to be judged after these, or alone, and nothing has changed."""
        if self._is_complete or len(update.structs) > 1 or self._bytes + size > UPDATE_BYTES_MAX:
            return False
        for client, section in update.structs.items():
            if not self._follows(client, section):
                return False
        if update.deletes and not self._may_delete(update):
            return False
        for client, section in update.structs.items():
            self._take(client, section, client in update.deletes)
        for client, ranges in update.deletes.items():
            self._deletes.setdefault(client, []).extend(ranges)
            self._ranges += len(ranges)
        self.count += 1
        self._bytes += size
        self._is_complete = self._is_complete or len(self._structs) >= STRUCTS_MAX or self._ranges >= RANGES_MAX
        return True

    def result(self) -> tuple[Update, bytes] | None:
        """All of them as one update and its bytes; None when the library would pay too much for it."""
        self._end_run()
        structs = {} if self._client is None else {self._client: self._structs}
        deletes = {client: _united(ranges) for client, ranges in self._deletes.items()}
        try:
            check_squashing(structs, deletes)
        except WireError:
            return None
        return Update(structs, deletes), encode_update(structs, deletes)

    # -- may it come along? -----------------------------------------------------------------------------------

    def _follows(self, client: int, section: Sequence[Struct]) -> bool:
        first = section[0].clock
        if self._client is None:
            # Deletions taken in before must not reach into what comes now: alone they would be refused
            is_new_here = all(end <= first for _, end in self._deletes.get(client, ()))
            return is_new_here and self._known.next_clock(client) == first
        if client != self._client or first != self._next:
            return False
        return not self._keyed or not any(self._writes_over(struct) for struct in section)

    def _writes_over(self, struct: Struct) -> bool:
        """Whether this is another entry of a key that an earlier update wrote."""
        origin = struct.origin
        return origin is not None and origin[0] == self._client and _is_in(self._keyed, origin[1])

    def _may_delete(self, update: Update) -> bool:
        """Deleted may be what was there before all of this, and what this very update brings."""
        if self.count and self._ranges + sum(map(len, update.deletes.values())) > RANGES_MAX:
            return False
        client, section = next(iter(update.structs.items()), (self._client, ()))
        if client is None:
            return True
        own = section[0].clock if section else self._next
        end_of_own = section[-1].clock + section[-1].length if section else own
        fresh = own if self._client is None else self._start
        ranges = update.deletes.get(client, ())
        return all(end <= fresh or (clock >= own and end <= end_of_own) for clock, end in ranges)

    # -- taking in ----------------------------------------------------------------------------------------------

    def _take(self, client: int, section: Sequence[Struct], deletes_own: bool) -> None:
        if self._client is None:
            self._client, self._start = client, section[0].clock
        for struct in section:
            if self._is_last_joinable and not deletes_own and self._joins(struct):
                self._run.append(struct.content)
                continue
            self._end_run()
            self._structs.append(struct)
            is_keyed = self._stands_at_key(struct)
            if is_keyed:
                self._keyed.append((struct.clock, struct.clock + struct.length))
            self._is_last_joinable = struct.kind == STRING and not is_keyed and not deletes_own
            if struct.kind == TYPE:
                self._is_complete = True  # what a later update puts into it would count as part of this one
        last = section[-1]
        self._next = last.clock + last.length

    def _joins(self, struct: Struct) -> bool:
        return (
            struct.kind == STRING
            and struct.origin == (struct.client, struct.clock - 1)
            and struct.right == self._structs[-1].right
        )

    def _stands_at_key(self, struct: Struct) -> bool:
        origin = struct.origin
        if struct.right is not None:
            return False  # entries of a key have no neighbour to the right
        if origin is None:
            return struct.key is not None
        if origin[0] == self._client and origin[1] >= self._start:
            return _is_in(self._keyed, origin[1])
        return self._known.is_keyed(*origin)

    def _end_run(self) -> None:
        """Neighbouring pieces of text, typed in a run, become one struct."""
        if self._run:
            first = self._structs[-1]
            text = "".join((first.content, *self._run))
            self._run = []
            self._structs[-1] = first._replace(content=text, length=units(text), size=len(text.encode()))


def _is_in(ranges: Ranges, clock: int) -> bool:
    at = bisect_right(ranges, clock, key=_first) - 1
    return at >= 0 and clock < ranges[at][1]


def _first(span: tuple[int, int]) -> int:
    return span[0]


def _united(ranges: Ranges) -> Ranges:
    united: Ranges = []
    for clock, end in sorted(ranges):
        if united and clock <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((clock, end))
    return united
