"""Where an adapter's documents live, and how anybody reaches them: from threads, from any event loop, from none.

A handle belongs to one loop. Either that is the caller's, with a `Store` that is there already; or it is a loop of the home's
own, in a thread, which opens documents as they are needed and closes them all at the end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

from accordant.document.document import Document
from accordant.document.loop_thread import LoopThread
from accordant.patterns.store import Store
from accordant.patterns.store_items import Labels
from accordant.types.errors import AccordantError, Denied, Invalid, NoAuthority
from accordant.types.namespaces import Namespace
from accordant.types.pattern_limits import ROUTED_DOCUMENTS_MAX

__all__ = ["Attached", "Home", "Owned", "Routes"]

Opener = Callable[[AsyncExitStack, Namespace], Awaitable[Document]]


class Home(Protocol):
    """Where a store lives."""

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have it run where the documents live; a future of `concurrent.futures`. Raises `Invalid`, `NoAuthority`."""

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Its result, from any loop."""

    async def store_of(self, labels: Labels) -> Store[Any]:
        """Where the document lives: the store in which these labels are. Raises `Denied`, `Invalid`."""

    def close(self) -> None:
        """Close what was opened here. Idempotent."""


class Attached:
    """A store of the caller's, in the loop that runs now, which is not ours to end."""

    def __init__(self, store: Store[Any]) -> None:
        self._store = store
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError as error:
            hint = "make it in the event loop where the handle was opened, or use DocStore.open or DocStore.connect"
            raise Invalid("there is no running event loop", code="no_loop", hint=hint) from error

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        """From a thread."""
        if self._loop.is_closed():
            work.close()
            raise NoAuthority("the event loop of this store is closed", code="closed")
        with suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:  # it would wait for itself, for ever
                work.close()
                hint = "await aget, aput, asearch and so on, or use DocStore.open, which has a loop of its own"
                raise Invalid("a blocking call in the event loop of the store", code="blocking_inside", hint=hint)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Here, or in the other loop."""
        if asyncio.get_running_loop() is self._loop:
            return await work
        return await asyncio.wrap_future(self.begin(work))

    async def store_of(self, labels: Labels) -> Store[Any]:
        """The one there is."""
        return self._store

    def close(self) -> None:
        """Nothing was opened."""


class Routes:
    """Which document has which labels: one for all; or, by namespace, the document of the whole tuple that they begin with."""

    def __init__(self, opener: Opener, place: Namespace | None, tenant: str | None = None) -> None:
        self._opener = opener
        self._place = place
        self._tenant = tenant
        self._turn = asyncio.Lock()
        self._opened: dict[Namespace, Document] = {}

    def place_of(self, labels: Labels) -> Namespace:
        """The namespace of the document. Raises `Invalid` for part of a namespace, `Denied` (`wrong_tenant`) for another
        tenant's."""
        if self._place is not None:
            return self._place
        size = 2 if labels[:1] == ("system",) else 4
        try:
            place = Namespace.from_tuple(labels[:size])
        except Invalid as error:
            hint = 'begin with ("tenant", t, "task", k), ("tenant", t, "role", r) or ("system", "shared"), whole'
            raise Invalid(f"{labels!r} names no document", code="partial_namespace", hint=hint) from error
        if place.scope != "shared" and self._tenant is not None and place.tenant != self._tenant:
            raise Denied(
                f"this store is {self._tenant}'s, not {place.tenant}'s", code="wrong_tenant", tenant=place.tenant
            )
        return place

    async def document_of(self, labels: Labels, stack: AsyncExitStack) -> Document:
        """The document, opened when it is first needed."""
        place = self.place_of(labels)
        async with self._turn:
            if place not in self._opened:
                if len(self._opened) >= ROUTED_DOCUMENTS_MAX:
                    text = f"this store has {ROUTED_DOCUMENTS_MAX} documents open"
                    raise Denied(
                        text, code="too_many_documents", hint="one store for each tenant, closed when it is done"
                    )
                self._opened[place] = await self._opener(stack, place)
            return self._opened[place]


class Owned:
    """Documents in a loop of their own, in a thread: from any thread and any loop, until `close`."""

    def __init__(
        self, enter: Callable[[AsyncExitStack], Awaitable[Routes]], store: Callable[[Document], Store[Any]]
    ) -> None:
        self._stack = AsyncExitStack()
        self._store = store
        self._stores: dict[int, Store[Any]] = {}
        self._thread = LoopThread()
        self._closing = threading.Lock()
        try:
            self._routes: Routes = self._thread.run(self._enter(enter))
        except BaseException:
            self._thread.stop()
            raise

    async def _enter(self, enter: Callable[[AsyncExitStack], Awaitable[Routes]]) -> Routes:
        try:
            return await enter(self._stack)
        except BaseException:
            await self._stack.aclose()
            raise

    def begin(self, work: Coroutine[Any, Any, Any]) -> Any:
        """In the loop's thread."""
        return self._thread.begin(work)

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """From another loop."""
        return await asyncio.wrap_future(self._thread.begin(work))

    async def store_of(self, labels: Labels) -> Store[Any]:
        """The document's store, with an index that stays."""
        document = await self._routes.document_of(labels, self._stack)
        found = self._stores.get(id(document))
        if found is None:
            found = self._stores[id(document)] = self._store(document)
        return found

    def close(self) -> None:
        """Close the documents and end the thread. Idempotent."""
        with self._closing:
            if self._thread.is_alive:
                with suppress(AccordantError, RuntimeError):  # RuntimeError: the interpreter ends, and lends no threads
                    self._thread.run(self._stack.aclose())
                self._thread.stop()
