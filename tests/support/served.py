"""A server whose port, grace time and disk speed a test chooses, and handles whose connection it can cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Any

import uvicorn

from accordant import Document, Engine
from accordant.engine.stores.memory import MemoryStore
from accordant.sync.server import app


class GatedStore(MemoryStore):
    """A real store whose commits wait while `gate` is closed, as on a slow disk."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def commit(self, *args: Any) -> Any:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        return await super().commit(*args)


async def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the conditions are other parties' states, which set no event
            await asyncio.sleep(0.01)


class _Server(uvicorn.Server):
    """Leaves the test runner's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(
    engine: Engine, grace_s: float = 30.0, port: int = 0, origins: Collection[str] = (), **options: Any
) -> AsyncIterator[str]:
    """Yields the server's `ws://` address. `options`: what else `app` takes."""
    application = app(engine, grace_s=grace_s, origins=origins, **options)
    config = uvicorn.Config(
        application, port=port, ws="websockets-sansio", log_level="warning", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def connection(handle: Document) -> Any:
    """What is beneath a handle over a websocket."""
    return handle._port._connection  # type: ignore[attr-defined]


def cut(handle: Document) -> None:
    """Lose the connection without a word."""
    connection(handle)._socket.transport.abort()


async def offline(handle: Document) -> None:
    """Wait until the handle has noticed."""
    await until(lambda: connection(handle)._socket is None)


async def back(handle: Document) -> None:
    """Wait until the handle has come back by itself."""
    await until(lambda: connection(handle)._socket is not None and connection(handle).session.state.value == "ready")
