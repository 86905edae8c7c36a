"""The same engine and handles for callers without an event loop: every awaitable becomes a blocking call.

    from accordant import blocking

    with blocking.Engine("state.db") as engine:
        brief = engine.open(Brief, namespace, "brief", agent="triage")
        seen = brief.account.read()
        brief.account.commit(seen.value.churned(), expect=seen)

One background thread runs the loop; any thread may call. Derivation functions passed in (`update`, `compact`) run in that
thread and may be plain functions; they make no blocking calls of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from accordant.document.document import Document
from accordant.document.events import Events
from accordant.document.loop_thread import LoopThread
from accordant.document.pattern import Pattern
from accordant.document.presence import Presence
from accordant.document.regions import Region
from accordant.document.snapshot import Snapshot
from accordant.types.errors import Invalid, NoAuthority
from accordant.types.events import Event

if TYPE_CHECKING:
    from accordant.patterns.promotion import Promotion

__all__ = ["Engine", "connect", "promote"]


class _Blocking:
    """A document or a region whose coroutine methods block. Everything else is handed through."""

    def __init__(self, target: Any, thread: LoopThread) -> None:
        self._target = target
        self._thread = thread

    def __repr__(self) -> str:
        return f"<blocking {self._target!r}>"

    def __getattr__(self, name: str) -> Any:
        return _blocking(getattr(self._target, name), self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(self._target.close())

    @contextmanager
    def batch(self, why: str | None = None) -> Iterator[None]:
        """Writes that subscribers hear of once: `with doc.batch(): ...`."""
        batch = self._target.batch(why)
        batch.begin()  # in this thread: each call takes its context along into the loop's
        try:
            yield
        except BaseException as error:
            batch.leave()
            self._thread.run(batch.__aexit__(type(error), error, error.__traceback__))
            raise
        batch.leave()
        self._thread.run(batch.end())

    @contextmanager
    def transaction(self, **options: Any) -> Iterator[Any]:
        """Several writes, all or none: `with doc.transaction() as tx: tx.account.commit(...)`."""
        manager = self._target.transaction(**options)
        collecting = self._thread.run(manager.__aenter__())
        try:
            yield _Blocking(collecting, self._thread)
        except BaseException as error:
            if not self._thread.run(manager.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self._thread.run(manager.__aexit__(None, None, None))


class _BlockingSnapshot(_Blocking):
    """A snapshot: its readings are there already, its regions' methods block."""

    def __getitem__(self, path: str) -> Any:
        return self._target[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._target)

    def __len__(self) -> int:
        return len(self._target)

    def __contains__(self, path: object) -> bool:
        return path in self._target


def _blocking(value: Any, thread: LoopThread) -> Any:
    if isinstance(value, Snapshot):
        return _BlockingSnapshot(value, thread)
    if isinstance(value, Document | Region | Pattern | Presence):
        return _Blocking(value, thread)
    if isinstance(value, list) and value and all(isinstance(one, Region) for one in value):
        return [_Blocking(one, thread) for one in value]
    if not callable(value) or isinstance(value, type):
        return value

    def call(*args: Any, **kwargs: Any) -> Any:
        result = value(*map(_bare, args), **{name: _bare(one) for name, one in kwargs.items()})
        if inspect.iscoroutine(result):
            result = thread.run(result)
        elif inspect.isasyncgen(result):
            return _iterated(result, thread)
        elif isinstance(result, Events):
            return _Following(result, thread)
        elif isinstance(result, AbstractAsyncContextManager):
            return _entering(result, thread)
        return _blocking(result, thread) if isinstance(result, Document | Region | Snapshot) else result

    return call


def _bare(value: Any) -> Any:
    """An argument that is a blocking face, as what is behind it."""
    return value._target if isinstance(value, _Blocking) else value


@contextmanager
def _entering(manager: AbstractAsyncContextManager[Any], thread: LoopThread) -> Iterator[Any]:
    """A block of a pattern without `async`: `with doc.memory.rethinking() as draft: ...`."""
    entered = thread.run(_run(manager.__aenter__()))
    try:
        yield _Blocking(entered, thread)
    except BaseException as error:
        if not thread.run(_run(manager.__aexit__(type(error), error, error.__traceback__))):
            raise
    else:
        thread.run(_run(manager.__aexit__(None, None, None)))


