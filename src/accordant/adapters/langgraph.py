"""LangGraph's `BaseStore` over an accordant document: the same calls, and no update is lost.

    store = DocStore.open("state.db", agent="crew")
    graph = builder.compile(store=store)

Every item is compared and swapped. Nodes name no version: what a node has read is remembered for it (`read_set`), and a put
from a stale reading is denied with `Conflict`, without a change in the node's code.
"""

from __future__ import annotations

import asyncio
import itertools
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from accordant.adapters.langgraph_operations import (
    Call,
    DocItem,
    DocSearchItem,
    Operations,
    StaleWrite,
    Strict,
    Unread,
    name_of,
    slim,
)
from accordant.adapters.missing import ExtraMissing
from accordant.adapters.read_set import Read, begin, known
from accordant.adapters.store_home import Attached, Home, Owned, Routes
from accordant.document.document import Document
from accordant.document.events import Translated
from accordant.patterns.store import Store
from accordant.patterns.store_items import Absent, ItemChanged, Labels
from accordant.patterns.store_items import Item as Held
from accordant.patterns.store_settings import StoreSettings
from accordant.types.errors import Invalid
from accordant.types.namespaces import Namespace

try:
    from langgraph.store.base import BaseStore, Item, Op, PutOp, Result, SearchItem, ensure_embeddings, get_text_at_path
except ImportError as missing:
    raise ExtraMissing("LangGraph's store", "langgraph") from missing

if TYPE_CHECKING:
    from langgraph.store.base import IndexConfig

__all__ = ["DocItem", "DocSearchItem", "DocStore", "StaleWrite"]

