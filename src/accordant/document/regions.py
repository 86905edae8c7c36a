"""The region classes: thin faces over the port. They turn Python values into writes and answers into readings.

They hold no state of the document and decide nothing. `why=` on every write is kept in the audit; `derived_from=` names
the readings a write was derived from, all of which must still be current (I5).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar, cast, overload

from accordant.document.batch import in_batch
from accordant.document.port import Port
from accordant.types.commands import Committed, Question, ReadAnswer, Submission, Write
from accordant.types.errors import Conflict, EpochChanged, Invalid
from accordant.types.limits import UPDATE_ATTEMPTS
from accordant.types.readings import CURRENT, Claim, LogItem, LogReading, Reading, Token, bases_of, basis_of, mark_of
from accordant.types.refs import Ref
from accordant.types.regions import Kind, RegionSpec

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
Readings = Iterable[Reading[Any]] | Reading[Any]


class Region:
    """What all regions share: a name, a kind, rules, and `read()`.

    `read(at_least=version)` waits, at most half a minute, until the document has reached that version. A handle over a websocket
    remembers what it has read and serves it again only when the authority says that its version is still the current one;
    `cached=False` has it sent whole.
    """

    kind: ClassVar[Kind]
    __slots__ = ("_port", "spec")

    def __init__(self, port: Port, spec: RegionSpec) -> None:
        self._port = port
        self.spec = spec

    @property
    def name(self) -> str:
        """The region's name: the Yjs root's name for mergeable regions."""
        return self.spec.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._port.key}#{self.name}>"

    async def _ask(self, key: str | None = None, at_least: int | None = None, cached: bool = True) -> ReadAnswer:
        return await self._port.ask(Question(self.name, self.kind, key, at_least, is_cached=cached))

    async def _submit(self, *writes: Write, why: str | None, derived_from: Readings = ()) -> Committed:
        submission = Submission(writes, self._port.new_op_id(), why, bases_of(derived_from))
        try:
            return await self._port.submit(in_batch(self._port, submission))
        except Conflict as conflict:
            raise self.fresh(conflict) from None

    def _write(self, op: str, key: str | None = None, expect: Token | None = None, **args: Any) -> Write:
        return Write(self.name, self.kind, op, key, args, expect)

    def _load(self, value: Any) -> Any:
        return self.spec.load(value)

    def _loaded(self, value: Any) -> Any:
        """A whole region's, or path's, JSON value as Python."""
        return self._load(value)

    def reading_of(self, answer: ReadAnswer, key: str | None = None) -> Reading[Any]:
        """What an answer about this region, or one key of it, says."""
        return self._read_as(answer, self._loaded(answer.value))

    def _read_as(self, answer: ReadAnswer, value: Any) -> Reading[Any]:
        marks, token = answer.marks or {}, answer.token
        status, because = marks.get(f"{answer.path}@{token.version}", (CURRENT, None))
        return Reading(
            value, token.version, token, answer.path, answer.by, answer.at, status=status, because=because, marks=marks
        )

    def fresh(self, conflict: Conflict) -> Conflict:
        """The conflict with its value as the region's type and a fresh reading to derive from."""
        token, path = conflict.fields.get("token"), conflict.fields.get("path", "")
        if token is None or not (path == self.name or path.startswith(f"{self.name}/")):
            return conflict
        fields = conflict.fields
        answer = ReadAnswer(
            fields.get("value"), Token.from_list(token), path, fields.get("changed_by"), fields.get("at")
        )
        reading = self.reading_of(answer)
        fields["reading"], fields["value"] = reading, reading.value
        return conflict


def _expected(reading: Any, path: str) -> Token:
    """The token of the reading that a write replaces; it must be a reading of that very path."""
    basis = basis_of(reading)
    if basis.path != path:
        raise Invalid(f"expect= is a reading of {basis.path!r}, this writes {path!r}", code="wrong_reading", path=path)
    return basis.token


class _GuardedFace(Region):
    """Compare-and-swap on one path, shared by `Guarded` and `GuardedMap`."""

    __slots__ = ()

    async def _commit(
        self, op: str, key: str | None, expect: Any, why: str | None, derived_from: Readings, **args: Any
    ) -> Reading[Any]:
        path = self.name if key is None else f"{self.name}/{key}"
        write = self._write(op, key, _expected(expect, path), **args)
        committed = await self._submit(write, why=why, derived_from=derived_from)
        answer = committed.answers[0] if committed.answers else None
        return self.reading_of(answer if answer is not None else await self._ask(key))

    async def _update(
        self,
        key: str | None,
        derive: Callable[[Any], Any | Awaitable[Any]],
        why: str | None,
        derived_from: Readings,
        attempts: int,
    ) -> Reading[Any]:
        if attempts < 1:
            raise Invalid(f"update() takes attempts= from 1, not {attempts}", code="bad_argument", path=self.name)
        bases = tuple(derived_from) if not isinstance(derived_from, Reading) else derived_from
        for attempt in range(1, attempts + 1):
            reading = self.reading_of(await self._port.turn(Question(self.name, self.kind, key)))
            value = derive(reading.value)
            if inspect.isawaitable(value):
                value = await value
            try:
                return await self._commit("commit", key, reading, why, bases, value=self.spec.dump(value))
            except Conflict:
                if attempt == attempts:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")


