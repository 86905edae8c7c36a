"""LangGraph's operations on a store, where its documents live: what each of them reads, and what a batch of puts expects.

It knows no context: what a run has read comes with the call, and what it learns goes back with it.
"""

from __future__ import annotations

import inspect
import itertools
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from accordant.adapters.missing import ExtraMissing
from accordant.adapters.read_set import Read
from accordant.adapters.store_home import Home
from accordant.document.events import Translated
from accordant.patterns.store import Delete, Put, Store
from accordant.patterns.store_items import Absent, ItemChanged, Labels, Pattern, check_page, encoded, labels_of, matches
from accordant.patterns.store_items import Item as Held
from accordant.types.errors import Conflict, EpochChanged, Invalid
from accordant.types.limits import WHY_CHARS_MAX, WRITES_PER_COMMIT_MAX

try:
    from langgraph.store.base import GetOp, Item, ListNamespacesOp, Op, PutOp, Result, SearchItem, SearchOp
except ImportError as missing:
    raise ExtraMissing("LangGraph's store", "langgraph") from missing

__all__ = [
    "Call",
    "DocItem",
    "DocSearchItem",
    "Name",
    "Operations",
    "StaleWrite",
    "Strict",
    "Unread",
    "name_of",
    "slim",
]

Strict = bool | Literal["warn"]
Unread = Literal["overwrite", "deny"]
Name = tuple[int, Labels, str]
"""Of an item in one store of those that a run may use."""


class StaleWrite(UserWarning):
    """With `strict="warn"`: a put from a stale reading landed over what its writer had not seen."""


class DocItem(Item):
    """LangGraph's item, with the version that it has in the document and who wrote it."""

    __slots__ = ("by", "version")

    def __init__(self, held: Held[Any]) -> None:
        super().__init__(
            value=held.value,
            key=held.key,
            namespace=held.namespace,
            created_at=_time(held.created_at),
            updated_at=_time(held.updated_at),
        )
        self.version, self.by = held.version, held.by


class DocSearchItem(SearchItem):
    """The same of a search."""

    __slots__ = ("by", "version")

    def __init__(self, held: Held[Any]) -> None:
        created, updated = _time(held.created_at), _time(held.updated_at)
        super().__init__(held.namespace, held.key, held.value, created, updated, held.score)
        self.version, self.by = held.version, held.by


@dataclass(slots=True)
class Call:
    """One batch: what its run had read, and what comes of it."""

    ops: list[Op]
    expected: Mapping[Name, Any] = field(default_factory=dict)
    learned: dict[Name, Any] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)

    def end(self, read: Read, *, is_kept: bool) -> None:
        """The run knows what was learned, and is warned."""
        read.done(self.learned if is_kept else {})
        for text in self.stale:
            warnings.warn(f"a stale put landed: {text}", StaleWrite, stacklevel=4)


