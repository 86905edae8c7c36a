"""What a handle knows of a corpus: the entries and tallies it has read so far. It grows by what is new, and is never written
down.

A view belongs to one authority: when that changes it is read anew. Two that have read the same version are equal, however they
came there. Everything but `refreshed` is in memory, and takes no turn of the loop."""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from accordant.document.regions import Log
from accordant.patterns.corpus.agreement import stems_of_text
from accordant.patterns.corpus.embedding import Vectors
from accordant.patterns.corpus.spelling import normal
from accordant.patterns.corpus.tallying import Tallies, counts_of
from accordant.patterns.corpus.values import Counts, Entry, Known, Link, Tally
from accordant.semantic.arrays import np
from accordant.types.pattern_limits import CORPUS_READ_AT_ONCE
from accordant.types.readings import CURRENT, SUSPECT, LogItem, LogReading, mark_of
from accordant.types.refs import Ref

__all__ = ["View"]

_STANDING: Final = (CURRENT, SUSPECT)
_NO_EPOCH: Final = 0  # of a reading that no authority gave: the local replica of a peer that is offline
_UNKNOWN: Final = -1


class View:
    """The entries of one corpus. `lock` is held by whoever reads or refreshes it across turns of the loop."""

    def __init__(self, vectors: Vectors | None) -> None:
        self.lock = asyncio.Lock()
        self.vectors = vectors
        self._life: tuple[int, str] | None = None
        self._tallied_life: tuple[int, str] | None = None
        self._begin()
        self._begin_tallies()

    def _begin(self) -> None:
        self.version = 0
        self.items: list[LogItem[Entry]] = []
        self._places: dict[str, int] = {}
        self._marks: dict[str, tuple[str, str | None]] = {}
        self._by_normal: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, array[int]] = defaultdict(lambda: array("l"))
        self._ops: dict[tuple[str, str], Ref] = {}
        self._named: dict[str, list[int]] = defaultdict(list)
        self._absorbed: dict[str, list[str]] = defaultdict(list)
        self._rows = array("l")
        self._generation = _UNKNOWN

    def _begin_tallies(self) -> None:
        self._tallied = 0
        self.tallies = Tallies()

    # -- reading --------------------------------------------------------------------------------------------------

    async def refreshed(self, entries: Log[Entry], *, in_turn: bool = False) -> LogReading[list[Entry]] | None:
        """Read on; returns the reading, which is that of the newest version. None while the authority cannot be reached."""
        reading = await entries.read(since=self.version, in_turn=in_turn)
        if reading.token.epoch == _NO_EPOCH:
            return None
        life = (reading.token.epoch, reading.token.incarnation)
        if life != self._life and self.version:
            reading = await entries.read(since=0)
        if life != self._life or reading.since == 0:
            self._begin()
        self._life, self.version = (reading.token.epoch, reading.token.incarnation), 0
        await self._taken_in(self._add, reading.entries)
        self._mark(reading.marks)
        self.version = reading.version  # last: cut off in between, the next one reads all of it anew
        return reading

    async def _taken_in(self, add: Callable[[Sequence[Any]], None], items: Sequence[Any]) -> None:
        """Take in what is new, a little in each turn of the loop."""
        for low in range(0, len(items), CORPUS_READ_AT_ONCE):
            if low:
                await asyncio.sleep(0)
            add(items[low : low + CORPUS_READ_AT_ONCE])

    async def refresh_tallies(self, tallies: Log[Tally]) -> None:
        """Read on in the tallies; while the authority cannot be reached they stay as they are."""
        reading = await tallies.read(since=self._tallied)
        if reading.token.epoch == _NO_EPOCH:
            return
        life = (reading.token.epoch, reading.token.incarnation)
        if life != self._tallied_life and self._tallied:
            reading = await tallies.read(since=0)
        if life != self._tallied_life or reading.since == 0:
            self._begin_tallies()
        self._tallied_life, self._tallied = (reading.token.epoch, reading.token.incarnation), 0
        await self._taken_in(self.tallies.add, reading.entries)
        self._tallied = reading.version

    def _add(self, items: Sequence[LogItem[Entry]]) -> None:
        for item in items:
            place = len(self.items)
            self.items.append(item)
            self._places[item.ref] = place
            self._by_normal[normal(item.value.text)].append(place)
            for stem in stems_of_text(item.value.text):
                self._by_stem[stem].append(place)
            for link in item.value.links:
                self._named[link.ref].append(place)
            if item.value.op is not None:
                self._ops.setdefault((item.by, item.value.op), Ref(item.ref))
            self._rows.append(_UNKNOWN)

    def _mark(self, marks: Any) -> None:
        for ref, (status, because) in marks.items():
            before = self._marks.get(ref)
            self._marks[ref] = (status, because)
            if status == "superseded" and because is not None and before != (status, because):
                self._absorbed[because].append(ref)

    # -- entries --------------------------------------------------------------------------------------------------

    def place(self, ref: str) -> int | None:
        """Where an entry stands in `items`; None: there is none of that ref."""
        return self._places.get(ref)

    def status(self, ref: str) -> tuple[str, str | None]:
        """What became of an entry: (status, because)."""
        return mark_of(self._marks, ref)

    def stands(self, ref: str) -> bool:
        """Whether it was neither retracted nor superseded."""
        return self.status(ref)[0] in _STANDING

    def standing(self) -> Iterator[tuple[int, LogItem[Entry]]]:
        """All that stand, in the order of the log."""
        return ((place, item) for place, item in enumerate(self.items) if self.stands(item.ref))

    def of_op(self, by: str, op: str) -> Ref | None:
        """The entry that this agent contributed under that op."""
        return self._ops.get((by, op))

    def same(self, text: str) -> LogItem[Entry] | None:
        """The first standing entry with the same text, but for case, space and the full stop."""
        found = (self.items[place] for place in self._by_normal.get(normal(text), ()))
        return next((item for item in found if self.stands(item.ref)), None)

    def keeper(self, ref: str) -> str:
        """Where a ref leads: the entry with which it was collapsed, which is older, or itself."""
        seen = {ref}
        while True:
            status, because = self.status(ref)
            if status != "superseded" or because is None or because in seen or not self._is_older(because, ref):
                return ref
            seen.add(because)
            ref = because

    def _is_older(self, one: str, other: str) -> bool:
        """What supersedes by being older is the same said before; what is newer is another statement."""
        first, second = self._places.get(one), self._places.get(other)
        return first is not None and second is not None and _age(self.items[first]) < _age(self.items[second])

    def counts(self, ref: str) -> Counts:
        """The tallies of an entry and of all that lead to it."""
        parts, todo, seen = [], [ref], {ref}
        while todo:
            one = todo.pop(0)
            if (place := self._places.get(one)) is not None:
                parts.append((self.items[place], self.tallies.of(one)))
            for more in self._absorbed.get(one, ()):
                if more not in seen and self._is_older(one, more):
                    seen.add(more)
                    todo.append(more)
        return counts_of(parts)

    def links(self, ref: str) -> tuple[Link, ...]:
        """What this entry was kept apart from and still stands, whichever of the two names it."""
        place = self._places.get(ref)
        own = [] if place is None else list(self.items[place].value.links)
        for at in self._named.get(ref, ()):
            other = self.items[at]
            own += [
                Link(ref=other.ref, similarity=one.similarity, why=one.why)
                for one in other.value.links
                if one.ref == ref
            ]
        found: dict[str, Link] = {}
        for link in own:
            leads = self.keeper(link.ref)
            if leads != ref and self.stands(leads):
                found.setdefault(leads, link if leads == link.ref else link.model_copy(update={"ref": leads}))
        return tuple(found.values())

    def known(self, place: int) -> Known:
        """One entry as it is known now."""
        item = self.items[place]
        status, because = self.status(item.ref)
        return Known(
            Ref(item.ref),
            item.value,
            item.by,
            item.at,
            item.version,
            self.counts(item.ref),
            self.links(item.ref),
            status,
            because,
        )

    # -- near texts -----------------------------------------------------------------------------------------------

    def sharing(self, text: str, most: int) -> list[tuple[float, int]]:
        """(weight of the shared words, place) of the entries that share the rarest words with a text, the heaviest first."""
        stems = stems_of_text(text)
        count = len(self.items) or 1
        weights = {stem: 1.0 / (1 + len(self._by_stem[stem])) ** 0.5 for stem in stems if stem in self._by_stem}
        total = sum(weights.values()) + (len(stems) - len(weights)) * 1.0
        scores: dict[int, float] = defaultdict(float)
        for stem in sorted(weights, key=lambda stem: len(self._by_stem[stem])):
            postings = self._by_stem[stem]
            if len(postings) > max(1_000, count // 4) and scores:
                break  # a word that every fourth entry has tells nothing that rarer ones have not told
            for place in postings:
                scores[place] += weights[stem]
        ranked = sorted(scores, key=lambda place: (-scores[place], place))
        alive = (place for place in ranked if self.stands(self.items[place].ref))
        return [(scores[place] / total, place) for place in islice(alive, most)]

    def warm(self, text: str, most: int | None) -> bool:
        """Embed entries that have no vector yet, those near the text first, at most so many; whether all have one now."""
        if self.vectors is None:
            return True
        self._check_generation()
        cold = self._cold()
        if not cold:
            return True
        if most is not None and len(cold) > most:
            near = [place for _, place in self.sharing(text, most) if self._rows[place] == _UNKNOWN]
            cold = list(dict.fromkeys((*near, *cold)))[:most]
        for place, row in zip(cold, self.vectors.embed([self.items[at].value.text for at in cold]), strict=True):
            self._rows[place] = row
        self._check_generation()
        return not self._cold()

    def _cold(self) -> list[int]:
        """The places of entries that have no vector yet."""
        found: list[int] = np.flatnonzero(np.array(self._rows) == _UNKNOWN).tolist()
        return found

    def has_vector(self, place: int) -> bool:
        """Whether an entry can be found by its vector."""
        return self._rows[place] != _UNKNOWN

    def likeness(self, text: str, least: float, most: int, *, or_nearest: bool = False) -> list[tuple[float, int]]:
        """(cosine, place) of the standing entries that have a vector and are at least so near, the nearest first. `or_nearest`:
        where none is so near, the nearest of all alone."""
        assert self.vectors is not None
        generation, found = self.vectors.likeness(text)
        if generation != self._generation or not len(self._rows):
            return []
        rows = np.array(self._rows)
        places = np.flatnonzero(rows != _UNKNOWN)
        cosines = np.round(found[rows[places]].astype(np.float64), 6)
        near = np.flatnonzero(cosines >= least)
        order = near[np.argsort(-cosines[near], kind="stable")]
        pairs = ((float(cosines[n]), int(places[n])) for n in order)
        alive = ((cosine, place) for cosine, place in pairs if self.stands(self.items[place].ref))
        found_near = list(islice(alive, most))
        if found_near or not or_nearest:
            return found_near
        for n in _descending(cosines):
            if self.stands(self.items[place := int(places[n])].ref):
                return [(float(cosines[n]), place)]
        return []

    def _check_generation(self) -> None:
        assert self.vectors is not None
        self.vectors.embed([])
        if self._generation != self.vectors.generation:
            self._generation = self.vectors.generation
            self._rows = array("l", [_UNKNOWN] * len(self.items))


def _age(item: LogItem[Any]) -> tuple[int, int]:
    ref = Ref(item.ref)
    return ref.version, ref.n or 0


def _descending(values: Any) -> Iterator[int]:
    """Where the values are, the greatest first: it alone is usually asked for, and costs no sorting."""
    if len(values):
        yield int(values.argmax())
        yield from np.argsort(-values, kind="stable")[1:].tolist()
