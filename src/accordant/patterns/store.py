"""`Store`: items under namespaces, every one of them compared and swapped: the memory that outlives a thread and loses no update.

    class Hive(Document):
        memory: Store = store()

One guarded map, one key per item. There is no write that replaces what its writer has not read, unless it says `overwrite=True`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from accordant.document.events import Translated
from accordant.document.pattern import Pattern
from accordant.document.regions import GuardedMap
from accordant.patterns.store_filter import passes
from accordant.patterns.store_index import StoreIndex
from accordant.patterns.store_items import (
    Absent,
    Item,
    ItemChanged,
    Labels,
    check_page,
    decoded,
    encoded,
    has_prefix,
    is_envelope,
    labels_of,
    pattern_of,
)
from accordant.patterns.store_search import scores_of
from accordant.patterns.store_settings import StoreSettings, store
from accordant.patterns.store_texts import check_fields, texts_of
from accordant.types.errors import Conflict, Invalid
from accordant.types.events import Event, EventKind, Lagged
from accordant.types.limits import UPDATE_ATTEMPTS
from accordant.types.memory_limits import EVENT_PATHS_MAX
from accordant.types.readings import Reading
from accordant.types.regions import Kind, RegionSpec

if TYPE_CHECKING:
    from accordant.document.document import Document

__all__ = ["Delete", "Index", "Put", "Store", "StoreSettings", "store"]

T = TypeVar("T")
Index = Literal[False] | Sequence[str] | None
"""Which fields of one item a query is compared with: None, the store's; False, none of them."""


@dataclass(frozen=True, slots=True)
class Put:
    """One of several writes (`Store.write`): as the arguments of `Store.put`."""

    namespace: Labels
    key: str
    value: Any
    expect: Item[Any] | Absent | None = None
    overwrite: bool = False
    index: Index = None


@dataclass(frozen=True, slots=True)
class Delete:
    """One of several writes (`Store.write`): as the arguments of `Store.delete`."""

    namespace: Labels
    key: str
    expect: Item[Any] | Absent | None = None
    overwrite: bool = False