class Operations:
    """One store's. `number` is its own among all."""

    def __init__(self, home: Home, number: int, strict: Strict, unread: Unread) -> None:
        self._home = home
        self._number = number
        self._strict = strict
        self._unread = unread

    async def perform(self, call: Call) -> list[Result]:
        """Reads first, as things were before; then the puts. Raises `Conflict`, `Denied`, `Invalid`."""
        results: list[Result] = [None] * len(call.ops)
        puts: dict[tuple[Labels, str], PutOp] = {}
        for number, op in enumerate(call.ops):
            match op:
                case GetOp():
                    held = await self.held(op.namespace, op.key)
                    call.learned[self._known(held)] = slim(held)
                    results[number] = DocItem(held) if isinstance(held, Held) else None
                case SearchOp():
                    results[number] = await self._search(op, call)
                case ListNamespacesOp():
                    results[number] = await self._namespaces(op)
                case PutOp():
                    labels, _ = encoded(op.namespace, op.key)
                    puts[labels, op.key] = op
                case _:
                    raise Invalid(f"{type(op).__name__} is no operation of a store", code="bad_argument")
        stores: dict[int, tuple[Store[Any], list[PutOp]]] = {}
        for (labels, _), op in puts.items():
            store = await self._home.store_of(labels)
            stores.setdefault(id(store), (store, []))[1].append(op)
        for store, mine in stores.values():
            for start in range(0, len(mine), WRITES_PER_COMMIT_MAX):
                await self._land(store, mine[start : start + WRITES_PER_COMMIT_MAX], call)
        return results

    async def held(self, namespace: Labels, key: str) -> Held[Any] | Absent:
        """One item, or its absence."""
        store = await self._home.store_of(labels_of(namespace))
        return await store.read(namespace, key)

    async def _search(self, op: SearchOp, call: Call) -> Result:
        prefix = labels_of(op.namespace_prefix, at_least=0)
        store = await self._home.store_of(prefix)
        found = await store.search(
            prefix, query=op.query, filter=op.filter, limit=op.limit, offset=op.offset, fill=True
        )
        call.learned |= {self._known(held): slim(held) for held in found}
        shown: list[SearchItem] = [DocSearchItem(held) for held in found]
        return shown

    async def _namespaces(self, op: ListNamespacesOp) -> Result:
        check_page(op.limit, op.offset, op.max_depth)
        wanted: dict[str, list[Pattern]] = {"prefix": [], "suffix": []}
        for condition in op.match_conditions or ():
            if condition.match_type not in wanted:
                raise Invalid(f"{condition.match_type!r} is neither prefix nor suffix", code="bad_argument")
            wanted[condition.match_type].append(tuple(None if one == "*" else one for one in condition.path))
        start = wanted["prefix"][0] if wanted["prefix"] else ()
        whole = tuple(itertools.takewhile(lambda label: label is not None, start))
        store = await self._home.store_of(labels_of(whole, at_least=0))
        pairs = list(itertools.zip_longest(wanted["prefix"], wanted["suffix"], fillvalue=())) or [((), ())]
        every = await store.list_namespaces(prefix=pairs[0][0], suffix=pairs[0][1], limit=sys.maxsize)
        found = dict.fromkeys(
            labels[: op.max_depth] for labels in every if all(matches(labels, *pair) for pair in pairs[1:])
        )
        return list(found)[op.offset : op.offset + op.limit]

    async def _land(self, store: Store[Any], ops: Sequence[PutOp], call: Call) -> None:
        changes = [self._change(op, call.expected.get(name_of(self._number, op))) for op in ops]
        why: list[str] = []
        while True:
            try:
                left = await _written(store, changes, _shortened(why))
                break
            except (Conflict, EpochChanged):
                expecting = any(one.expect is not None for one in changes)
                if self._strict != "warn" or not expecting:
                    raise
                now = [await _as_of_now(store, one) for one in changes]
                if [
                    one for one, _ in now
                ] == changes:  # nothing of what was read has changed: it was a creation that lost
                    raise
                changes, why = [one for one, _ in now], [*why, *(text for _, text in now if text)]
        call.stale += why
        for op, held in zip(ops, left, strict=True):
            name = name_of(self._number, op)
            # Who writes without reading goes on so; who has read, in this very batch or before, knows what it wrote itself.
            if call.expected.get(name) is not None or name in call.learned or self._unread == "deny":
                call.learned[name] = slim(held)

    def _change(self, op: PutOp, seen: Held[Any] | Absent | None) -> Put | Delete:
        if op.ttl is not None:
            raise Invalid("items do not expire here", code="no_ttl", hint="leave ttl= out, and delete what is done")
        overwrite = seen is None and self._unread == "overwrite"
        labels = labels_of(op.namespace)
        if op.value is None:
            return Delete(labels, op.key, seen, overwrite)
        return Put(labels, op.key, _plain(op.value), seen, overwrite, _index(op.index))

    async def put_if(
        self, namespace: Labels, key: str, value: Mapping[str, Any] | None, expect: Held[Any] | Absent, index: Any
    ) -> Held[Any] | Absent:
        """Write over exactly what `expect` is; None deletes it."""
        if not isinstance(expect, Held | Absent):
            raise Invalid("expect= is what get_versioned or put_if returned", code="not_a_reading")
        store = await self._home.store_of(labels_of(namespace))
        if value is None:
            return await store.delete(namespace, key, expect=expect)
        return await store.put(namespace, key, _plain(value), expect=expect, index=_index(index))

    async def update(self, namespace: Labels, key: str, derive: Any) -> Held[Any]:
        """Read, derive, put, until it lands."""
        store = await self._home.store_of(labels_of(namespace))

        async def derived(value: Any) -> dict[str, Any]:
            made = derive(value)
            return _plain(await made if inspect.isawaitable(made) else made)

        return await store.update(namespace, key, derived)

    async def watched(self, prefix: Labels) -> Translated[ItemChanged]:
        """A subscription that has begun."""
        store = await self._home.store_of(labels_of(prefix, at_least=0))
        return await store.watch(prefix).__aenter__()

    def _known(self, held: Held[Any] | Absent) -> Name:
        return self._number, held.namespace, held.key


def name_of(number: int, op: PutOp) -> Name:
    """The item that a put is about."""
    return number, tuple(op.namespace), op.key


async def _written(store: Store[Any], changes: Sequence[Put | Delete], why: str | None) -> list[Held[Any] | Absent]:
    if len(changes) > 1:
        return await store.write(*changes, why=why)
    match changes[0]:
        case Put(labels, key, value, expect, overwrite, index):
            return [await store.put(labels, key, value, expect=expect, overwrite=overwrite, index=index, why=why)]
        case Delete(labels, key, expect, overwrite):
            return [await store.delete(labels, key, expect=expect, overwrite=overwrite, why=why)]


async def _as_of_now(store: Store[Any], change: Put | Delete) -> tuple[Put | Delete, str | None]:
    """A change that expects what was read, as one of now: over what is there, and why, where that has changed since. Versions
    tell, also across a restart of the authority, unless the document itself is another."""
    seen = change.expect
    if seen is None:
        return change, None
    there = await store.read(change.namespace, change.key)
    if (there.version, _life_of(there)) == (seen.version, _life_of(seen)):
        return replace(change, expect=there), None
    text = f"over {change.key!r} at version {there.version}, having read version {seen.version}"
    return replace(change, expect=None, overwrite=True), text


def _life_of(held: Held[Any] | Absent) -> str:
    return held.reading.token.incarnation


def _shortened(why: Sequence[str]) -> str | None:
    """As much of it as a reason holds."""
    text = "; ".join(why)
    if not why:
        return None
    return text if len(text) <= WHY_CHARS_MAX else f"{text[: WHY_CHARS_MAX - 40]}... ({len(why)} stale puts)"


def slim(held: Held[Any] | Absent) -> Held[Any] | Absent:
    """What a later write needs of it: a run remembers versions, not values."""
    if isinstance(held, Absent):
        return held
    reading = replace(held.reading, value={"value": None, "created": held.created_at}, marks={})
    return replace(held, value=None, score=None, reading=reading)


def _plain(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid(f"a value is a mapping, not {type(value).__name__}", code="invalid_value")
    return dict(value)


def _index(index: Any) -> Any:
    return index if index is None or index is False else list(index)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
