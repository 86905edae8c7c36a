"""Everything that was ever typed into a text, in document order, with the versions at which each character came and went.

The live document has forgotten what was deleted; the log has not. So the structs of all updates are put together again without
any deletion, each unit of text replaced by its number, and the library puts them in order (the trick of `render`). Then it is a
walk over the versions: where do characters that are there, in a row, spell the text that is looked for? Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from accordant.engine.crdt import Replica
from accordant.engine.render import BASE, FIRST
from accordant.engine.update import DELETED, GC, STRING, Struct, Update, encode_update

__all__ = ["Spelling", "Timeline"]

_REBUILD = 64
"""From so many characters that come or go at once, the list of the living is made anew rather than changed one by one."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """The same characters spelled the text from version `since` up to but not including `until` (None: they do still)."""

    since: int
    until: int | None


class _Ranges:
    """Clock ranges of one client that are known, in order, each with its region and the number of its first unit (or -1)."""

    __slots__ = ("ends", "firsts", "regions", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.regions: list[str | None] = []
        self.firsts: list[int] = []

    def at(self, clock: int) -> int:
        """The place of the range that holds this clock; -1 when none does."""
        found = bisect_right(self.starts, clock) - 1
        return found if found >= 0 and clock < self.ends[found] else -1

    def add(self, clock: int, end: int, region: str | None, first: int) -> None:
        if self.starts and clock < self.ends[-1]:
            at = bisect_left(self.starts, clock)
            for values, value in ((self.starts, clock), (self.ends, end), (self.firsts, first)):
                values.insert(at, value)
            self.regions.insert(at, region)
            return
        self.starts.append(clock)
        self.ends.append(end)
        self.regions.append(region)
        self.firsts.append(first)


class Timeline:
    """One text region's characters. Feed it the updates of every entry that touched the region, in the log's order."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._structs: dict[int, list[Struct]] = defaultdict(list)
        self._known: dict[int, _Ranges] = defaultdict(_Ranges)
        self._units: list[str] = []
        self._born = array("Q")
        self._died = array("Q")
        self._newest = 0
        self.is_whole = True
        """False once content came whose region could not be told."""

    def add(self, version: int, update: Update) -> None:
        """The update of the entry at this version."""
        self._newest = max(self._newest, version)
        waiting = [struct for _, section in sorted(update.structs.items()) for struct in section]
        while waiting:  # a struct may go on after one of another client that stands later in the same update
            rest = [struct for struct in waiting if not self._place(struct, version)]
            if len(rest) == len(waiting):
                self.is_whole = False
                break
            waiting = rest
        for client, ranges in update.deletes.items():
            for clock, end in ranges:
                self._bury(client, clock, end, version)

    def restore(self, versions: Iterable[tuple[Struct, str | None, list[tuple[int, int]]]]) -> None:
        """What a state holds of the region where the log before it is gone: each struct with its root's name and its versions
        by runs (how many units, version)."""
        for struct, region, runs in versions:
            born = [version for count, version in runs for _ in range(count)]
            self._keep(struct, region, born)

    # -- taking in --------------------------------------------------------------------------------------------

    def _place(self, struct: Struct, version: int) -> bool:
        region: str | None = None
        if struct.kind != GC:
            if isinstance(struct.parent, str):
                region = struct.parent if struct.key is None else None
            elif struct.parent is None:
                beside = struct.origin or struct.right
                known = self._known.get(beside[0]) if beside else None
                at = -1 if known is None or beside is None else known.at(beside[1])
                if known is None or at < 0:
                    return False
                region = known.regions[at]
        self._keep(struct, region, [version] * struct.length)
        return True

    def _keep(self, struct: Struct, region: str | None, born: list[int]) -> None:
        known = self._known[struct.client]
        if known.at(struct.clock) >= 0:
            return  # an update that holds again what was there
        first, is_text = -1, region == self._region and struct.kind == STRING
        if is_text:
            first = len(self._units)
            self._units.extend(_units(struct.content))
            self._born.extend(born)
            self._died.extend([0] * struct.length)
        known.add(struct.clock, struct.clock + struct.length, region, first)
        if region == self._region:
            self._structs[struct.client].append(struct)

    def _bury(self, client: int, clock: int, end: int, version: int) -> None:
        known = self._known.get(client)
        if known is None:
            return
        at = max(bisect_right(known.starts, clock) - 1, 0)
        while at < len(known.starts) and known.starts[at] < end:
            if (first := known.firsts[at]) >= 0:
                start = known.starts[at]
                for unit in range(first + max(clock, start) - start, first + min(end, known.ends[at]) - start):
                    self._died[unit] = self._died[unit] or version
            at += 1

    # -- putting in order -------------------------------------------------------------------------------------

    def _order(self) -> list[int]:
        """The numbers of all units in document order."""
        powers = [power for power in (1, BASE, BASE**2) if power == 1 or len(self._units) > power]
        texts = [self._rendered(power) for power in powers]
        return [
            sum((ord(digit) - FIRST) * power for digit, power in zip(digits, powers, strict=True))
            for digits in zip(*texts, strict=True)
        ]

    def _rendered(self, power: int) -> str:
        structs = {}
        ends: dict[int, int] = defaultdict(int)
        for section in self._structs.values():
            for struct in section:
                for beside in filter(None, (struct.origin, struct.right)):
                    ends[beside[0]] = max(ends[beside[0]], beside[1] + 1)
        for client in {*self._structs, *ends}:
            structs[client] = self._filled(client, ends[client], power)
        return Replica(1, encode_update(structs)).text(self._region)

    def _filled(self, client: int, end: int, power: int) -> list[Struct]:
        """A client's structs with what lies between them collected, so that its clocks have no gap."""
        filled: list[Struct] = []
        clock, known = 0, self._known[client]
        for struct in sorted(self._structs.get(client, ()), key=lambda one: one.clock):
            if struct.clock > clock:
                filled.append(_gap(client, clock, struct.clock))
            if struct.kind == STRING:
                first = known.firsts[known.at(struct.clock)]
                digits = "".join(chr(FIRST + n // power % BASE) for n in range(first, first + struct.length))
                filled.append(struct._replace(content=digits))
            else:
                filled.append(struct._replace(kind=DELETED, content=None))
            clock = struct.clock + struct.length
        if clock < end:
            filled.append(_gap(client, clock, end))
        return filled

    # -- asking -----------------------------------------------------------------------------------------------

    def spellings(self, text: str) -> list[Spelling]:
        """Every interval in which the same characters, in a row, spelled the text; oldest first."""
        wanted = "".join(_units(text))
        place = {unit: at for at, unit in enumerate(self._order())}
        letters = [""] * len(place)
        changes: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for unit, at in place.items():
            letters[at] = self._units[unit]
            born, died = self._born[unit], self._died[unit]
            if died == born:
                continue
            changes[born][0].append(at)
            if died:
                changes[died][1].append(at)
        return _walk(letters, changes, wanted)


def _walk(letters: list[str], changes: Mapping[int, tuple[list[int], list[int]]], wanted: str) -> list[Spelling]:
    alive: list[int] = []
    starts: list[int] = []  # of the spellings that hold now, in document order; so are their ends
    open_: dict[int, tuple[int, int]] = {}  # start -> (end, since)
    found: list[Spelling] = []
    for version in sorted(changes):
        born, died = changes[version]
        for at in (*born, *died):
            for start in _covering(starts, open_, at):
                found.append(Spelling(open_.pop(start)[1], version))
                del starts[bisect_left(starts, start)]
        alive = _changed(alive, born, died)
        for low, high in _windows(alive, (*born, *died), len(wanted)):
            said = "".join(letters[at] for at in alive[low:high])
            where = said.find(wanted)
            while where >= 0:
                start, end = alive[low + where], alive[low + where + len(wanted) - 1]
                if start not in open_:
                    open_[start] = (end, version)
                    insort(starts, start)
                where = said.find(wanted, where + 1)
    found += [Spelling(since, None) for _, since in open_.values()]
    return sorted(found, key=lambda one: (one.since, one.until is None, one.until or 0))


def _covering(starts: list[int], open_: Mapping[int, tuple[int, int]], at: int) -> list[int]:
    """The spellings that reach over a place."""
    index, covering = bisect_right(starts, at) - 1, []
    while index >= 0 and open_[starts[index]][0] >= at:
        covering.append(starts[index])
        index -= 1
    return covering


def _changed(alive: list[int], born: list[int], died: list[int]) -> list[int]:
    if len(born) + len(died) >= _REBUILD:
        gone = set(died)
        kept = [at for at in alive if at not in gone] if gone else alive
        return sorted([*kept, *born])
    for at in died:
        del alive[bisect_left(alive, at)]
    for at in born:
        insort(alive, at)
    return alive


def _windows(alive: list[int], touched: Iterable[int], length: int) -> list[tuple[int, int]]:
    """Index ranges of the living around what changed, wide enough for the text, joined where they meet."""
    windows: list[tuple[int, int]] = []
    for at in sorted(touched):
        index = bisect_left(alive, at)
        low, high = max(index - length + 1, 0), min(index + length, len(alive))
        if windows and low <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(high, windows[-1][1]))
        else:
            windows.append((low, high))
    return windows


def _gap(client: int, clock: int, end: int) -> Struct:
    return Struct(GC, client, clock, end - clock, None, None, None, None, None, 0)


def _units(text: str) -> list[str]:
    """UTF-16 units, each as a character: halves of pairs are lone surrogates."""
    if max(text, default="") < "\U00010000":
        return list(text)
    data = text.encode("utf-16-le")
    return [chr(data[at] | data[at + 1] << 8) for at in range(0, len(data), 2)]
