"""`doc.events()`: what happens to a document, as it happens: where, which version, who, what kind; never the content itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

from accordant.document.port import EventSource, Port
from accordant.document.regions import Region
from accordant.types.errors import Invalid
from accordant.types.events import Event, EventKind, EventQuery

__all__ = ["Events", "Translated", "query_of"]

E = TypeVar("E", bound=Event)


def query_of(
    regions: Iterable[Region | str],
    kinds: Iterable[EventKind | str] | EventKind | str | None,
    coalesce: float,
    max_rate: float | None,
    group: str | None,
    after: int | None,
) -> EventQuery:
    """The arguments of `Document.events` as one value; raises `Invalid`."""
    names = tuple(one.name if isinstance(one, Region) else one for one in regions)
    return EventQuery(names, _kinds(kinds), after, coalesce, max_rate, group)


def _kinds(kinds: Iterable[EventKind | str] | EventKind | str | None) -> frozenset[EventKind] | None:
    if kinds is None:
        return None
    try:
        return frozenset(map(EventKind, [kinds] if isinstance(kinds, str) else kinds))
    except ValueError as error:
        raise Invalid(f"{error}: one of {', '.join(EventKind)}", code="bad_kind") from error


class Events:
    """An iterator that does not end by itself, and a context: subscribed when the block begins, let go when it ends.

    Without a block it is subscribed by the first event that is asked for, and let go by `aclose`, or when nobody has it any more.
    """

    _loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, port: Port, query: EventQuery) -> None:
        self._source: EventSource = port.events(query)
        self._waiting: deque[Event] = deque()
        with contextlib.suppress(RuntimeError):  # a blocking caller: its calls run in another thread's loop
            self._loop = asyncio.get_running_loop()
        self._is_closed = False

    def through(self, translate: Callable[[Event], Awaitable[Iterable[E]]]) -> Translated[E]:
        """The same subscription in other words: each event becomes what `translate` makes of it, none or several."""
        return Translated(self, translate)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._is_closed:
                raise StopAsyncIteration
            self._loop = asyncio.get_running_loop()
            self._waiting.extend(await self._source.next())
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """No more events. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.clear()
            await self._source.close()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._source.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        """An iterator that was left lying, as by `break`: its queue goes too."""
        loop = self._loop
        if loop is not None and not self._is_closed and loop.is_running():
            loop.call_soon_threadsafe(_let_go, self._source)


class Translated(Events, Generic[E]):
    """Another subscription's events in other words (`Events.through`). Cancelled, it loses none."""

    def __init__(self, events: Events, translate: Callable[[Event], Awaitable[Iterable[E]]]) -> None:
        self._events = events
        self._translate = translate
        self._taken: Event | None = None
        self._told: deque[E] = deque()

    async def __anext__(self) -> E:
        while not self._told:
            if self._taken is None:
                self._taken = await anext(self._events)
            self._told.extend(await self._translate(self._taken))
            self._taken = None
        return self._told.popleft()

    async def aclose(self) -> None:
        """No more events. Idempotent."""
        self._told.clear()
        self._taken = None
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        await self._events.__aenter__()
        return self

    def __del__(self) -> None:
        """The subscription beneath lets go by itself."""


def _let_go(source: EventSource) -> None:
    task = asyncio.ensure_future(source.close())
    _LETTING_GO.add(task)
    task.add_done_callback(_LETTING_GO.discard)


_LETTING_GO: set[asyncio.Future[None]] = set()
"""Kept until they are done."""
