"""The region classes: those that merge, and the table of all kinds.

Their writes land whenever they arrive, and return the version that holds them.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from accordant.document.guarded_regions import Guarded, GuardedMap
from accordant.document.region import Region, expected
from accordant.types.commands import Committed, Question, ReadAnswer, Write
from accordant.types.errors import Conflict, Invalid
from accordant.types.readings import LogItem, LogReading, Reading, Readings, mark_of
from accordant.types.refs import Ref
from accordant.types.regions import Kind

__all__ = [
    "REGION_CLASSES",
    "Counter",
    "Guarded",
    "GuardedMap",
    "Log",
    "Map",
    "Region",
    "Text",
    "UnionSet",
    "Xml",
]

T = TypeVar("T")


class _MergeFace(Region):
    """Writes that merge: they return the version that holds them."""

    __slots__ = ()

    async def _merge(self, write: Write, why: str | None, derived_from: Readings) -> Committed:
        return await self._submit(write, why=why, derived_from=derived_from)


class Text(_MergeFace):
    """Text that merges character by character. Offsets are Unicode characters."""

    kind = Kind.TEXT
    __slots__ = ()

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[str]:
        """The text now; its version is that of the last entry that touched it."""
        return self.reading_of(await self._ask(None, at_least, cached))

    async def insert(self, index: int, text: str, *, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Insert before the character at `index` (the length of the text: at its end)."""
        return await self._merge(self._write("insert", index=index, text=text), why, derived_from)

    async def insert_after(
        self, anchor: str, text: str, *, why: str | None = None, derived_from: Readings = ()
    ) -> Committed:
        """Insert behind a text that occurs exactly once in the text as it is now, wherever others' edits have moved it; otherwise
        `Conflict` with an excerpt."""
        return await self._merge(self._write("insert", after=anchor, text=text), why, derived_from)

    async def insert_before(
        self, anchor: str, text: str, *, why: str | None = None, derived_from: Readings = ()
    ) -> Committed:
        """The same, in front of it."""
        return await self._merge(self._write("insert", before=anchor, text=text), why, derived_from)

    async def append(self, text: str, *, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Insert at the end, wherever that is by then."""
        return await self._merge(self._write("append", text=text), why, derived_from)

    async def delete(
        self, index: int, count: int = 1, *, why: str | None = None, derived_from: Readings = ()
    ) -> Committed:
        """Delete `count` characters from `index`."""
        return await self._merge(self._write("delete", index=index, count=count), why, derived_from)

    async def replace(self, old: str, new: str, *, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Replace `old`, which must occur exactly once in the text as it is now; otherwise `Conflict` with the text."""
        return await self._merge(self._write("replace", old=old, new=new), why, derived_from)

    async def rethink(
        self, text: str, *, expect: Reading[str], why: str | None = None, derived_from: Readings = ()
    ) -> Committed:
        """Rewrite it all, if nothing has touched it since `expect`. Owners only: `writes=` or `allow=` of the region say who."""
        write = self._write("rethink", None, expected(expect, self.name), text=text)
        return await self._merge(write, why, derived_from)

    async def compact(
        self, fold: Callable[[str], str | Awaitable[str]], *, base: Reading[str] | None = None, why: str | None = None
    ) -> Committed:
        """Replace the text as it is now (or as `base` read it) by what `fold` makes of it; what others insert meanwhile stays
        where it is, behind the fold.

        `fold` may take its time (a model call): nothing is locked. Owners only. Raises `Conflict` when a part of what was folded
        has been deleted or replaced meanwhile: the fold would bring back what somebody corrected.
        """
        reading = await self.read() if base is None else base
        folded = fold(reading.value)
        text = await folded if inspect.isawaitable(folded) else folded
        write = self._write("compact", None, expected(reading, self.name), text=text, chars=len(reading.value))
        return await self._merge(write, why, ())


class Log(_MergeFace, Generic[T]):
    """Append-only entries; entries never change."""

    kind = Kind.LOG
    __slots__ = ()

    def _loaded(self, value: Any) -> Any:
        return [self._load(item) for item in value]

    async def read(
        self, *, since: int | None = None, at_least: int | None = None, cached: bool = True, in_turn: bool = False
    ) -> LogReading[list[T]]:
        """The items in order; `.entries` has each with its ref, version and author.

        `since`: only what was appended after that version, and the marks that were made since; its cost is that of what is new.
        When a compaction has replaced what had been read before, it is everything: `.since` says which. While the server is away,
        the local replica answers with everything, without refs. `in_turn`: for whoever is about to `append(expect=)`: the answer
        comes when those who asked before have had a moment to append; no lock.
        """
        question = Question(self.name, self.kind, None, at_least, is_cached=cached, since=since)
        answer = await (self._port.turn(question) if in_turn else self._port.ask(question))
        reading: LogReading[list[T]] = self.reading_of(answer)
        return reading

    def fresh(self, conflict: Conflict) -> Conflict:
        """Of an append no reading comes along: whoever has read the log reads on with `since=`, and is spared the rest."""
        return conflict if conflict.fields.get("value") is None else super().fresh(conflict)

    def reading_of(self, answer: ReadAnswer, key: str | None = None) -> LogReading[Any]:
        """The items with their refs."""
        value = self._loaded(answer.value)
        rows, marks, token = answer.entries or (), answer.marks or {}, answer.token
        items = zip(value, rows, strict=False)
        if marks:
            entries = tuple(
                LogItem(Ref(ref), item, v, by, at, *mark_of(marks, ref)) for item, (ref, v, by, at) in items
            )
        else:
            entries = tuple(LogItem(Ref(ref), item, v, by, at) for item, (ref, v, by, at) in items)
        by, at = answer.by, answer.at
        return LogReading(value, token.version, token, answer.path, by, at, entries, marks=marks, since=answer.since)

    async def append(
        self,
        item: T,
        *,
        expect: LogReading[list[T]] | None = None,
        why: str | None = None,
        derived_from: Readings = (),
    ) -> Ref:
        """Append one item; returns its ref. `expect`: only if nothing has touched the log since that reading, for a log that must
        not have two of one; else `Conflict`, and nothing is appended. `expect=` is no basis: what is appended was not made from
        what was read, and does not become suspect with it."""
        return (await self.extend([item], expect=expect, why=why, derived_from=derived_from))[0]

    async def extend(
        self,
        items: Iterable[T],
        *,
        expect: LogReading[list[T]] | None = None,
        why: str | None = None,
        derived_from: Readings = (),
    ) -> list[Ref]:
        """Append several items in one entry; returns their refs. `expect` as in `append`."""
        dumped = [self.spec.dump(item) for item in items]
        if not dumped:
            return []
        token = None if expect is None else expected(expect, self.name)
        committed = await self._merge(self._write("append", None, token, items=dumped), why, derived_from)
        return [Ref(ref) for ref in committed.refs[0]]

    async def compact(
        self,
        fold: Callable[[Sequence[LogItem[T]]], Iterable[T] | Awaitable[Iterable[T]]],
        *,
        upto: int | None = None,
        why: str | None = None,
    ) -> list[Ref]:
        """Replace all items there are now (or those up to version `upto`) by what `fold` makes of them; later items stay
        untouched, those appended meanwhile too.

        `fold` may take its time (a model call): nothing is locked. Raises `Conflict` when another compaction came first.
        """
        reading = await self.read()
        last = reading.version if upto is None else min(upto, reading.version)
        folded = fold([item for item in reading.entries if item.version <= last])
        if inspect.isawaitable(folded):
            folded = await folded
        dumped = [self.spec.dump(item) for item in folded]
        write = self._write("compact", None, replace(reading.token, version=last), items=dumped)
        committed = await self._merge(write, why, ())
        return [Ref(ref) for ref in committed.refs[0]]


class UnionSet(_MergeFace, Generic[T]):
    """An add-wins set (OR-set): an addition is never undone by a discard that had not seen it."""

    kind = Kind.UNION_SET
    __slots__ = ()

    def _loaded(self, value: Any) -> Any:
        return {self._member(item) for item in value}

    def _member(self, item: Any) -> Any:
        """One stored member as Python; raises `Invalid` for what no Python set can hold."""
        member = self._load(item)
        try:
            hash(member)
        except TypeError as error:
            hint = "freeze the model and use tuple and frozenset within it, or use a Log"
            raise Invalid(
                f"{self.name}: members of a set are hashable: {error}", code="not_hashable", path=self.name, hint=hint
            ) from error
        return member

    def _dumped(self, items: Iterable[T]) -> list[Any]:
        dumped = [self.spec.dump(item) for item in items]
        for item in dumped:
            self._member(item)
        return dumped

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[set[T]]:
        """The members now."""
        return self.reading_of(await self._ask(None, at_least, cached))

    async def add(self, *items: T, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Add members."""
        dumped = self._dumped(items)
        return await self._merge(self._write("add", items=dumped), why, derived_from)

    async def discard(self, *items: T, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Remove members as far as they are seen now; not being a member is no error."""
        dumped = [self.spec.dump(item) for item in items]
        return await self._merge(self._write("discard", items=dumped), why, derived_from)


class Counter(_MergeFace):
    """A PN-counter: increments from anywhere are never lost. There is no `set`."""

    kind = Kind.COUNTER
    __slots__ = ()

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[int]:
        """The count now."""
        return self.reading_of(await self._ask(None, at_least, cached))

    async def increment(self, n: int = 1, *, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Add `n`, which may be negative."""
        return await self._merge(self._write("increment", by=n), why, derived_from)


class Map(_MergeFace, Generic[T]):
    """Last writer wins per key, by explicit choice: `Map[T] = region(lww="why that is fine")`."""

    kind = Kind.MAP
    __slots__ = ()

    def _loaded(self, value: Any) -> Any:
        return {key: self._load(item) for key, item in value.items()}

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[dict[str, T]]:
        """All keys and values."""
        return self.reading_of(await self._ask(None, at_least, cached))

    async def set(self, key: str, value: T, *, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Set a key; the last writer wins."""
        return await self._merge(self._write("set", key, value=self.spec.dump(value)), why, derived_from)

    async def delete(self, key: str, *, why: str | None = None, derived_from: Readings = ()) -> Committed:
        """Delete a key; not being there is no error."""
        return await self._merge(self._write("delete", key), why, derived_from)


class Xml(Region):
    """An XML fragment as rich-text editors write it: peers edit it over Yjs, Python reads it."""

    kind = Kind.XML
    __slots__ = ()

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[str]:
        """The fragment as text."""
        return self.reading_of(await self._ask(None, at_least, cached))


REGION_CLASSES: dict[type[Region], Kind] = {
    cls: cls.kind for cls in (Guarded, GuardedMap, Text, Log, UnionSet, Counter, Map, Xml)
}
"""The classes that a schema may annotate with."""