class Store(Pattern, Generic[T]):
    """Items by namespace and key. A namespace is a tuple of labels, compared whole and character by character.

    `Store[Fact]`: values are of that pydantic type; otherwise any JSON value. What is read here is passed on as `expect=`, to
    replace it, or in `derived_from=`, so that a write lands only while it is current.
    """

    settings_type = StoreSettings

    def __init__(
        self, document: Document, name: str, settings: StoreSettings | None = None, *, item: Any = None
    ) -> None:
        super().__init__(document, name, settings, item=item)
        self._item_type = item
        self._values = RegionSpec(name, Kind.GUARDED_MAP, item)
        self._index: StoreIndex | None = None

    @classmethod
    def specs(cls, name: str, item: Any, settings: StoreSettings) -> Sequence[RegionSpec]:
        """One guarded map."""
        return (RegionSpec(name, Kind.GUARDED_MAP, None, settings.rules),)

    def searched(self, settings: StoreSettings) -> Store[T]:
        """The same store with another way to be searched: other fields, vectors, paths."""
        return Store(self._document, self.name, settings, item=self._item_type)

    @property
    def region(self) -> GuardedMap[Any]:
        """The guarded map beneath: its keys are JSON arrays of labels and key."""
        return self._part(GuardedMap)

    # -- one item ---------------------------------------------------------------------------------------------

    async def get(self, namespace: Labels, key: str) -> Item[T] | None:
        """The item, or None. Raises `Invalid` for names that cannot be, and (`not_an_item`) for what no store has written."""
        return await self.read(namespace, key) or None

    async def read(self, namespace: Labels, key: str) -> Item[T] | Absent:
        """The item; or that there is none, with the version to create it against."""
        labels, text = encoded(namespace, key)
        return self._item(labels, key, await self.region.read(text))

    async def put(
        self,
        namespace: Labels,
        key: str,
        value: T,
        *,
        expect: Item[T] | Absent | None = None,
        overwrite: bool = False,
        index: Index = None,
        why: str | None = None,
        derived_from: Any = (),
    ) -> Item[T]:
        """Write an item. `expect=` what was read: lands while that is current. Without: creates it, if there is none.

        Raises `Conflict` otherwise; its `item` is what is there now. `overwrite=True`: whatever is there, knowingly. `index`:
        which fields a query is compared with, False: none. Raises `Denied` (`region_full`, or by the rules), `Invalid` (names,
        values, sizes).
        """
        labels, text = encoded(namespace, key)
        _check_expect(expect, overwrite)
        data = self._dumped(value, index)
        if overwrite:
            landing = self.region.update(text, lambda old: self._dated(data, old), why=why, derived_from=derived_from)
            return self._found(labels, key, await self._told(landing))
        seen = await self._unread(text) if expect is None else expect.reading
        landing = self.region.commit(
            text, self._dated(data, seen.value), expect=seen, why=why, derived_from=derived_from
        )
        return self._found(labels, key, await self._told(landing))

    async def update(
        self,
        namespace: Labels,
        key: str,
        derive: Callable[[T | None], T | Awaitable[T]],
        *,
        why: str | None = None,
        derived_from: Any = (),
        attempts: int = UPDATE_ATTEMPTS,
    ) -> Item[T]:
        """Read, derive, put; derive again from what won when somebody else was first. No item: `derive` gets None. Contenders
        stand in line. Raises the last `Conflict`."""
        labels, text = encoded(namespace, key)

        async def derived(old: Any) -> Any:
            value = derive(None if old is None else self._load(text, old))
            if inspect.isawaitable(value):
                value = await value
            return self._dated(self._dumped(value, None if old is None else old.get("index")), old)

        landing = self.region.update(text, derived, why=why, derived_from=derived_from, attempts=attempts)
        return self._found(labels, key, await self._told(landing))

    async def delete(
        self,
        namespace: Labels,
        key: str,
        *,
        expect: Item[T] | Absent | None = None,
        overwrite: bool = False,
        why: str | None = None,
        derived_from: Any = (),
    ) -> Absent:
        """Delete the item that was read, or with `overwrite=True` whatever is there. Its version goes on growing, so that an item
        created in its place is not mistaken for it. That there is none is no error. Raises `Conflict`, `Denied`, `Invalid`."""
        labels, text = encoded(namespace, key)
        _check_expect(expect, overwrite)
        for attempt in range(1, UPDATE_ATTEMPTS + 1):
            seen = await _deleting(self.region, text, expect, overwrite)
            if expect is None and seen.value is None:
                return Absent(labels, key, seen.version, seen)
            try:
                landing = self.region.delete(text, expect=seen, why=why, derived_from=derived_from)
                gone = await self._told(landing)
                return Absent(labels, key, gone.version, gone)
            except Conflict:
                if not overwrite or attempt == UPDATE_ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def write(
        self, *changes: Put | Delete, why: str | None = None, derived_from: Any = ()
    ) -> list[Item[T] | Absent]:
        """Several puts and deletes, at most 500, all or none; what each leaves, in order, all at one version (whose time is not
        told here: `updated_at` is when the item was created). Raises as `put` and `delete` do."""
        names = [encoded(change.namespace, change.key) for change in changes]
        if len(set(names)) < len(names):  # also of a deletion that finds nothing yet, and so would write nothing
            raise Invalid("one write() has one change for each item", code="twice_in_one", path=self.name)
        for attempt in range(1, UPDATE_ATTEMPTS + 1):
            blind: set[str] = set()
            try:
                async with self._document.transaction(why=why, derived_from=derived_from) as tx:
                    inside = Store[T](tx, self.name, self.settings, item=self._item_type)
                    left = [await self._collect(inside.region, change, blind) for change in changes]
                return [item if is_as_it_was else self._landed(item, tx.version) for item, is_as_it_was in left]
            except Conflict as conflict:
                if conflict.fields.get("path") not in blind or attempt == UPDATE_ATTEMPTS:
                    raise self._with_item(conflict) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _collect(
        self, region: GuardedMap[Any], change: Put | Delete, blind: set[str]
    ) -> tuple[Item[T] | Absent, bool]:
        """What the change will leave, and whether that is there already."""
        (labels, text), key = encoded(change.namespace, change.key), change.key
        _check_expect(change.expect, change.overwrite)
        if change.overwrite:
            blind.add(f"{self.name}/{text}")
        if isinstance(change, Delete):
            seen = await _deleting(region, text, change.expect, change.overwrite)
            if change.expect is None and seen.value is None:
                return Absent(labels, key, seen.version, seen), True
            return self._item(labels, key, await region.delete(text, expect=seen)), False
        if change.expect is not None:
            seen = change.expect.reading
        else:
            seen = await (region.read(text) if change.overwrite else self._unread(text))
        data = self._dated(self._dumped(change.value, change.index), seen.value)
        return self._item(labels, key, await region.commit(text, data, expect=seen)), False

    def _landed(self, item: Item[T] | Absent, version: int) -> Item[T] | Absent:
        reading = item.reading
        reading = replace(reading, version=version, token=replace(reading.token, version=version))
        return replace(item, version=version, reading=reading)

    # -- many items -------------------------------------------------------------------------------------------

    async def search(
        self,
        prefix: Labels = (),
        *,
        query: str | None = None,
        filter: Mapping[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        fill: bool = False,
    ) -> list[Item[T]]:
        """Items whose namespace begins with these whole labels, by namespace and key; with a `query`, best first, equals in
        that order.

        `filter`: fields of the value, `{"status": "open", "score": {"$gte": 3}}`. A query finds what shares a word with it, or
        with `store(embed=...)` has a vector; `fill=True`: then whatever else there is, without a score. Everything written
        before the call is seen, and compared as it is now. Raises `Invalid` (`bad_filter`, `bad_page`, `bad_vectors`, ...).
        """
        labels = labels_of(prefix, at_least=0)
        check_page(limit, offset)
        if query is not None and not isinstance(query, str):
            raise Invalid(f"query= is a text, not {type(query).__name__}", code="bad_query")
        index = await self._refreshed()
        names: Iterable[tuple[Labels, str]] = index.under(labels)
        if self._item_type is not None:  # what a face of another type wrote is no item of this one
            names = (name for name in names if self._is_typed(index.value(name)["value"]))
        if filter is not None:
            names = (name for name in names if passes(index.value(name)["value"], filter))
        if not query:
            page = list(islice(names, min(offset, sys.maxsize), min(offset + limit, sys.maxsize)))
            return [self._found(*name, index.reading(name)) for name in page]
        found = [(name, index.reading(name)) for name in names]  # as of now, whatever is written while scores are made
        values = [reading.value["value"] for _, reading in found]
        paths = [self._fields(reading.value.get("index")) for _, reading in found]
        settings = self.settings
        scores = await scores_of(query, values, paths, settings.texts or texts_of, settings.vectors)
        ranked = [(-score, place) for place, score in enumerate(scores) if score is not None]
        places = [place for _, place in nsmallest(offset + limit, ranked)]
        if fill:
            places += [place for place, score in enumerate(scores) if score is None]
        chosen = places[offset : offset + limit]
        return [self._found(*found[place][0], found[place][1], scores[place]) for place in chosen]

    async def list_namespaces(
        self,
        *,
        prefix: Sequence[str | None] = (),
        suffix: Sequence[str | None] = (),
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Labels]:
        """The namespaces that hold an item, in order; cut to `max_depth` labels, without repeats. None in `prefix` or `suffix`
        stands for any label."""
        wanted = pattern_of(prefix), pattern_of(suffix)
        check_page(limit, offset, max_depth)
        index = await self._refreshed()
        found = dict.fromkeys(labels[:max_depth] for labels in index.spaces(*wanted))
        return list(found)[offset : offset + limit]

    def watch(
        self,
        prefix: Labels = (),
        *,
        coalesce: float = 0.0,
        max_rate: float | None = None,
        group: str | None = None,
        after: int | None = None,
    ) -> Translated[ItemChanged]:
        """What is put, deleted or taken back under these whole labels, as it happens: `async with memory.watch(("users",)) as
        changes`.

        Every item that changed is told, by name and version, at least once after its last change. Options as `doc.events` has
        them.
        """
        labels = labels_of(prefix, at_least=0)
        events = self._document.events(
            self.name, kinds=_CHANGES, coalesce=coalesce, max_rate=max_rate, group=group, after=after
        )

        async def changes(event: Event) -> list[ItemChanged]:
            return [one for one in await self._changes(event) if has_prefix(one.namespace, labels)]

        return events.through(changes)

    async def _changes(self, event: Event) -> list[ItemChanged]:
        """An event of the map, item by item. One that names too many paths, or none since it stands for lost ones, is looked
        up."""
        start = f"{self.name}/"
        if isinstance(event, Lagged) or len(event.paths) >= EVENT_PATHS_MAX:
            since = event.resume_from if isinstance(event, Lagged) else (event.first or event.version) - 1
            written = (await self.region.readings(since=since)).value
            rows = [(text, one.version, one.by or "", one.at or event.at) for text, one in written.items()]
        else:
            texts = [path[len(start) :] for path in event.paths if path.startswith(start)]
            rows = [(text, event.version, event.actor, event.at) for text in texts]
        kind = EventKind.WRITE if isinstance(event, Lagged) else event.kind
        found = []
        for text, version, actor, at in rows:
            if (name := decoded(text)) is not None:
                changed = ItemChanged(
                    version=version,
                    kind=kind,
                    actor=actor,
                    paths=(start + text,),
                    at=at,
                    namespace=name[0],
                    key=name[1],
                )
                found.append(changed)
        return found

    # -- within -----------------------------------------------------------------------------------------------

    async def _refreshed(self) -> StoreIndex:
        if self._index is None:
            self._index = StoreIndex()
        await self._index.refresh(self.region)
        return self._index

    async def _unread(self, text: str) -> Reading[Any]:
        """What a writer expects that has read nothing: no item. Where there is one, the authority says so, and notes it."""
        seen = await self.region.read(text)
        return seen if seen.value is None else _never_read(seen)

    async def _told(self, landing: Awaitable[Reading[Any]]) -> Reading[Any]:
        try:
            return await landing
        except Conflict as conflict:
            raise self._with_item(conflict) from None

    def _with_item(self, conflict: Conflict) -> Conflict:
        reading, fields = conflict.fields.get("reading"), conflict.fields
        name = decoded(str(fields.get("path", "")).partition("/")[2])
        if reading is not None and name is not None and (reading.value is None or is_envelope(reading.value)):
            item = fields["item"] = self._item(*name, reading)
            fields["value"] = item.value if isinstance(item, Item) else None
            fields["hint"] = "derive again from .item and put with expect=it"
        return conflict

    def _item(self, labels: Labels, key: str, reading: Reading[Any]) -> Item[T] | Absent:
        if reading.value is None:
            return Absent(labels, key, reading.version, reading)
        return self._found(labels, key, reading)

    def _found(self, labels: Labels, key: str, reading: Reading[Any], score: float | None = None) -> Item[T]:
        value, updated = self._load(reading.path, reading.value), reading.at or 0
        created = min(reading.value["created"], updated) if updated else reading.value["created"]
        return Item(labels, key, value, reading.version, reading.by, created, updated or created, reading, score)

    def _load(self, path: str, data: Any) -> Any:
        if not is_envelope(data):
            hint = "write items through a Store; delete this one with overwrite=True"
            raise Invalid(f"{path} is no item of a store", code="not_an_item", path=path, hint=hint)
        return self._values.load(data["value"])

    def _is_typed(self, value: Any) -> bool:
        try:
            self._values.load(value)
        except Invalid:
            return False
        return True

    def _dumped(self, value: Any, index: Index) -> dict[str, Any]:
        data = {"value": self._values.dump(value)}
        if index is None:
            return data
        if index is not False and self.settings.texts is None:
            index = check_fields(index)
        return data | {"index": False if index is False else list(map(str, index))}

    def _dated(self, data: dict[str, Any], old: Any) -> dict[str, Any]:
        """With the time of its creation: what it replaces has it, or it is now."""
        is_new = not is_envelope(old)
        return data | {"created": max(0, int(self.settings.clock() * 1000)) if is_new else old["created"]}

    def _fields(self, index: Index) -> Sequence[str]:
        if index is None:
            return tuple(self.settings.fields)
        return () if index is False else index


_CHANGES = (EventKind.WRITE, EventKind.RETRACTION)


def _never_read(reading: Reading[Any]) -> Reading[Any]:
    """What a writer knows of an item that it has not read."""
    return replace(reading, value=None, version=0, token=replace(reading.token, version=0))


async def _deleting(
    region: GuardedMap[Any], text: str, expect: Item[Any] | Absent | None, overwrite: bool
) -> Reading[Any]:
    """What a deletion expects: what was read; else what is there, which only `overwrite` lets go."""
    if expect is not None:
        return expect.reading
    seen = await region.read(text)
    return seen if overwrite or seen.value is None else replace(_never_read(seen), value=seen.value)


def _check_expect(expect: Item[Any] | Absent | None, overwrite: bool) -> None:
    if expect is None:
        return
    if not isinstance(expect, Item | Absent):
        raise Invalid("expect= is what get, read or search returned", code="not_a_reading")
    if overwrite:
        raise Invalid("expect= and overwrite=True contradict each other", code="bad_argument")