T = TypeVar("T")
_NUMBERS = itertools.count()
Derive = Callable[[Any], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
_PLACE = Namespace.task("langgraph", "store")
_OUTER: ContextVar[Read | None] = ContextVar("accordant_outer_read", default=None)
"""The place in its caller's list of a call that began there and runs in a task of its own."""


class DocStore(BaseStore):
    """A `BaseStore` in which a put from a stale reading is denied.

    `DocStore()` keeps everything in memory, `DocStore.open(path)` in a file, `DocStore.connect(url, ...)` on a server,
    `DocStore(store)` in a `Store` (or the `memory` of a document) of yours, in the event loop that runs now.

    `strict`: True denies (`Conflict`) a put or a delete of an item that this run has read and that has changed since; "warn"
    lets it land, with a `StaleWrite` warning and a reason in the log; False is last writer wins. A run is a context: a task, a
    thread, a node. `unread`: what becomes of a put on an item that the run has not read: "overwrite" is what LangGraph does,
    "deny" lets it only create. `index`: LangGraph's own, `{"dims", "embed", "fields"}`. There is no `ttl`: items do not expire.
    """

    supports_ttl = False
    __slots__ = ("_finalizer", "_home", "_number", "_operations", "_strict")

    def __init__(
        self,
        target: Store[Any] | Document | None = None,
        *,
        strict: Strict = True,
        unread: Unread = "overwrite",
        index: IndexConfig | None = None,
        home: Home | None = None,
    ) -> None:
        if strict not in (True, False, "warn") or unread not in ("overwrite", "deny"):
            raise Invalid('strict= is True, "warn" or False, unread= "overwrite" or "deny"', code="bad_argument")
        if home is None:
            home = _in_memory(index) if target is None else Attached(_store_of(target, index))
        self._home, self._number, self._strict = home, next(_NUMBERS), strict
        self._operations = Operations(home, self._number, strict, unread)
        self._finalizer = weakref.finalize(self, home.close)

    @classmethod
    def open(
        cls,
        path: str | PathLike[str] | None = None,
        *,
        namespace: Namespace | None = None,
        name: str = "store",
        agent: str = "langgraph",
        by_namespace: bool = False,
        tenant: str | None = None,
        durability: Literal["fsync", "process"] = "fsync",
        **options: Any,
    ) -> DocStore:
        """A store in a file of this process's own (None: in memory), used from any thread and any loop until `close()`.

        `namespace` and `name` say in which document. `by_namespace=True`: an item lives in the document of the whole tuple that
        its namespace begins with, `("tenant", t, "task", k, ...)`, and with `tenant=` only that tenant's are reached.
        `options`: as `DocStore` takes them. Raises `NoAuthority` while another process has the file open, `StoreError`,
        `Invalid`.
        """
        from accordant.engine.host.engine import Engine

        place = _place(namespace, by_namespace, tenant)

        async def enter(stack: AsyncExitStack) -> Routes:
            engine = await stack.enter_async_context(Engine(path, durability=durability))

            async def opened(_: AsyncExitStack, where: Namespace) -> Document:
                return await engine.open(None, where, name, agent=agent, shared=True)

            return await _routes(Routes(opened, place, tenant), stack, place)

        return cls._owning(enter, **options)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        namespace: Namespace | None = None,
        name: str = "store",
        agent: str = "langgraph",
        by_namespace: bool = False,
        tenant: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> DocStore:
        """A store on the server at `url` (`ws://127.0.0.1:8765`), otherwise as `open`. Raises `NoAuthority`, `Invalid`,
        `Denied`."""
        from accordant.sync.client import connect

        place = _place(namespace, by_namespace, tenant)

        async def enter(stack: AsyncExitStack) -> Routes:
            async def opened(within: AsyncExitStack, where: Namespace) -> Document:
                joining = connect(None, url, where, name, agent=agent, shared=True, token=token, offline=False)
                return await within.enter_async_context(joining)

            return await _routes(Routes(opened, place, tenant), stack, place)

        return cls._owning(enter, **options)

    @classmethod
    def _owning(cls, enter: Any, *, index: IndexConfig | None = None, **options: Any) -> DocStore:
        if "ttl" in options:
            raise Invalid("items do not expire here", code="no_ttl", hint="leave ttl= out, and delete what is done")
        settings = _settings(StoreSettings(), index)
        home = Owned(enter, lambda document: Store(document, "memory", settings))
        try:
            return cls(home=home, **options)
        except BaseException:
            home.close()
            raise

    # -- LangGraph's two --------------------------------------------------------------------------------------

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """All of them, blocking: reads first, as things were before; then the puts, of several on one item the last. Up to 500
        puts on one document land whole or not at all. Raises `Conflict`, `Denied`, `Invalid`."""
        call = self._call(ops)
        read = begin()
        try:
            results: list[Result] = self._home.begin(self._operations.perform(call)).result()
            return results
        finally:
            call.end(read, is_kept=bool(self._strict))

    def abatch(self, ops: Iterable[Op]) -> Coroutine[Any, Any, list[Result]]:
        """The same, awaited."""
        call, read = self._call(ops), _OUTER.get()
        if read is not None:
            return self._abatch(read, call)
        read = begin()
        return read.of(self._abatch(read, call))

    async def _abatch(self, read: Read, call: Call) -> list[Result]:
        try:
            results: list[Result] = await self._home.run(self._operations.perform(call))
            return results
        finally:
            call.end(read, is_kept=bool(self._strict))

    # LangGraph's own are coroutine functions: called in `gather`, they would begin in a task of their own, and what they read
    # would be known to nobody else. These begin where they are called.

    def aget(self, namespace: Labels, key: str, **options: Any) -> Coroutine[Any, Any, Item | None]:
        """As `get`, awaited."""
        return _begun(super().aget, namespace, key, **options)

    def asearch(self, namespace_prefix: Labels, /, **options: Any) -> Coroutine[Any, Any, list[SearchItem]]:
        """As `search`, awaited."""
        return _begun(super().asearch, namespace_prefix, **options)

    def aput(
        self, namespace: Labels, key: str, value: Mapping[str, Any], index: Any = None, **options: Any
    ) -> Coroutine[Any, Any, None]:
        """As `put`, awaited."""
        return _begun(super().aput, namespace, key, value, index, **options)

    def adelete(self, namespace: Labels, key: str) -> Coroutine[Any, Any, None]:
        """As `delete`, awaited."""
        return _begun(super().adelete, namespace, key)

    # -- versions in the open ---------------------------------------------------------------------------------

    def get_versioned(self, namespace: Labels, key: str) -> Held[Any] | Absent:
        """The item with its version and the reading to derive from, or its absence: what `put_if` expects."""
        with begin() as read:
            held: Held[Any] | Absent = self._home.begin(self._operations.held(namespace, key)).result()
            self._knows(read, held)
            return held

    async def aget_versioned(self, namespace: Labels, key: str) -> Held[Any] | Absent:
        """As `get_versioned`, awaited."""
        with begin() as read:
            held: Held[Any] | Absent = await self._home.run(self._operations.held(namespace, key))
            self._knows(read, held)
            return held

    def put_if(
        self,
        namespace: Labels,
        key: str,
        value: Mapping[str, Any] | None,
        *,
        expect: Held[Any] | Absent,
        index: Any = None,
    ) -> Held[Any] | Absent:
        """Write over exactly what `expect` is (None: delete it), whatever this run has read; what is there then. Raises
        `Conflict`, whose `item` is what is there instead, `Denied`, `Invalid`."""
        with begin() as read:
            held: Held[Any] | Absent = self._home.begin(
                self._operations.put_if(namespace, key, value, expect, index)
            ).result()
            self._knows(read, held)
            return held

    async def aput_if(
        self,
        namespace: Labels,
        key: str,
        value: Mapping[str, Any] | None,
        *,
        expect: Held[Any] | Absent,
        index: Any = None,
    ) -> Held[Any] | Absent:
        """As `put_if`, awaited."""
        with begin() as read:
            held: Held[Any] | Absent = await self._home.run(
                self._operations.put_if(namespace, key, value, expect, index)
            )
            self._knows(read, held)
            return held

    def update(self, namespace: Labels, key: str, derive: Derive) -> Held[Any]:
        """Read, derive, put, and again when somebody else was first; contenders stand in line. No item: `derive` gets None; it
        runs in the loop of the documents and makes no blocking call of its own."""
        with begin() as read:
            held: Held[Any] = self._home.begin(self._operations.update(namespace, key, derive)).result()
            self._knows(read, held)
            return held

    async def aupdate(self, namespace: Labels, key: str, derive: Derive) -> Held[Any]:
        """As `update`, awaited; `derive` may be a coroutine function."""
        with begin() as read:
            held: Held[Any] = await self._home.run(self._operations.update(namespace, key, derive))
            self._knows(read, held)
            return held

    @asynccontextmanager
    async def watch(self, prefix: Labels = ()) -> AsyncIterator[AsyncIterator[ItemChanged]]:
        """What changes under these whole labels, from now on: `async with store.watch(("users",)) as changes`, in any loop."""
        events = await self._home.run(self._operations.watched(prefix))

        async def changes() -> AsyncIterator[ItemChanged]:
            while True:
                yield await self._home.run(_next(events))

        following = changes()
        try:
            yield following
        finally:
            await following.aclose()  # type: ignore[attr-defined]
            await self._home.run(events.aclose())

    # -- the end ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close what `open`, `connect` or `DocStore()` has opened. Idempotent; the caller's own documents stay open."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    # -- what the run has read --------------------------------------------------------------------------------

    def _call(self, ops: Iterable[Op]) -> Call:
        taken = list(ops)
        if not self._strict:
            return Call(taken)
        names = [name_of(self._number, op) for op in taken if isinstance(op, PutOp)]
        return Call(taken, {name: known(name) for name in names})

    def _knows(self, read: Read, held: Held[Any] | Absent) -> None:
        read.done({(self._number, held.namespace, held.key): slim(held)})


async def _begun_in(read: Read, work: Callable[..., Coroutine[Any, Any, T]], *args: Any, **options: Any) -> T:
    token = _OUTER.set(read)
    try:
        with read:
            return await work(*args, **options)
    finally:
        _OUTER.reset(token)


def _begun(work: Callable[..., Coroutine[Any, Any, T]], *args: Any, **options: Any) -> Coroutine[Any, Any, T]:
    """The call has its place in its caller's list from now on, wherever it is awaited."""
    read = begin()
    return read.of(_begun_in(read, work, *args, **options))


async def _next(events: Translated[ItemChanged]) -> ItemChanged:
    return await anext(events)


def _settings(settings: StoreSettings, index: IndexConfig | None) -> StoreSettings:
    if index is None:
        return settings
    from accordant.semantic.vectors import Vectors

    embeddings = ensure_embeddings(index.get("embed"))

    async def question(texts: Sequence[str]) -> list[list[float]]:
        return [await embeddings.aembed_query(text) for text in texts]

    async def answers(texts: Sequence[str]) -> list[list[float]]:
        return await embeddings.aembed_documents(list(texts))

    fields = tuple(index.get("fields") or ("$",))
    return replace(settings, fields=fields, vectors=Vectors(answers, "", question), texts=get_text_at_path)


def _store_of(target: Any, index: IndexConfig | None) -> Store[Any]:
    if isinstance(target, Document):
        declared = [name for name, one in type(target).__patterns__.items() if issubclass(one.pattern, Store)]
        if len(declared) > 1:
            text = f"{target!r} has several stores"
            raise Invalid(text, code="bad_argument", hint=f"DocStore(document.{declared[0]})")
        target = getattr(target, declared[0]) if declared else Store(target, "memory")
    if not isinstance(target, Store):
        hint = "DocStore(await engine.open(...)), DocStore(document.memory), DocStore.open(path), DocStore.connect(url)"
        raise Invalid(f"a {type(target).__name__} is no store and no document", code="bad_argument", hint=hint)
    return target if index is None else target.searched(_settings(target.settings, index))


def _in_memory(index: IndexConfig | None) -> Home:
    from accordant.engine.host.engine import Engine

    async def enter(stack: AsyncExitStack) -> Routes:
        engine = await stack.enter_async_context(Engine())

        async def opened(_: AsyncExitStack, where: Namespace) -> Document:
            return await engine.open(None, where, "store", agent="langgraph")

        return await _routes(Routes(opened, _PLACE), stack, _PLACE)

    settings = _settings(StoreSettings(), index)
    return Owned(enter, lambda document: Store(document, "memory", settings))


def _place(namespace: Namespace | None, by_namespace: bool, tenant: str | None) -> Namespace | None:
    if by_namespace:
        if namespace is not None:
            raise Invalid("namespace= and by_namespace=True contradict each other", code="bad_argument")
        return None
    if tenant is not None:
        raise Invalid("tenant= goes with by_namespace=True", code="bad_argument")
    return _PLACE if namespace is None else namespace


async def _routes(routes: Routes, stack: AsyncExitStack, place: Namespace | None) -> Routes:
    """With one document it is opened now, so that what cannot be opened is heard of at once."""
    if place is not None:
        await routes.document_of((), stack)
    return routes