class Guarded(_GuardedFace, Generic[T]):
    """A scalar or a pydantic model under compare-and-swap: one winner per version (I4)."""

    kind = Kind.GUARDED
    __slots__ = ()

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[T]:
        """The current value. Never written: the declared default or None, at version 0."""
        return self.reading_of(await self._ask(None, at_least, cached))

    async def commit(
        self, value: T, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()
    ) -> Reading[T]:
        """Replace what `expect` read. Raises `Conflict`, `StaleRead`, `Fenced`, `Denied`, `Invalid`; returns the new reading."""
        return await self._commit("commit", None, expect, why, derived_from, value=self.spec.dump(value))

    async def update(
        self,
        derive: Callable[[T], T | Awaitable[T]],
        *,
        why: str | None = None,
        derived_from: Readings = (),
        attempts: int = UPDATE_ATTEMPTS,
    ) -> Reading[T]:
        """Read, derive, commit; on a conflict derive again from what won. Contenders stand in line. Raises the last
        `Conflict`."""
        return await self._update(None, derive, why, derived_from, attempts)

    async def delete(self, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()) -> Reading[T]:
        """Remove the value; its version goes on growing, so that a re-created field is never mistaken for the old one."""
        return await self._commit("delete", None, expect, why, derived_from)


class GuardedMap(_GuardedFace, Generic[T]):
    """Guarded fields by key, and claims on them: at most one holder of a key at any time."""

    kind = Kind.GUARDED_MAP
    __slots__ = ()

    @overload
    async def read(self, key: str, *, at_least: int | None = None, cached: bool = True) -> Reading[T]: ...

    @overload
    async def read(
        self, key: None = None, *, at_least: int | None = None, cached: bool = True
    ) -> Reading[dict[str, T]]: ...

    async def read(self, key: str | None = None, *, at_least: int | None = None, cached: bool = True) -> Reading[Any]:
        """The value of one key; without a key, all that have a value, at the version of the newest write."""
        return self.reading_of(await self._ask(key, at_least, cached), key)

    async def readings(self, *, since: Reading[Any] | int | None = None) -> Reading[dict[str, Reading[T | None]]]:
        """Each key by itself, with the version and the author of its last write, at the newest version of the map.

        `since`, a reading of the map or its version: only keys written after that, deleted ones too, which read as None. So one
        call says whether anything has changed, and what; `since=` the result of the last call goes on from there. Raises
        `EpochChanged` when that reading is of another epoch: begin anew, without it.
        """
        version = since.version if isinstance(since, Reading) else 0 if since is None else since
        answer = await self._port.ask(Question(self.name, self.kind, is_cached=False, since=version))
        token, marks = answer.token, answer.marks or {}
        if isinstance(since, Reading):
            then = _expected(since, self.name)
            if (then.epoch, then.incarnation) != (token.epoch, token.incarnation):
                raise EpochChanged(f"{self.name} was read from another epoch", path=self.name, yours=version)
        found = {}
        for key, at_version, by, at in answer.entries or ():
            path, own = f"{self.name}/{key}", replace(token, version=at_version)
            status, because = marks.get(f"{path}@{at_version}", (CURRENT, None))
            value = self._load(answer.value.get(key))
            found[key] = Reading(value, at_version, own, path, by, at, status=status, because=because)
        return Reading(found, token.version, token, self.name, answer.by, answer.at, marks=marks)

    def reading_of(self, answer: ReadAnswer, key: str | None = None) -> Reading[Any]:
        """Of one key; without one, of the whole map."""
        if answer.path != self.name:
            return self._read_as(answer, self._load(answer.value))
        return self._read_as(answer, {one: self._load(item) for one, item in answer.value.items()})

    async def commit(
        self, key: str, value: T, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()
    ) -> Reading[T]:
        """Replace what `expect` read of this key. A key that another agent holds a claim on is denied."""
        return await self._commit("commit", key, expect, why, derived_from, value=self.spec.dump(value))

    async def update(
        self,
        key: str,
        derive: Callable[[T], T | Awaitable[T]],
        *,
        why: str | None = None,
        derived_from: Readings = (),
        attempts: int = UPDATE_ATTEMPTS,
    ) -> Reading[T]:
        """Read, derive, commit one key; derive again on a conflict."""
        return await self._update(key, derive, why, derived_from, attempts)

    async def delete(
        self, key: str, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()
    ) -> Reading[T]:
        """Remove the key; its version goes on growing."""
        return await self._commit("delete", key, expect, why, derived_from)

    async def claim(self, key: str, ttl: float, *, why: str | None = None) -> Claim[T]:
        """Hold a key for `ttl` seconds. Raises `Conflict` (code `claimed`) naming the holder while another holds it.

        The claim is the reading to commit with (`expect=claim`); after it has run out, those commits are `Fenced`.
        """
        return await self._claim("claim", key, None, ttl, why)

    async def renew(self, claim: Claim[T], ttl: float, *, why: str | None = None) -> Claim[T]:
        """Hold it for `ttl` seconds from now. Raises `Fenced` when the claim has been lost."""
        return await self._claim("renew", claim.key, claim, ttl, why)

    async def release(self, claim: Claim[T], *, why: str | None = None) -> Reading[T]:
        """Let go. Raises `Fenced` when the claim has been lost already."""
        return await self._commit("release", claim.key, claim, why, ())

    async def _claim(self, op: str, key: str, held: Claim[T] | None, ttl: float, why: str | None) -> Claim[T]:
        expect = None if held is None else held.token
        committed = await self._submit(self._write(op, key, expect, ttl_s=ttl), why=why)
        answer = committed.answers[0] if committed.answers else None
        if answer is None:
            answer = await self._ask(key)
        until = int((answer.claim or {}).get("until", 0))
        value = cast(T, self._load(answer.value))
        version, token = answer.token.version, answer.token
        return Claim(value, version, token, answer.path, answer.by, answer.at, key=key, until=until)


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
        write = self._write("rethink", None, _expected(expect, self.name), text=text)
        return await self._merge(write, why, derived_from)


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
        token = None if expect is None else _expected(expect, self.name)
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
