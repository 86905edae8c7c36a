"""One way to open documents for tests of the public API, whatever stands behind the handle.

`EmbeddedWorld` opens handles in this process. `WebsocketWorld` opens the same handles as peers of a real server, so that one
suite proves that both are the same object.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from accordant import Document, Engine, Namespace

D = TypeVar("D", bound=Document)
TASK = Namespace.task("acme", "q3")


class EmbeddedWorld:
    """An engine in this process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def open(self, document: type[D], agent: str, name: str = "brief", **options: Any) -> D:
        """A handle."""
        return await self.engine.open(document, TASK, name, agent=agent, **options)


class WebsocketWorld(EmbeddedWorld):
    """Peers of a server that serves the same engine."""

    def __init__(self, engine: Engine, url: str, stack: AsyncExitStack) -> None:
        super().__init__(engine)
        self._url = url
        self._stack = stack

    async def open(self, document: type[D], agent: str, name: str = "brief", **options: Any) -> D:
        """A handle over a websocket."""
        from accordant import connect

        return await self._stack.enter_async_context(connect(document, self._url, TASK, name, agent=agent, **options))


@asynccontextmanager
async def world(kind: str, path: Path | None = None) -> AsyncIterator[EmbeddedWorld]:
    """The world of that kind: `memory`, `sqlite` or `websocket`."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Engine(path if kind == "sqlite" else None))
        if kind != "websocket":
            yield EmbeddedWorld(engine)
            return
        from serving import serving

        url = await stack.enter_async_context(serving(engine))
        yield WebsocketWorld(engine, url, stack)


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test in a loop of its own; pytest still sees its parameters."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 50))

    return run
