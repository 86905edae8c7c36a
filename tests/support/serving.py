"""A real server around an engine, on a free port of the loopback, in the test's own loop: as `accordant serve` runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from accordant import Engine
from accordant.sync.server import app
from accordant.sync.server.protocol import DirectProtocol
from accordant.sync.server.run import RECEIVE_BYTES_MAX


@asynccontextmanager
async def serving(engine: Engine) -> AsyncIterator[str]:
    """Yields the server's `ws://` address."""
    config = uvicorn.Config(
        app(engine), host="127.0.0.1", port=0, ws=DirectProtocol, ws_max_size=RECEIVE_BYTES_MAX, log_level="warning"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