async def _run(work: Awaitable[Any]) -> Any:
    return await work


class _Following:
    """`doc.events(...)` without `await`: a plain iterator, and a context that is subscribed when it begins."""

    def __init__(self, events: Events, thread: LoopThread) -> None:
        self._events = events
        self._thread = thread

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event, is_there = self._thread.run(_following(self._events))
        if not is_there:
            raise StopIteration
        assert isinstance(event, Event)
        return event

    def close(self) -> None:
        """No more events. Idempotent."""
        if self._thread.is_alive:
            self._thread.run(self._events.aclose())

    def __enter__(self) -> Self:
        self._thread.run(self._events.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _following(values: AsyncIterator[Any]) -> tuple[Any, bool]:
    try:
        return await anext(values), True
    except StopAsyncIteration:
        return None, False


def _iterated(values: AsyncGenerator[Any, Any], thread: LoopThread) -> Iterator[Any]:
    """Each value when it is there; leaving the loop ends the generator."""

    async def ended() -> None:
        await values.aclose()

    try:
        while True:
            value, is_there = thread.run(_following(values))
            if not is_there:
                return
            yield value
    finally:
        if thread.is_alive:
            thread.run(ended())


class _Opened:
    """Something with an async context, opened in a loop thread of its own."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._thread: LoopThread | None = None

    def _enter(self) -> Any:
        self._thread = LoopThread()
        try:
            return self._thread.run(self._manager.__aenter__())
        except BaseException:
            self._thread.stop()
            raise

    def close(self) -> None:
        """Close it and stop its thread. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.run(self._manager.__aexit__(None, None, None))
            finally:
                thread.stop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Engine(_Opened):
    """`accordant.Engine`, blocking. Takes the same arguments."""

    def __init__(self, *args: Any, **options: Any) -> None:
        from accordant.engine.host.engine import Engine as AsyncEngine

        super().__init__(AsyncEngine(*args, **options))

    def __enter__(self) -> Self:
        self._enter()
        return self

    def open(self, *args: Any, **options: Any) -> Any:
        """A blocking handle: the methods of the `Document` without `await`."""
        return self._call("open", *args, **options)

    def fence(self, agent: str, **options: Any) -> int:
        """End every session of this agent."""
        return int(self._call("fence", agent, **options))

    def documents(self, *args: Any, **options: Any) -> Any:
        """The documents of the store."""
        return self._call("documents", *args, **options)

    def grant(self, agent: str, grant: Any, **options: Any) -> Any:
        """With `default_deny`: what this agent may reach from now on."""
        return self._call("grant", agent, grant, **options)

    def revoke(self, agent: str, **options: Any) -> int:
        """From now on it may reach nothing."""
        return int(self._call("revoke", agent, **options))

    def grants(self) -> Any:
        """Who may reach what."""
        return self._call("grants")

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        if self._thread is None:
            raise NoAuthority("the engine is not open: `with blocking.Engine(...) as engine`", code="closed")
        return _blocking(getattr(self._manager, name), self._thread)(*args, **options)


class connect(_Opened):
    """`accordant.connect`, blocking. Takes the same arguments; use it in a `with` statement."""

    def __init__(self, *args: Any, **options: Any) -> None:
        from accordant.sync.client import connect as async_connect

        super().__init__(async_connect(*args, **options))

    def __enter__(self) -> Any:
        document = self._enter()
        assert self._thread is not None
        return _Blocking(document, self._thread)


def promote(source: Any, ref: Any, *, to: Any, **options: Any) -> Promotion:
    """`accordant.promote`, blocking: from one document of a blocking engine into another of it. Raises `Invalid` (`other_loop`)
    for handles that do not share an engine."""
    from accordant.patterns.promotion import promote as promoted

    if source._thread is not to._thread:
        raise Invalid("the two handles have no loop in common", code="other_loop", hint="open both from one Engine")
    made: Promotion = _blocking(promoted, source._thread)(source, ref, to=to, **options)
    return made
